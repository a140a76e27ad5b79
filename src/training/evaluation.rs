//! Evaluates a network during training as if it were deployed, by the fast passes.

use crate::data::Coded;
use crate::network::kernels::Lanes;
use crate::network::{Activations, Decision, Network, Pass};

/// Number of samples per batch.
pub(super) const BATCH: usize = 256;

/// How often the neurons of a layer fire, over a set of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activity {
    /// The firing rate: spikes per neuron and sample, in [0, 1].
    pub rate: f64,
    /// The share of neurons that never fire.
    pub dead: f64,
    /// The share of neurons that fire on every sample.
    pub always_on: f64,
}

/// The result of an evaluation of a network on a set. All layers are sharp (every activation is 0
/// or 1), and batch norm uses its running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The share of samples whose class is their label.
    pub accuracy: f64,
    /// The share of samples for which several classes share the highest score.
    pub ties: f64,
    /// The activity of each layer.
    pub activity: Vec<Activity>,
}

/// The buffers for evaluations of networks of one shape.
pub struct Evaluator {
    activations: Activations,
    /// The number of spikes of each neuron so far, layer by layer.
    spikes: Vec<Vec<Lanes>>,
    /// The numbers of the samples in the current batch.
    samples: Vec<u32>,
    /// The scores of the current sample, one per class.
    scores: Vec<i32>,
}

impl Evaluator {
    /// Buffers for networks of the shape of `network`.
    pub fn new(network: &Network) -> Self {
        let activations = Activations::new(network, BATCH);
        Self {
            spikes: (0..network.widths().count()).map(|layer| activations.totals(layer)).collect(),
            activations,
            samples: Vec::with_capacity(BATCH),
            scores: Vec::with_capacity(network.classes()),
        }
    }

    /// Evaluates `network` on `set`, which holds at least one sample and fits the network.
    pub fn evaluate(&mut self, network: &Network, set: &Coded) -> Evaluation {
        self.spikes.iter_mut().for_each(|layer| layer.fill(Lanes::ZERO));
        let (mut right, mut tied) = (0, 0);
        for (batch, labels) in set.labels.chunks(BATCH).enumerate() {
            let first = (batch * BATCH) as u32;
            self.samples.clear();
            self.samples.extend(first..first + labels.len() as u32);
            self.activations.load(set.inputs.view(), set.max, &self.samples);
            network.forward(&mut self.activations, Pass::Deployed);
            self.count_spikes();
            for (row, &label) in self.activations.scores().outer_iter().zip(labels) {
                self.scores.clear();
                // With sharp layers, scores are whole numbers, so the cast changes nothing.
                self.scores.extend(row.iter().map(|&score| score as i32));
                let decision = Decision::of(&self.scores);
                right += usize::from(decision.class == label);
                tied += usize::from(decision.tied);
            }
        }
        let samples = set.labels.len() as f64;
        let layers = self.spikes.iter().enumerate();
        let activity = layers.map(|(layer, totals)| {
            let mut spikes: Vec<f64> = self.activations.neurons(layer, totals).map(f64::from).collect();
            if let Some(from) = network.added_to(layer) {
                // A silent neuron would not be found by the spikes that are added to its own.
                let added = self.activations.neurons(from, &self.spikes[from]);
                spikes.iter_mut().zip(added).for_each(|(spikes, added)| *spikes -= f64::from(added));
            }
            Activity::of(&spikes, samples)
        });
        let activity = activity.collect();
        Evaluation { accuracy: right as f64 / samples, ties: tied as f64 / samples, activity }
    }

    fn count_spikes(&mut self) {
        for (layer, spikes) in self.spikes.iter_mut().enumerate() {
            self.activations.add_outputs(layer, spikes);
        }
    }
}

#[cfg(test)]
impl Evaluator {
    /// The size of the buffers, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let spikes: usize = self.spikes.iter().map(|layer| size_of_val(layer.as_slice())).sum();
        spikes as u64 + self.activations.bytes()
    }
}

impl Activity {
    /// The activity of a layer's neurons. `spikes` has the number of spikes of each, over `samples`
    /// samples.
    fn of(spikes: &[f64], samples: f64) -> Self {
        let share = |fits: &dyn Fn(f64) -> bool| {
            spikes.iter().filter(|&&count| fits(count)).count() as f64 / spikes.len() as f64
        };
        Self {
            rate: spikes.iter().sum::<f64>() / (spikes.len() as f64 * samples),
            dead: share(&|count| count == 0.0),
            always_on: share(&|count| count == samples),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Spec;
    use crate::seed::Seed;
    use crate::training::fixtures::patterns;

    #[test]
    fn spikes_that_a_residual_connection_adds_are_not_those_of_the_layer() {
        let spec: Spec = "20-16-16-+-2x5".parse().expect("a plan");
        let mut network = Network::build(&spec, &Seed::root(1)).expect("the plan is right");
        network.sharpness_mut().fill(1.0);
        let mut tensors = network.state_mut();
        let bias = tensors.iter_mut().find(|tensor| tensor.name == "layers.1.bias").expect("a bias");
        bias.values.fill(-1000.0);
        let set = patterns(64, 3);
        let activity = Evaluator::new(&network).evaluate(&network, &set).activity;
        assert!(activity[0].rate > 0.0);
        assert_eq!(activity[1], Activity { rate: 0.0, dead: 1.0, always_on: 0.0 });
    }

    #[test]
    fn activity_counts_the_silent_and_the_tireless() {
        let activity = Activity::of(&[0.0, 10.0, 10.0, 5.0], 10.0);
        assert_eq!(activity, Activity { rate: 0.625, dead: 0.25, always_on: 0.5 });
    }
}

//! The forward pass of the deployed network, driven by spikes. Every activation is 0 or 1, and
//! every sum is exact.

use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use crate::network::plan::fan_out::FanOut;
use crate::network::{BinaryLayer, BinaryNetwork};

/// Number of samples that a thread works on one after the other, with the same buffers.
const CHUNK: usize = 64;

/// The decision of a network on a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The class with the highest score; of several equal ones, the lowest class.
    pub class: u16,
    /// Whether several classes share the highest score.
    pub tied: bool,
    /// The highest score minus that of the next class: 0 in a tie, or if there is no other class.
    pub margin: u32,
    /// The highest score.
    pub score: i32,
}

impl Decision {
    /// The decision that follows from `scores`, one per class; there is at least one.
    pub fn of(scores: &[i32]) -> Self {
        let (mut class, mut highest, mut next) = (0, None, None);
        for (number, &score) in (0..).zip(scores) {
            if highest.is_none_or(|highest| score > highest) {
                (class, highest, next) = (number, Some(score), highest);
            } else {
                next = next.max(Some(score));
            }
        }
        let margin = highest.zip(next).map_or(0, |(highest, next): (i32, i32)| highest.abs_diff(next));
        Self { class, tied: next.is_some() && margin == 0, margin, score: highest.unwrap_or(0) }
    }
}

impl BinaryNetwork {
    /// The whole-number scores of `inputs`: (B, K), with B samples and K classes. `inputs` is (B,
    /// I), with I inputs per sample.
    ///
    /// The network must pass [`BinaryNetwork::check`].
    pub fn scores(&self, inputs: ArrayView2<'_, u8>) -> Array2<i32> {
        let classes = self.key.classes();
        let layers: Vec<HardLayer<'_>> = self.layers.iter().map(HardLayer::new).collect();
        let mut scores = vec![0; inputs.nrows() * classes];
        let new_pass = || HardPass::new(self, &layers);
        scores.par_chunks_mut(CHUNK * classes).enumerate().for_each_init(
            new_pass,
            |pass, (chunk, scores)| {
                for (i, scores) in scores.chunks_mut(classes).enumerate() {
                    self.key.score(pass.run(inputs.row(chunk * CHUNK + i)), scores);
                }
            },
        );
        Array2::from_shape_vec((inputs.nrows(), classes), scores).expect("one score per sample and class")
    }

    /// The decision on each sample of `inputs` (B samples, I inputs).
    pub fn decide(&self, inputs: ArrayView2<'_, u8>) -> Vec<Decision> {
        let scores = self.scores(inputs).into_raw_vec_and_offset().0;
        scores.chunks(self.key.classes()).map(Decision::of).collect()
    }

    /// The class of each sample of `inputs` (B samples, I inputs).
    pub fn predict(&self, inputs: ArrayView2<'_, u8>) -> Vec<u16> {
        self.decide(inputs).into_iter().map(|decision| decision.class).collect()
    }

    /// The accuracy on `inputs` (B samples, I inputs): the share of samples whose class is their
    /// label. NaN if there are no samples.
    pub fn accuracy(&self, inputs: ArrayView2<'_, u8>, labels: &[u16]) -> f64 {
        let right = self.predict(inputs).iter().zip(labels).filter(|(class, label)| class == label).count();
        right as f64 / labels.len() as f64
    }
}

/// A layer in the form that this pass needs.
struct HardLayer<'a> {
    fan_out: FanOut<f64>,
    sources: &'a [usize],
    /// The threshold of each neuron.
    thresholds: Vec<f64>,
}

impl<'a> HardLayer<'a> {
    fn new(layer: &'a BinaryLayer) -> Self {
        let neurons = layer.connectivity.output().len();
        Self {
            fan_out: FanOut::new(&layer.connectivity, layer.weights.t()),
            sources: &layer.sources,
            thresholds: layer.thresholds.iter().copied().cycle().take(neurons).collect(),
        }
    }
}

/// The forward pass in one thread, with its buffers.
struct HardPass<'a> {
    layers: &'a [HardLayer<'a>],
    /// Whether inputs are graded (numbers), not spikes.
    graded: bool,
    /// The sums of the current layer, one per neuron.
    sums: Vec<f64>,
    /// The values of the inputs that are not 0.
    levels: Vec<f64>,
    /// For each source: what is not 0. The first source is the inputs; then come the layers, with
    /// the neurons that fired.
    events: Vec<Vec<u32>>,
    /// Whether each of the N output neurons fires.
    outputs: Vec<bool>,
}

impl<'a> HardPass<'a> {
    fn new(network: &BinaryNetwork, layers: &'a [HardLayer<'a>]) -> Self {
        Self {
            layers,
            graded: network.input_max > 1,
            sums: Vec::new(),
            levels: Vec::new(),
            events: vec![Vec::new(); layers.len() + 1],
            outputs: vec![false; network.key.width()],
        }
    }

    /// Runs one sample through the network. Returns whether each of the N output neurons fires.
    fn run(&mut self, sample: ArrayView1<'_, u8>) -> &[bool] {
        self.read(sample);
        for (index, layer) in self.layers.iter().enumerate() {
            self.gather(layer);
            let fired = (0..).zip(self.sums.iter().zip(&layer.thresholds));
            let fired = fired.filter(|(_, (sum, threshold))| sum >= threshold).map(|(neuron, _)| neuron);
            self.events[index + 1].clear();
            self.events[index + 1].extend(fired);
        }
        self.outputs.fill(false);
        for &neuron in self.events.last().into_iter().flatten() {
            self.outputs[neuron as usize] = true;
        }
        &self.outputs
    }

    /// Notes the inputs of a sample that are not 0.
    fn read(&mut self, sample: ArrayView1<'_, u8>) {
        self.levels.clear();
        self.events[0].clear();
        for (index, &level) in (0..).zip(sample).filter(|&(_, &level)| level > 0) {
            self.events[0].push(index);
            self.levels.push(f64::from(level));
        }
    }

    /// Computes the sums of `layer`: adds the weights of all inputs and spikes that reach it.
    fn gather(&mut self, layer: &HardLayer<'_>) {
        self.sums.clear();
        self.sums.resize(layer.thresholds.len(), 0.0);
        for &source in layer.sources {
            match source {
                0 if self.graded => {
                    layer.fan_out.add_levels(&self.events[0], self.levels.iter().copied(), &mut self.sums)
                }
                _ => layer.fan_out.add_spikes(&self.events[source], &mut self.sums),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::fixtures;

    #[test]
    fn the_lowest_of_equal_classes_wins_and_the_tie_is_reported() {
        assert_eq!(Decision::of(&[-3, 5, 5]), Decision { class: 1, tied: true, margin: 0, score: 5 });
        assert_eq!(Decision::of(&[7, -3, 5]), Decision { class: 0, tied: false, margin: 2, score: 7 });
        assert_eq!(Decision::of(&[5, -3, i32::MIN]), Decision { class: 0, tied: false, margin: 8, score: 5 });
        assert_eq!(Decision::of(&[5]), Decision { class: 0, tied: false, margin: 0, score: 5 });
        assert_eq!(Decision::of(&[-3, 5, 6]), Decision { class: 2, tied: false, margin: 1, score: 6 });
    }

    proptest! {
        #[test]
        fn scores_are_those_of_direct_loops_over_windows(
            seed: u64, input_max in prop::sample::select(vec![1u8, 4, 255]), exponent in -40i32..4,
        ) {
            let network = fixtures::network(seed, input_max, 1000, exponent);
            let inputs = fixtures::inputs(&network, 70, seed);
            let scores = network.scores(inputs.view());
            for (sample, scores) in inputs.outer_iter().zip(scores.outer_iter()) {
                let spikes = fixtures::direct(&network, sample).pop().expect("a layer");
                let spikes: Vec<bool> = spikes.into_iter().map(|spike| spike == 1.0).collect();
                prop_assert_eq!(network.key.scores(&spikes), scores.to_vec());
            }
        }
    }
}

//! What an inference costs at most, whatever the network has learnt: every input is active and
//! every neuron fires.

use super::CostModel;
use crate::backend::profile::StepCounting;
use crate::units::{Joules, Seconds};

/// The most that one inference can cost. `None`: no bound is known, or the profile lacks a constant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CostBounds {
    /// Total energy.
    pub energy: Option<Joules>,
    /// Time from the first input spike to the end of the last step.
    pub latency: Option<Seconds>,
    /// Time between the starts of two inferences.
    pub period: Option<Seconds>,
}

impl CostModel {
    /// The cost of an inference in which every input is active and every neuron fires. No sample
    /// costs more, unless neurons keep potentials between the steps: then no bound is known.
    pub(crate) fn bounds(&self) -> CostBounds {
        if self.steps == StepCounting::OneByOne {
            return CostBounds::default();
        }
        let everything = |count: usize| (0..count as u32).collect::<Vec<u32>>();
        let mut events = vec![everything(self.inputs.len())];
        events.extend(self.layers.iter().map(|layer| everything(layer.routes.len())));
        let events: Vec<&[u32]> = events.iter().map(Vec::as_slice).collect();
        let mut load = Default::default();
        let mut accumulator = self.accumulator(&mut load);
        (0..self.layers.len()).for_each(|index| accumulator.layer(index, &events));
        let (timing, counts) = (accumulator.timing(), accumulator.counts);
        let period = timing.map(|timing| timing.period);
        CostBounds {
            energy: self.energy(&counts, period).total(),
            latency: timing.map(|timing| timing.latency),
            period,
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::RngExt;

    use crate::backend::DeployOptions;
    use crate::backend::fixtures::{by_hand, chip, full};
    use crate::seed::Seed;

    #[test]
    fn a_sample_that_makes_every_neuron_fire_costs_the_bound() {
        let network = full(&[3, 10, 2]);
        for name in ["loihi1", "truenorth"] {
            let deployment = chip(name).deploy(&network, &DeployOptions::default()).unwrap();
            let run = deployment.run(Array2::ones((1, 3)).view()).unwrap();
            assert_eq!(run.layers.iter().map(|layer| layer.spikes).sum::<u64>(), 12);
            let bounds = deployment.cost_bounds();
            assert_eq!(bounds.energy, run.total_energy.map(|energy| energy.max));
            assert_eq!(bounds.latency, run.latency.map(|latency| latency.max));
            assert_eq!(bounds.period, run.period);
        }
    }

    #[test]
    fn no_sample_costs_more_than_the_bound() {
        let mut stream = Seed::root(4).stream();
        let inputs = Array2::from_shape_fn((64, 3), |_| u8::from(stream.random::<f64>() < 0.6));
        let deployment = chip("loihi1").deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(inputs.view()).unwrap();
        let bounds = deployment.cost_bounds();
        assert!(run.total_energy.unwrap().max.0 <= bounds.energy.unwrap().0);
        assert!(run.latency.unwrap().max.0 <= bounds.latency.unwrap().0);
    }

    #[test]
    fn where_neurons_keep_potentials_no_bound_is_known() {
        let deployment = chip("loihi1-sanafe").deploy(&by_hand(), &DeployOptions::default()).unwrap();
        assert_eq!(deployment.cost_bounds(), Default::default());
    }
}

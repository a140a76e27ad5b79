//! The memory that an evaluation needs, estimated from its plan.

use super::Plan;
use crate::data::Coded;
use crate::network::{BinaryLayer, BinaryNetwork, Connectivity, SpecError};
use crate::training;
use crate::units::Bytes;

/// An upper bound of the bytes per weight while a network is deployed: five copies of 8 bytes each.
/// They are the folded weight, the float and the integer on the grid, the chip's integer, and that
/// of the simulation. Some copies are made for one layer at a time.
const DEPLOYED_WEIGHT: u64 = 40;

/// An upper bound of the bytes per synapse of a convolution on a chip with faulty weights: three copies
/// of 8 bytes, the last of them in the simulation. Each position then has weights of its own.
const FAULTY_SYNAPSE: u64 = 24;

/// The peak memory of deploying `network` and running it on `samples`, and on chips with faulty
/// weights if `faulty_weights`. The memory that `network` and `samples` take already is not counted.
pub(in crate::objective::network) fn deployed(
    network: &BinaryNetwork,
    samples: &Coded,
    faulty_weights: bool,
) -> Bytes {
    let weights: u64 = network.layers.iter().map(|layer| layer.weights.len() as u64).sum();
    let synapses = |layer: &BinaryLayer| match layer.connectivity {
        Connectivity::Convolution { .. } if faulty_weights => {
            (layer.weights.len() as u64).saturating_mul(layer.connectivity.positions() as u64)
        }
        _ => 0,
    };
    let synapses = network.layers.iter().map(synapses).fold(0, u64::saturating_add);
    let deployed = weights.saturating_mul(DEPLOYED_WEIGHT).saturating_add(samples.inputs.len() as u64);
    Bytes(synapses.saturating_mul(FAULTY_SYNAPSE).saturating_add(deployed))
}

/// What an evaluation does besides training a network and running it once on its chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Whether the network also runs on chips with faulty weights.
    pub faulty_weights: bool,
    /// Whether the training pauses: the network is then deployed, and a checkpoint taken, while the
    /// training is still in memory.
    pub pauses: bool,
}

impl Plan {
    /// The peak memory of an evaluation of this plan, in training or in deployment. `samples` are
    /// the numbers of training, validation and test samples.
    ///
    /// # Errors
    /// The first mistake in the network's plan.
    pub fn memory(
        &self,
        samples: [usize; 3],
        Extras { faulty_weights, pauses }: Extras,
    ) -> Result<Bytes, SpecError> {
        let [train, validation, _] = samples;
        let training = training::memory(&self.spec, &self.training, train, validation)?;
        let footprint = self.spec.footprint()?;
        let weights = footprint.weights / size_of::<f32>() as u64;
        let samples = samples.iter().sum::<usize>() as u64 * self.spec.input.len() as u64;
        let synapses = if faulty_weights { self.spec.deployed_synapses()? } else { 0 };
        let faulty = synapses.saturating_mul(FAULTY_SYNAPSE);
        let deployed = (DEPLOYED_WEIGHT * weights).saturating_add(faulty);
        let deployment = (footprint.network + samples).saturating_add(deployed);
        let at_a_pause = match pauses {
            true => {
                let checkpoint = training::checkpoint_memory(&self.spec, &self.training, train)?;
                training.0.saturating_add(deployed).saturating_add(checkpoint.0)
            }
            false => 0,
        };
        Ok(training.max(Bytes(deployment)).max(Bytes(at_a_pause)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::network::{Network, Spec};
    use crate::seed::Seed;
    use crate::space::Point;

    #[test]
    fn each_synapse_of_a_convolution_counts_where_weights_fail() {
        // 24 x 24 positions of 4 channels with 25 weights; then 10 x 10 of 3 channels, whose window of
        // 3 x 3 covers 6 x 6 inputs of 4 channels, since the average pool is folded into it.
        let spec: Spec = "28x28x1-4c5-a2-3c3-2x5".parse().expect("a plan");
        let synapses = 24 * 24 * 4 * 25 + 10 * 10 * 3 * 36 * 4;
        assert_eq!(spec.deployed_synapses(), Ok(synapses));
        let samples = Coded { inputs: Array2::zeros((1, 784)), shape: [28, 28, 1], max: 1, labels: vec![0] };
        let network = Network::build(&spec, &Seed::root(1)).expect("a network").fold(1);
        let [plain, faulty] = [false, true].map(|change| deployed(&network, &samples, change).0);
        assert_eq!(faulty - plain, 24 * synapses);
    }

    #[test]
    fn a_training_that_pauses_needs_room_for_its_deployment_and_its_checkpoint() {
        let plan = Plan::new(&Point::default(), [28, 28, 1], 10).expect("a plan");
        let extras = Extras { pauses: true, ..Extras::default() };
        let training = training::memory(&plan.spec, &plan.training, 100, 100).expect("a plan");
        let more = plan.memory([100, 100, 100], extras).expect("a plan").0 - training.0;
        // 784 x 256, 256 x 64 and 64 x 100 weights, each of 40 bytes in deployment; in a checkpoint
        // each has its value and the two moments of Adadelta, of 4 bytes each.
        let weights = 784 * 256 + 256 * 64 + 64 * 100;
        assert!(more >= 52 * weights && more < 57 * weights, "{more} for {weights}");
    }
}

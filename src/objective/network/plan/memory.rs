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

/// An upper bound of the bytes per synapse of a convolution on a chip with faulty weights, where each
/// position has its own: three copies of 8 bytes, the last of them in the simulation.
const FAULTY_SYNAPSE: u64 = 24;

/// The peak memory of deploying `network` and running it on `samples`, and on chips with faulty
/// weights if they change. The memory that `network` and `samples` take already is not counted.
pub(in crate::objective::network) fn deployed(
    network: &BinaryNetwork,
    samples: &Coded,
    change_weights: bool,
) -> Bytes {
    let weights: u64 = network.layers.iter().map(|layer| layer.weights.len() as u64).sum();
    let synapses = |layer: &BinaryLayer| match layer.connectivity {
        Connectivity::Convolution { .. } if change_weights => {
            (layer.weights.len() as u64).saturating_mul(layer.connectivity.positions() as u64)
        }
        _ => 0,
    };
    let synapses = network.layers.iter().map(synapses).fold(0, u64::saturating_add);
    let deployed = weights.saturating_mul(DEPLOYED_WEIGHT).saturating_add(samples.inputs.len() as u64);
    Bytes(synapses.saturating_mul(FAULTY_SYNAPSE).saturating_add(deployed))
}

impl Plan {
    /// The peak memory of an evaluation of this plan, in training or in deployment. The arguments
    /// are the numbers of training, validation and test samples, and whether the network also runs
    /// on chips with faulty weights.
    ///
    /// # Errors
    /// The first mistake in the network's plan.
    pub fn memory(
        &self,
        train: usize,
        validation: usize,
        test: usize,
        change_weights: bool,
    ) -> Result<Bytes, SpecError> {
        let training = training::memory(&self.spec, &self.training, train, validation)?;
        let footprint = self.spec.footprint()?;
        let weights = footprint.weights / size_of::<f32>() as u64;
        let samples = (train + validation + test) as u64 * self.spec.input.len() as u64;
        let synapses = if change_weights { self.spec.deployed_synapses()? } else { 0 };
        let faulty = synapses.saturating_mul(FAULTY_SYNAPSE);
        let deployment = (footprint.network + DEPLOYED_WEIGHT * weights + samples).saturating_add(faulty);
        Ok(training.max(Bytes(deployment)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::network::{Network, Spec};
    use crate::seed::Seed;

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
}

//! The memory that an evaluation needs, estimated from its plan.

use super::Plan;
use crate::data::Coded;
use crate::network::{BinaryNetwork, SpecError};
use crate::training;
use crate::units::Bytes;

/// An upper bound of the bytes per weight while a network is deployed: five copies of 8 bytes each.
/// They are the folded weight, the float and the integer on the grid, the chip's integer, and that
/// of the simulation. Some copies are made for one layer at a time.
const DEPLOYED_WEIGHT: u64 = 40;

/// The peak memory of deploying `network` and running it on `samples`. The memory that `network`
/// and `samples` take already is not counted.
pub(in crate::objective::network) fn deployed(network: &BinaryNetwork, samples: &Coded) -> Bytes {
    let weights: u64 = network.layers.iter().map(|layer| layer.weights.len() as u64).sum();
    Bytes(weights.saturating_mul(DEPLOYED_WEIGHT).saturating_add(samples.inputs.len() as u64))
}

impl Plan {
    /// The peak memory of an evaluation of this plan, in training or in deployment. The arguments
    /// are the numbers of training, validation and test samples.
    ///
    /// # Errors
    /// The first mistake in the network's plan.
    pub fn memory(&self, train: usize, validation: usize, test: usize) -> Result<Bytes, SpecError> {
        let training = training::memory(&self.spec, &self.training, train, validation)?;
        let footprint = self.spec.footprint()?;
        let weights = footprint.weights / size_of::<f32>() as u64;
        let samples = (train + validation + test) as u64 * self.spec.input.len() as u64;
        let deployment = footprint.network + DEPLOYED_WEIGHT * weights + samples;
        Ok(training.max(Bytes(deployment)))
    }
}

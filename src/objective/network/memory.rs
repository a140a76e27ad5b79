//! The memory that an evaluation takes, known from its plan.

use crate::network::SpecError;
use crate::objective::Plan;
use crate::training;
use crate::units::Bytes;

/// For each weight while a network is deployed: folded, and on the grid as a float and as a whole number (8
/// bytes each), as the chip's whole number (8), and as the simulation reads it (8 at most). An upper bound:
/// some of them are of one layer at a time.
const DEPLOYED_WEIGHT: u64 = 40;

impl Plan {
    /// What its evaluation takes at its peak, in training or in deployment, with so many samples to learn
    /// from, to be scored on and to be tested on.
    ///
    /// # Errors
    /// The first thing in the network's plan that is wrong.
    pub fn memory(&self, train: usize, validation: usize, test: usize) -> Result<Bytes, SpecError> {
        let training = training::memory(&self.spec, &self.training, train, validation)?;
        let footprint = self.spec.footprint()?;
        let weights = footprint.weights / size_of::<f32>() as u64;
        let samples = (train + validation + test) as u64 * self.spec.input.len() as u64;
        let deployment = footprint.network + DEPLOYED_WEIGHT * weights + samples;
        Ok(training.max(Bytes(deployment)))
    }
}

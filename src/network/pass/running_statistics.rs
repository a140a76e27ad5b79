//! The running statistics of batch norm (mean and variance of each channel), updated after a
//! training pass.

use super::workspace::Activations;
use crate::network::Network;

impl Network {
    /// Moves the running statistics of batch norm towards the statistics of the last training pass.
    pub fn update_running_statistics(&mut self, activations: &Activations) {
        for (layer, state) in self.layers.iter_mut().zip(&activations.layers) {
            if let (Some(norm), Some(statistics)) = (&mut layer.norm, &state.statistics) {
                norm.update(statistics, activations.batch() * layer.linear.output.area());
            }
        }
    }

    /// Averages the running statistics of batch norm over several training passes, weighted by the
    /// number of their samples.
    ///
    /// `before` is the number of samples in the passes averaged so far. If it is 0, the statistics
    /// of the last pass replace the running ones. A single sum per channel has no variance and
    /// changes nothing.
    pub fn average_running_statistics(&mut self, activations: &Activations, before: usize) {
        let share = activations.batch() as f32 / (before + activations.batch()) as f32;
        for (layer, state) in self.layers.iter_mut().zip(&activations.layers) {
            if let (Some(norm), Some(statistics)) = (&mut layer.norm, &state.statistics) {
                norm.move_towards(statistics, activations.batch() * layer.linear.output.area(), share);
            }
        }
    }
}

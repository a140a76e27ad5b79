//! The running statistics of batch norm, updated after a training pass.

use super::workspace::Activations;
use crate::network::Network;

impl Network {
    /// Moves the running statistics of batch norm towards those of the training pass just done.
    pub fn remember(&mut self, activations: &Activations) {
        for (layer, state) in self.layers.iter_mut().zip(&activations.layers) {
            if let (Some(norm), Some(statistics)) = (&mut layer.norm, &state.statistics) {
                norm.remember(statistics, activations.batch() * layer.linear.output.area());
            }
        }
    }

    /// Averages batch norm's running statistics evenly with those of the training pass just done, `before`
    /// samples after the first that counts; 0 replaces them. One sum has no variance and changes nothing.
    pub fn measure(&mut self, activations: &Activations, before: usize) {
        let share = activations.batch() as f32 / (before + activations.batch()) as f32;
        for (layer, state) in self.layers.iter_mut().zip(&activations.layers) {
            if let (Some(norm), Some(statistics)) = (&mut layer.norm, &state.statistics) {
                norm.approach(statistics, activations.batch() * layer.linear.output.area(), share);
            }
        }
    }
}

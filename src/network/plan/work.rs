//! The work of a network's passes, by its plan alone.

use super::planned_layer::planned_layers;
use crate::network::layer::linear::Reach;
use crate::network::{Spec, SpecError};

/// What a forward pass computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassWork {
    /// Multiplications of an input by a weight, of one sample.
    pub products: u64,
    /// Sums that become activations, of one sample.
    pub neurons: u64,
    /// Weights, each counted once.
    pub weights: u64,
}

impl Spec {
    /// The work of a forward pass, with no input skipped.
    ///
    /// # Errors
    /// The first thing in the plan that is wrong.
    ///
    /// ```
    /// use spiketune::network::{HeadSpec, LayerSpec, Spec, Volume, Window};
    ///
    /// let window = Window::square(3, 1);
    /// let hidden = vec![LayerSpec::Convolution { channels: 4, window, batch_norm: false, dropout: 0.0 }];
    /// let head = HeadSpec { classes: 2, redundancy: 5, overlapping: false, batch_norm: false };
    /// let input = Volume { height: 5, width: 5, channels: 2 };
    /// let work = Spec { input, hidden, head }.work()?;
    /// // Nine places of 4 neurons with 3 * 3 * 2 weights, and 10 neurons above all 36 of them.
    /// assert_eq!(work.products, 36 * 18 + 10 * 36);
    /// assert_eq!((work.neurons, work.weights), (46, 4 * 18 + 10 * 36));
    /// # Ok::<(), spiketune::network::SpecError>(())
    /// ```
    pub fn work(&self) -> Result<PassWork, SpecError> {
        let mut work = PassWork::default();
        for (index, layer) in planned_layers(self)?.iter().enumerate() {
            let inputs = match layer.reach(index == 0) {
                Reach::Dense => layer.input.len(),
                Reach::Interleaved(window) | Reach::Window(window) => window.area() * layer.input.channels,
            };
            let sums = layer.step.sums.len() as u64;
            work.products += sums * inputs as u64;
            work.neurons += sums;
            work.weights += layer.step.sums.channels as u64 * inputs as u64;
        }
        Ok(work)
    }
}

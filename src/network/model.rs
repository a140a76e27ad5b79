//! A network in training: its layers, and the state that its passes read and change.

use super::kernels::floats;
use super::layer::Layer;
use super::layer::head::Head;
use super::{Key, Slope, Volume};

/// Layers of sharpened neurons with an n-hot head.
///
/// Layers count from the input; the last are the output neurons, which are sharpened as well.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(super) input: Volume,
    pub(super) layers: Vec<Layer>,
    pub(super) head: Head,
    /// One a layer, in [0, 1].
    pub(super) sharpness: Vec<f32>,
    pub(super) slope: Slope,
}

impl Network {
    /// The length of a sample.
    pub fn inputs(&self) -> usize {
        self.input.len()
    }

    /// K.
    pub fn classes(&self) -> usize {
        self.head.key.classes()
    }

    /// From output neurons to classes.
    pub fn key(&self) -> &Key {
        &self.head.key
    }

    /// Outputs per layer, after pooling.
    pub fn widths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().map(|layer| layer.step.outputs().len())
    }

    /// How many numbers training may change.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Sharpness of each layer, in [0, 1].
    pub fn sharpness(&self) -> &[f32] {
        &self.sharpness
    }

    /// Sharpness of each layer, to set; in [0, 1].
    pub fn sharpness_mut(&mut self) -> &mut [f32] {
        &mut self.sharpness
    }

    /// Chooses what the backward pass takes for the derivative of the steps.
    pub fn set_slope(&mut self, slope: Slope) {
        self.slope = slope;
    }

    /// The number of lowest layers that no gradient reaches: those up to the highest finished one.
    pub fn frozen(&self) -> usize {
        match self.slope {
            Slope::Own => self.sharpness.iter().rposition(|&s| s == 1.0).map_or(0, |layer| layer + 1),
            Slope::Surrogate(_) => 0,
        }
    }

    /// Whether every parameter and running statistic is finite.
    pub fn is_finite(&self) -> bool {
        self.layers.iter().all(|layer| {
            let norm = layer.norm.iter().flat_map(|norm| [&norm.gain, &norm.mean, &norm.variance]);
            let mut tensors = [&layer.linear.weights, &layer.bias].into_iter().chain(norm);
            tensors.all(|tensor| floats(tensor).iter().all(|value| value.is_finite()))
        })
    }
}

#[cfg(test)]
impl Network {
    /// What its tensors hold.
    pub(crate) fn bytes(&self) -> u64 {
        let statistics = self.layers.iter().filter_map(|layer| layer.norm.as_ref());
        let statistics = statistics.flat_map(|norm| [&norm.mean, &norm.variance]);
        let statistics: usize = statistics.map(|lanes| size_of_val(lanes.as_slice())).sum();
        let learnt = self.tensor_lengths().sum::<usize>() * size_of::<f32>();
        (learnt + statistics) as u64 + self.head.bytes()
    }
}

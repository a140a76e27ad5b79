//! A network in training: its layers and their state.

use super::kernels::floats;
use super::layer::Layer;
use super::layer::head::Head;
use super::{Key, Slope, Volume};

/// A network of spiking neurons with an n-hot output: n output neurons stand for each class.
///
/// Layers are counted from the input. The last layer holds the output neurons, which are sharpened
/// like all others.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(super) input: Volume,
    pub(super) layers: Vec<Layer>,
    pub(super) head: Head,
    /// The sharpness of each layer, in [0, 1]: 0 is a wide ramp, 1 is a step.
    pub(super) sharpness: Vec<f32>,
    /// The derivative of the activation that the backward pass uses.
    pub(super) slope: Slope,
}

impl Network {
    /// I, the number of inputs of a sample.
    pub fn inputs(&self) -> usize {
        self.input.len()
    }

    /// K, the number of classes.
    pub fn classes(&self) -> usize {
        self.head.key.classes()
    }

    /// The key, which says which output neurons belong to which class.
    pub fn key(&self) -> &Key {
        &self.head.key
    }

    /// The number of outputs of each layer, after pooling.
    pub fn widths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().map(|layer| layer.activation.outputs().len())
    }

    /// The layer whose spikes a residual connection adds to those of layer `layer`, if there is one.
    pub(crate) fn added_to(&self, layer: usize) -> Option<usize> {
        self.layers[layer].adds
    }

    /// The number of learnable parameters.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// The sharpness of each layer, in [0, 1]: 0 is a wide ramp, 1 is a step.
    pub fn sharpness(&self) -> &[f32] {
        &self.sharpness
    }

    /// The sharpness of each layer, in [0, 1], to change it.
    pub fn sharpness_mut(&mut self) -> &mut [f32] {
        &mut self.sharpness
    }

    /// Sets the derivative of the activation that the backward pass uses.
    pub fn set_slope(&mut self, slope: Slope) {
        self.slope = slope;
    }

    /// The number of frozen layers, which no gradient reaches. With a surrogate gradient there are
    /// none. If the backward pass uses the derivative of the activation itself, all layers up to
    /// the highest one at sharpness 1 are frozen.
    pub fn frozen(&self) -> usize {
        match self.slope {
            Slope::Own => self.sharpness.iter().rposition(|&s| s == 1.0).map_or(0, |layer| layer + 1),
            Slope::Surrogate(_) => 0,
        }
    }

    /// Whether all parameters and running statistics are finite.
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
    /// The size of the network's tensors, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let statistics = self.layers.iter().filter_map(|layer| layer.norm.as_ref());
        let statistics = statistics.flat_map(|norm| [&norm.mean, &norm.variance]);
        let statistics: usize = statistics.map(|lanes| size_of_val(lanes.as_slice())).sum();
        let learnt = self.tensor_lengths().sum::<usize>() * size_of::<f32>();
        (learnt + statistics) as u64 + self.head.bytes()
    }
}

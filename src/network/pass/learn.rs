//! The parameters of a network together with their gradients, for a gradient-descent rule.

use super::workspace::Gradients;
use crate::network::Network;
use crate::network::kernels::{LANES, floats, floats_mut};
use crate::network::layer::{Layer, LayerGradients};

/// A tensor of parameters with its gradient.
pub struct Parameter<'a> {
    /// The parameters, in the order of memory. Those of empty lanes never change.
    pub values: &'a mut [f32],
    /// The derivative of the loss by each of `values`.
    pub gradient: &'a [f32],
    /// Whether weight decay applies to this tensor: it does to weights, but not to biases and
    /// gains.
    pub decays: bool,
}

/// The number of tensors of a layer: weights, bias, and the gain of batch norm, which may be
/// missing.
const TENSORS: usize = 3;

impl Network {
    /// Calls `change` in parallel with every tensor that is not [`frozen`](Self::frozen), and with
    /// the state that a gradient-descent rule keeps for it.
    ///
    /// `states` holds one state for each of [`tensor_lengths`](Self::tensor_lengths), in the same
    /// order.
    ///
    /// # Panics
    /// If there are fewer states.
    pub fn learn<S: Send>(
        &mut self,
        gradients: &Gradients,
        states: &mut [S],
        change: &(impl Fn(Parameter<'_>, &mut S) + Sync),
    ) {
        let frozen = self.frozen();
        let states = &mut states[..self.layers.len() * TENSORS][frozen * TENSORS..];
        for_each_tensor(&mut self.layers[frozen..], &gradients.layers[frozen..], states, change);
    }

    /// The length of each tensor, layer by layer: weights, bias, gain. The length is 0 if a tensor
    /// is missing.
    pub fn tensor_lengths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().flat_map(|layer| {
            let gains = layer.norm.as_ref().map_or(0, |norm| norm.gain.len());
            [layer.linear.weights.len(), layer.bias.len(), gains].map(|lanes| lanes * LANES)
        })
    }
}

/// Calls `change` for every tensor. Splits the layers into halves that run in parallel, which needs
/// no list of tasks and so allocates no memory.
fn for_each_tensor<S: Send>(
    layers: &mut [Layer],
    gradients: &[LayerGradients],
    states: &mut [S],
    change: &(impl Fn(Parameter<'_>, &mut S) + Sync),
) {
    let [layer] = layers else {
        let middle = layers.len() / 2;
        if layers.is_empty() {
            return;
        }
        let (layers, states) = (layers.split_at_mut(middle), states.split_at_mut(middle * TENSORS));
        let gradients = gradients.split_at(middle);
        rayon::join(
            || for_each_tensor(layers.0, gradients.0, states.0, change),
            || for_each_tensor(layers.1, gradients.1, states.1, change),
        );
        return;
    };
    let gradient = &gradients[0];
    let gain = layer.norm.as_mut().zip(gradient.gain.as_ref());
    let tensors = [
        Some((&mut layer.linear.weights, &gradient.weights)),
        Some((&mut layer.bias, &gradient.bias)),
        gain.map(|(norm, gradient)| (&mut norm.gain, gradient)),
    ];
    for (number, (tensor, state)) in tensors.into_iter().zip(states).enumerate() {
        if let Some((values, gradient)) = tensor {
            let (values, gradient) = (floats_mut(values), floats(gradient));
            change(Parameter { values, gradient, decays: number == 0 }, state);
        }
    }
}

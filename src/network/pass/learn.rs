//! The parameters of a network together with their gradients, for a gradient-descent rule.

use super::workspace::Gradients;
use crate::network::Network;
use crate::network::kernels::{LANES, floats, floats_mut};
use crate::network::layer::{Layer, LayerGradients};
use crate::team;

/// Parameters of one tensor with their gradient.
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
/// The pieces into which the parameters are cut, per thread.
const PIECES: usize = 6;
/// The least number of parameters of a piece, if its tensor has as many.
const LEAST: usize = 4096;

impl Network {
    /// Calls `change` for every parameter that is not of a [`frozen`](Self::frozen) layer, on all
    /// threads. Each call gets a part of a tensor, and an equally long part of the states that a
    /// gradient-descent rule keeps for it.
    ///
    /// `states` gives two states for each of [`tensor_lengths`](Self::tensor_lengths), in the same
    /// order. A state has a number for each parameter, or none.
    ///
    /// # Panics
    /// If a state is shorter than its tensor, but not empty.
    pub fn learn<'a>(
        &'a mut self,
        gradients: &'a Gradients,
        states: impl Iterator<Item = [&'a mut [f32]; 2]>,
        change: impl Fn(Parameter<'_>, [&mut [f32]; 2]) + Sync,
    ) {
        let frozen = self.frozen();
        let total: usize = self.tensor_lengths().skip(frozen * TENSORS).sum();
        let layers = self.layers[frozen..].iter_mut().zip(&gradients.layers[frozen..]);
        let most = total.div_ceil(PIECES * team::threads()).max(LEAST);
        let tensors = layers.flat_map(|(layer, gradient)| tensors(layer, gradient));
        let tensors = tensors.zip(states.skip(frozen * TENSORS));
        let pieces = tensors.flat_map(|(rest, states)| Pieces { rest, states, most });
        team::for_each(pieces, |(parameter, states)| change(parameter, states));
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

/// The tensors of a layer with their gradients.
fn tensors<'a>(layer: &'a mut Layer, gradient: &'a LayerGradients) -> [Option<Parameter<'a>>; TENSORS] {
    let with = |values, gradient, decays| Parameter {
        values: floats_mut(values),
        gradient: floats(gradient),
        decays,
    };
    let gain = layer.norm.as_mut().zip(gradient.gain.as_ref());
    [
        Some(with(&mut layer.linear.weights, &gradient.weights, true)),
        Some(with(&mut layer.bias, &gradient.bias, false)),
        gain.map(|(norm, gradient)| with(&mut norm.gain, gradient, false)),
    ]
}

/// Cuts a tensor and its states into pieces of up to `most` parameters.
struct Pieces<'a> {
    /// What is left of the tensor.
    rest: Option<Parameter<'a>>,
    states: [&'a mut [f32]; 2],
    most: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (Parameter<'a>, [&'a mut [f32]; 2]);

    fn next(&mut self) -> Option<Self::Item> {
        let Parameter { values, gradient, decays } = self.rest.take()?;
        let length = self.most.min(values.len());
        let (piece, values) = values.split_at_mut(length);
        let (of_piece, gradient) = gradient.split_at(length);
        let states = self.states.each_mut().map(|state| {
            let length = if state.is_empty() { 0 } else { length };
            state.split_off_mut(..length).expect("a state is as long as its tensor")
        });
        self.rest = (!values.is_empty()).then_some(Parameter { values, gradient, decays });
        Some((Parameter { values: piece, gradient: of_piece, decays }, states))
    }
}

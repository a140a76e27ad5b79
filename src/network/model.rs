//! A network in training: its state, and its two passes.

use ndarray::ArrayView2;

use crate::seed::Seed;

use super::dense::{Dense, Step, first_rows, first_rows_of};
use super::head::Head;
use super::{Activations, Gradients, Key, Loss, Slope};

/// A stack of dense layers of sharpened neurons with an n-hot head.
///
/// Layers count from the input; the last are the output neurons, which are sharpened as well.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(super) layers: Vec<Dense>,
    pub(super) head: Head,
    /// One a layer, in [0, 1].
    pub(super) sharpness: Vec<f32>,
    pub(super) slope: Slope,
}

/// What a forward pass is for.
#[derive(Clone, Copy, Debug)]
pub enum Pass<'a> {
    /// Learning: as sharp as each layer is, normalized by the batch; dropout draws from the seed, which is
    /// to be another one at each step.
    Training(&'a Seed),
    /// As sharp as each layer is, normalized by the running statistics, nothing dropped.
    Settled,
    /// The network as it will be deployed: every step exact, normalized by the running statistics, nothing
    /// dropped.
    Deployed,
}

/// A tensor of parameters with the loss's derivative by it.
pub struct Parameter<'a> {
    /// Its place among the network's tensors, for whoever keeps a state per tensor.
    pub index: usize,
    /// The parameters.
    pub values: &'a mut [f32],
    /// As long as `values`.
    pub gradient: &'a [f32],
    /// Whether weight decay applies: weights, not biases and gains.
    pub decays: bool,
}

/// Tensors of a layer: weights, bias, and gain where it has batch norm.
const TENSORS: usize = 3;

impl Network {
    /// I.
    pub fn inputs(&self) -> usize {
        self.layers[0].weights.nrows()
    }

    /// K.
    pub fn classes(&self) -> usize {
        self.head.key.classes()
    }

    /// From output neurons to classes.
    pub fn key(&self) -> &Key {
        &self.head.key
    }

    /// Neurons per layer.
    pub fn widths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().map(Dense::width)
    }

    /// How many numbers training may change.
    pub fn parameters(&self) -> usize {
        let gains = |layer: &Dense| layer.norm.as_ref().map_or(0, |norm| norm.gain.len());
        self.layers.iter().map(|layer| layer.weights.len() + layer.bias.len() + gains(layer)).sum()
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

    /// Runs the batch that was loaded through all layers, to class scores.
    ///
    /// Activations and gradients must have been made for a network of the same shape.
    pub fn forward(&self, activations: &mut Activations, pass: Pass<'_>) {
        let batch = activations.batch();
        let Activations { inputs, layers: states, scores, .. } = activations;
        let mut inputs = first_rows_of(inputs, batch);
        for (i, (layer, state)) in self.layers.iter().zip(states).enumerate() {
            let seed = if let Pass::Training(seed) = pass { Some(seed.index(i as u64)) } else { None };
            let sharpness = if let Pass::Deployed = pass { 1.0 } else { self.sharpness[i] };
            layer.forward(inputs, state, Step { sharpness, slope: self.slope, training: seed.as_ref() });
            inputs = first_rows_of(&state.outputs, batch);
        }
        self.head.scores(inputs, first_rows(scores, batch));
    }

    /// Runs back from the loss against `labels` (B) to every parameter that is not [`frozen`](Self::frozen);
    /// returns the mean `loss`. To follow a training pass.
    pub fn backward(
        &self,
        activations: &Activations,
        labels: &[u16],
        loss: Loss<'_>,
        gradients: &mut Gradients,
    ) -> f64 {
        let batch = activations.batch();
        let Gradients { layers: states, differences } = gradients;
        let top = states.last_mut().expect("a network has an output layer");
        let room = first_rows(differences, batch);
        let errors = first_rows(&mut top.errors, batch);
        let mut total = self.head.loss(activations.scores(), labels, loss, room, errors);
        if loss.rate_penalty > 0.0 {
            let hidden = 0..self.layers.len() - 1;
            let rates: f64 = hidden.map(|i| mean(activations.outputs(i))).sum();
            total += f64::from(loss.rate_penalty) * rates;
        }
        let frozen = self.frozen();
        for i in (frozen..self.layers.len()).rev() {
            let (below, here) = states.split_at_mut(i);
            let inputs = match i {
                0 => first_rows_of(&activations.inputs, batch),
                _ => activations.outputs(i - 1),
            };
            self.layers[i].backward(inputs, &activations.layers[i], &mut here[0]);
            if let Some(below) = below.last_mut().filter(|_| i > frozen) {
                let errors = first_rows_of(&here[0].errors, batch);
                let mut below = first_rows(&mut below.errors, batch);
                self.layers[i].send_back(errors, below.view_mut());
                if loss.rate_penalty > 0.0 {
                    below += loss.rate_penalty / below.len() as f32;
                }
            }
        }
        total
    }

    /// Moves the running statistics of batch norm towards those of the training pass just done.
    pub fn remember(&mut self, activations: &Activations) {
        for (layer, state) in self.layers.iter_mut().zip(&activations.layers) {
            if let (Some(norm), Some(normed)) = (&mut layer.norm, &state.normed) {
                norm.remember(&normed.statistics, activations.batch());
            }
        }
    }

    /// Every tensor that is not [`frozen`](Self::frozen), with its gradient.
    pub fn learn<'a>(&'a mut self, gradients: &'a Gradients) -> impl Iterator<Item = Parameter<'a>> {
        let frozen = self.frozen();
        let layers = self.layers.iter_mut().zip(&gradients.layers).enumerate().skip(frozen);
        layers.flat_map(|(i, (layer, gradient))| {
            let gain = layer.norm.as_mut().zip(gradient.gain.as_ref());
            let contiguous = "matrices of parameters are contiguous";
            let weights = layer.weights.as_slice_mut().expect(contiguous);
            let tensors = [
                Some((weights, gradient.weights.as_slice().expect(contiguous))),
                Some((layer.bias.as_mut_slice(), gradient.bias.as_slice())),
                gain.map(|(norm, gradient)| (norm.gain.as_mut_slice(), gradient.as_slice())),
            ];
            (i * TENSORS..).zip(tensors).filter_map(|(index, tensor)| {
                let (values, gradient) = tensor?;
                Some(Parameter { index, values, gradient, decays: index % TENSORS == 0 })
            })
        })
    }

    /// The length of each tensor, by [`Parameter::index`]; 0 where there is none.
    pub fn tensor_lengths(&self) -> impl Iterator<Item = usize> {
        let gains = |layer: &Dense| layer.norm.as_ref().map_or(0, |norm| norm.gain.len());
        self.layers.iter().flat_map(move |layer| [layer.weights.len(), layer.bias.len(), gains(layer)])
    }

    /// Whether every parameter and running statistic is finite.
    pub fn is_finite(&self) -> bool {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        self.layers.iter().all(|layer| {
            let norm = layer.norm.as_ref();
            layer.weights.iter().all(|weight| weight.is_finite())
                && finite(&layer.bias)
                && norm.is_none_or(|norm| finite(&norm.gain) && finite(&norm.mean) && finite(&norm.variance))
        })
    }
}

/// The mean of a (B, O) matrix, summed in the order of its rows.
fn mean(matrix: ArrayView2<'_, f32>) -> f64 {
    matrix.iter().map(|&value| f64::from(value)).sum::<f64>() / matrix.len() as f64
}

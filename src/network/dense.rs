//! A fully connected layer of sharpened neurons, forward and backward.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::seed::Seed;

use super::Slope;
use super::activation::activate;
use super::blocks::{for_each_block, rows, rows_mut};
use super::dropout::drop_out;
use super::matmul::multiply;
use super::norm::{Norm, Statistics, backward, invert_deviation, measure, normalize};

/// What a dense layer learns, and its share of dropped activations.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dense {
    /// (I, O): side by side in memory what one input sends to all neurons.
    pub weights: Array2<f32>,
    /// (O): added to the sums, after batch norm if there is one.
    pub bias: Vec<f32>,
    pub norm: Option<Norm>,
    pub dropout: f32,
}

/// What a forward pass leaves behind of one layer, for the first B rows of its matrices.
pub(super) struct LayerActivations {
    /// (B, O)
    pub outputs: Array2<f32>,
    /// (B, O): derivative of each output by the step's input, dropout included.
    pub slopes: Array2<f32>,
    /// With batch norm only.
    pub normed: Option<Normed>,
}

/// The normalized sums (B, O), and by what they were normalized.
pub(super) struct Normed {
    pub values: Array2<f32>,
    pub statistics: Statistics,
}

impl LayerActivations {
    pub fn new(layer: &Dense, rows: usize) -> Self {
        let matrix = || Array2::zeros((rows, layer.width()));
        let normed = |_: &Norm| Normed { values: matrix(), statistics: Statistics::new(layer.width()) };
        Self { outputs: matrix(), slopes: matrix(), normed: layer.norm.as_ref().map(normed) }
    }
}

/// What a backward pass leaves behind of one layer.
pub(super) struct LayerGradients {
    /// (B, O): derivative of the loss by the layer's outputs, then by its sums.
    pub errors: Array2<f32>,
    /// (I, O)
    pub weights: Array2<f32>,
    /// (O)
    pub bias: Vec<f32>,
    /// (O), with batch norm only.
    pub gain: Option<Vec<f32>>,
}

impl LayerGradients {
    pub fn new(layer: &Dense, rows: usize) -> Self {
        Self {
            errors: Array2::zeros((rows, layer.width())),
            weights: Array2::zeros(layer.weights.dim()),
            bias: vec![0.0; layer.width()],
            gain: layer.norm.as_ref().map(|_| vec![0.0; layer.width()]),
        }
    }
}

/// How a layer's step acts in one pass.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub sharpness: f32,
    pub slope: Slope,
    /// While training: normalize by the batch, and drop activations by this seed.
    pub training: Option<&'a Seed>,
}

impl Dense {
    /// O.
    pub fn width(&self) -> usize {
        self.bias.len()
    }

    /// Fills the first rows of `state` from `inputs` (B, I).
    pub fn forward(&self, inputs: ArrayView2<'_, f32>, state: &mut LayerActivations, step: Step<'_>) {
        let batch = inputs.nrows();
        let normed = state.normed.as_mut().zip(self.norm.as_ref()).map(|(normed, norm)| {
            let Statistics { mean, variance, inverse_deviation } = &mut normed.statistics;
            let own = (norm.gain.as_slice(), norm.mean.as_slice(), norm.variance.as_slice());
            let measured = (mean.as_mut_slice(), variance.as_mut_slice(), inverse_deviation.as_mut_slice());
            (own, measured, first_rows(&mut normed.values, batch))
        });
        let neurons = (
            self.weights.view(),
            self.bias.as_slice(),
            first_rows(&mut state.slopes, batch),
            first_rows(&mut state.outputs, batch),
            normed,
        );
        for_each_block(neurons, &|first, (weights, bias, mut sums, mut outputs, normed)| {
            multiply(inputs, weights, sums.view_mut());
            if let Some(((gain, mean, variance), batch, values)) = normed {
                if step.training.is_some() {
                    measure(&sums.view(), batch.0, batch.1);
                } else {
                    batch.0.copy_from_slice(mean);
                    batch.1.copy_from_slice(variance);
                }
                invert_deviation(batch.1, batch.2);
                normalize(sums.view_mut(), values, batch.0, batch.2, gain);
            }
            for (sums, outputs) in rows_mut(&mut sums).zip(rows_mut(&mut outputs)) {
                sums.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
                activate(sums, outputs, step.sharpness, step.slope);
            }
            if let Some(seed) = step.training.filter(|_| self.dropout > 0.0) {
                drop_out(self.dropout, &seed.index(first as u64), outputs, sums);
            }
        });
    }

    /// Turns the errors at the outputs into errors at the sums, and these into gradients.
    pub fn backward(
        &self,
        inputs: ArrayView2<'_, f32>,
        state: &LayerActivations,
        gradients: &mut LayerGradients,
    ) {
        let batch = inputs.nrows();
        let LayerGradients { errors, weights, bias, gain } = gradients;
        let normed = state.normed.as_ref().zip(self.norm.as_ref()).zip(gain.as_mut()).map(
            |((normed, norm), gradient)| {
                let inverse_deviation = normed.statistics.inverse_deviation.as_slice();
                let values = first_rows_of(&normed.values, batch);
                (values, inverse_deviation, norm.gain.as_slice(), gradient.as_mut_slice())
            },
        );
        let slopes = first_rows_of(&state.slopes, batch);
        let neurons = (first_rows(errors, batch), slopes, weights.view_mut(), bias.as_mut_slice(), normed);
        for_each_block(neurons, &|_, (mut errors, slopes, weights, bias, normed)| {
            bias.fill(0.0);
            for (errors, slopes) in rows_mut(&mut errors).zip(rows(&slopes)) {
                for ((error, slope), sum) in errors.iter_mut().zip(slopes).zip(&mut *bias) {
                    *error *= slope;
                    *sum += *error;
                }
            }
            if let Some((values, inverse_deviation, gain, gradient)) = normed {
                backward(errors.view_mut(), &values, inverse_deviation, gain, bias, gradient);
            }
            multiply(inputs.t(), errors.view(), weights);
        });
    }

    /// Writes to `below` (B, I) the errors at the layer's inputs, from those at its sums (B, O).
    pub fn send_back(&self, errors: ArrayView2<'_, f32>, below: ArrayViewMut2<'_, f32>) {
        for_each_block((below, self.weights.t()), &|_, (below, weights)| multiply(errors, weights, below));
    }
}

/// The first `count` rows of a matrix that has room for more.
pub(super) fn first_rows(matrix: &mut Array2<f32>, count: usize) -> ArrayViewMut2<'_, f32> {
    matrix.slice_mut(ndarray::s![..count, ..])
}

/// The first `count` rows of a matrix that has room for more, to read.
pub(super) fn first_rows_of(matrix: &Array2<f32>, count: usize) -> ArrayView2<'_, f32> {
    matrix.slice(ndarray::s![..count, ..])
}

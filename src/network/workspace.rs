//! Room for the passes, allocated once: nothing is allocated per batch.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::Network;
use super::dense::{LayerActivations, LayerGradients, first_rows_of};

/// A batch and what a forward pass makes of it.
pub struct Activations {
    /// Samples in the batch at hand; each matrix has room for as many or more.
    batch: usize,
    /// (B, I)
    pub(super) inputs: Array2<f32>,
    pub(super) layers: Vec<LayerActivations>,
    /// (B, K)
    pub(super) scores: Array2<f32>,
}

impl Activations {
    /// Room for batches of up to `capacity` samples.
    pub fn new(network: &Network, capacity: usize) -> Self {
        Self {
            batch: 0,
            inputs: Array2::zeros((capacity, network.inputs())),
            layers: network.layers.iter().map(|layer| LayerActivations::new(layer, capacity)).collect(),
            scores: Array2::zeros((capacity, network.classes())),
        }
    }

    /// Takes the samples `chosen` of `inputs` (N, I), each divided by `max`, as the batch.
    ///
    /// # Panics
    /// If `chosen` is longer than the capacity or names a sample that is not there, or if a sample is not
    /// as long as the network's input.
    pub fn load(&mut self, inputs: ArrayView2<'_, u8>, max: u8, chosen: &[u32]) {
        assert_eq!(inputs.ncols(), self.inputs.ncols(), "a sample has as many entries as the network inputs");
        self.batch = chosen.len();
        let (width, max) = (inputs.ncols(), f32::from(max));
        let rows = self.inputs.as_slice_mut().expect("the batch is contiguous")[..width * chosen.len()]
            .par_chunks_mut(width)
            .with_min_len(16);
        rows.zip(chosen).for_each(|(row, &sample)| {
            let levels = inputs.row(sample as usize);
            row.iter_mut().zip(levels).for_each(|(x, &level)| *x = f32::from(level) / max);
        });
    }

    /// B, the samples in the batch at hand.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// (B, K) class scores of the last pass.
    pub fn scores(&self) -> ArrayView2<'_, f32> {
        first_rows_of(&self.scores, self.batch)
    }

    /// (B, O) activations of layer `layer` in the last pass, counted from the input; the last is the output.
    pub fn outputs(&self, layer: usize) -> ArrayView2<'_, f32> {
        first_rows_of(&self.layers[layer].outputs, self.batch)
    }
}

/// What a backward pass makes of a batch: the mean loss's derivative by every parameter.
pub struct Gradients {
    pub(super) layers: Vec<LayerGradients>,
    /// (B, K): derivative of the loss by half the scores.
    pub(super) differences: Array2<f32>,
}

impl Gradients {
    /// Room for batches of up to `capacity` samples.
    pub fn new(network: &Network, capacity: usize) -> Self {
        Self {
            layers: network.layers.iter().map(|layer| LayerGradients::new(layer, capacity)).collect(),
            differences: Array2::zeros((capacity, network.classes())),
        }
    }
}

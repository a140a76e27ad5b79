//! Room for the passes, allocated once: nothing is allocated per batch.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::seed::Seed;

use super::sparse::SparseBatch;
use super::tensor::Tensor;
use crate::network::kernels::{LANES, Lanes, floats_mut, vectorized};
use crate::network::layer::linear::Reach;
use crate::network::layer::{LayerActivations, LayerGradients};
use crate::network::{Network, Volume};

/// A batch and what a forward pass makes of it.
pub struct Activations {
    /// Samples in the batch at hand; there is room for as many or more.
    batch: usize,
    /// As the lowest layer wants them.
    pub(crate) inputs: Tensor,
    /// The batch in their place, where a dense layer comes first and most inputs are 0.
    pub(crate) sparse: SparseBatch,
    loader: Loader,
    /// Of dropout in the last pass, where that was a training pass.
    pub(crate) seed: Option<Seed>,
    pub(crate) layers: Vec<LayerActivations>,
    /// (B, K)
    pub(crate) scores: Tensor,
}

/// How a sample's numbers become the lowest layer's inputs.
struct Loader {
    /// For each float in memory, the number of the input that it holds, or [`NOTHING`].
    sources: Vec<u32>,
    /// The length of a sample.
    inputs: usize,
    /// Whether the lowest layer can skip inputs that are 0.
    skips: bool,
}

/// A float that holds no input.
const NOTHING: u32 = u32::MAX;

impl Activations {
    /// Room for batches of up to `capacity` samples.
    pub fn new(network: &Network, capacity: usize) -> Self {
        let inputs = network.layers[0].linear.input_tensor(capacity);
        let border = |layer: usize| match network.layers.get(layer + 1).map(|layer| layer.linear.reach) {
            Some(Reach::Window(window)) => window.padding,
            _ => 0,
        };
        let layers = network.layers.iter().enumerate();
        let layers = layers.map(|(index, layer)| LayerActivations::new(layer, capacity, border(index)));
        Self {
            batch: 0,
            loader: Loader::new(network, &inputs),
            sparse: SparseBatch::default(),
            seed: None,
            inputs,
            layers: layers.collect(),
            scores: Tensor::new(Volume::flat(network.classes()), 0, capacity),
        }
    }

    /// Takes the samples `chosen` of `inputs` (N, I), each divided by `max`, as the batch.
    ///
    /// # Panics
    /// If `chosen` is longer than the capacity or names a sample that is not there, or if a sample is not
    /// as long as the network's input.
    pub fn load(&mut self, inputs: ArrayView2<'_, u8>, max: u8, chosen: &[u32]) {
        assert_eq!(inputs.ncols(), self.loader.inputs, "a sample has as many entries as the network inputs");
        self.batch = chosen.len();
        let levels: [f32; 256] = std::array::from_fn(|level| level as f32 / f32::from(max));
        if self.loader.skips && self.sparse.load(inputs, &levels, chosen) {
            return;
        }
        let (stride, loader) = (self.inputs.stride, &self.loader);
        let samples = self.inputs.first_mut(chosen.len()).par_chunks_mut(stride).with_min_len(16);
        samples.zip(chosen).for_each(|(lanes, &sample)| {
            let row = inputs.row(sample as usize);
            let row = row.as_slice().expect("a sample's numbers lie side by side");
            for (value, &source) in floats_mut(lanes).iter_mut().zip(&loader.sources) {
                *value = row.get(source as usize).map_or(0.0, |&level| levels[usize::from(level)]);
            }
        });
    }

    /// B, the samples in the batch at hand.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// (B, K) class scores of the last pass.
    pub fn scores(&self) -> ArrayView2<'_, f32> {
        self.scores.matrix(self.batch)
    }

    /// Room for [`add_outputs`](Self::add_outputs): all 0.
    pub fn totals(&self, layer: usize) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.layers[layer].outputs.stride]
    }

    /// Adds the outputs of layer `layer`, counted from the input, of every sample of the last pass to `totals`.
    /// Exact up to 2^24 spikes a neuron.
    pub fn add_outputs(&self, layer: usize, totals: &mut [Lanes]) {
        let outputs = &self.layers[layer].outputs;
        vectorized(
            #[inline(always)]
            || {
                for sample in outputs.first(self.batch).chunks_exact(outputs.stride) {
                    for (total, output) in totals.iter_mut().zip(sample) {
                        for lane in 0..LANES {
                            total.0[lane] += output.0[lane];
                        }
                    }
                }
            },
        );
    }

    /// The numbers in `totals` that belong to neurons of layer `layer`, in the order of memory.
    pub fn neurons<'a>(&self, layer: usize, totals: &'a [Lanes]) -> impl Iterator<Item = f32> + 'a {
        let outputs = &self.layers[layer].outputs;
        let volume = outputs.volume;
        let rows: Vec<(usize, usize)> = (0..outputs.panels())
            .flat_map(|panel| (0..volume.height).map(move |y| (panel, y)))
            .map(|(panel, y)| (outputs.row_start(panel, y), LANES.min(volume.channels - panel * LANES)))
            .collect();
        rows.into_iter().flat_map(move |(start, width)| {
            totals[start..start + volume.width].iter().flat_map(move |lanes| lanes.0[..width].iter().copied())
        })
    }
}

impl Loader {
    fn new(network: &Network, inputs: &Tensor) -> Self {
        let linear = &network.layers[0].linear;
        let volume = network.input;
        let mut sources = vec![NOTHING; inputs.stride * LANES];
        let number = |y: usize, x: usize, c: usize| ((y * volume.width + x) * volume.channels + c) as u32;
        match linear.reach {
            Reach::Dense => (0..volume.len()).for_each(|input| sources[input] = input as u32),
            Reach::Window(_) => {
                for (y, x, c) in places(volume.height, volume.width, volume.channels) {
                    let place = inputs.row_start(c / LANES, y) + x;
                    sources[place * LANES + c % LANES] = number(y, x, c);
                }
            }
            Reach::Interleaved(window) => {
                for (y, x, c) in places(volume.height, volume.width, volume.channels) {
                    let (row, column) = (y + window.padding, (x + window.padding) * volume.channels);
                    sources[row * linear.row(window) + column + c] = number(y, x, c);
                }
            }
        }
        Self { sources, inputs: volume.len(), skips: linear.reach == Reach::Dense }
    }
}

fn places(height: usize, width: usize, channels: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..height).flat_map(move |y| (0..width).flat_map(move |x| (0..channels).map(move |c| (y, x, c))))
}

/// What a backward pass makes of a batch: the mean loss's derivative by every parameter.
pub struct Gradients {
    pub(crate) layers: Vec<LayerGradients>,
    /// (B, K): derivative of the loss by half the scores.
    pub(crate) differences: Tensor,
    /// Whether the errors at a layer's outputs have something in them already.
    pub(crate) filled: Vec<bool>,
}

impl Gradients {
    /// Room for batches of up to `capacity` samples.
    pub fn new(network: &Network, capacity: usize) -> Self {
        let activations = Activations::new(network, 0);
        let layers = network.layers.iter().zip(&activations.layers).enumerate();
        let layers =
            layers.map(|(i, (layer, room))| LayerGradients::new(layer, capacity, &room.outputs, i == 0));
        Self {
            layers: layers.collect(),
            differences: Tensor::new(Volume::flat(network.classes()), 0, capacity),
            filled: vec![false; network.layers.len()],
        }
    }
}

#[cfg(test)]
impl Activations {
    /// What its buffers hold.
    pub(crate) fn bytes(&self) -> u64 {
        let own = size_of_val(self.inputs.lanes.as_slice())
            + size_of_val(self.loader.sources.as_slice())
            + size_of_val(self.scores.lanes.as_slice());
        own as u64 + self.sparse.bytes() + self.layers.iter().map(LayerActivations::bytes).sum::<u64>()
    }
}

#[cfg(test)]
impl Gradients {
    /// What its buffers hold.
    pub(crate) fn bytes(&self) -> u64 {
        let differences = size_of_val(self.differences.lanes.as_slice()) as u64;
        differences + self.layers.iter().map(LayerGradients::bytes).sum::<u64>()
    }
}

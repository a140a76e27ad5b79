//! Room for the passes, allocated once: nothing is allocated per batch.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::seed::Seed;

use super::Network;
use super::kernels::{LANES, floats_mut};
use super::layer::{LayerActivations, LayerGradients};
use super::linear::Reach;
use super::sparse::SparseBatch;
use super::tensor::Tensor;

/// A batch and what a forward pass makes of it.
pub struct Activations {
    /// Samples in the batch at hand; there is room for as many or more.
    batch: usize,
    /// As the lowest layer wants them.
    pub(super) inputs: Tensor,
    /// The batch in their place, where a dense layer comes first and most inputs are 0.
    pub(super) sparse: SparseBatch,
    loader: Loader,
    /// Of dropout in the last pass, where that was a training pass.
    pub(super) seed: Option<Seed>,
    pub(super) layers: Vec<LayerActivations>,
    /// (B, K)
    pub(super) scores: Array2<f32>,
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
            scores: Array2::zeros((capacity, network.classes())),
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
        self.scores.slice(ndarray::s![..self.batch, ..])
    }

    /// Calls `task` with the outputs of layer `layer` for each sample of the last pass, counted from the input;
    /// the last is the output. What is in them comes in the order of memory, the same for every sample.
    pub fn for_each_output(&self, layer: usize, mut task: impl FnMut(usize, f32)) {
        let outputs = &self.layers[layer].outputs;
        let volume = outputs.volume;
        for sample in 0..self.batch {
            let lanes = &outputs.lanes[sample * outputs.stride..];
            let mut neuron = 0;
            for panel in 0..outputs.panels() {
                let width = LANES.min(volume.channels - panel * LANES);
                for y in 0..volume.height {
                    let start = outputs.row_start(panel, y);
                    for values in &lanes[start..start + volume.width] {
                        for &value in &values.0[..width] {
                            task(neuron, value);
                            neuron += 1;
                        }
                    }
                }
            }
        }
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
            Reach::Patches(window) => {
                let output = linear.output;
                for (row, column, _) in places(output.height, output.width, 1) {
                    let patch = (row * output.width + column) * linear.patch() * LANES;
                    for (y, x, c) in places(window.height, window.width, volume.channels) {
                        let at = |place: usize, tap: usize| {
                            (place * window.stride + tap).checked_sub(window.padding)
                        };
                        let inside = at(row, y).zip(at(column, x));
                        if let Some((i, j)) = inside.filter(|&(i, j)| i < volume.height && j < volume.width) {
                            sources[patch + linear.term(y, x, c)] = number(i, j, c);
                        }
                    }
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
    pub(super) layers: Vec<LayerGradients>,
    /// (B, K): derivative of the loss by half the scores.
    pub(super) differences: Array2<f32>,
    /// Whether the errors at a layer's outputs have something in them already.
    pub(super) filled: Vec<bool>,
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
            differences: Array2::zeros((capacity, network.classes())),
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
            + self.scores.len() * size_of::<f32>();
        own as u64 + self.sparse.bytes() + self.layers.iter().map(LayerActivations::bytes).sum::<u64>()
    }
}

#[cfg(test)]
impl Gradients {
    /// What its buffers hold.
    pub(crate) fn bytes(&self) -> u64 {
        let differences = (self.differences.len() * size_of::<f32>()) as u64;
        differences + self.layers.iter().map(LayerGradients::bytes).sum::<u64>()
    }
}

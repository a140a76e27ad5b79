//! The workspaces of the passes. They are allocated once, so that a batch allocates no memory.

use ndarray::ArrayView2;

use crate::seed::Seed;

use super::sparse::SparseBatch;
use super::tensor::Tensor;
use crate::network::kernels::{LANES, Lanes, floats_mut, vectorized};
use crate::network::layer::linear::InputLayout;
use crate::network::layer::parts::{BatchPart, Split, for_each_part};
use crate::network::layer::{LayerActivations, LayerGradients};
use crate::network::{Network, Volume};

/// The workspace of a forward pass: a batch of samples, and all values that the pass computes from
/// them.
pub struct Activations {
    /// Number of samples in the current batch, at most the capacity.
    batch: usize,
    /// The batch in the layout of the lowest layer.
    pub(crate) inputs: Tensor,
    /// The inputs of the batch that are not 0. It is used instead of `inputs` if the lowest layer
    /// is dense and most inputs are 0.
    pub(crate) sparse: SparseBatch,
    loader: Loader,
    /// The seed of dropout in the last pass, if it was a training pass.
    pub(crate) seed: Option<Seed>,
    /// The values of each layer.
    pub(crate) layers: Vec<LayerActivations>,
    /// The class scores: (B samples, K classes).
    pub(crate) scores: Tensor,
}

/// How the numbers of a sample become the inputs of the lowest layer.
struct Loader {
    /// For each float in memory, the index of the input that it holds; [`NOTHING`] if it holds
    /// none.
    sources: Vec<u32>,
    /// The length of a sample.
    inputs: usize,
    /// Whether the lowest layer can skip inputs of 0.
    skips: bool,
}

/// Marks a float in memory that holds no input.
const NOTHING: u32 = u32::MAX;

impl Activations {
    /// A workspace for batches of up to `capacity` samples. It fits `network` and any network of
    /// the same shape.
    pub fn new(network: &Network, capacity: usize) -> Self {
        let inputs = network.layers[0].linear.input_tensor(capacity);
        let border = |layer: usize| match network.layers.get(layer + 1).map(|layer| layer.linear.layout) {
            Some(InputLayout::Window(window)) => window.padding,
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

    /// Loads the samples of `inputs` (B samples, I inputs) whose numbers are in `chosen` as the
    /// current batch. Inputs are divided by `max`.
    ///
    /// # Panics
    /// If `chosen` is longer than the capacity or names a missing sample, or if the length of a
    /// sample differs from the inputs of the network.
    pub fn load(&mut self, inputs: ArrayView2<'_, u8>, max: u8, chosen: &[u32]) {
        assert_eq!(inputs.ncols(), self.loader.inputs, "a sample has one entry per input of the network");
        self.batch = chosen.len();
        let levels: [f32; 256] = std::array::from_fn(|level| level as f32 / f32::from(max));
        if self.loader.skips && self.sparse.load(inputs, &levels, chosen) {
            return;
        }
        let loader = &self.loader;
        let split = Split::of_pass(chosen.len() * self.inputs.stride);
        let samples = [BatchPart::of(&mut self.inputs, chosen.len())];
        for_each_part(chosen.len(), split, samples, &|range, [mut part]| {
            for (index, &sample) in chosen[range].iter().enumerate() {
                let row = inputs.row(sample as usize);
                let row = row.to_slice().expect("the numbers of a sample are contiguous");
                for (value, &source) in floats_mut(part.sample(index)).iter_mut().zip(&loader.sources) {
                    *value = row.get(source as usize).map_or(0.0, |&level| levels[usize::from(level)]);
                }
            }
        });
    }

    /// B, the number of samples in the current batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The class scores of the last pass: (B samples, K classes).
    pub fn scores(&self) -> ArrayView2<'_, f32> {
        self.scores.matrix(self.batch)
    }

    /// A buffer of zeros for [`add_outputs`](Self::add_outputs) of layer `layer`.
    pub fn totals(&self, layer: usize) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.layers[layer].outputs.stride]
    }

    /// Adds the outputs of layer `layer`, counted from the input, over all samples of the last pass
    /// to `totals`. The totals are exact for up to 2^24 spikes per neuron.
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

    /// The numbers in `totals` that belong to neurons of layer `layer`, in the order of memory;
    /// those of empty lanes are left out.
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
        match linear.layout {
            InputLayout::Dense => (0..volume.len()).for_each(|input| sources[input] = input as u32),
            InputLayout::Window(_) => {
                for (y, x, c) in elements(volume.height, volume.width, volume.channels) {
                    let lane = inputs.row_start(c / LANES, y) + x;
                    sources[lane * LANES + c % LANES] = number(y, x, c);
                }
            }
            InputLayout::Interleaved(window) => {
                for (y, x, c) in elements(volume.height, volume.width, volume.channels) {
                    let (row, column) = (y + window.padding, (x + window.padding) * volume.channels);
                    sources[row * linear.row(window) + column + c] = number(y, x, c);
                }
            }
        }
        Self { sources, inputs: volume.len(), skips: linear.layout == InputLayout::Dense }
    }
}

/// Every (row, column, channel) of a volume, in the order in which a sample holds them.
fn elements(height: usize, width: usize, channels: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..height).flat_map(move |y| (0..width).flat_map(move |x| (0..channels).map(move |c| (y, x, c))))
}

/// The workspace of a backward pass. It also holds the result: the derivative of the mean loss by
/// every parameter.
pub struct Gradients {
    /// The gradients of each layer.
    pub(crate) layers: Vec<LayerGradients>,
    /// The derivative of the loss by half the scores: (B samples, K classes).
    pub(crate) differences: Tensor,
    /// The loss of each sample: (B samples, 1).
    pub(crate) losses: Tensor,
    /// For each layer, whether the errors at its outputs already hold the share of a residual
    /// connection.
    pub(crate) filled: Vec<bool>,
}

impl Gradients {
    /// A workspace for batches of up to `capacity` samples. It fits `network` and any network of
    /// the same shape.
    pub fn new(network: &Network, capacity: usize) -> Self {
        let activations = Activations::new(network, 0);
        let layers = network.layers.iter().zip(&activations.layers).enumerate();
        let layers =
            layers.map(|(i, (layer, state))| LayerGradients::new(layer, capacity, &state.outputs, i == 0));
        Self {
            layers: layers.collect(),
            differences: Tensor::new(Volume::flat(network.classes()), 0, capacity),
            losses: Tensor::new(Volume::flat(1), 0, capacity),
            filled: vec![false; network.layers.len()],
        }
    }
}

#[cfg(test)]
impl Activations {
    /// The size of the buffers, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let own = size_of_val(self.inputs.lanes.as_slice())
            + size_of_val(self.loader.sources.as_slice())
            + size_of_val(self.scores.lanes.as_slice());
        own as u64 + self.sparse.bytes() + self.layers.iter().map(LayerActivations::bytes).sum::<u64>()
    }
}

#[cfg(test)]
impl Gradients {
    /// The size of the buffers, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let of_head =
            [&self.differences, &self.losses].map(|tensor| size_of_val(tensor.lanes.as_slice()) as u64);
        of_head.into_iter().sum::<u64>() + self.layers.iter().map(LayerGradients::bytes).sum::<u64>()
    }
}

//! The memory of a network and of its passes. It is computed from the plan alone, before anything
//! is allocated.

use super::planned_layer::{PlannedLayer, planned_layers};
use crate::network::kernels::{LANES, Lanes, SparseEntry, panels};
use crate::network::layer::linear::{InputLayout, Linear};
use crate::network::pass::sparse::SparseBatch;
use crate::network::pass::tensor::Tensor;
use crate::network::{Spec, SpecError, Volume};

/// The size of a buffer in bytes: a fixed part, and a part for each sample of the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferSize {
    /// Bytes that do not depend on the batch.
    pub fixed: u64,
    /// Bytes for each sample that a batch may have.
    pub per_sample: u64,
}

impl BufferSize {
    /// Bytes of a buffer for batches of up to `samples` samples.
    pub fn for_samples(&self, samples: usize) -> u64 {
        self.per_sample.saturating_mul(samples as u64).saturating_add(self.fixed)
    }
}

/// The memory of a network and of the buffers of its passes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of the [`Network`](crate::network::Network).
    pub network: u64,
    /// Bytes of all parameters.
    pub learnt: u64,
    /// Bytes of the weights alone.
    pub weights: u64,
    /// Bytes of the [`totals`](crate::network::Activations::totals) of all layers.
    pub totals: u64,
    /// Bytes of [`Activations`](crate::network::Activations). If a dense layer skips inputs of 0,
    /// the lists for it are as long as in the densest batch for which it does.
    pub activations: BufferSize,
    /// Bytes of [`Gradients`](crate::network::Gradients).
    pub gradients: BufferSize,
}

/// Bytes of one [`Lanes`].
const LANE: u64 = size_of::<Lanes>() as u64;
/// Bytes of one float.
const FLOAT: u64 = size_of::<f32>() as u64;

impl Spec {
    /// The memory of a network of this plan.
    ///
    /// # Errors
    /// The first mistake in the plan.
    ///
    /// ```
    /// use spiketune::network::{HeadSpec, Spec, Volume};
    ///
    /// let head = HeadSpec { classes: 2, redundancy: 8, overlapping: false, batch_norm: false };
    /// let footprint = Spec { input: Volume::flat(100), hidden: vec![], head }.footprint()?;
    /// assert_eq!(footprint.weights, 100 * 16 * 4);
    /// assert!(footprint.activations.for_samples(64) > footprint.activations.for_samples(32));
    /// # Ok::<(), spiketune::network::SpecError>(())
    /// ```
    pub fn footprint(&self) -> Result<Footprint, SpecError> {
        let layers = planned_layers(self)?;
        let linears: Vec<Linear> =
            layers.iter().enumerate().map(|(index, layer)| linear(layer, index)).collect();
        let mut footprint = Footprint::default();
        for (index, (layer, linear)) in layers.iter().zip(&linears).enumerate() {
            let border = linears.get(index + 1).map_or(0, |above| match above.layout {
                InputLayout::Window(window) => window.padding,
                _ => 0,
            });
            footprint.add(layer, linear, border, index == 0);
        }
        let (classes, neurons) =
            (self.head.classes as u64, (self.head.classes * self.head.redundancy) as u64);
        // The members of the key, its signs in panels of classes and in panels of neurons, and the
        // sums of the signs.
        let signs = panels(self.head.classes) as u64 * neurons + panels(neurons as usize) as u64 * classes;
        footprint.network += classes * (neurons + FLOAT) + signs * LANE;
        footprint.add_input(&linears[0]);
        // The class scores, the derivative of the loss by them, and the loss.
        let scores = sample(Volume::flat(self.head.classes), 0);
        footprint.activations.per_sample += scores;
        footprint.gradients.per_sample += scores + sample(Volume::flat(1), 0);
        Ok(footprint)
    }
}

/// The linear part of a layer, without its weights.
fn linear(layer: &PlannedLayer, index: usize) -> Linear {
    Linear::planned(layer.input, layer.activation.sums, layer.input_layout(index == 0))
}

impl Footprint {
    fn add(&mut self, layer: &PlannedLayer, linear: &Linear, border: usize, lowest: bool) {
        let channels = panels(layer.activation.sums.channels) as u64 * LANE;
        let norms = if layer.batch_norm { 1 } else { 0 };
        let weights = linear.weights_len() as u64 * LANE;
        let learnt = weights + channels + norms * channels;
        self.weights += weights;
        self.learnt += learnt;
        // Batch norm also has a running mean and a running variance for each channel.
        self.network += learnt + 2 * norms * channels;

        let sums = sample(layer.activation.sums, 0);
        let outputs = sample(layer.activation.outputs(), border);
        self.totals += outputs;
        // The maximum of each window, and its index in the window.
        let pooled =
            if layer.activation.max.is_some() { 2 * sample(layer.activation.potentials, 0) } else { 0 };
        // Scale and shift; with batch norm also mean, variance and inverse deviation of the batch.
        self.activations.fixed += linear.forward_weights_len() as u64 * LANE + (2 + 3 * norms) * channels;
        self.activations.per_sample += sums + pooled + outputs;

        let backward_weights = if lowest { 0 } else { linear.backward_weights_len() };
        self.gradients.fixed += learnt + (linear.partial_len() + backward_weights) as u64 * LANE;
        self.gradients.per_sample += sums + outputs;
    }

    fn add_input(&mut self, lowest: &Linear) {
        let sample = lowest.input_tensor(0).stride as u64;
        // For each number in memory, the index of the input that it is read from.
        self.activations.fixed += sample * LANES as u64 * size_of::<u32>() as u64;
        self.activations.per_sample += sample * LANE;
        if lowest.layout == InputLayout::Dense {
            let inputs = lowest.input.len();
            self.activations.fixed += (inputs * size_of::<u32>()) as u64;
            self.activations.per_sample +=
                (SparseBatch::most_entries(inputs) * size_of::<SparseEntry>()) as u64;
        }
    }
}

/// Bytes of a sample of `volume` with its border of zeros.
fn sample(volume: Volume, border: usize) -> u64 {
    Tensor::new(volume, border, 0).stride as u64 * LANE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activations, Gradients, HeadSpec, LayerSpec, Network, Window};
    use crate::seed::Seed;

    fn head() -> HeadSpec {
        HeadSpec { classes: 3, redundancy: 7, overlapping: true, batch_norm: true }
    }

    fn convolution(side: usize, padding: usize, channels: usize) -> LayerSpec {
        let window = Window { padding, ..Window::square(side, 1) };
        LayerSpec::Convolution { channels, window, batch_norm: channels > 20, dropout: 0.1 }
    }

    fn plans() -> Vec<Spec> {
        let dense = |width, batch_norm| LayerSpec::Dense { width, batch_norm, dropout: 0.0 };
        let image = Volume { height: 16, width: 12, channels: 3 };
        vec![
            Spec { input: Volume::flat(50), hidden: vec![dense(33, true), dense(16, false)], head: head() },
            Spec {
                input: image,
                hidden: vec![
                    convolution(5, 2, 18),
                    LayerSpec::MaxPool { size: 2, stride: 2 },
                    convolution(3, 1, 40),
                    convolution(3, 1, 40),
                    LayerSpec::Residual { back: 1 },
                    convolution(2, 0, 9),
                    dense(20, true),
                ],
                head: head(),
            },
            Spec {
                input: Volume { channels: 20, ..image },
                hidden: vec![convolution(3, 1, 32), LayerSpec::AveragePool { size: 2 }],
                head: head(),
            },
        ]
    }

    #[test]
    fn the_footprint_of_a_plan_is_the_memory_of_its_network() {
        for spec in plans() {
            let (footprint, network) =
                (spec.footprint().unwrap(), Network::build(&spec, &Seed::root(0)).unwrap());
            assert_eq!(network.bytes(), footprint.network, "{}", network.topology());
            let buffers = Activations::new(&network, 0);
            let totals = (0..network.widths().count()).map(|layer| buffers.totals(layer).len() as u64 * LANE);
            assert_eq!(totals.sum::<u64>(), footprint.totals);
            let learnt = network.tensor_lengths().sum::<usize>() as u64 * FLOAT;
            assert_eq!(learnt, footprint.learnt);
            for samples in [1, 24] {
                // No batch was loaded yet, so the lists of inputs that are not 0 are empty.
                let skipped = match spec.hidden[0] {
                    LayerSpec::Dense { .. } => {
                        let entries = SparseBatch::most_entries(spec.input.len()) * size_of::<SparseEntry>();
                        (samples * entries + spec.input.len() * 4) as u64
                    }
                    _ => 0,
                };
                let activations = Activations::new(&network, samples).bytes();
                assert_eq!(activations + skipped, footprint.activations.for_samples(samples));
                assert_eq!(
                    Gradients::new(&network, samples).bytes(),
                    footprint.gradients.for_samples(samples)
                );
            }
        }
    }

    #[test]
    fn a_plan_that_is_wrong_has_no_footprint() {
        let wrong = Spec { input: Volume::flat(0), hidden: Vec::new(), head: head() };
        assert!(wrong.footprint().is_err());
    }
}

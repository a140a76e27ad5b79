//! The memory that a network and its passes take, by its plan alone: nothing is allocated to know it.

use super::planned_layer::{PlannedLayer, planned_layers};
use crate::network::kernels::{Entry, LANES, Lanes, panels};
use crate::network::layer::linear::{Linear, Reach};
use crate::network::pass::sparse::SparseBatch;
use crate::network::pass::tensor::Tensor;
use crate::network::{Spec, SpecError, Volume};

/// Bytes that are there once, and those for every sample that there is room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Whatever the batch.
    pub fixed: u64,
    /// For each sample of the largest batch.
    pub per_sample: u64,
}

impl Buffers {
    /// Bytes of room for `samples` samples.
    pub fn of(&self, samples: usize) -> u64 {
        self.per_sample.saturating_mul(samples as u64).saturating_add(self.fixed)
    }
}

/// Bytes of a network and of the room for its passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// The [`Network`](crate::network::Network).
    pub network: u64,
    /// Everything in it that is learnt.
    pub learnt: u64,
    /// Its weights.
    pub weights: u64,
    /// The [`totals`](crate::network::Activations::totals) of all its layers.
    pub totals: u64,
    /// [`Activations`](crate::network::Activations); where inputs that are 0 are skipped, with the most inputs for
    /// which that is done.
    pub activations: Buffers,
    /// [`Gradients`](crate::network::Gradients).
    pub gradients: Buffers,
}

/// Bytes of one [`Lanes`].
const LANE: u64 = size_of::<Lanes>() as u64;
const FLOAT: u64 = size_of::<f32>() as u64;

impl Spec {
    /// What a network of this plan takes.
    ///
    /// # Errors
    /// The first thing in the plan that is wrong.
    ///
    /// ```
    /// use spiketune::network::{HeadSpec, Spec, Volume};
    ///
    /// let head = HeadSpec { classes: 2, redundancy: 8, overlapping: false, batch_norm: false };
    /// let footprint = Spec { input: Volume::flat(100), hidden: vec![], head }.footprint()?;
    /// assert_eq!(footprint.weights, 100 * 16 * 4);
    /// assert!(footprint.activations.of(64) > footprint.activations.of(32));
    /// # Ok::<(), spiketune::network::SpecError>(())
    /// ```
    pub fn footprint(&self) -> Result<Footprint, SpecError> {
        let layers = planned_layers(self)?;
        let linears: Vec<Linear> =
            layers.iter().enumerate().map(|(index, layer)| linear(layer, index)).collect();
        let mut footprint = Footprint::default();
        for (index, (layer, linear)) in layers.iter().zip(&linears).enumerate() {
            let border = linears.get(index + 1).map_or(0, |above| match above.reach {
                Reach::Window(window) => window.padding,
                _ => 0,
            });
            footprint.add(layer, linear, border, index == 0);
        }
        let (classes, neurons) =
            (self.head.classes as u64, (self.head.classes * self.head.redundancy) as u64);
        // The key's members, its signs in panels of classes and of neurons, their sums.
        let signs = panels(self.head.classes) as u64 * neurons + panels(neurons as usize) as u64 * classes;
        footprint.network += classes * (neurons + FLOAT) + signs * LANE;
        footprint.add_input(&linears[0]);
        // Scores, and how they differ from the targets.
        let scores = sample(Volume::flat(self.head.classes), 0);
        footprint.activations.per_sample += scores;
        footprint.gradients.per_sample += scores;
        Ok(footprint)
    }
}

/// The linear part of a layer, without its weights.
fn linear(layer: &PlannedLayer, index: usize) -> Linear {
    Linear::planned(layer.input, layer.step.sums, layer.reach(index == 0))
}

impl Footprint {
    fn add(&mut self, layer: &PlannedLayer, linear: &Linear, border: usize, lowest: bool) {
        let channels = panels(layer.step.sums.channels) as u64 * LANE;
        let norms = if layer.batch_norm { 1 } else { 0 };
        let weights = linear.weights_len() as u64 * LANE;
        let learnt = weights + channels + norms * channels;
        self.weights += weights;
        self.learnt += learnt;
        // Batch norm's running mean and variance beside its gain.
        self.network += learnt + 2 * norms * channels;

        let sums = sample(layer.step.sums, 0);
        let outputs = sample(layer.step.outputs(), border);
        self.totals += outputs;
        // The greatest potentials and which they are.
        let pooled = if layer.step.max.is_some() { 2 * sample(layer.step.potentials, 0) } else { 0 };
        // Scale and shift; mean, variance and inverse deviation of the batch.
        self.activations.fixed += linear.prepared_len() as u64 * LANE + (2 + 3 * norms) * channels;
        self.activations.per_sample += sums + pooled + outputs;

        let turned = if lowest { 0 } else { linear.turned_room_len() };
        self.gradients.fixed += learnt + (linear.partial_len() + turned) as u64 * LANE;
        self.gradients.per_sample += sums + outputs;
    }

    fn add_input(&mut self, lowest: &Linear) {
        let sample = lowest.input_tensor(0).stride as u64;
        // Where each float in memory comes from.
        self.activations.fixed += sample * LANES as u64 * size_of::<u32>() as u64;
        self.activations.per_sample += sample * LANE;
        if lowest.reach == Reach::Dense {
            let inputs = lowest.input.len();
            self.activations.fixed += (inputs * size_of::<u32>()) as u64;
            self.activations.per_sample += (SparseBatch::most_entries(inputs) * size_of::<Entry>()) as u64;
        }
    }
}

/// Bytes of a sample of `volume` within a border.
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
    fn what_a_plan_takes_is_what_its_network_takes() {
        for spec in plans() {
            let (footprint, network) =
                (spec.footprint().unwrap(), Network::build(&spec, &Seed::root(0)).unwrap());
            assert_eq!(network.bytes(), footprint.network, "{}", network.topology());
            let room = Activations::new(&network, 0);
            let totals = (0..network.widths().count()).map(|layer| room.totals(layer).len() as u64 * LANE);
            assert_eq!(totals.sum::<u64>(), footprint.totals);
            let learnt = network.tensor_lengths().sum::<usize>() as u64 * FLOAT;
            assert_eq!(learnt, footprint.learnt);
            for samples in [1, 24] {
                // Nothing was loaded yet, so that what is not 0 takes no room.
                let skipped = match spec.hidden[0] {
                    LayerSpec::Dense { .. } => {
                        let entries = SparseBatch::most_entries(spec.input.len()) * size_of::<Entry>();
                        (samples * entries + spec.input.len() * 4) as u64
                    }
                    _ => 0,
                };
                let activations = Activations::new(&network, samples).bytes();
                assert_eq!(activations + skipped, footprint.activations.of(samples));
                assert_eq!(Gradients::new(&network, samples).bytes(), footprint.gradients.of(samples));
            }
        }
    }

    #[test]
    fn a_plan_that_is_wrong_has_no_footprint() {
        let wrong = Spec { input: Volume::flat(0), hidden: Vec::new(), head: head() };
        assert!(wrong.footprint().is_err());
    }
}

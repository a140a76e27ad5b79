//! The number of operations in a forward pass, computed from the plan alone.

use super::planned_layer::{PlannedLayer, planned_layers};
use crate::network::{Spec, SpecError};

/// The number of operations of a forward pass over one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassWork {
    /// Multiplications of an input with a weight.
    pub products: u64,
    /// Weighted sums: one for each neuron.
    pub neurons: u64,
    /// Weights. A weight that several positions share counts once.
    pub weights: u64,
}

impl Spec {
    /// The number of weights and thresholds of the deployed network. Average pooling is folded into
    /// the next layer, which then has one weight for each input of a square.
    ///
    /// # Errors
    /// The first mistake in the plan.
    pub fn deployed_parameters(&self) -> Result<usize, SpecError> {
        let layers = planned_layers(self)?;
        let areas = std::iter::once(1).chain(layers.iter().map(|layer| layer.activation.average.pow(2)));
        let parameters = |(layer, area): (&PlannedLayer, usize)| {
            let inputs =
                layer.window.map_or(layer.input.len(), |window| window.area() * layer.input.channels);
            (inputs * area + 1) * layer.activation.sums.channels
        };
        Ok(layers.iter().zip(areas).map(parameters).sum())
    }

    /// The number of connections between inputs and neurons of the deployed network's convolutions.
    ///
    /// # Errors
    /// The first mistake in the plan.
    pub(crate) fn deployed_synapses(&self) -> Result<u64, SpecError> {
        let layers = planned_layers(self)?;
        let areas = std::iter::once(1).chain(layers.iter().map(|layer| layer.activation.average.pow(2)));
        let convolutions = layers.iter().zip(areas).filter(|(layer, _)| layer.window.is_some());
        let synapses = |(layer, area): (&PlannedLayer, usize)| {
            (layer.activation.sums.len() as u64).saturating_mul((layer.fan_in() * area) as u64)
        };
        Ok(convolutions.map(synapses).fold(0, u64::saturating_add))
    }

    /// For each layer of the deployed network the number of inputs of one neuron, which is at most the
    /// number of its weights. `None` for max pooling, which is a layer of its own and has no weights.
    /// Average pooling is folded into the next layer.
    ///
    /// # Errors
    /// The first mistake in the plan.
    ///
    /// ```
    /// use spiketune::network::Spec;
    ///
    /// let spec: Spec = "28x28x1-32c5-p2-64c3-a2-128-10x16".parse()?;
    /// assert_eq!(spec.deployed_fan_ins()?, [Some(25), None, Some(288), Some(6400), Some(128)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deployed_fan_ins(&self) -> Result<Vec<Option<usize>>, SpecError> {
        let (mut fan_ins, mut area) = (Vec::new(), 1);
        for layer in planned_layers(self)? {
            fan_ins.push(Some(layer.fan_in().min(layer.input.len()) * area));
            fan_ins.extend(layer.activation.max.map(|_| None));
            area = layer.activation.average.pow(2);
        }
        Ok(fan_ins)
    }

    /// The number of operations of a forward pass over one sample that skips no input.
    ///
    /// # Errors
    /// The first mistake in the plan.
    ///
    /// ```
    /// use spiketune::network::{HeadSpec, LayerSpec, Spec, Volume, Window};
    ///
    /// let window = Window::square(3, 1);
    /// let hidden = vec![LayerSpec::Convolution { channels: 4, window, batch_norm: false, dropout: 0.0 }];
    /// let head = HeadSpec { classes: 2, redundancy: 5, overlapping: false, batch_norm: false };
    /// let input = Volume { height: 5, width: 5, channels: 2 };
    /// let work = Spec { input, hidden, head }.work()?;
    /// // Nine positions of 4 neurons with 3 * 3 * 2 weights, then 10 neurons with 36 weights.
    /// assert_eq!(work.products, 36 * 18 + 10 * 36);
    /// assert_eq!((work.neurons, work.weights), (46, 4 * 18 + 10 * 36));
    /// # Ok::<(), spiketune::network::SpecError>(())
    /// ```
    pub fn work(&self) -> Result<PassWork, SpecError> {
        let mut work = PassWork::default();
        for layer in planned_layers(self)? {
            let (sums, inputs) = (layer.activation.sums.len() as u64, layer.fan_in() as u64);
            work.products = work.products.saturating_add(sums.saturating_mul(inputs));
            work.neurons += sums;
            work.weights += layer.activation.sums.channels as u64 * inputs;
        }
        Ok(work)
    }
}

//! A summary of a network for people: the shape, the parameters and the operations of each layer.

use super::planned_layer::{PlannedLayer, planned_layers};
use crate::network::layer::Layer;
use crate::network::pass::spike_activation::SpikeActivation;
use crate::network::{Network, Spec, SpecError, Volume, Window};

/// The summary of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// The layer in words, such as `dense 512`, or `convolution 32@5x5, max pool 2x2`.
    pub name: String,
    /// The shape of its outputs, after pooling.
    pub output: Volume,
    /// The number of its learnable parameters.
    pub parameters: usize,
    /// Number of multiplications in a forward pass over one sample, including those of inputs that
    /// are 0.
    pub operations: usize,
}

impl Spec {
    /// The summaries of all layers, from the input to the output neurons. They follow from the plan
    /// without building a network, so plans of any size have them.
    ///
    /// # Errors
    /// The first mistake in the plan.
    pub fn summary(&self) -> Result<Vec<LayerSummary>, SpecError> {
        Ok(planned_layers(self)?.iter().map(summary).collect())
    }

    /// The network of this plan in one word, such as `28x28x1-32c5-p2-512-100`; see
    /// [`Network::topology`].
    ///
    /// # Errors
    /// The first mistake in the plan.
    pub fn topology(&self) -> Result<String, SpecError> {
        Ok(topology(self.input, planned_layers(self)?.iter().map(Form::of_planned)))
    }
}

impl Network {
    /// The network in one word, such as `28x28x1-32c5-p2-512-100`.
    ///
    /// `32cK` is a convolution with 32 channels and a window of K x K. `pK` and `aK` are max and
    /// average pooling, `+` is a residual connection, and a number alone is a dense layer.
    pub fn topology(&self) -> String {
        topology(self.input, self.layers.iter().map(Form::of_layer))
    }
}

/// The parts of a layer's description.
#[derive(Clone, Copy)]
struct Form<'a> {
    /// The window of a convolution.
    window: Option<Window>,
    activation: &'a SpikeActivation,
    /// The layer whose outputs this layer adds to its own, by a residual connection.
    adds: Option<usize>,
}

impl<'a> Form<'a> {
    fn of_planned(layer: &'a PlannedLayer) -> Self {
        Self { window: layer.window, activation: &layer.activation, adds: layer.adds }
    }

    fn of_layer(layer: &'a Layer) -> Self {
        Self { window: layer.linear.window(), activation: &layer.activation, adds: layer.adds }
    }

    fn name(self) -> String {
        let channels = self.activation.sums.channels;
        let mut name = match self.window {
            None => format!("dense {channels}"),
            Some(window) => {
                let stride = if window.stride > 1 { format!(" / {}", window.stride) } else { String::new() };
                format!("convolution {channels}@{}x{}{stride}", window.height, window.width)
            }
        };
        if let Some(window) = self.activation.max {
            name += &format!(", max pool {0}x{0}", window.height);
        }
        if self.activation.average > 1 {
            name += &format!(", average pool {0}x{0}", self.activation.average);
        }
        if let Some(from) = self.adds {
            name += &format!(", plus layer {from}");
        }
        name
    }
}

fn summary(layer: &PlannedLayer) -> LayerSummary {
    let sums = layer.activation.sums;
    let gains = if layer.batch_norm { 1 } else { 0 };
    LayerSummary {
        name: Form::of_planned(layer).name(),
        output: layer.activation.outputs(),
        parameters: (layer.fan_in() + 1 + gains).saturating_mul(sums.channels),
        operations: layer.fan_in().saturating_mul(sums.len()),
    }
}

fn topology<'a>(input: Volume, layers: impl Iterator<Item = Form<'a>>) -> String {
    let mut parts = vec![input.to_string()];
    for Form { window, activation, adds } in layers {
        let channels = activation.sums.channels;
        parts.push(match window {
            None => channels.to_string(),
            Some(window) if window.height == window.width => format!("{channels}c{}", window.height),
            Some(window) => format!("{channels}c{}x{}", window.height, window.width),
        });
        parts.extend(activation.max.map(|window| format!("p{}", window.height)));
        parts.extend((activation.average > 1).then(|| format!("a{}", activation.average)));
        parts.extend(adds.map(|_| "+".to_owned()));
    }
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use crate::network::{HeadSpec, LayerSpec, Network, Spec, Volume, Window};
    use crate::seed::Seed;

    #[test]
    fn a_lenet_by_hand() {
        let convolution = |channels| {
            let window = Window::square(5, 1);
            LayerSpec::Convolution { channels, window, batch_norm: true, dropout: 0.0 }
        };
        let pool = LayerSpec::MaxPool { size: 2, stride: 2 };
        let dense = LayerSpec::Dense { width: 512, batch_norm: false, dropout: 0.0 };
        let hidden = vec![convolution(32), pool.clone(), convolution(64), pool, dense];
        let head = HeadSpec { classes: 10, redundancy: 10, overlapping: true, batch_norm: false };
        let input = Volume { height: 28, width: 28, channels: 1 };
        let spec = Spec { input, hidden, head };
        let network = Network::build(&spec, &Seed::root(1)).expect("the plan is right");
        assert_eq!(network.topology(), "28x28x1-32c5-p2-64c5-p2-512-100");
        assert_eq!(spec.topology(), Ok(network.topology()));
        let summary = spec.summary().expect("the plan is right");
        assert_eq!(summary[1].name, "convolution 64@5x5, max pool 2x2");
        assert_eq!(summary[1].output.to_string(), "4x4x64");
        assert_eq!(summary[1].parameters, 25 * 32 * 64 + 2 * 64);
        assert_eq!(summary[1].operations, 25 * 32 * 64 * 8 * 8);
        assert_eq!(summary[2].parameters, 1024 * 512 + 512);
        assert_eq!(summary.iter().map(|layer| layer.parameters).sum::<usize>(), network.parameters());
    }

    #[test]
    fn a_plan_that_no_machine_could_train_is_described() {
        let dense = |width| LayerSpec::Dense { width, batch_norm: true, dropout: 0.0 };
        let head = HeadSpec { classes: 1 << 16, redundancy: 256, overlapping: false, batch_norm: false };
        let mut hidden = vec![dense(16_000); 1000];
        hidden.push(dense(16));
        let summary = Spec { input: Volume::flat(16_000), hidden, head }.summary().expect("a plan");
        assert_eq!(summary.len(), 1002);
        assert_eq!(summary[0].parameters, 16_000 * 16_002);
        assert_eq!(summary[1001].operations, 16 << 24);
        assert_eq!(summary[1001].output, Volume::flat(1 << 24));
    }
}

//! A summary of a network for people: the shape, the parameters and the operations of each layer.

use crate::network::layer::Layer;
use crate::network::{Network, Volume};

/// The summary of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// `dense 512`, `convolution 32@5x5, max pool 2x2`.
    pub name: String,
    /// The shape of its outputs, after pooling.
    pub output: Volume,
    /// The number of its learnable parameters.
    pub parameters: usize,
    /// Multiplications of a forward pass over one sample, inputs of 0 included.
    pub operations: usize,
}

impl Network {
    /// The summaries of all layers, from the input to the output neurons.
    pub fn summary(&self) -> Vec<LayerSummary> {
        self.layers
            .iter()
            .map(|layer| LayerSummary {
                name: name(layer),
                output: layer.activation.outputs(),
                parameters: layer.parameters(),
                operations: layer.linear.operations(),
            })
            .collect()
    }

    /// The network in one word, such as `28x28x1-32c5-p2-512-100`.
    ///
    /// `32cK` is a convolution of 32 channels with a window of K x K, `pK` and `aK` are max and
    /// average pooling, `+` is a residual connection, a number alone is a dense layer.
    pub fn topology(&self) -> String {
        let mut parts = vec![self.input.to_string()];
        for layer in &self.layers {
            let channels = layer.channels();
            parts.push(match layer.linear.window() {
                None => channels.to_string(),
                Some(window) if window.height == window.width => format!("{channels}c{}", window.height),
                Some(window) => format!("{channels}c{}x{}", window.height, window.width),
            });
            parts.extend(layer.activation.max.map(|window| format!("p{}", window.height)));
            parts.extend((layer.activation.average > 1).then(|| format!("a{}", layer.activation.average)));
            parts.extend(layer.adds.map(|_| "+".to_owned()));
        }
        parts.join("-")
    }
}

fn name(layer: &Layer) -> String {
    let channels = layer.channels();
    let mut name = match layer.linear.window() {
        None => format!("dense {channels}"),
        Some(window) => {
            let stride = if window.stride > 1 { format!(" / {}", window.stride) } else { String::new() };
            format!("convolution {channels}@{}x{}{stride}", window.height, window.width)
        }
    };
    if let Some(window) = layer.activation.max {
        name += &format!(", max pool {0}x{0}", window.height);
    }
    if layer.activation.average > 1 {
        name += &format!(", average pool {0}x{0}", layer.activation.average);
    }
    if let Some(from) = layer.adds {
        name += &format!(", plus layer {from}");
    }
    name
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
        let network =
            Network::build(&Spec { input, hidden, head }, &Seed::root(1)).expect("the plan is right");
        assert_eq!(network.topology(), "28x28x1-32c5-p2-64c5-p2-512-100");
        let summary = network.summary();
        assert_eq!(summary[1].name, "convolution 64@5x5, max pool 2x2");
        assert_eq!(summary[1].output.to_string(), "4x4x64");
        assert_eq!(summary[1].parameters, 25 * 32 * 64 + 2 * 64);
        assert_eq!(summary[1].operations, 25 * 32 * 64 * 8 * 8);
        assert_eq!(summary[2].parameters, 1024 * 512 + 512);
        assert_eq!(summary.iter().map(|layer| layer.parameters).sum::<usize>(), network.parameters());
    }
}

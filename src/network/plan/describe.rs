//! What a plan comes to, layer by layer: shapes, parameters, operations.

use crate::network::layer::Layer;
use crate::network::{Network, Volume};

/// A layer of a network as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// `dense 512`, `convolution 32@5x5, max pool 2x2`.
    pub name: String,
    /// What it gives, after pooling.
    pub output: Volume,
    /// Numbers that training may change.
    pub parameters: usize,
    /// Multiplications for the sums of one sample, if no input is 0.
    pub operations: usize,
}

impl Network {
    /// Every layer, from the input to the output neurons.
    pub fn summary(&self) -> Vec<LayerSummary> {
        self.layers
            .iter()
            .map(|layer| LayerSummary {
                name: name(layer),
                output: layer.step.outputs(),
                parameters: layer.parameters(),
                operations: layer.linear.operations(),
            })
            .collect()
    }

    /// The network in a word: `28x28x1-32c5-p2-512-100`; `cK` is a convolution with a window of K x K, `pK`
    /// and `aK` are max and average pooling, `+` a residual connection.
    pub fn topology(&self) -> String {
        let mut parts = vec![self.input.to_string()];
        for layer in &self.layers {
            let channels = layer.channels();
            parts.push(match layer.linear.window() {
                None => channels.to_string(),
                Some(window) if window.height == window.width => format!("{channels}c{}", window.height),
                Some(window) => format!("{channels}c{}x{}", window.height, window.width),
            });
            parts.extend(layer.step.max.map(|window| format!("p{}", window.height)));
            parts.extend((layer.step.average > 1).then(|| format!("a{}", layer.step.average)));
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
    if let Some(window) = layer.step.max {
        name += &format!(", max pool {0}x{0}", window.height);
    }
    if layer.step.average > 1 {
        name += &format!(", average pool {0}x{0}", layer.step.average);
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

//! The deployed form of a trained network: only weights, thresholds and connections.

mod checksum;
pub(super) mod decision;
pub(super) mod file;
pub(super) mod fold;

use ndarray::{Array1, Array2};

use super::{Connectivity, Key, Volume, Window};

/// A layer of threshold neurons: a neuron fires where the weighted sum of its inputs reaches its
/// threshold.
///
/// Batch norm and bias are folded into weights and thresholds. All of these are multiples of a
/// power of two (a grid), so coarse that every partial sum is exact in `f64`. So the order of
/// summation does not matter, and an integer simulation gives the same spikes.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryLayer {
    /// Which inputs reach which neurons.
    pub connectivity: Connectivity,
    /// The presynaptic layers, whose spikes this layer receives: 0 is the network's input, and l
    /// stands for layer l - 1.
    ///
    /// A residual connection gives a layer several sources. Each input of the layer is then the sum
    /// over all sources, from 0 to their number.
    pub sources: Vec<usize>,
    /// The weights (channels, kernel elements), whole multiples of `2^exponent`; a single 1 in a
    /// pool. See [`Connectivity::weight_channels`] and [`Connectivity::elements`].
    pub weights: Array2<f64>,
    /// The thresholds (channels), whole multiples of `2^exponent`; 1 in a pool.
    pub thresholds: Array1<f64>,
    /// Weights and thresholds are whole multiples of 2 to the power of this.
    pub exponent: i32,
}

/// A network in which every activation is 0 or 1.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryNetwork {
    /// The largest input: 1 for spikes, more for graded inputs, which are whole numbers.
    pub input_max: u8,
    /// The layers, from the input to the output neurons; at least one.
    pub layers: Vec<BinaryLayer>,
    /// The key, which says which output neurons belong to which class.
    pub key: Key,
}

/// A layer that does not fit the others: wrong sizes or sources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layer {layer}: {problem}")]
pub struct Malformed {
    /// The layer, counted from 0.
    pub layer: usize,
    /// The mistake.
    pub problem: String,
}

impl BinaryLayer {
    /// A layer for max pooling: `window` slides over the spikes of `sources`, an image of shape
    /// `input`.
    pub fn pool(input: Volume, window: Window, sources: Vec<usize>) -> Self {
        let (weights, thresholds) = (Array2::ones((1, 1)), Array1::ones(1));
        Self { connectivity: Connectivity::Pool { input, window }, sources, weights, thresholds, exponent: 0 }
    }

    /// The largest value that an input of this layer can have, in a network whose largest input is
    /// `input_max`.
    pub fn input_max(&self, input_max: u8) -> u8 {
        match self.sources[..] {
            [0] => input_max,
            _ => u8::try_from(self.sources.len()).unwrap_or(u8::MAX),
        }
    }

    /// The first mistake in the layer's sizes; `None` if there is none.
    fn problem(&self) -> Option<String> {
        let (connectivity, (channels, elements)) = (&self.connectivity, self.weights.dim());
        if let Some(problem) = connectivity.problem() {
            return Some(problem);
        }
        if (channels, elements) != (connectivity.weight_channels(), connectivity.elements()) {
            let (kind, rows, columns) =
                (connectivity.kind(), connectivity.weight_channels(), connectivity.elements());
            return Some(format!("weights are {channels} x {elements}, the {kind} takes {rows} x {columns}"));
        }
        if self.thresholds.len() != channels {
            return Some(format!("{} thresholds for {channels} neurons", self.thresholds.len()));
        }
        let fires_on_any = self.weights.iter().chain(&self.thresholds).all(|&number| number == 1.0);
        let is_pool = matches!(connectivity, Connectivity::Pool { .. });
        (is_pool && !fires_on_any).then(|| "weight and threshold of a pool must be 1".to_owned())
    }
}

impl BinaryNetwork {
    /// I, the number of inputs of a sample.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.connectivity.input().len())
    }

    /// Checks that the sizes and sources of all layers fit together, and that the key fits the last
    /// layer.
    ///
    /// # Errors
    /// The first layer with a mistake.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.layers.is_empty() {
            return Err(Malformed { layer: 0, problem: "a network needs one layer at least".to_owned() });
        }
        for (layer, found) in self.layers.iter().enumerate() {
            let problem = found.problem().or_else(|| self.problem_of_sources(layer));
            if let Some(problem) = problem {
                return Err(Malformed { layer, problem });
            }
        }
        let (last, key) = (self.layers.len() - 1, self.key.width());
        match self.layers[last].connectivity.output().len() {
            width if width == key => Ok(()),
            width => {
                let problem = format!("{width} output neurons, the key has {key}");
                Err(Malformed { layer: last, problem })
            }
        }
    }

    /// The first mistake in the sources of layer `index`; `None` if there is none.
    fn problem_of_sources(&self, index: usize) -> Option<String> {
        let layer = &self.layers[index];
        let (sources, inputs) = (&layer.sources, layer.connectivity.input().len());
        if sources.is_empty() || sources.len() > usize::from(u8::MAX) {
            return Some(format!("{} sources: must be 1 to 255", sources.len()));
        }
        if self.input_max > 1 && sources.len() > 1 && sources.contains(&0) {
            return Some("graded inputs cannot be added to spikes".to_owned());
        }
        sources.iter().enumerate().find_map(|(position, &source)| {
            if sources[..position].contains(&source) {
                return Some(format!("source {source} is named twice"));
            }
            if source > index {
                return Some(format!("source {source} is not below the layer"));
            }
            let (width, name) = match source {
                0 => (self.inputs(), "the inputs of the network".to_owned()),
                _ if source == index => (self.width(source), "the neurons of the layer below".to_owned()),
                _ => (self.width(source), format!("the neurons of layer {}", source - 1)),
            };
            (width != inputs).then(|| format!("{inputs} inputs do not match {name}"))
        })
    }

    /// The number of outputs of the source `source`, which must be a layer, not the network's
    /// input.
    fn width(&self, source: usize) -> usize {
        self.layers[source - 1].connectivity.output().len()
    }
}

//! A trained network in the form that is deployed: weights and thresholds, and nothing else.

pub(super) mod decision;
pub(super) mod file;
pub(super) mod fold;

use ndarray::{Array1, Array2};

use super::{Connectivity, Key, Volume, Window};

/// One layer of threshold neurons: a neuron is 1 where the weighted sum of its inputs reaches its threshold.
///
/// Batch norm and bias are folded in. Weights and thresholds lie on a grid of a power of two so coarse
/// that every partial sum is exact in `f64`: the order of summation does not matter, and an integer
/// simulation gives the same bits.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryLayer {
    /// Which inputs reach which neurons.
    pub connectivity: Connectivity,
    /// What the layer hears: 0 is the network's input, l the spikes of layer l - 1. More than one where a
    /// residual connection adds spikes: an input of the layer is then the sum over all sources, 0 up to
    /// their number.
    pub sources: Vec<usize>,
    /// (units, elements), whole multiples of `2^exponent`; a single 1 in a pool.
    pub weights: Array2<f64>,
    /// (units), whole multiples of `2^exponent`; 1 in a pool.
    pub thresholds: Array1<f64>,
    /// Base-2 logarithm of the grid's distance.
    pub exponent: i32,
}

/// A network whose every activation is 0 or 1.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryNetwork {
    /// The largest input: 1 for spikes, more where graded inputs come in as whole numbers.
    pub input_max: u8,
    /// From the input to the output neurons; at least one.
    pub layers: Vec<BinaryLayer>,
    /// From output neurons to classes.
    pub key: Key,
}

/// Why layers are no network: sizes or sources that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layer {layer}: {problem}")]
pub struct Malformed {
    /// The layer, counted from 0.
    pub layer: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl BinaryLayer {
    /// The layer that fires where any spike of a channel is in the window.
    pub fn pool(input: Volume, window: Window, sources: Vec<usize>) -> Self {
        let (weights, thresholds) = (Array2::ones((1, 1)), Array1::ones(1));
        Self { connectivity: Connectivity::Pool { input, window }, sources, weights, thresholds, exponent: 0 }
    }

    /// The largest number that it can hear from one input, if the network's largest is `input_max`.
    pub fn input_max(&self, input_max: u8) -> u8 {
        match self.sources[..] {
            [0] => input_max,
            _ => u8::try_from(self.sources.len()).unwrap_or(u8::MAX),
        }
    }

    fn problem(&self) -> Option<String> {
        let (connectivity, (units, elements)) = (&self.connectivity, self.weights.dim());
        if let Some(problem) = connectivity.problem() {
            return Some(problem);
        }
        if (units, elements) != (connectivity.units(), connectivity.elements()) {
            let (kind, rows, columns) = (connectivity.kind(), connectivity.units(), connectivity.elements());
            return Some(format!("weights are {units} x {elements}, the {kind} takes {rows} x {columns}"));
        }
        if self.thresholds.len() != units {
            return Some(format!("{} thresholds for {units} neurons", self.thresholds.len()));
        }
        let fires_on_any = self.weights.iter().chain(&self.thresholds).all(|&number| number == 1.0);
        let is_pool = matches!(connectivity, Connectivity::Pool { .. });
        (is_pool && !fires_on_any).then(|| "weight and threshold of a pool must be 1".to_owned())
    }
}

impl BinaryNetwork {
    /// I
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.connectivity.input().len())
    }

    /// Whether all sizes and sources fit together.
    ///
    /// # Errors
    /// The first layer that does not, with what is wrong.
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

    fn problem_of_sources(&self, index: usize) -> Option<String> {
        let layer = &self.layers[index];
        let (sources, inputs) = (&layer.sources, layer.connectivity.input().len());
        if sources.is_empty() || sources.len() > usize::from(u8::MAX) {
            return Some(format!("{} sources: must be 1 to 255", sources.len()));
        }
        if self.input_max > 1 && sources.len() > 1 && sources.contains(&0) {
            return Some("graded inputs cannot be added to spikes".to_owned());
        }
        sources.iter().enumerate().find_map(|(place, &source)| {
            if sources[..place].contains(&source) {
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

    /// Numbers that a source other than the input gives.
    fn width(&self, source: usize) -> usize {
        self.layers[source - 1].connectivity.output().len()
    }
}

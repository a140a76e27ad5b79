//! The plan of a network: what is needed to build one, and nothing that training changes.

use serde::{Deserialize, Serialize};

use crate::network::{Volume, Window};

/// One hidden layer, or what is done to the spikes of the layer before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerSpec {
    /// Every input to every neuron, then batch norm if asked for, then the sharpened step, then dropout.
    Dense {
        /// Neurons, at least 1.
        width: usize,
        /// Whether each neuron's input is normalized over the batch.
        batch_norm: bool,
        /// Share of activations dropped while training, in [0, 1).
        dropout: f32,
    },
    /// Neurons at each place of a window, with weights that all places share; then as a dense layer.
    Convolution {
        /// Neurons at each place, at least 1.
        channels: usize,
        /// What each of them looks at.
        window: Window,
        /// Whether each channel's input is normalized over the batch and all places.
        batch_norm: bool,
        /// Share of activations dropped while training, in [0, 1).
        dropout: f32,
    },
    /// The greatest of each window, right after a convolution.
    MaxPool {
        /// Rows and columns of the window, at least 1.
        size: usize,
        /// Places from one window to the next, at least 1.
        stride: usize,
    },
    /// The mean of each square, after a convolution or its max pooling. Nothing fires here: deployed, the
    /// next layer hears every spike over a share of the weight.
    AveragePool {
        /// Rows and columns of a square, at least 2; divides the height and the width.
        size: usize,
    },
    /// Adds the spikes of a layer further down: the next layer hears both.
    Residual {
        /// How many layers with neurons further down, at least 1; it has the same shape.
        back: usize,
    },
}

/// The n-hot output: each class owns several output neurons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpec {
    /// K, at least 2.
    pub classes: usize,
    /// Output neurons per class (n of n-hot), at least 1; N = K n.
    pub redundancy: usize,
    /// Whether classes may share neurons; else each neuron belongs to one class.
    pub overlapping: bool,
    /// Whether the output neurons' input is normalized over the batch.
    pub batch_norm: bool,
}

/// The whole plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The shape of a sample, after input coding.
    pub input: Volume,
    /// From the input up; may be empty.
    pub hidden: Vec<LayerSpec>,
    /// The output.
    pub head: HeadSpec,
}

/// A plan that no network can be built from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A size below its least value.
    #[error("{name} = {value}: must be at least {least}")]
    TooSmall {
        /// Where in the plan: `hidden[0].width`.
        name: String,
        /// What it is.
        value: usize,
        /// What it must be at least.
        least: usize,
    },
    /// A share of dropped activations that leaves none, or is none.
    #[error("{name} = {value}: must lie in [0, 1)")]
    Dropout {
        /// Where in the plan: `hidden[0].dropout`.
        name: String,
        /// What it is.
        value: f32,
    },
    /// More classes than labels can name.
    #[error("head.classes = {0}: must be at most 65536")]
    TooManyClasses(usize),
    /// A window larger than what it looks at.
    #[error("{name}: a window of {height}x{width} does not fit its input of {input}")]
    Window {
        /// Where in the plan: `hidden[0]`.
        name: String,
        /// Rows of the window.
        height: usize,
        /// Columns of the window.
        width: usize,
        /// What it looks at, padding aside.
        input: Volume,
    },
    /// More numbers than a network may have of a kind, so that no plan exhausts the machine's memory.
    #[error("{name}: {count} {what}, must be at most {MOST}")]
    TooLarge {
        /// Where in the plan: `hidden[0]`.
        name: String,
        /// How many it has.
        count: u128,
        /// Of what: `weights`, or `numbers` that a sample has there.
        what: &'static str,
    },
    /// A layer that cannot be where it is.
    #[error("{name}: {rule}")]
    Misplaced {
        /// Where in the plan: `hidden[0]`.
        name: String,
        /// What would be right.
        rule: String,
    },
}

/// The most weights of a layer, and the most numbers that a sample has between two: a quarter of a billion,
/// 1 GiB.
pub(crate) const MOST: u128 = 1 << 28;

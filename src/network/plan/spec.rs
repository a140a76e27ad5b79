//! The plan of a network: its layers and their sizes, without anything that training changes.

use serde::{Deserialize, Serialize};

use crate::network::{Volume, Window};

/// One hidden layer, or an operation on the spikes of the layer before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerSpec {
    /// A dense layer: every input reaches every neuron. Batch norm follows if wanted, then the
    /// spike activation, then dropout.
    Dense {
        /// Neurons, at least 1.
        width: usize,
        /// Whether the weighted sum of each neuron is normalized over the batch.
        batch_norm: bool,
        /// The share of activations dropped in training, in [0, 1).
        dropout: f32,
    },
    /// A convolution: a window slides over the input, and all its positions share their weights.
    /// Batch norm, spike activation and dropout follow as in a dense layer.
    Convolution {
        /// Neurons at each position, at least 1.
        channels: usize,
        /// The window whose inputs reach a neuron (the receptive field).
        window: Window,
        /// Whether the weighted sums of each channel are normalized over the batch and all
        /// positions.
        batch_norm: bool,
        /// The share of activations dropped in training, in [0, 1).
        dropout: f32,
    },
    /// Max pooling: the maximum of each window. It must follow a convolution directly.
    MaxPool {
        /// Rows and columns of the window, at least 1.
        size: usize,
        /// Distance from one window to the next, at least 1.
        stride: usize,
    },
    /// Average pooling: the mean of each square, after a convolution or its max pooling. It has no
    /// neurons of its own. In the deployed network the next layer receives every spike of a square,
    /// with its weight divided by the square's area.
    AveragePool {
        /// Rows and columns of a square, at least 2; divides the height and the width.
        size: usize,
    },
    /// A residual connection: the next layer receives the sum of the spikes of this layer and of an
    /// earlier one.
    Residual {
        /// How many layers of neurons back the earlier layer is, at least 1. Both layers must have
        /// the same shape.
        back: usize,
    },
}

/// The plan of the n-hot output layer, in which each class owns n output neurons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpec {
    /// K, the number of classes, 2 to 65,536.
    pub classes: usize,
    /// The number of output neurons per class (the n of n-hot), at least 1. There are N = K n
    /// output neurons in all.
    pub redundancy: usize,
    /// Whether classes may share neurons; otherwise each neuron belongs to one class.
    pub overlapping: bool,
    /// Whether the weighted sums of the output neurons are normalized over the batch.
    pub batch_norm: bool,
}

/// The plan of a whole network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The shape of a sample, after input coding (how inputs become spikes).
    pub input: Volume,
    /// The hidden layers, from the input on; may be empty.
    pub hidden: Vec<LayerSpec>,
    /// The output layer.
    pub head: HeadSpec,
}

/// A mistake in a plan, so that no network can be built from it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A size below its least value.
    #[error("{name} = {value}: must be at least {least}")]
    TooSmall {
        /// The place in the plan: `hidden[0].width`.
        name: String,
        /// The size.
        value: usize,
        /// The least value of the size.
        least: usize,
    },
    /// A share of dropped activations outside [0, 1).
    #[error("{name} = {value}: must lie in [0, 1)")]
    Dropout {
        /// The place in the plan: `hidden[0].dropout`.
        name: String,
        /// The share.
        value: f32,
    },
    /// More classes than a label of 16 bits can name.
    #[error("head.classes = {0}: must be at most 65536")]
    TooManyClasses(usize),
    /// A window larger than its padded input.
    #[error("{name}: a window of {height}x{width} does not fit its input of {input}")]
    Window {
        /// The place in the plan: `hidden[0]`.
        name: String,
        /// Rows of the window.
        height: usize,
        /// Columns of the window.
        width: usize,
        /// The input, without padding.
        input: Volume,
    },
    /// A layer so large that it could exhaust the memory of the machine.
    #[error("{name}: {count} {what}, must be at most {MOST}")]
    TooLarge {
        /// The place in the plan: `hidden[0]`.
        name: String,
        /// How many numbers or weights it has.
        count: u128,
        /// What is too large: `weights` of the layer, or `numbers` of one sample.
        what: &'static str,
    },
    /// A layer that cannot follow the layers before it.
    #[error("{name}: {rule}")]
    Misplaced {
        /// The place in the plan: `hidden[0]`.
        name: String,
        /// The rule that it breaks.
        rule: String,
    },
}

/// The most weights of a layer, and the most numbers of one sample between two layers. So many take
/// 1 GiB as `f32`.
pub(crate) const MOST: u128 = 1 << 28;

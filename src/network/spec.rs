//! The plan of a network: what is needed to build one, and nothing that training changes.

use serde::{Deserialize, Serialize};

/// One hidden layer.
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
    /// I, after input coding.
    pub inputs: usize,
    /// From the input up; may be empty.
    pub hidden: Vec<LayerSpec>,
    /// The output.
    pub head: HeadSpec,
}

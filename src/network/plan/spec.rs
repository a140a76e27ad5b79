//! The plan of a network: what is needed to build one, and nothing that training changes.

use serde::{Deserialize, Serialize};

use super::unit::units;
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

impl Spec {
    /// Checks what the types leave open: sizes, shares, and what can follow what.
    pub fn check(&self) -> Result<(), SpecError> {
        units(self).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(width: usize, dropout: f32, classes: usize) -> Spec {
        Spec {
            input: Volume::flat(4),
            hidden: vec![LayerSpec::Dense { width, batch_norm: true, dropout }],
            head: HeadSpec { classes, redundancy: 1, overlapping: false, batch_norm: false },
        }
    }

    fn problem(spec: Spec) -> String {
        spec.check().expect_err("the plan is wrong").to_string()
    }

    #[test]
    fn a_wrong_size_or_share_is_named_with_its_place_and_rule() {
        assert_eq!(spec(1, 0.0, 2).check(), Ok(()));
        assert_eq!(problem(spec(0, 0.0, 2)), "hidden[0].width = 0: must be at least 1");
        assert_eq!(problem(spec(1, 1.0, 2)), "hidden[0].dropout = 1: must lie in [0, 1)");
        assert_eq!(problem(spec(1, f32::NAN, 2)), "hidden[0].dropout = NaN: must lie in [0, 1)");
        assert_eq!(problem(spec(1, 0.0, 1)), "head.classes = 1: must be at least 2");
    }

    fn images(hidden: Vec<LayerSpec>) -> Spec {
        Spec { input: Volume { height: 8, width: 6, channels: 2 }, hidden, ..spec(1, 0.0, 2) }
    }

    fn convolution(side: usize, padding: usize) -> LayerSpec {
        let window = Window { padding, ..Window::square(side, 1) };
        LayerSpec::Convolution { channels: 3, window, batch_norm: false, dropout: 0.0 }
    }

    #[test]
    fn a_plan_that_no_machine_holds_is_refused_before_it_takes_memory() {
        let head = HeadSpec { redundancy: 1 << 40, ..spec(1, 0.0, 2).head };
        let plan = Spec { head, ..spec(1, 0.0, 2) };
        assert_eq!(problem(plan), "head: 2199023255552 numbers, must be at most 268435456");
        let input = Volume { height: usize::MAX, width: usize::MAX, channels: 2 };
        assert!(problem(Spec { input, ..spec(1, 0.0, 2) }).starts_with("input: "));
        let wide = LayerSpec::Dense { width: 1 << 20, batch_norm: false, dropout: 0.0 };
        let plan = Spec { hidden: vec![wide.clone(), wide], ..spec(1, 0.0, 2) };
        assert_eq!(problem(plan), "hidden[1]: 1099511627776 weights, must be at most 268435456");
    }

    #[test]
    fn what_cannot_follow_is_named_with_the_rule() {
        let max = |size| LayerSpec::MaxPool { size, stride: size };
        assert_eq!(images(vec![convolution(3, 1), max(2)]).check(), Ok(()));
        assert_eq!(
            problem(images(vec![convolution(7, 0)])),
            "hidden[0]: a window of 7x7 does not fit its input of 8x6x2"
        );
        assert_eq!(
            problem(images(vec![max(2)])),
            "hidden[0]: max pooling must come right after a convolution"
        );
        assert_eq!(
            problem(images(vec![convolution(3, 1), max(4), LayerSpec::AveragePool { size: 2 }])),
            "hidden[2]: squares of 2 must fill its input of 2x1x3"
        );
        assert_eq!(
            problem(images(vec![convolution(3, 1), convolution(3, 0), LayerSpec::Residual { back: 1 }])),
            "hidden[2]: adds 8x6x3 to 6x4x3, which must have the same shape"
        );
        assert_eq!(
            problem(images(vec![convolution(3, 1), LayerSpec::Residual { back: 1 }])),
            "hidden[1]: there is no layer 1 further down"
        );
    }
}

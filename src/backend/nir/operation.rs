//! The operations of nodes, and how they are written.

use super::tree::{Array, Item};

/// The operation of a node. Shapes have no batch axis: (length), or (channels, height, width).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    Input {
        shape: Vec<usize>,
    },
    Output {
        shape: Vec<usize>,
    },
    /// `Affine`, or `Linear` without bias: weights (outputs, inputs), bias (outputs).
    Dense {
        weight: Array,
        bias: Option<Array>,
    },
    /// `Conv2d`, or `Conv1d` with a height of 1. Weights are (outputs, inputs of a group, height,
    /// width), the bias is (outputs). Pairs are (height, width).
    Convolution {
        input: Option<[usize; 2]>,
        weight: Array,
        stride: [usize; 2],
        padding: Padding,
        dilation: [usize; 2],
        groups: usize,
        bias: Array,
    },
    /// `SumPool2d`, or `AvgPool2d` if it averages.
    Pool {
        average: bool,
        size: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    },
    /// Joins the axes from `start` to `end` into one; negative numbers count from the last axis.
    Flatten {
        start: i64,
        end: i64,
        input: Option<Vec<usize>>,
    },
    /// Multiplies each number by its factor.
    Scale(Array),
    /// Gives 1 where the input is above the threshold.
    Threshold(Array),
    /// `IF`, `LIF` if it has a leak, or `CubaLIF` if the leak has a synapse.
    Fire {
        resistance: Array,
        threshold: Array,
        reset: Option<Array>,
        leak: Option<Leak>,
    },
    /// `I`, `LI` if it has a leak, or `CubaLI` if the leak has a synapse: a potential that never
    /// fires.
    Integrate {
        resistance: Array,
        leak: Option<Leak>,
    },
    /// The input or the output of a graph nested in another graph; it passes on what it receives.
    Pass,
}

/// The leak of a neuron's potential.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leak {
    /// The time constant.
    pub tau: Array,
    /// The potential to which it falls.
    pub rest: Array,
    /// The synapse before the neuron; `None`: the input is the current.
    pub synapse: Option<Synapse>,
}

/// A synapse whose current decays.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Synapse {
    /// The time constant.
    pub tau: Array,
    /// The factor of the input.
    pub weight: Array,
}

/// How a window treats the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// This many zeros on each side.
    Zeros([usize; 2]),
    /// The number of zeros that keeps the size.
    Same,
}

impl Operation {
    /// The type of the node, and its fields.
    pub fn fields(&self) -> (&'static str, Vec<(&'static str, Item)>) {
        match self {
            Self::Input { shape } => ("Input", vec![("shape", sizes(shape))]),
            Self::Output { shape } => ("Output", vec![("shape", sizes(shape))]),
            Self::Dense { weight, bias: None } => ("Linear", vec![("weight", numbers(weight))]),
            Self::Dense { weight, bias: Some(bias) } => {
                ("Affine", vec![("weight", numbers(weight)), ("bias", numbers(bias))])
            }
            Self::Convolution { .. } => ("Conv2d", self.convolution_fields()),
            Self::Pool { average, size, stride, padding } => {
                let fields = [("kernel_size", size), ("stride", stride), ("padding", padding)]
                    .map(|(name, pair)| (name, sizes(pair)));
                (if *average { "AvgPool2d" } else { "SumPool2d" }, fields.to_vec())
            }
            Self::Flatten { start, end, input } => {
                let mut fields = vec![("start_dim", whole(*start)), ("end_dim", whole(*end))];
                fields.extend(input.as_ref().map(|input| ("input_type", sizes(input))));
                ("Flatten", fields)
            }
            Self::Scale(scale) => ("Scale", vec![("scale", numbers(scale))]),
            Self::Threshold(threshold) => ("Threshold", vec![("threshold", numbers(threshold))]),
            Self::Fire { resistance, threshold, reset, leak } => {
                let mut fields = vec![("r", numbers(resistance)), ("v_threshold", numbers(threshold))];
                fields.extend(reset.as_ref().map(|reset| ("v_reset", numbers(reset))));
                fields.extend(Leak::fields(leak.as_ref()));
                (Leak::kind(leak.as_ref(), ["IF", "LIF", "CubaLIF"]), fields)
            }
            Self::Integrate { resistance, leak } => {
                let mut fields = vec![("r", numbers(resistance))];
                fields.extend(Leak::fields(leak.as_ref()));
                (Leak::kind(leak.as_ref(), ["I", "LI", "CubaLI"]), fields)
            }
            Self::Pass => ("Identity", Vec::new()),
        }
    }

    /// The fields of a convolution; empty for other operations.
    fn convolution_fields(&self) -> Vec<(&'static str, Item)> {
        let Self::Convolution { input, weight, stride, padding, dilation, groups, bias } = self else {
            return Vec::new();
        };
        let mut fields = vec![
            ("weight", numbers(weight)),
            ("stride", sizes(stride)),
            (
                "padding",
                match padding {
                    Padding::Zeros(zeros) => sizes(zeros),
                    Padding::Same => Item::Text("same".to_owned()),
                },
            ),
            ("dilation", sizes(dilation)),
            ("groups", Item::Numbers(Array::whole(*groups))),
            ("bias", numbers(bias)),
        ];
        fields.extend(input.map(|input| ("input_shape", sizes(&input))));
        fields
    }
}

impl Leak {
    /// The name of the node type: one of three, without a leak, with a leak, or with a leak and a
    /// synapse.
    fn kind(leak: Option<&Self>, [without, leaking, current]: [&'static str; 3]) -> &'static str {
        match leak {
            None => without,
            Some(Self { synapse: None, .. }) => leaking,
            Some(_) => current,
        }
    }

    fn fields(leak: Option<&Self>) -> Vec<(&'static str, Item)> {
        match leak {
            None => Vec::new(),
            Some(Self { tau, rest, synapse: None }) => vec![("tau", numbers(tau)), ("v_leak", numbers(rest))],
            Some(Self { tau, rest, synapse: Some(synapse) }) => vec![
                ("tau_mem", numbers(tau)),
                ("v_leak", numbers(rest)),
                ("tau_syn", numbers(&synapse.tau)),
                ("w_in", numbers(&synapse.weight)),
            ],
        }
    }
}

fn sizes(sizes: &[usize]) -> Item {
    Item::Numbers(Array::wholes(sizes))
}

fn numbers(array: &Array) -> Item {
    Item::Numbers(array.clone())
}

fn whole(value: i64) -> Item {
    Item::Numbers(Array { values: vec![value as f64], ..Array::whole(0) })
}

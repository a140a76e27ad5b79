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
}

impl Spec {
    /// Checks what the types leave open: sizes and shares.
    pub fn check(&self) -> Result<(), SpecError> {
        at_least("inputs", self.inputs, 1)?;
        for (i, LayerSpec::Dense { width, dropout, .. }) in self.hidden.iter().enumerate() {
            at_least(&format!("hidden[{i}].width"), *width, 1)?;
            if !(0.0..1.0).contains(dropout) {
                return Err(SpecError::Dropout { name: format!("hidden[{i}].dropout"), value: *dropout });
            }
        }
        at_least("head.classes", self.head.classes, 2)?;
        at_least("head.redundancy", self.head.redundancy, 1)?;
        if self.head.classes > 1 << 16 {
            return Err(SpecError::TooManyClasses(self.head.classes));
        }
        Ok(())
    }
}

fn at_least(name: &str, value: usize, least: usize) -> Result<(), SpecError> {
    if value >= least {
        return Ok(());
    }
    Err(SpecError::TooSmall { name: name.to_owned(), value, least })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(width: usize, dropout: f32, classes: usize) -> Spec {
        Spec {
            inputs: 4,
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
}

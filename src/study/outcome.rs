//! Results of evaluations: values, or a failure.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Attributes;

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The loss or a weight was not finite.
    Diverged,
    /// A layer of the network never spiked.
    Silent,
    /// The network does not fit on the chip, or its training does not fit into memory.
    TooLarge,
    /// The time for one trial ran out.
    TimedOut,
    /// No network can be built from the point: some of its values exclude each other.
    Invalid,
    /// The objective itself failed.
    Error,
    /// The worker of the trial is gone.
    Lost,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::Diverged => "diverged",
            FailureKind::Silent => "silent",
            FailureKind::TooLarge => "too-large",
            FailureKind::TimedOut => "timed-out",
            FailureKind::Invalid => "invalid",
            FailureKind::Error => "error",
            FailureKind::Lost => "lost",
        })
    }
}

/// A failed evaluation: its kind and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// The reason in one line: the value and the rule.
    pub reason: String,
}

impl Failure {
    /// The line of `text` that is kept as the reason: the first that is not blank, if there is one.
    pub fn line_of(text: &str) -> Option<&str> {
        text.lines().find(|line| !line.trim().is_empty())
    }
}

/// The result of an evaluation: values or a failure. A search learns from both.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The metrics were measured.
    Complete {
        /// One finite value per metric, in the study's order and direction.
        values: Vec<f64>,
        /// Constraint values; a constraint holds if its value is at most 0.
        constraints: Vec<f64>,
        /// Other measurements, for people.
        attributes: Attributes,
    },
    /// The evaluation failed.
    Failed {
        /// Kind and reason.
        failure: Failure,
        /// What was measured before the failure, for people.
        attributes: Attributes,
    },
}

impl Outcome {
    /// The attributes; for a failure also its kind (`failure`) and its `reason`.
    pub fn all_attributes(&self) -> Attributes {
        match self {
            Self::Complete { attributes, .. } => attributes.clone(),
            Self::Failed { failure, attributes } => {
                let mut attributes = attributes.clone();
                attributes.insert("failure".to_owned(), failure.kind.to_string().into());
                attributes.insert("reason".to_owned(), failure.reason.clone().into());
                attributes
            }
        }
    }
}

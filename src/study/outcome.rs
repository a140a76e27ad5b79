//! What an evaluation came to.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Attributes;

/// Why a trial has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The loss or a weight was not finite.
    Diverged,
    /// The network never spiked.
    Silent,
    /// The network does not fit on the chip, or its training not into memory.
    TooLarge,
    /// The time for one trial ran out.
    TimedOut,
    /// The point cannot be built: values that exclude one another.
    Invalid,
    /// The objective itself broke.
    Error,
    /// The worker that ran it is gone.
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

/// A failure with its reason in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// One line for a person: the value, the rule.
    pub reason: String,
}

/// What an evaluation came to: an observation either way.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was measured.
    Complete {
        /// One a metric, finite, in the study's order and direction.
        values: Vec<f64>,
        /// At most 0 where the constraint holds.
        constraints: Vec<f64>,
        /// What people read beside the values.
        attributes: Attributes,
    },
    /// It came to nothing.
    Failed {
        /// Why.
        failure: Failure,
        /// What was known by then.
        attributes: Attributes,
    },
}

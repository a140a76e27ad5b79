//! What happened: trials, their states, values and costs, and views of them. Pure data, no IO.

mod confirmation;
mod facts;
mod importance;
mod outcome;
mod trial;
mod view;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use confirmation::{CONFIRMATION, Candidate, Confirmation, Repeat, Spread};
pub use facts::external::{EXTERNAL_SETUP, ExternalSetup};
pub use facts::identity::IDENTITY;
pub use facts::job::{JOB, Job, Training};
pub use facts::reference::REFERENCE;
pub use facts::retry::{FAILED_TRIAL, RETRIED, RETRY_HISTORY, TRIES, WORKER};
pub use facts::rung_history::{RUNG_HISTORY, Rung, RungHistory};
pub use facts::searched::SPACE;
pub use facts::setup::{SETUP, Setup, differences};
pub use facts::shape::{DATA_SHAPE, DataShape};
pub use facts::stopped::{STOPPED, Stopped};
pub use facts::warm_start::{WARM_START, WarmStartError, WarmStartTable, WarmStartTrial, WarmStartTrials};
pub use importance::{Importance, PairShare, Share};
pub use outcome::{Failure, FailureKind, Outcome};
pub use trial::{Attributes, Timestamp, Trial, TrialState};
pub use view::dominates;

/// Whether less or more of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Less is better.
    Minimize,
    /// More is better.
    Maximize,
}

impl Direction {
    /// `value` turned so that less is better; its own inverse.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }
}

/// One objective of a study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What is measured, with its unit if it has one: `accuracy`, `energy_nj`.
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
}

impl Metric {
    /// A metric of which more is better.
    pub fn maximize(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::Maximize }
    }

    /// A metric of which less is better.
    pub fn minimize(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::Minimize }
    }
}

/// A study: its objectives and everything that was tried.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Study {
    /// Unique in its storage.
    pub name: String,
    /// At least one.
    pub metrics: Vec<Metric>,
    /// In order of their numbers, which count from 0 without a gap.
    pub trials: Vec<Trial>,
    /// What the study is of (configuration, seed, version): `tune:` keys.
    pub attributes: Attributes,
}

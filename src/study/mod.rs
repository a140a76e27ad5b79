//! Studies: metrics, trials with their states and values, facts about them, and views of them. This
//! room holds data only and does no input or output.

mod confirmation;
mod facts;
mod fresh_seeds;
mod importance;
mod outcome;
mod pick;
mod regression;
mod trial;
mod view;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use confirmation::{CONFIRMATION, Candidate, Confirmation, Repeat, Spread, confirmed};
pub use facts::enqueued::ENQUEUED;
pub use facts::external::{EXTERNAL_SETUP, ExternalSetup};
pub use facts::identity::{COMMAND, IDENTITY, VERSION};
pub use facts::job::{JOB, Job, JobConfirm, Training};
pub use facts::reference::REFERENCE;
pub use facts::retry::{FAILED_TRIAL, RETRIED, RETRY_HISTORY, TRIES, WORKER};
pub use facts::rung_history::{RUNG_HISTORY, Rung, RungHistory};
pub use facts::script::{SCRIPT, Script};
pub use facts::searched::Searched;
pub use facts::setup::{SETUP, Setup, changed_places, differences};
pub use facts::shape::{
    DATA_SHAPE, DataShape, TEST_SAMPLES, VALIDATION_SAMPLES, test_samples, validation_samples,
};
pub use facts::space::{ADDED, Added, FIXED, SPACE};
pub use facts::stopped::{STOPPED, Stopped};
pub use facts::warm_start::{WARM_START, WarmStartTrial, WarmStartTrials};
pub use facts::warm_start_table::{WarmStartError, WarmStartTable, metric_column, own_column};
pub use fresh_seeds::{FRESH_SEEDS, FreshSeed, FreshSeeds};
pub use importance::{Importance, PairShare, Share, Slice};
pub use outcome::{Failure, FailureKind, Outcome};
pub use pick::{Pick, PickError};
pub use regression::{Difference, FIRST_LOOK, Regression, Tolerance, Verdict, WRONG};
pub use trial::{Attributes, Timestamp, Trial, TrialState};
pub use view::dominates;

/// The direction in which a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Less is better.
    Minimize,
    /// More is better.
    Maximize,
}

impl Direction {
    /// `value` as a loss: less is better. Applied to a loss, it returns the value.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }
}

/// A metric that a study optimizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The name, with the unit if there is one: `accuracy`, `energy_nj`.
    pub name: String,
    /// The direction in which it is better.
    pub direction: Direction,
}

impl Metric {
    /// A metric where more is better.
    pub fn maximize(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::Maximize }
    }

    /// A metric where less is better.
    pub fn minimize(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::Minimize }
    }
}

/// A study: its metrics, its trials, and facts about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Study {
    /// The name, unique in its storage.
    pub name: String,
    /// The metrics, at least one.
    pub metrics: Vec<Metric>,
    /// The trials in order of their numbers, which count from 0. Numbers are missing where another
    /// program has deleted trials.
    pub trials: Vec<Trial>,
    /// Earlier results, from which the search learns too. They are shared, since views of a study
    /// keep them.
    pub warm_start: Arc<WarmStartTrials>,
    /// Other facts by name. Those of this program (configuration, seed, version) have names that
    /// begin with `tune:`.
    pub attributes: Attributes,
}

impl Study {
    /// The number after that of the last trial. The next trial gets it, unless another process adds
    /// a trial first.
    pub fn next_number(&self) -> u32 {
        self.trials.last().map_or(0, |last| last.number + 1)
    }

    /// The study with `trials` in place of its own.
    pub fn with_trials(&self, trials: Vec<Trial>) -> Self {
        Self {
            name: self.name.clone(),
            metrics: self.metrics.clone(),
            trials,
            warm_start: Arc::clone(&self.warm_start),
            attributes: self.attributes.clone(),
        }
    }
}

//! One trial: a point, how far it got, and what came of it.

use std::fmt;

use serde_json::Value as Json;

use crate::space::Point;

/// Named facts beside the values.
pub type Attributes = indexmap::IndexMap<String, Json>;

/// A moment in UTC, in microseconds since 1970; the study's database keeps no finer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialState {
    /// Chosen, not begun: enqueued by a person, or taken back from a worker that died.
    Waiting,
    /// A worker is on it.
    Running,
    /// It has a value for every metric.
    Complete,
    /// It was stopped early; its intermediate values count.
    Pruned,
    /// It came to nothing, for the reason in its attributes.
    Fail,
}

impl TrialState {
    /// Whether nothing more will come of the trial.
    pub fn is_finished(self) -> bool {
        matches!(self, TrialState::Complete | TrialState::Pruned | TrialState::Fail)
    }
}

impl fmt::Display for TrialState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrialState::Waiting => "waiting",
            TrialState::Running => "running",
            TrialState::Complete => "complete",
            TrialState::Pruned => "pruned",
            TrialState::Fail => "failed",
        })
    }
}

/// One trial of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Counts from 0 within the study.
    pub number: u32,
    /// Where it stands.
    pub state: TrialState,
    /// What is tried.
    pub point: Point,
    /// One a metric once complete, in the study's order and direction; empty before.
    pub values: Vec<f64>,
    /// (step, value) in order of steps; a step is a finished epoch, counted from 1. A value may be NaN.
    pub intermediate: Vec<(u32, f64)>,
    /// Constraint values; the trial is feasible where all are at most 0.
    pub constraints: Vec<f64>,
    /// What people read: cores, spikes, energy, reason of a failure.
    pub attributes: Attributes,
    /// What the program keeps: `tune:` keys.
    pub internal: Attributes,
    /// When a worker began.
    pub started: Option<Timestamp>,
    /// When it finished.
    pub finished: Option<Timestamp>,
}

impl Trial {
    /// A trial that nobody has begun.
    pub fn waiting(number: u32, point: Point) -> Self {
        Self {
            number,
            state: TrialState::Waiting,
            point,
            values: Vec::new(),
            intermediate: Vec::new(),
            constraints: Vec::new(),
            attributes: Attributes::new(),
            internal: Attributes::new(),
            started: None,
            finished: None,
        }
    }

    /// Whether it is complete and breaks no constraint.
    pub fn is_feasible(&self) -> bool {
        self.state == TrialState::Complete && self.constraints.iter().all(|&excess| excess <= 0.0)
    }
}

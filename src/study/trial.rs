//! Trials: a point, its state, and its results.

use std::fmt;

use serde_json::Value as Json;

use super::RungHistory;
use crate::space::Point;

/// Named facts, as JSON.
pub type Attributes = indexmap::IndexMap<String, Json>;

/// A moment in UTC, in microseconds since 1970, which is the resolution of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// The state of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialState {
    /// It has not been started: a person enqueued it, or it was taken back from a lost worker.
    Waiting,
    /// A worker evaluates it.
    Running,
    /// It has a value for every metric.
    Complete,
    /// It was stopped early, and has intermediate values only.
    Pruned,
    /// It failed; its attributes have the reason.
    Fail,
}

impl TrialState {
    /// Whether the trial is complete, pruned or failed. A paused trial is a pruned one.
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
    /// The number, from 0 within the study.
    pub number: u32,
    /// The state.
    pub state: TrialState,
    /// The point that is tried.
    pub point: Point,
    /// One value per metric, in the study's order and direction; empty unless it is complete.
    pub values: Vec<f64>,
    /// (step, value) in order of steps. A step is a finished epoch, from 1. A value may be NaN.
    pub intermediate: Vec<(u32, f64)>,
    /// Constraint values; the trial is feasible if all are at most 0.
    pub constraints: Vec<f64>,
    /// Facts for people: cores, spikes, energy, the reason of a failure.
    pub attributes: Attributes,
    /// The rungs at which it has paused; empty where it never did.
    pub rung_history: RungHistory,
    /// Other facts that the program keeps, under names that begin with `tune:`.
    pub internal: Attributes,
    /// When a worker started it.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
}

impl Trial {
    /// A trial that has not been started.
    pub fn waiting(number: u32, point: Point) -> Self {
        Self {
            number,
            state: TrialState::Waiting,
            point,
            values: Vec::new(),
            intermediate: Vec::new(),
            constraints: Vec::new(),
            attributes: Attributes::new(),
            rung_history: RungHistory::default(),
            internal: Attributes::new(),
            started: None,
            finished: None,
        }
    }

    /// Its state as people read it: a trial that is pruned at a rung is `paused`.
    pub fn standing(&self) -> String {
        if self.is_paused() { "paused".to_owned() } else { self.state.to_string() }
    }

    /// Whether it was stopped at a rung, from which it can go on.
    pub fn is_paused(&self) -> bool {
        self.state == TrialState::Pruned && !self.rung_history.is_empty()
    }

    /// Whether it is complete with finite values and all its constraints hold. Other programs store
    /// infinite values too; no such trial is the best one.
    pub fn is_feasible(&self) -> bool {
        self.state == TrialState::Complete
            && self.values.iter().all(|value| value.is_finite())
            && self.constraints.iter().all(|&excess| excess <= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Rung;

    #[test]
    fn a_trial_is_paused_if_it_is_pruned_at_a_rung() {
        let rung = Rung { steps: 3, values: vec![0.1], seconds: 0.5 };
        let trial = |state, rungs| Trial {
            state,
            rung_history: RungHistory { rungs },
            ..Trial::waiting(0, Point::default())
        };
        let standing = |trial: Trial| (trial.is_paused(), trial.standing());
        let word = |is_paused, word: &str| (is_paused, word.to_owned());
        assert_eq!(standing(trial(TrialState::Running, vec![rung.clone()])), word(false, "running"));
        assert_eq!(standing(trial(TrialState::Pruned, vec![rung])), word(true, "paused"));
        assert_eq!(standing(trial(TrialState::Pruned, vec![])), word(false, "pruned"));
    }
}

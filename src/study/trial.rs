//! Trials: a point, its state, and its results.

use std::fmt;

use serde_json::Value as Json;

use super::RungHistory;
use crate::space::Point;

/// Named facts, as JSON.
pub type Attributes = indexmap::IndexMap<String, Json>;

/// A moment in UTC, in microseconds since 1970. That is the resolution of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// The state of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialState {
    /// The trial has not been started: a person enqueued it, or it was taken back from a lost
    /// worker.
    Waiting,
    /// A worker evaluates the trial.
    Running,
    /// The trial has a value for every metric.
    Complete,
    /// The trial was stopped early, and has only intermediate values. A paused trial is in this
    /// state.
    Pruned,
    /// The trial failed; its attributes have the reason.
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
    /// One value per metric, in the study's order and direction; empty unless the trial is
    /// complete.
    pub values: Vec<f64>,
    /// Values of the first metric during the trial, as (step, value) in order of steps. A step is a
    /// finished epoch, counted from 1, or what a command reports. A value may be NaN.
    pub intermediate: Vec<(u32, f64)>,
    /// Constraint values; the trial is feasible if all are at most 0.
    pub constraints: Vec<f64>,
    /// Facts for people: cores, spikes, energy, the reason of a failure.
    pub attributes: Attributes,
    /// The rungs (points of its training) at which the trial has paused; empty if it never did.
    pub rung_history: RungHistory,
    /// Facts that the program keeps for itself, under names that begin with `tune:`.
    pub internal: Attributes,
    /// When a worker started the trial.
    pub started: Option<Timestamp>,
    /// When the trial ended.
    pub finished: Option<Timestamp>,
}

impl Trial {
    /// A trial of `point` that has not been started.
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

    /// The trial's state as people read it: a trial that is pruned at a rung, and can resume, is
    /// `paused`.
    pub fn standing(&self) -> String {
        if self.is_paused() { "paused".to_owned() } else { self.state.to_string() }
    }

    /// Whether the trial was stopped at a rung, from which it can resume.
    pub fn is_paused(&self) -> bool {
        self.state == TrialState::Pruned && !self.rung_history.is_empty()
    }

    /// The seconds of work on the trial so far, without the time in which it was paused; `None` if its
    /// times are not known.
    pub fn seconds(&self) -> Option<f64> {
        let span = (self.finished?.0 - self.started?.0).max(0) as f64 * 1e-6;
        let Some(rung) = self.rung_history.rungs.last() else { return Some(span) };
        // What came after the last rung took as long per step.
        let steps = self.intermediate.last().map_or(rung.steps, |(step, _)| *step).max(rung.steps);
        let work = self.rung_history.seconds() * f64::from(steps) / f64::from(rung.steps.max(1));
        // Programs that ask and tell measure no time.
        Some(if work > 0.0 { work } else { span })
    }

    /// Whether the trial is complete with finite values and all its constraints hold. Other
    /// programs also store infinite values; a trial with one cannot be the best.
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
    fn a_trial_takes_no_time_while_it_is_paused() {
        let rung = |steps, seconds| Rung { steps, values: vec![0.1], seconds };
        let trial = |rungs, steps: u32| Trial {
            rung_history: RungHistory { rungs },
            intermediate: (1..=steps).map(|step| (step, 0.1)).collect(),
            started: Some(Timestamp(5_000_000)),
            finished: Some(Timestamp(65_000_000)),
            ..Trial::waiting(0, Point::default())
        };
        assert_eq!(trial(vec![], 9).seconds(), Some(60.0));
        assert_eq!(trial(vec![rung(1, 2.0), rung(3, 4.0)], 9).seconds(), Some(18.0));
        assert_eq!(trial(vec![rung(3, 0.0)], 9).seconds(), Some(60.0), "no time was measured");
        assert_eq!(Trial { finished: None, ..trial(vec![], 9) }.seconds(), None);
    }

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

//! Trials that have lost their worker or failed: the worker, and the number under which they are tried again.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::study::{Study, Trial, TrialState};

/// Key of the internal attribute of a trial that holds the name of its worker, if that sends
/// heartbeats.
pub const WORKER: &str = "tune:worker";

/// Key of the internal attribute of a failed trial that holds the number under which it is tried
/// again. As an attribute of a study: the number of such trials.
pub const RETRIED: &str = "tune:retried";

/// Key of the internal attribute of a trial that pauses: the number of workers that it has lost.
pub const TRIES: &str = "tune:tries";

/// Optuna's key for the number of the first trial with the same point, of a trial that is tried
/// again.
pub const FAILED_TRIAL: &str = "failed_trial";

/// Optuna's key for the numbers of the trials with the same point that failed before, oldest first.
pub const RETRY_HISTORY: &str = "retry_history";

impl Trial {
    /// The name of its last worker, if that sends heartbeats.
    pub fn worker(&self) -> Option<&str> {
        self.internal.get(WORKER).and_then(Json::as_str)
    }

    /// How often its point was started before and lost its worker.
    pub fn tries(&self) -> u32 {
        let before = self.internal.get(RETRY_HISTORY).and_then(Json::as_array).map_or(0, Vec::len);
        let paused = self.internal.get(TRIES).and_then(Json::as_u64).unwrap_or(0);
        (before as u64 + paused).try_into().unwrap_or(u32::MAX)
    }

    /// Whether it failed, by the loss of its worker or otherwise, and its point is tried again under
    /// another number.
    pub fn is_retried(&self) -> bool {
        self.internal.contains_key(RETRIED)
    }
}

impl Study {
    /// The number of trials that count for the budget: those that were started, without those that
    /// are tried again.
    pub fn charged(&self) -> usize {
        let is_charged = |trial: &&Trial| trial.state != TrialState::Waiting && !trial.is_retried();
        self.trials.iter().filter(is_charged).count()
    }

    /// The study without the trials that are tried again, for the search: the loss of a worker, or a
    /// command that has been mended since, says nothing about a point.
    pub fn without_retried(&self) -> Cow<'_, Study> {
        if !self.trials.iter().any(Trial::is_retried) {
            return Cow::Borrowed(self);
        }
        let trials = self.trials.iter().filter(|trial| !trial.is_retried()).cloned().collect();
        Cow::Owned(self.with_trials(trials))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;

    #[test]
    fn a_trial_that_is_tried_again_counts_neither_for_the_budget_nor_for_the_search() {
        let trial = |number, state, internal: Json| Trial {
            state,
            internal: serde_json::from_value(internal).unwrap(),
            ..Trial::waiting(number, Point::default())
        };
        let trials = vec![
            trial(0, TrialState::Fail, serde_json::json!({RETRIED: 2, WORKER: "here"})),
            trial(1, TrialState::Complete, serde_json::json!({})),
            trial(2, TrialState::Waiting, serde_json::json!({FAILED_TRIAL: 0, RETRY_HISTORY: [0]})),
        ];
        let study = Study { trials, ..Study::default() };
        assert_eq!(study.charged(), 1);
        let left: Vec<u32> = study.without_retried().trials.iter().map(|trial| trial.number).collect();
        assert_eq!(left, [1, 2]);
        assert_eq!((study.trials[0].worker(), study.trials[2].tries()), (Some("here"), 1));
    }
}

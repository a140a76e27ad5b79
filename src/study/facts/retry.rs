//! Trials that failed or lost their worker: the worker's name, and the number of the trial that
//! tries the point again.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::study::{Study, Trial, TrialState};

/// Key of the internal attribute of a trial that holds the name of its worker, if that worker sends
/// heartbeats.
pub const WORKER: &str = "tune:worker";

/// Key of the internal attribute of a failed trial that holds the number of the trial that tries
/// its point again. As an attribute of a study, it holds the number of such failed trials.
pub const RETRIED: &str = "tune:retried";

/// Key of the internal attribute of a trial that pauses: how many workers it has lost.
pub const TRIES: &str = "tune:tries";

/// Optuna's key in a trial that tries a point again: the number of the first trial of that point.
pub const FAILED_TRIAL: &str = "failed_trial";

/// Optuna's key in a trial that tries a point again: the numbers of the failed trials of that
/// point, oldest first.
pub const RETRY_HISTORY: &str = "retry_history";

impl Trial {
    /// The name of the trial's last worker, if that worker sends heartbeats.
    pub fn worker(&self) -> Option<&str> {
        self.internal.get(WORKER).and_then(Json::as_str)
    }

    /// How often this trial's point was started before and lost its worker.
    pub fn tries(&self) -> u32 {
        let before = self.internal.get(RETRY_HISTORY).and_then(Json::as_array).map_or(0, Vec::len);
        let paused = self.internal.get(TRIES).and_then(Json::as_u64).unwrap_or(0);
        (before as u64 + paused).try_into().unwrap_or(u32::MAX)
    }

    /// Whether the trial failed or lost its worker, and its point is tried again by a trial with
    /// another number.
    pub fn is_retried(&self) -> bool {
        self.internal.contains_key(RETRIED)
    }
}

impl Study {
    /// The number of trials that count for the budget: those that were started, except those whose
    /// point is tried again.
    pub fn charged(&self) -> usize {
        let is_charged = |trial: &&Trial| trial.state != TrialState::Waiting && !trial.is_retried();
        self.trials.iter().filter(is_charged).count()
    }

    /// The study without trials whose point is tried again, as the search sees it. A lost worker,
    /// or a command that has been mended since, says nothing about a point.
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

//! The results that a study begins with. They come from another study or from a table, for the same
//! space and metrics.
//!
//! The search learns from them, but they are no trials of the study: neither the budget nor the
//! choice of the winner counts them.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::space::Point;
use crate::study::{Metric, Study, Trial, TrialState};

/// Key of the attribute in which a storage keeps the [`WarmStartTrials`] of a study.
///
/// Version 0.1 wrote this key. A new key would mean that both must be read for ever.
pub const WARM_START: &str = "tune:prior";

/// Earlier results that the search learns from, in their order; empty if a study begins without
/// any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmStartTrials {
    /// One entry per result.
    pub results: Vec<WarmStartTrial>,
}

/// One earlier result that the search learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmStartTrial {
    /// The point that was evaluated, in the study's space.
    pub point: Point,
    /// One finite value per metric, in the study's order; empty if the evaluation failed.
    pub values: Vec<f64>,
    /// Constraint values; the result is feasible if all are at most 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<f64>,
}

impl WarmStartTrials {
    /// The value of the attribute [`WARM_START`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("finite numbers are JSON")
    }

    /// `study` as a search sees it: these results first, numbered from 0, then the study's own
    /// trials.
    pub fn before<'s>(&self, study: &'s Study) -> Cow<'s, Study> {
        if self.results.is_empty() {
            return Cow::Borrowed(study);
        }
        let results = self.results.iter().zip(0..).map(|(result, at)| result.trial(at));
        Cow::Owned(study.with_trials(results.chain(study.trials.iter().cloned()).collect()))
    }

    /// The best feasible point by `metrics`; `None` if there is none.
    pub fn best(&self, metrics: &[Metric]) -> Option<Point> {
        let nothing = Study { metrics: metrics.to_vec(), ..Study::default() };
        self.before(&nothing).best().map(|best| best.point.clone())
    }
}

impl WarmStartTrial {
    fn trial(&self, number: u32) -> Trial {
        let state = if self.values.is_empty() { TrialState::Fail } else { TrialState::Complete };
        let (values, constraints) = (self.values.clone(), self.constraints.clone());
        Trial { state, values, constraints, ..Trial::waiting(number, self.point.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_sees_them_before_the_trials() {
        let text = r#"{"results":[{"point":{"x":0.5},"values":[0.75]},{"point":{"x":0.25},"values":[]}]}"#;
        let warm_start: WarmStartTrials = serde_json::from_str(text).expect("our own form");
        assert_eq!(warm_start.to_json().to_string(), text);
        let metrics = vec![Metric::maximize("accuracy")];
        assert_eq!(warm_start.best(&metrics), Some([("x", 0.5)].into_iter().collect()));
        let own = Trial::waiting(0, [("x", 1.0)].into_iter().collect());
        let study = Study { trials: vec![own.clone()], metrics, ..Study::default() };
        let seen = warm_start.before(&study);
        let states: Vec<TrialState> = seen.trials.iter().map(|trial| trial.state).collect();
        assert_eq!(states, [TrialState::Complete, TrialState::Fail, TrialState::Waiting]);
        assert_eq!((seen.trials[0].values.as_slice(), &seen.trials[2]), (&[0.75][..], &own));
    }
}

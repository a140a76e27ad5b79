//! The confirmation: the best trials are evaluated again with fresh seeds, which decides the
//! winner.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Attributes, Study};

/// Key of the study attribute that holds the [`Confirmation`].
pub const CONFIRMATION: &str = "tune:confirmation";

/// The best trials, evaluated again with fresh seeds, and the test results of the winner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The number of trials that were finished then. A study with more of them is confirmed again.
    pub trials: u32,
    /// Fresh seeds per candidate; 0: the best trial wins with its own seed.
    pub repeats: u32,
    /// The number of candidates that was asked for.
    pub wanted: u32,
    /// The rule that chose the winner from a front; left out where the best mean wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick: Option<String>,
    /// The candidates: the winner, then the others, best mean first.
    pub candidates: Vec<Candidate>,
    /// The winner's results on the test set, one per entry of [`Candidate::repeats`].
    pub test: Vec<Repeat>,
    /// The index of the repeat whose model is kept: the best on the validation set.
    pub kept: usize,
}

/// A candidate: one of the best trials, and its repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The number of the trial.
    pub trial: u32,
    /// The results on the validation set, one per fresh seed.
    pub repeats: Vec<Repeat>,
}

/// One evaluation with a fresh seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The value of the first metric; `null` if the evaluation failed.
    pub value: Option<f64>,
    /// Other measurements, or the reason of the failure.
    pub attributes: Attributes,
}

/// The mean and the standard deviation of values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The number of values.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation, with n - 1; 0 for one value.
    pub sd: f64,
}

impl Spread {
    /// Mean and standard deviation of the values of `repeats`; `None` if one failed or there is
    /// none.
    pub fn of(repeats: &[Repeat]) -> Option<Self> {
        Self::of_values(&repeats.iter().map(|repeat| repeat.value).collect::<Option<Vec<f64>>>()?)
    }

    /// Mean and standard deviation of `values`; `None` if there are none.
    pub fn of_values(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
        (count > 0).then_some(Self { count, mean, sd })
    }
}

impl Confirmation {
    /// The confirmation of `study`, if it has one.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(CONFIRMATION)?.clone()).ok()
    }

    /// The value of the attribute [`CONFIRMATION`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }

    /// The winner: the candidate with the best mean.
    pub fn winner(&self) -> &Candidate {
        &self.candidates[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeat(value: impl Into<Option<f64>>) -> Repeat {
        Repeat { value: value.into(), attributes: Attributes::new() }
    }

    #[test]
    fn the_spread_of_values_is_the_sample_standard_deviation() {
        // Mean 5, squared distances 9 + 1 + 1 + 9 = 20, over 3.
        let spread = Spread::of(&[2.0, 4.0, 6.0, 8.0].map(repeat)).expect("all have values");
        assert_eq!((spread.count, spread.mean), (4, 5.0));
        assert!((spread.sd - (20f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(Spread::of(&[repeat(3.0)]), Some(Spread { count: 1, mean: 3.0, sd: 0.0 }));
    }

    #[test]
    fn a_failed_repeat_leaves_no_spread() {
        assert_eq!(Spread::of(&[repeat(1.0), repeat(None)]), None);
        assert_eq!(Spread::of(&[]), None);
    }
}

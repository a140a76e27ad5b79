//! What fresh seeds made of the best trials: the part of a study that decides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Attributes, Study};

/// Name of the study attribute that holds the [`Confirmation`].
pub const CONFIRMATION: &str = "tune:confirmation";

/// The best trials, evaluated again with fresh seeds; the winner is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// How many trials were finished when it was made; a study that has grown since is confirmed anew.
    pub trials: u32,
    /// How many fresh seeds each candidate got; 0: the best trial stands with its own seed.
    pub repeats: u32,
    /// How many candidates were asked for.
    pub wanted: u32,
    /// Best mean first: the first is the winner.
    pub candidates: Vec<Candidate>,
    /// The winner's results on the test set, one a repeat of [`Candidate::repeats`].
    pub test: Vec<Repeat>,
    /// Index of the repeat whose model is kept: the best on validation.
    pub kept: usize,
}

/// One of the best trials and its repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The trial's number.
    pub trial: u32,
    /// One a fresh seed, on the validation set.
    pub repeats: Vec<Repeat>,
}

/// One evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The first metric, or nothing if the evaluation failed.
    pub value: Option<f64>,
    /// What was measured beside it, or why it failed.
    pub attributes: Attributes,
}

/// Mean and spread of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// How many values.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, with n - 1; 0 for one value.
    pub sd: f64,
}

impl Spread {
    /// The spread of the values of `repeats`; `None` if one failed or there is none.
    pub fn of(repeats: &[Repeat]) -> Option<Self> {
        let values: Vec<f64> = repeats.iter().map(|repeat| repeat.value).collect::<Option<_>>()?;
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

    /// As the value of the attribute [`CONFIRMATION`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }

    /// The confirmed best trial.
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

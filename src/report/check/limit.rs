//! Bounds of a check: what a mean over the new seeds must be at least or at most.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bound of a metric or cost, and the mean that must keep it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The metric or the cost, in its own unit.
    pub metric: String,
    /// Whether `bound` is the largest value that passes; otherwise it is the smallest.
    pub is_most: bool,
    /// The bound, finite, inclusive.
    pub bound: f64,
    /// The mean over the new seeds; `null` if there is none.
    pub mean: Option<f64>,
}

/// A text that is no bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be METRIC=VALUE, such as accuracy=0.97")]
pub struct LimitError;

impl Limit {
    /// Reads a bound that `text` writes as METRIC=VALUE.
    ///
    /// # Errors
    /// There is no name, or no finite number.
    pub fn parse(text: &str, is_most: bool) -> Result<Self, LimitError> {
        let (name, bound) = text.rsplit_once('=').ok_or(LimitError)?;
        let bound = bound.trim().parse().ok().filter(|bound: &f64| bound.is_finite()).ok_or(LimitError)?;
        let metric = name.trim().to_owned();
        if metric.is_empty() { Err(LimitError) } else { Ok(Self { metric, is_most, bound, mean: None }) }
    }

    /// Whether the mean keeps the bound; a mean that is not there does not.
    pub fn is_kept(&self) -> bool {
        self.mean.is_some_and(|mean| if self.is_most { mean <= self.bound } else { mean >= self.bound })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_inclusive_and_needs_a_mean() {
        let with =
            |text: &str, is_most, mean| Limit { mean, ..Limit::parse(text, is_most).unwrap() }.is_kept();
        assert!(with("accuracy=0.97", false, Some(0.97)) && !with("accuracy=0.97", false, Some(0.96)));
        assert!(with("energy=1e-7", true, Some(1e-7)) && !with("energy=1e-7", true, Some(2e-7)));
        assert!(!with("energy=1e-7", true, None));
        for wrong in ["accuracy", "=1", "accuracy=x", "accuracy=inf", ""] {
            assert_eq!(Limit::parse(wrong, true), Err(LimitError), "{wrong}");
        }
    }
}

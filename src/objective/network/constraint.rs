//! Constraints: what a metric of a deployed network must be at least or at most.

use std::fmt;
use std::str::FromStr;

use super::goal::{Goal, UnknownGoal};

/// An excess up to this one, relative to the bound, is rounding: means of equal numbers differ by less.
const ROUNDING: f64 = 1e-12;

/// The bound of a metric that a network must keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constraint {
    /// The metric.
    pub goal: Goal,
    /// Whether `bound` is the largest value; otherwise it is the smallest.
    pub is_most: bool,
    /// The bound, finite, in the unit of the metric; inclusive.
    pub bound: f64,
}

/// A text that is no [`Constraint`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConstraintError {
    /// The text has no comparison.
    #[error("\"{0}\": must be METRIC<=VALUE or METRIC>=VALUE")]
    NoComparison(String),
    /// The text names no metric.
    #[error(transparent)]
    Metric(#[from] UnknownGoal),
    /// The bound is no finite number.
    #[error("\"{0}\": the bound must be a finite number")]
    Bound(String),
}

impl Constraint {
    /// By how much `value` breaks the constraint, as a share of the bound; 0 or less if it keeps it.
    pub fn excess(self, value: f64) -> f64 {
        let beyond = if self.is_most { value - self.bound } else { self.bound - value };
        let excess = beyond / self.unit();
        if excess.abs() <= ROUNDING { 0.0 } else { excess }
    }

    /// The value of the metric that breaks the constraint by `excess`.
    pub fn value(self, excess: f64) -> f64 {
        let beyond = excess * self.unit();
        if self.is_most { self.bound + beyond } else { self.bound - beyond }
    }

    /// What an excess is a share of.
    fn unit(self) -> f64 {
        if self.bound == 0.0 { 1.0 } else { self.bound.abs() }
    }
}

impl FromStr for Constraint {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, ConstraintError> {
        let split = |sign| text.split_once(sign).map(|(name, bound)| (name, bound, sign == "<="));
        let (name, bound, is_most) = split("<=")
            .or_else(|| split(">="))
            .ok_or_else(|| ConstraintError::NoComparison(text.to_owned()))?;
        let goal = name.trim().parse()?;
        let bound = bound.trim().parse().ok().filter(|bound: &f64| bound.is_finite());
        Ok(Self { goal, is_most, bound: bound.ok_or_else(|| ConstraintError::Bound(text.to_owned()))? })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.goal, if self.is_most { "<=" } else { ">=" }, self.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(text: &str) -> Constraint {
        text.parse().expect("a constraint")
    }

    #[test]
    fn a_constraint_reads_back_as_it_prints() {
        for text in ["cores<=128", "accuracy>=0.97", "energy<=0.0000012"] {
            assert_eq!(constraint(text).to_string(), text);
        }
        assert_eq!(constraint(" cores <= 8 "), Constraint { goal: Goal::Cores, is_most: true, bound: 8.0 });
    }

    #[test]
    fn the_excess_is_a_share_of_the_bound() {
        assert_eq!(constraint("cores<=8").excess(10.0), 0.25);
        assert_eq!(constraint("cores<=8").excess(8.0), 0.0);
        assert_eq!(constraint("accuracy>=0.5").excess(0.25), 0.5);
        assert_eq!(constraint("spikes<=0").excess(3.0), 3.0);
        // The mean of 30 latencies of exactly 2 ms.
        assert_eq!(constraint("latency<=0.002").excess(0.002_000_000_000_000_001_3), 0.0);
        assert!(constraint("latency<=0.002").excess(0.002_000_000_1) > 0.0);
        for (text, value) in [("cores<=8", 10.0), ("accuracy>=0.5", 0.25), ("spikes<=0", 3.0)] {
            assert_eq!(constraint(text).value(constraint(text).excess(value)), value);
        }
    }

    #[test]
    fn what_is_no_constraint_is_refused() {
        let error = |text: &str| text.parse::<Constraint>().expect_err("it is none").to_string();
        assert_eq!(error("cores"), "\"cores\": must be METRIC<=VALUE or METRIC>=VALUE");
        assert_eq!(error("core<=8"), "no metric is called \"core\"; did you mean \"cores\"?");
        assert_eq!(error("cores<=nan"), "\"cores<=nan\": the bound must be a finite number");
    }
}

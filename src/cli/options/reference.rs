//! `--reference`: with several metrics, the worst values that are still useful.

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value as Json;

use crate::search::Strategy;
use crate::search::bayes::MOST_LOSSES;
use crate::study::{Metric, REFERENCE};

#[derive(Debug, Args)]
pub(crate) struct ReferenceArgs {
    /// Worst useful value of every metric, such as 0.9,5e-7
    ///
    /// For studies with 2 to 4 metrics; in joules, seconds, inferences per second and mm2.
    ///
    /// A trial gains nothing unless it is better than the reference in every metric. So bayes
    /// spends no trials on the unwanted ends of the Pareto front (the trials that no other
    /// dominates). bayes begins to use the reference once the best value of every metric is near
    /// it. If left out, two of three trials go where the front is expected to move farthest, and
    /// every third where the volume that it dominates is expected to grow most.
    #[arg(long, value_name = "VALUE,...", value_delimiter = ',', allow_hyphen_values = true)]
    pub reference: Vec<f64>,
}

impl ReferenceArgs {
    /// The values of the reference point, if it was given.
    pub fn values(&self) -> Option<Vec<f64>> {
        Some(self.reference.clone()).filter(|values| !values.is_empty())
    }

    /// The attribute by which a study stores the reference point, if it was given.
    pub fn fact(&self) -> Option<(String, Json)> {
        self.values().map(|values| (REFERENCE.to_owned(), values.into()))
    }

    /// Refuses a reference point that [`check`] refuses.
    ///
    /// # Errors
    /// Those of [`check`].
    pub fn check(&self, metrics: &[Metric], search: Strategy) -> Result<()> {
        self.values().map_or(Ok(()), |values| check(&values, metrics, search).context("--reference"))
    }
}

/// Refuses values other than one finite value per metric. Also refuses a search that uses no
/// reference point.
///
/// # Errors
/// The message names the values, the rule and the way out.
pub(crate) fn check(values: &[f64], metrics: &[Metric], search: Strategy) -> Result<()> {
    let shown = text(values);
    if values.len() != metrics.len() || values.iter().any(|value| !value.is_finite()) {
        bail!("{shown}: must be one finite value per metric, {} in all", metrics.len());
    }
    if !(2..=MOST_LOSSES).contains(&metrics.len()) {
        bail!("{shown}: needs 2 to {MOST_LOSSES} metrics: leave it out");
    }
    if !matches!(search, Strategy::Bayes | Strategy::Evolution) {
        bail!("{shown}: search {} uses no reference: use bayes or evolution", search.name());
    }
    Ok(())
}

fn text(values: &[f64]) -> String {
    values.iter().map(f64::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_one_value_a_metric_for_the_search_that_looks_at_it() {
        let (loss, size) = (Metric::minimize("loss"), Metric::minimize("size"));
        let problem = |reference: &[f64], metrics: &[Metric], search| {
            let args = ReferenceArgs { reference: reference.to_vec() };
            args.check(metrics, search).err().map(|error| format!("{error:#}"))
        };
        let both = [loss.clone(), size];
        assert_eq!(problem(&[], std::slice::from_ref(&loss), Strategy::Random), None);
        assert_eq!(problem(&[1.0, -2.5], &both, Strategy::Bayes), None);
        let too_few = problem(&[1.5], &both, Strategy::Bayes);
        assert_eq!(
            too_few.as_deref(),
            Some("--reference: 1.5: must be one finite value per metric, 2 in all")
        );
        assert!(problem(&[1.0, f64::NAN], &both, Strategy::Bayes).is_some());
        assert!(
            problem(&[1.0], &[loss], Strategy::Bayes)
                .is_some_and(|problem| problem.contains("2 to 4 metrics"))
        );
        let five = ["a", "b", "c", "d", "e"].map(Metric::minimize);
        assert!(problem(&[1.0; 5], &five, Strategy::Bayes).is_some_and(|problem| problem.contains("2 to 4")));
        assert!(problem(&[1.0, 2.0], &both, Strategy::Tpe).is_some_and(|problem| problem.contains("tpe")));
    }
}

//! `--reference`: from where on values are worth anything.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value as Json;

use crate::search::Strategy;
use crate::study::{Metric, REFERENCE};

/// The reference point of several metrics.
#[derive(Debug, Args)]
pub(super) struct ReferenceArgs {
    /// Of several metrics one value each: what is not better than that in all of them is worth nothing, which up to four
    /// metrics of bayes know once they have come near it; if left out, a little behind the front
    #[arg(long, value_name = "VALUE,...", value_delimiter = ',', allow_negative_numbers = true)]
    pub reference: Vec<f64>,
}

impl ReferenceArgs {
    /// The point, if one was named.
    pub fn values(&self) -> Option<Vec<f64>> {
        Some(self.reference.clone()).filter(|values| !values.is_empty())
    }

    /// As an attribute of a study, if one was named.
    pub fn fact(&self) -> Option<(String, Json)> {
        self.values().map(|values| (REFERENCE.to_owned(), values.into()))
    }

    /// Refuses what is not one finite value for each of `metrics`, and a search that does not look at it.
    pub fn check(&self, metrics: &[Metric], search: Strategy) -> Result<()> {
        let Some(values) = self.values() else { return Ok(()) };
        let shown = values.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        if values.len() != metrics.len() || values.iter().any(|value| !value.is_finite()) {
            bail!("--reference {shown}: must be {} finite values, one a metric", metrics.len());
        }
        if metrics.len() < 2 {
            bail!("--reference {shown}: means nothing with one metric: leave it out");
        }
        if search != Strategy::Bayes {
            bail!("--reference {shown}: --search {} does not look at it: use bayes", search.name());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_one_value_a_metric_for_the_search_that_looks_at_it() {
        let (loss, size) = (Metric::minimize("loss"), Metric::minimize("size"));
        let problem = |reference: &[f64], metrics: &[Metric], search| {
            let args = ReferenceArgs { reference: reference.to_vec() };
            args.check(metrics, search).err().map(|error| error.to_string())
        };
        let both = [loss.clone(), size];
        assert_eq!(problem(&[], std::slice::from_ref(&loss), Strategy::Random), None);
        assert_eq!(problem(&[1.0, -2.5], &both, Strategy::Bayes), None);
        let too_few = problem(&[1.5], &both, Strategy::Bayes);
        assert_eq!(too_few.as_deref(), Some("--reference 1.5: must be 2 finite values, one a metric"));
        assert!(problem(&[1.0, f64::NAN], &both, Strategy::Bayes).is_some());
        assert!(
            problem(&[1.0], &[loss], Strategy::Bayes).is_some_and(|problem| problem.contains("one metric"))
        );
        assert!(problem(&[1.0, 2.0], &both, Strategy::Tpe).is_some_and(|problem| problem.contains("tpe")));
    }
}

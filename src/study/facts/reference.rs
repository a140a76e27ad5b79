//! From where on the values of several metrics are worth anything.

use crate::study::Study;

/// Name of the study attribute that holds the reference point: an array of one number a metric.
pub const REFERENCE: &str = "tune:reference";

impl Study {
    /// The reference point of the volume that a front dominates, one loss a metric: what does not stay below it in all
    /// of them is worth nothing. `None` where nobody named one.
    pub fn reference(&self) -> Option<Vec<f64>> {
        let values: Vec<f64> = serde_json::from_value(self.attributes.get(REFERENCE)?.clone()).ok()?;
        (values.len() == self.metrics.len()).then(|| self.losses_of(&values))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::study::Metric;

    #[test]
    fn a_reference_is_turned_like_the_values_of_its_metrics() {
        let metrics = vec![Metric::maximize("accuracy"), Metric::minimize("energy_nj")];
        let mut study = Study { metrics, ..Study::default() };
        assert_eq!(study.reference(), None);
        study.attributes.insert(REFERENCE.to_owned(), json!([0.9, 50.0]));
        assert_eq!(study.reference(), Some(vec![-0.9, 50.0]));
        study.attributes.insert(REFERENCE.to_owned(), json!([0.9]));
        assert_eq!(study.reference(), None, "one number for two metrics");
    }
}

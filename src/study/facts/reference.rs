//! The reference point of a study with several metrics: the worst values that are still useful.

use crate::study::Study;

/// Key of the study attribute that holds the reference point: an array with one number per metric.
pub const REFERENCE: &str = "tune:reference";

impl Study {
    /// The reference point as losses (less is better), one per metric; `None` if nobody named one.
    /// Points that do not improve on it in every metric add nothing to the hypervolume.
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

//! The baseline's saved network, deployed again. Nothing is random in it, so that every value is
//! compared exactly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::baseline::BaselineModel;
use super::seeds::Costs;
use crate::study::{Direction, Metric};

/// A value of the saved network, then and now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exact {
    /// The metric or the cost.
    pub name: String,
    /// The direction in which it is better.
    pub direction: Direction,
    /// Its value in the baseline.
    pub baseline: f64,
    /// Its value now; `null` if there is none any more.
    pub now: Option<f64>,
}

/// How a value has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is the same number.
    Same,
    /// It is better.
    Better,
    /// It is worse, or has no value any more.
    Worse,
}

impl Exact {
    /// The values of the saved network `then`, beside its `values` and `costs` now. A value that is
    /// among the metrics is not compared again as a cost.
    pub fn all(metrics: &[Metric], then: &BaselineModel, values: &[f64], costs: &Costs) -> Vec<Self> {
        let of_metric = |(at, metric): (usize, &Metric)| {
            let baseline = *then.values.get(at)?;
            let (name, now) = (metric.name.clone(), values.get(at).copied());
            Some(Self { name, direction: metric.direction, baseline, now })
        };
        let is_metric = |name: &str| metrics.iter().any(|metric| metric.name == name);
        let of_cost = |(name, &baseline): (&String, &f64)| Self {
            name: name.clone(),
            direction: Direction::Minimize,
            baseline,
            now: costs.get(name).copied(),
        };
        let of_costs = then.costs.iter().filter(|(name, _)| !is_metric(name)).map(of_cost);
        metrics.iter().enumerate().filter_map(of_metric).chain(of_costs).collect()
    }

    /// How the value has changed.
    pub fn change(&self) -> Change {
        match self.now {
            Some(now) if now == self.baseline => Change::Same,
            Some(now) if self.direction.loss(now) < self.direction.loss(self.baseline) => Change::Better,
            _ => Change::Worse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_compared_once_and_exactly() {
        let costs =
            |energy: f64| Costs::from_iter([("energy".to_owned(), energy), ("cores".to_owned(), 2.0)]);
        let then = BaselineModel {
            file: String::new(),
            sha256: None,
            seed: 0,
            values: vec![0.9, 5e-8],
            costs: costs(5e-8),
        };
        let metrics = [Metric::maximize("accuracy"), Metric::minimize("energy")];
        let more = 5e-8 * (1.0 + f64::EPSILON);
        let now = Exact::all(&metrics, &then, &[0.95, more], &costs(more));
        let changes: Vec<(&str, Change)> = now.iter().map(|one| (one.name.as_str(), one.change())).collect();
        assert_eq!(
            changes,
            [("accuracy", Change::Better), ("energy", Change::Worse), ("cores", Change::Same)]
        );
        let gone = Exact::all(&metrics, &then, &[], &Costs::new());
        assert!(gone.iter().all(|one| one.change() == Change::Worse));
    }
}

//! The result of a check.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::baseline::Baseline;
use super::exact::Exact;
use super::limit::Limit;
use super::scale::Scale;
use super::seeds::{Costs, FailedSeed, SeedResult};
use crate::study::{Difference, Metric, Regression, Spread, Verdict};

/// Version of the JSON form of a [`CheckResult`].
const SCHEMA: u32 = 1;

/// The result of a check against a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// Version of this form.
    pub schema: u32,
    /// The program and its version.
    pub program: String,
    /// The program that recorded the baseline.
    pub baseline_program: String,
    /// The study's name.
    pub study: String,
    /// The metric that is judged, the first of the study.
    pub metric: Metric,
    /// How its values are shown.
    pub scale: Scale,
    /// Whether networks are trained; if not, a command evaluates.
    #[serde(default)]
    pub of_networks: bool,
    /// The baseline's mean and standard deviation.
    pub baseline: Spread,
    /// The baseline's mean costs.
    #[serde(default)]
    pub baseline_costs: Costs,
    /// The largest drop that is no regression, in the unit of the values.
    pub tolerance: f64,
    /// The numbers of seeds at which the check looks.
    pub looks: Vec<usize>,
    /// The smallest drop that the check sees in about nine of ten checks, in the unit of the values.
    pub smallest_drop: f64,
    /// The smallest tolerance at which it finds an unchanged result fine in about nine of ten
    /// checks.
    pub smallest_tolerance: f64,
    /// The results of the new seeds.
    pub seeds: Vec<SeedResult>,
    /// The seed that ended the check because it has no result; left out if each has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedSeed>,
    /// Seconds that the seeds took on this machine; nothing is judged by them.
    pub seconds: f64,
    /// The drop of the mean with its confidence bounds, positive if it got worse; `null` before the
    /// first look.
    pub drop: Option<Difference>,
    /// What is proven.
    pub verdict: Verdict,
    /// The baseline's saved network, deployed again: its values are compared exactly.
    pub saved_network: Vec<Exact>,
    /// The bounds that were asked for.
    pub limits: Vec<Limit>,
    /// Lines for the user.
    pub remarks: Vec<String>,
    /// Whether an undecided check fails.
    pub strict: bool,
    /// Whether the check passes.
    pub passed: bool,
}

impl CheckResult {
    /// A check of `study` by `regression` that has not begun.
    pub fn new(
        study: &str,
        baseline: &Baseline,
        scale: Scale,
        regression: &Regression,
        strict: bool,
    ) -> Self {
        let spread = baseline.spread();
        let resolution = regression.resolution();
        Self {
            schema: SCHEMA,
            program: concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned(),
            baseline_program: baseline.program.clone(),
            study: study.to_owned(),
            metric: baseline.metric().clone(),
            scale,
            of_networks: baseline.is_of_networks(),
            baseline: spread,
            baseline_costs: mean_costs(&baseline.seeds),
            tolerance: regression.tolerance(),
            looks: regression.looks().to_vec(),
            smallest_drop: regression.tolerance() + resolution,
            smallest_tolerance: resolution,
            seeds: Vec::new(),
            failed: None,
            seconds: 0.0,
            drop: None,
            verdict: Verdict::Undecided,
            saved_network: Vec::new(),
            limits: Vec::new(),
            remarks: Vec::new(),
            strict,
            passed: false,
        }
    }

    /// The new values of the first metric.
    pub fn values(&self) -> Vec<f64> {
        self.seeds.iter().filter_map(|seed| seed.values.first().copied()).collect()
    }

    /// The mean of the metric or cost `name` over the new seeds; `None` if it has no value.
    pub fn mean(&self, names: &[Metric], name: &str) -> Option<f64> {
        let at = names.iter().position(|metric| metric.name == name);
        let value = |seed: &SeedResult| match at {
            Some(at) => seed.values.get(at).copied(),
            None => seed.costs.get(name).copied(),
        };
        let values = self.seeds.iter().map(value).collect::<Option<Vec<f64>>>()?;
        Spread::of_values(&values).map(|spread| spread.mean)
    }

    /// The means of all costs over the new seeds.
    pub fn mean_costs(&self) -> Costs {
        mean_costs(&self.seeds)
    }

    /// The JSON Schema of a check's result.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(CheckResult).to_value()
    }
}

/// The means of all costs that each of `seeds` has.
fn mean_costs(seeds: &[SeedResult]) -> Costs {
    let names = seeds.first().into_iter().flat_map(|seed| seed.costs.keys());
    let mean = |name: &String| {
        let values = seeds.iter().map(|seed| seed.costs.get(name).copied()).collect::<Option<Vec<f64>>>()?;
        Some((name.clone(), Spread::of_values(&values)?.mean))
    };
    names.filter_map(mean).collect()
}

//! The baseline of checks: what a point scored and cost with several seeds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::seeds::{Costs, SeedResult};
use crate::space::Point;
use crate::study::{Metric, Spread};

/// Version of the JSON form of a [`Baseline`].
const SCHEMA: u32 = 1;

/// The fewest seeds of a recorded baseline.
pub const FEWEST_SEEDS: usize = 10;

/// What a point scored and cost with several seeds, recorded for checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of this form.
    pub schema: u32,
    /// The program that recorded it.
    pub program: String,
    /// The command of the study; empty if the point was read from a database.
    pub command: String,
    /// The study's name.
    pub study: String,
    /// The data set's name; left out if a command evaluates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// SHA-256 of the data set's content; left out if a command evaluates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset_sha256: Option<String>,
    /// The chip's name; left out if a command evaluates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chip: Option<String>,
    /// SHA-256 of the chip's profile; left out if a command evaluates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chip_sha256: Option<String>,
    /// The metrics; the first one is judged.
    pub metrics: Vec<Metric>,
    /// The point.
    pub hyperparameters: Point,
    /// The root of all seeds.
    pub seed: u64,
    /// The results by seed.
    pub seeds: Vec<SeedResult>,
    /// The saved network; left out if a command evaluates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<BaselineModel>,
}

/// The network of the seed that is best on the validation set, saved beside the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineModel {
    /// The name of its file.
    pub file: String,
    /// SHA-256 of the file, in hex; baselines of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The number of its seed.
    pub seed: u64,
    /// One value for each metric on the test set.
    pub values: Vec<f64>,
    /// What it costs on the chip.
    pub costs: Costs,
}

/// Why a baseline cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BaselineError {
    /// The form is of another version.
    #[error("schema {0}: this version of tune reads schema {SCHEMA}: record the baseline again")]
    Schema(u32),
    /// There is no metric.
    #[error("metrics: must be at least one")]
    NoMetric,
    /// There are too few seeds for a standard deviation.
    #[error("holds {0} seeds: must be at least 3, better {FEWEST_SEEDS}: record it again")]
    FewSeeds(usize),
    /// A seed lacks a value of a metric, or it is not finite.
    #[error("seed {0}: must have one finite value for each metric")]
    Values(u64),
}

impl Baseline {
    /// The version of the form, and the program, of baselines that this program writes.
    pub fn version() -> (u32, String) {
        (SCHEMA, concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned())
    }

    /// Checks that the baseline can be compared with.
    ///
    /// # Errors
    /// It is of another version, or has too few results.
    pub fn check(&self) -> Result<(), BaselineError> {
        let is_whole = |seed: &SeedResult| {
            seed.values.len() == self.metrics.len() && seed.values.iter().all(|value| value.is_finite())
        };
        match self.seeds.iter().find(|seed| !is_whole(seed)) {
            _ if self.schema != SCHEMA => Err(BaselineError::Schema(self.schema)),
            _ if self.metrics.is_empty() => Err(BaselineError::NoMetric),
            _ if self.seeds.len() < 3 => Err(BaselineError::FewSeeds(self.seeds.len())),
            Some(seed) => Err(BaselineError::Values(seed.seed)),
            None => Ok(()),
        }
    }

    /// The metric that is judged. The baseline is [checked](Self::check).
    pub fn metric(&self) -> &Metric {
        &self.metrics[0]
    }

    /// Whether its results are those of networks; otherwise a command evaluates.
    pub fn is_of_networks(&self) -> bool {
        self.dataset_sha256.is_some()
    }

    /// The values of the metric that is judged.
    pub fn values(&self) -> Vec<f64> {
        self.seeds.iter().filter_map(|seed| seed.values.first().copied()).collect()
    }

    /// The mean and the standard deviation of these values. The baseline is [checked](Self::check).
    pub fn spread(&self) -> Spread {
        Spread::of_values(&self.values()).expect("a checked baseline has values")
    }

    /// The number of the first seed that the baseline has not used.
    pub fn next_seed(&self) -> u64 {
        self.seeds.iter().map(|seed| seed.seed.saturating_add(1)).max().unwrap_or(0)
    }

    /// The JSON Schema of a baseline.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Baseline).to_value()
    }

    /// The text of a baseline's file.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("text and finite numbers are JSON") + "\n"
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A baseline of a network with these accuracies.
    pub fn baseline(accuracies: &[f64]) -> Baseline {
        let seed = |(seed, &accuracy): (usize, &f64)| SeedResult {
            seed: seed as u64,
            values: vec![accuracy],
            validation: vec![accuracy],
            costs: Costs::from_iter([("energy".to_owned(), 5e-8)]),
        };
        let (schema, program) = Baseline::version();
        Baseline {
            schema,
            program,
            command: String::new(),
            study: "s".to_owned(),
            dataset: Some("digits".to_owned()),
            dataset_sha256: Some("00".to_owned()),
            chip: Some("loihi1".to_owned()),
            chip_sha256: Some("11".to_owned()),
            metrics: vec![Metric::maximize("accuracy")],
            hyperparameters: Point::default(),
            seed: 0,
            seeds: accuracies.iter().enumerate().map(seed).collect(),
            model: None,
        }
    }

    #[test]
    fn a_baseline_reads_back_bit_for_bit() {
        let baseline = baseline(&[0.1 + 0.2, 1.0 / 3.0, 0.97]);
        assert_eq!(serde_json::from_str::<Baseline>(&baseline.to_text()).expect("JSON"), baseline);
        assert_eq!((baseline.check(), baseline.next_seed()), (Ok(()), 3));
    }

    #[test]
    fn a_baseline_that_proves_nothing_is_refused() {
        assert_eq!(baseline(&[0.5, 0.6]).check(), Err(BaselineError::FewSeeds(2)));
        let newer = Baseline { schema: 2, ..baseline(&[0.5; 10]) };
        assert_eq!(newer.check(), Err(BaselineError::Schema(2)));
        let mut empty = baseline(&[0.5; 10]);
        empty.seeds[4].values.clear();
        assert_eq!(empty.check(), Err(BaselineError::Values(4)));
    }
}

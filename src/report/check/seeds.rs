//! The results of single seeds.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a network costs on its chip, by the names of metrics: energy in joules, latency in seconds,
/// cores, parameters, synaptic-operations, spikes. Those that the chip's profile cannot model are
/// missing.
pub type Costs = IndexMap<String, f64>;

/// The results of one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeedResult {
    /// Its number in the stream of seeds for checks.
    pub seed: u64,
    /// One value for each metric: on the test set, or as a command reports them.
    pub values: Vec<f64>,
    /// One value for each metric on the validation set; left out if a command evaluates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<f64>,
    /// What the network costs; left out if a command evaluates.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub costs: Costs,
}

/// A seed without a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedSeed {
    /// Its number.
    pub seed: u64,
    /// Why it has no result.
    pub reason: String,
}

//! What a study is of whose objective is a program of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::Study;

/// Name of the study attribute that holds the [`ExternalSetup`].
pub const EXTERNAL_SETUP: &str = "tune:external_setup";

/// What must stay the same when a study is resumed whose trials another program evaluates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalSetup {
    /// The command that is run for every trial; left out if trials are asked for and told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The longest that a trial may take, or a leg of one that pauses, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_timeout_s: Option<f64>,
    /// What decides which paused trials go on; left out where they do not pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<String>,
    /// The steps of a whole trial, where trials pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// The search space's name.
    pub space: String,
    /// SHA-256 of the space.
    pub space_sha256: String,
    /// The search strategy.
    pub search: String,
    /// SHA-256 of the results from elsewhere that it began with; left out where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_start_sha256: Option<String>,
    /// Seeds that every trial is evaluated from; left out where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicates: Option<u32>,
    /// The reference point of its metrics, one value each; left out where nobody named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Vec<f64>>,
    /// The root of all randomness.
    pub seed: u64,
    /// With how many workers the study is made such that the order in which they finish changes nothing;
    /// left out where that is not so, or there is no more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic_workers: Option<u16>,
}

impl ExternalSetup {
    /// What `study` is of, if another program evaluates its trials.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(EXTERNAL_SETUP)?.clone()).ok()
    }

    /// As the value of the attribute [`EXTERNAL_SETUP`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }
}

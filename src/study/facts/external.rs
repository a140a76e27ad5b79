//! The setup of a study whose trials a command or a script evaluates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::searched::Searched;
use crate::study::Study;

/// Key of the study attribute that holds the [`ExternalSetup`].
pub const EXTERNAL_SETUP: &str = "tune:external_setup";

/// The setup of a study whose trials a command or a script evaluates. It must be the same when the
/// study is resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalSetup {
    /// The command that is run for every trial; left out if a script uses `tune ask` and `tune
    /// tell` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The time limit of a trial in seconds; for a trial that pauses, of each segment from one
    /// pause to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_timeout_s: Option<f64>,
    /// Number of steps of a complete trial; left out if trials do not pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// What the study searches and how.
    #[serde(flatten)]
    pub searched: Searched,
}

impl ExternalSetup {
    /// The setup of `study`; `None` if its trials are networks, or another program made it.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(EXTERNAL_SETUP)?.clone()).ok()
    }

    /// The value of the attribute [`EXTERNAL_SETUP`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }
}

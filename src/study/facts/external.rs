//! The setup of a study whose trials another program evaluates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::searched::Searched;
use crate::study::Study;

/// Key of the study attribute that holds the [`ExternalSetup`].
pub const EXTERNAL_SETUP: &str = "tune:external_setup";

/// The setup of a study whose trials another program evaluates. It must be the same when the study
/// is resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalSetup {
    /// The command that is run for every trial; left out where `tune ask` and `tune tell` are used
    /// instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The longest time that a trial may take, or a segment of one that pauses, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_timeout_s: Option<f64>,
    /// The steps of a whole trial; left out where trials do not pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// What is searched and how.
    #[serde(flatten)]
    pub searched: Searched,
}

impl ExternalSetup {
    /// The setup of `study`; `None` if no other program evaluates its trials.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(EXTERNAL_SETUP)?.clone()).ok()
    }

    /// The value of the attribute [`EXTERNAL_SETUP`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }
}

//! What ended a study before its budget was spent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::Study;

/// Name of the study attribute that holds what [`Stopped`] it.
pub const STOPPED: &str = "tune:stopped";

/// Why a study ended before its budget was spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// The rules that were asked for, as they are written.
    pub rules: Vec<String>,
    /// The one of them that held.
    pub rule: String,
    /// Why it held, in one line.
    pub reason: String,
    /// How many trials there were.
    pub trials: u32,
}

impl Stopped {
    /// What stopped `study`, if anything did.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(STOPPED)?.clone()).ok()
    }

    /// As the value of the attribute [`STOPPED`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }
}

//! The rule that ended a study before its budget was spent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::Study;

/// Key of the study attribute that holds why it [`Stopped`].
pub const STOPPED: &str = "tune:stopped";

/// Why a study ended before its budget was spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// The rules of the study, as written on the command line.
    pub rules: Vec<String>,
    /// The rule that ended the study.
    pub rule: String,
    /// Why the rule applied, in one line.
    pub reason: String,
    /// Number of finished trials when the study ended.
    pub trials: u32,
}

impl Stopped {
    /// Why `study` stopped; `None` if no rule ended it.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(STOPPED)?.clone()).ok()
    }

    /// The value of the attribute [`STOPPED`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }
}

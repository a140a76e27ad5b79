//! The report of one or more studies, and its form as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::study::StudyReport;

/// Version of the JSON form of a report.
const SCHEMA: u32 = 1;

/// A report of studies.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// Version of this form.
    pub schema: u32,
    /// The program and its version.
    pub program: String,
    /// The studies, at least one.
    pub studies: Vec<StudyReport>,
}

impl Report {
    /// The report of `studies`.
    pub fn new(studies: Vec<StudyReport>) -> Self {
        let program = concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { schema: SCHEMA, program, studies }
    }

    /// The report as JSON, in one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text and finite numbers are JSON") + "\n"
    }
}

//! What the file of a network says about it: all that it takes to use it without its data set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backend::{ChipProfile, DeployOptions};
use crate::data::{InputCoding, PartChecksums, Preprocessing, Split};

/// Version of the JSON form of a [`Description`].
const SCHEMA: u32 = 1;

/// What the file of a network says about it.
///
/// Files of version 0.1 and of other programs say only `coding` and `deploy`, if at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Version of this form; 0 where a file has none.
    pub schema: u32,
    /// The program and its version; empty where a file does not say it.
    #[serde(default)]
    pub program: String,
    /// How values become inputs, and what inputs and classes are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Preprocessing>,
    /// How inputs are coded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coding: Option<InputCoding>,
    /// How it is deployed.
    #[serde(default)]
    pub deploy: DeployOptions,
    /// The chip that it was trained for, or whose integers the file has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chip: Option<ChipProfile>,
    /// What it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<TrainedOn>,
}

/// The data and the seed of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainedOn {
    /// The name of the data set.
    pub dataset: String,
    /// SHA-256 of its content, in hex.
    pub dataset_sha256: String,
    /// SHA-256 of each part; files of earlier versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts_sha256: Option<PartChecksums>,
    /// How the validation part was held out; left out if the data set has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The seed of the training, 64 hexadecimal digits.
    pub seed: String,
}

impl Description {
    /// A description of this version in which nothing is said.
    pub fn new() -> Self {
        Self {
            schema: SCHEMA,
            program: concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Self::default()
        }
    }

    /// Its JSON, in one line.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("text and finite numbers are JSON")
    }

    /// Reads the JSON of a description.
    ///
    /// # Errors
    /// One line: it is of a later version, no description, or its parts do not fit together.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let json: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match json.get("schema").and_then(serde_json::Value::as_u64) {
            Some(schema) if schema > u64::from(SCHEMA) => {
                return Err(format!("schema {schema}: a later version of tune wrote it: use that version"));
            }
            _ => {}
        }
        let read: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        if let Some(inputs) = &read.inputs {
            inputs.check()?;
        }
        if let Some(chip) = &read.chip {
            let text = serde_json::to_string(chip).map_err(|error| error.to_string())?;
            ChipProfile::from_json(&text, "chip").map_err(|error| error.to_string())?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_of_a_later_version_or_of_nothing_is_refused() {
        let read = |text: &str| Description::from_text(text).map_err(|problem| problem.to_string());
        assert_eq!(read(&Description::new().to_text()), Ok(Description::new()));
        assert!(read(r#"{"schema": 2}"#).unwrap_err().contains("schema 2: a later version of tune wrote it"));
        assert!(read(r#"{"schema": 1, "colour": 3}"#).unwrap_err().contains("unknown field `colour`"));
        let inputs = r#"{"schema": 1, "inputs": {"shape": [1, 1, 2], "levels": 255, "classes": ["a", "b"],
            "scaling": {"kind": "columns", "low": [0], "high": [1]}}}"#;
        assert!(read(inputs).unwrap_err().contains("must have a range for each of the 2 inputs"));
    }
}

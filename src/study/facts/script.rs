//! The script of the command that evaluates the trials of a study.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::Study;

/// Key of the study attribute that holds the [`Script`].
pub const SCRIPT: &str = "tune:script";

/// The script that a study's command runs, as far as the words of the command tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The path of the file, as in the command.
    pub file: String,
    /// SHA-256 of its content when the study was last run, in hex.
    pub sha256: String,
}

impl Script {
    /// The script of the last run of `study`, if the study stores one.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(SCRIPT)?.clone()).ok()
    }

    /// The value of the attribute [`SCRIPT`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text is JSON")
    }

    /// Whether `later` is the same file with a changed content.
    pub fn has_changed(&self, later: &Self) -> bool {
        self.file == later.file && self.sha256 != later.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_survives_its_attribute_and_tells_a_change() {
        let script = |file: &str, sha256: &str| Script { file: file.into(), sha256: sha256.into() };
        let first = script("train.py", "00");
        let attributes = [(SCRIPT.to_owned(), first.to_json())].into_iter().collect();
        assert_eq!(Script::of(&Study { attributes, ..Study::default() }), Some(first.clone()));
        assert_eq!(Script::of(&Study::default()), None);
        assert!(first.has_changed(&script("train.py", "01")));
        assert!(!first.has_changed(&first) && !first.has_changed(&script("other.py", "01")));
    }
}

//! The checksums of the parts of a data set: a file may have one of them alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::checksum;
use super::{DataPart, Dataset, Samples};

/// SHA-256 of the content of each part of a data set, in hex: of shape, levels, inputs and labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartChecksums {
    /// Of the training part, with the samples that are held out from it for validation.
    pub train: String,
    /// Of the validation part; left out if the source has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,
    /// Of the test part.
    pub test: String,
}

impl Dataset {
    /// The checksums of its parts.
    pub fn part_checksums(&self) -> PartChecksums {
        let sum = |part: &Samples| checksum::content(self.shape, self.levels, &[part]);
        PartChecksums {
            train: sum(&self.train),
            validation: self.validation.as_ref().map(sum),
            test: sum(&self.test),
        }
    }
}

impl PartChecksums {
    /// Whether `other` are these parts without the one for the validation.
    pub fn has_validation_apart(&self, other: &Self) -> bool {
        self.validation.is_some()
            && (&self.train, &None, &self.test) == (&other.train, &other.validation, &other.test)
    }

    /// The part whose checksum is `sum`, if one is.
    pub fn part(&self, sum: &str) -> Option<DataPart> {
        let parts = [
            (DataPart::Train, Some(&self.train)),
            (DataPart::Validation, self.validation.as_ref()),
            (DataPart::Test, Some(&self.test)),
        ];
        parts.into_iter().find(|(_, known)| known.is_some_and(|known| known == sum)).map(|(part, _)| part)
    }
}

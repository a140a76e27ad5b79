//! What a study is of: everything that must stay the same when it is resumed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::Study;

/// Name of the study attribute that holds the [`Setup`].
pub const SETUP: &str = "tune:setup";

/// What a study is of. Two runs of equal setups make the same trials, bit for bit, if each has one worker or
/// as many as `deterministic_workers` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The data set's name.
    pub dataset: String,
    /// SHA-256 of its content.
    pub dataset_sha256: String,
    /// Share of the training set that is held out to score trials, in (0, 1).
    pub validation: f64,
    /// The search space's name.
    pub space: String,
    /// SHA-256 of the space as it was searched.
    pub space_sha256: String,
    /// The chip profile's name.
    pub chip: String,
    /// SHA-256 of the profile's file.
    pub chip_sha256: String,
    /// The faulty chips that robustness is measured on; left out where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<String>,
    /// The search strategy.
    pub search: String,
    /// What decides which trials are trained to their end; left out where all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<String>,
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

impl Setup {
    /// What `study` is of, if it was made by this program.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(SETUP)?.clone()).ok()
    }

    /// As the value of the attribute [`SETUP`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }
}

/// The keys in which two setups differ, `ours` and that of a study that is there, each as `key: theirs there,
/// ours here`.
pub fn differences(ours: &Json, theirs: &Json) -> Vec<String> {
    let keys_of = |setup: &'_ Json| -> Vec<String> {
        setup.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect()
    };
    let mut keys = keys_of(ours);
    keys.extend(keys_of(theirs).into_iter().filter(|key| ours.get(key).is_none()));
    keys.iter()
        .filter(|key| ours.get(key) != theirs.get(key))
        .map(|key| format!("{key}: {} there, {} here", shown(theirs.get(key)), shown(ours.get(key))))
        .collect()
}

fn shown(value: Option<&Json>) -> String {
    value.map_or_else(|| "none".to_owned(), Json::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup {
            dataset: "digits".into(),
            dataset_sha256: "00".into(),
            validation: 0.2,
            space: "images".into(),
            space_sha256: "11".into(),
            chip: "loihi1".into(),
            chip_sha256: "22".into(),
            faults: None,
            search: "bayes".into(),
            fidelity: None,
            warm_start_sha256: None,
            replicates: None,
            reference: None,
            seed: 7,
            deterministic_workers: None,
        }
    }

    #[test]
    fn a_setup_survives_its_attribute() {
        let study = Study {
            attributes: [(SETUP.to_owned(), setup().to_json())].into_iter().collect(),
            ..Study::default()
        };
        assert_eq!(Setup::of(&study), Some(setup()));
        assert_eq!(Setup::of(&Study::default()), None);
    }

    #[test]
    fn differences_name_the_key_and_both_values() {
        let other = Setup { seed: 8, chip: "ideal".into(), ..setup() };
        let differences = |ours: &Setup, theirs: &Setup| differences(&ours.to_json(), &theirs.to_json());
        assert_eq!(
            differences(&other, &setup()),
            [r#"chip: "loihi1" there, "ideal" here"#, "seed: 7 there, 8 here"]
        );
        assert!(differences(&setup(), &setup()).is_empty());
        let side_by_side = Setup { deterministic_workers: Some(4), ..setup() };
        assert_eq!(differences(&side_by_side, &setup()), ["deterministic_workers: none there, 4 here"]);
        assert_eq!(differences(&setup(), &side_by_side), ["deterministic_workers: 4 there, none here"]);
    }
}

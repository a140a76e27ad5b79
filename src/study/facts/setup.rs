//! The setup of a study of networks: everything that must be the same when it is resumed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::searched::Searched;
use crate::study::Study;

/// Key of the study attribute that holds the [`Setup`].
pub const SETUP: &str = "tune:setup";

/// The setup of a study of networks. Two runs with equal setups make the same trials, bit for bit,
/// if each has one worker or `deterministic_workers` workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The name of the data set.
    pub dataset: String,
    /// SHA-256 of the data set's content, in hex.
    pub dataset_sha256: String,
    /// The share of the training set that is held out to score trials, in (0, 1).
    pub validation: f64,
    /// The number of parts of the cross-validation that scores trials; left out where one part is
    /// held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<u32>,
    /// The name of the chip profile.
    pub chip: String,
    /// SHA-256 of the profile, in hex.
    pub chip_sha256: String,
    /// The faulty chips on which robustness is measured; left out if it is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<String>,
    /// Bounds of metrics, such as `cores<=128`; left out if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// What the study searches and how.
    #[serde(flatten)]
    pub searched: Searched,
}

impl Setup {
    /// The setup of `study`; `None` if its trials are no networks, or another program made it.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(SETUP)?.clone()).ok()
    }

    /// The value of the attribute [`SETUP`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }
}

/// The keys in which the setup `ours` differs from that of an existing study, `theirs`. Each is a
/// text `key: THEIRS there, OURS here`.
pub fn differences(ours: &Json, theirs: &Json) -> Vec<String> {
    let keys_of = |setup: &'_ Json| -> Vec<String> {
        setup.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect()
    };
    let mut keys = keys_of(ours);
    keys.extend(keys_of(theirs).into_iter().filter(|key| ours.get(key).is_none()));
    let differs = |key: &str| ours.get(key) != theirs.get(key);
    // Something else by name has another content of course.
    let is_said = |key: &str| key.strip_suffix("_sha256").is_some_and(differs);
    keys.iter()
        .filter(|key| differs(key) && !is_said(key))
        .map(|key| difference(key, theirs.get(key), ours.get(key)))
        .collect()
}

/// A difference in words; of checksums the beginning suffices.
fn difference(key: &str, theirs: Option<&Json>, ours: Option<&Json>) -> String {
    /// Digits of a checksum that people are shown.
    const SHOWN: usize = 8;
    let short = |sum: Option<&Json>| {
        let sum = sum.and_then(Json::as_str).unwrap_or("none");
        sum.chars().take(SHOWN).collect::<String>()
    };
    match key.strip_suffix("_sha256") {
        Some(what) => {
            let what = what.replace('_', " ");
            format!("{what}: another content (SHA-256 {}... there, {}... here)", short(theirs), short(ours))
        }
        None => format!("{key}: {} there, {} here", shown(theirs), shown(ours)),
    }
}

/// The places at which `ours` differs from `theirs`, each as `a.b: THEIRS there, OURS here`; only the first few.
pub fn changed_places(ours: &Json, theirs: &Json) -> Vec<String> {
    /// Most places that are named.
    const MOST: usize = 4;
    let mut found = Vec::new();
    collect("", ours, theirs, &mut found);
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

fn collect(path: &str, ours: &Json, theirs: &Json, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => {
            let keys = ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key)));
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let of =
                    |fields: &serde_json::Map<String, Json>| fields.get(key).cloned().unwrap_or_default();
                collect(&path, &of(ours), &of(theirs), found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{path}: {} there, {} here", brief(theirs), brief(ours))),
    }
}

/// A value in few characters; `none` for one that is not there.
fn brief(value: &Json) -> String {
    match value {
        Json::Null => "none".to_owned(),
        value => crate::input::shortened(&value.to_string()),
    }
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
            folds: None,
            chip: "loihi1".into(),
            chip_sha256: "22".into(),
            constraints: Vec::new(),
            faults: None,
            searched: Searched::new("images", "11", "bayes", 7),
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
    fn a_setup_of_version_0_1_is_read_and_an_unknown_key_is_not() {
        // The keys in the order in which version 0.1 wrote them.
        let mut kept = serde_json::json!({
            "dataset": "digits", "dataset_sha256": "00", "validation": 0.2, "space": "images",
            "space_sha256": "11", "chip": "loihi1", "chip_sha256": "22", "search": "bayes", "seed": 7,
        });
        let read = |kept: &Json| {
            let attributes = [(SETUP.to_owned(), kept.clone())].into_iter().collect();
            Setup::of(&Study { attributes, ..Study::default() })
        };
        assert_eq!(read(&kept), Some(setup()));
        assert_eq!(setup().to_json(), kept);
        kept["speed"] = 1.into();
        assert_eq!(read(&kept), None);
    }

    #[test]
    fn a_checksum_is_told_as_another_content_and_places_by_their_path() {
        let other = Setup { chip_sha256: "3333333333".into(), ..setup() };
        let found = differences(&other.to_json(), &setup().to_json());
        assert_eq!(found, ["chip: another content (SHA-256 22... there, 33333333... here)"]);
        let json = |text: &str| serde_json::from_str::<Json>(text).expect("JSON");
        let (ours, theirs) =
            (json(r#"{"a": {"b": 1, "c": [1]}, "d": 2}"#), json(r#"{"a": {"b": 2, "c": [1]}}"#));
        assert_eq!(changed_places(&ours, &theirs), ["a.b: 2 there, 1 here", "d: none there, 2 here"]);
        assert!(changed_places(&ours, &ours).is_empty());
        let many: Json =
            (0..9).map(|key| (key.to_string(), json("1"))).collect::<serde_json::Map<_, _>>().into();
        assert_eq!(changed_places(&many, &json("{}")).last().map(String::as_str), Some("and 5 more"));
    }

    #[test]
    fn differences_name_the_key_and_both_values() {
        let searched = |change: fn(&mut Searched)| {
            let mut setup = setup();
            change(&mut setup.searched);
            setup
        };
        let other = Setup { chip: "ideal".into(), ..searched(|searched| searched.seed = 8) };
        let differences = |ours: &Setup, theirs: &Setup| differences(&ours.to_json(), &theirs.to_json());
        assert_eq!(
            differences(&other, &setup()),
            [r#"chip: "loihi1" there, "ideal" here"#, "seed: 7 there, 8 here"]
        );
        assert!(differences(&setup(), &setup()).is_empty());
        let side_by_side = searched(|searched| searched.deterministic_workers = Some(4));
        assert_eq!(differences(&side_by_side, &setup()), ["deterministic_workers: none there, 4 here"]);
        assert_eq!(differences(&setup(), &side_by_side), ["deterministic_workers: 4 there, none here"]);
    }
}

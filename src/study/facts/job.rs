//! The job of a study: what a worker on any machine must know beside the setup and the space.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::Study;

/// Key of the study attribute that holds the [`Job`].
pub const JOB: &str = "tune:job";

/// What a worker must know of a study beside its setup and its space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The budget: the most trials.
    pub budget: u32,
    /// The rules that end the study before the budget is spent, as on the command line.
    pub stop_when: Vec<String>,
    /// The number of failures from the start that ends the study; 0: none does.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_failures: u32,
    /// Seeds from which every trial is evaluated.
    pub replicates: u32,
    /// The folder of the checkpoints of paused trials, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<String>,
    /// What is trained and how it is measured; left out where a command evaluates the trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
}

/// What is trained and how it is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// A name of the catalogue, or the path of a file on the machine that made the study.
    pub dataset: String,
    /// SHA-256 of its content, in hex.
    pub dataset_sha256: String,
    /// The column of labels, if the data set is a table and one was named.
    pub label: Option<String>,
    /// Whether the first line of a table names its columns, `yes` or `no`, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The place of the channels of images, `first` or `last`, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<String>,
    /// What else was said of the files, as `data::OpenOptions` serializes it; `null` if nothing was.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub reading: Json,
    /// The share of the training set that is held out to score trials, in (0, 1).
    pub validation: f64,
    /// The whole chip profile.
    pub chip: Json,
    /// The metrics of the trials, by name.
    pub goals: Vec<String>,
    /// What metrics must be at least or at most, as people write it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// The faults that robustness is measured with.
    pub faults: Vec<String>,
    /// The rates at which each fault is tried.
    pub fault_rates: Vec<f64>,
    /// Faulty chips per fault and rate.
    pub fault_maps: u32,
    /// The root of all randomness.
    pub seed: u64,
    /// The most memory of a trial in bytes, if the study states it: larger networks are refused
    /// before they are trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Job {
    /// The job of `study`, if it keeps one.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(JOB)?.clone()).ok()
    }

    /// The value of the attribute [`JOB`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and finite numbers are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_its_attribute() {
        let training = Training {
            dataset: "digits".into(),
            dataset_sha256: "00".into(),
            label: None,
            header: Some("no".into()),
            channels: None,
            reading: Json::Null,
            validation: 0.2,
            chip: serde_json::json!({"name": "ideal"}),
            goals: vec!["accuracy".into()],
            constraints: vec!["cores<=8".into()],
            faults: vec![],
            fault_rates: vec![0.05],
            fault_maps: 3,
            seed: 7,
            memory: None,
        };
        for training in [None, Some(training)] {
            let job = Job {
                budget: 9,
                stop_when: vec!["target=0.9".into()],
                max_failures: 10,
                replicates: 1,
                states: None,
                training,
            };
            let attributes = [(JOB.to_owned(), job.to_json())].into_iter().collect();
            assert_eq!(Job::of(&Study { attributes, ..Study::default() }), Some(job));
        }
        assert_eq!(Job::of(&Study::default()), None);
    }
}

//! The job of a study: what a worker on any machine must know besides the study's setup and space.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::Study;

/// Key of the study attribute that holds the [`Job`].
pub const JOB: &str = "tune:job";

/// What a worker on any machine must know besides the study's setup and space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The budget: the largest number of trials.
    pub budget: u32,
    /// The rules that end the study early, as written on the command line.
    pub stop_when: Vec<String>,
    /// The study ends if this number of trials has failed before any has succeeded; 0 for never.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_failures: u32,
    /// The number of the budget's last trials that keep the lists of the best trials.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refine: u32,
    /// Seeds from which every trial is evaluated.
    pub replicates: u32,
    /// The confirmation after the trials, whose time a limit of time counts; studies of older versions
    /// do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<JobConfirm>,
    /// The folder of the checkpoints of paused trials, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<String>,
    /// What is trained and how it is scored; left out if a command evaluates the trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
}

/// Which trials are evaluated again with fresh seeds after the trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobConfirm {
    /// The number of best trials; 0 if it is the front, or if nothing is confirmed.
    pub candidates: u32,
    /// Whether it is the whole front.
    pub front: bool,
    /// Fresh seeds for each.
    pub repeats: u32,
}

/// What the trials of a study of networks train, and how they are scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// A name of the catalogue of data sets, or the path of a file on the machine that created the
    /// study.
    pub dataset: String,
    /// SHA-256 of the data set's content, in hex.
    pub dataset_sha256: String,
    /// The column of labels, if the data set is a table and one was named.
    pub label: Option<String>,
    /// Whether the first line of a table names its columns, `yes` or `no`, if an option says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The position of the channels of images, `first` or `last`, if an option says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<String>,
    /// What else was said of the files, as `data::OpenOptions` serializes it; `null` if nothing was.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub reading: Json,
    /// The share of the training set that is held out to score trials, in (0, 1).
    pub validation: f64,
    /// The number of parts of the cross-validation that scores trials, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<u32>,
    /// The complete chip profile.
    pub chip: Json,
    /// The metrics of the trials, by name.
    pub goals: Vec<String>,
    /// The bounds of metrics, as written on the command line, such as `cores<=128`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// The kinds of chip faults by which robustness is measured.
    pub faults: Vec<String>,
    /// The rates at which each kind of fault occurs.
    pub fault_rates: Vec<f64>,
    /// Number of faulty chips for each fault and rate.
    pub fault_maps: u32,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The memory limit of a trial in bytes, if the study states one. Larger networks are refused
    /// before they are trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Job {
    /// The job of `study`, if it stores one.
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
            folds: Some(5),
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
                refine: 3,
                replicates: 1,
                confirmed: Some(JobConfirm { candidates: 3, front: false, repeats: 2 }),
                states: None,
                training,
            };
            let attributes = [(JOB.to_owned(), job.to_json())].into_iter().collect();
            assert_eq!(Job::of(&Study { attributes, ..Study::default() }), Some(job));
        }
        assert_eq!(Job::of(&Study::default()), None);
    }
}

//! `best.json`: the winner of a study, its scores, and the command that makes it again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::front::{OnFront, front};
use super::scored::Scored;
use crate::report::interval::accuracy_interval;
use crate::space::Point;
use crate::study::{
    Attributes, COMMAND, Candidate, Confirmation, ExternalSetup, Metric, Setup, Stopped, Study, Trial,
    test_samples,
};

/// Version of the JSON form of `best.json`.
const SCHEMA: u32 = 1;

/// The winner of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Version of this form.
    pub schema: u32,
    /// The program and its version.
    pub program: String,
    /// The command that makes this file again.
    pub command: String,
    /// The study's name.
    pub study: String,
    /// The study's data set, space, chip, search and seed.
    pub setup: Option<Setup>,
    /// The setup of a study whose trials a command or a script evaluates; left out otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_setup: Option<ExternalSetup>,
    /// The metrics; the first one decides the winner.
    pub metrics: Vec<Metric>,
    /// Number of finished trials.
    pub trials: usize,
    /// Number of failed trials among them.
    pub failed: usize,
    /// The rule that ended the study before its budget was spent; left out if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// The winner's number.
    pub trial: u32,
    /// The winner's hyperparameters.
    pub hyperparameters: Point,
    /// The winner's first metric on the validation set, as the search knew it: that of the trial
    /// itself, before the confirmation.
    pub searched: f64,
    /// The winner's first metric on the validation set, one value per fresh seed; with `--confirm
    /// 0` that of the trial itself.
    pub validation: Scored,
    /// The best trials, which were evaluated with fresh seeds: the winner, then the others; left out
    /// with `--confirm 0`, and where the front was confirmed instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<BestCandidate>,
    /// The first metric on the test set of the winner's networks from the same seeds; empty if a
    /// command evaluates the trials.
    pub test: Scored,
    /// The number of test samples; left out if a command evaluates the trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_samples: Option<usize>,
    /// The 95 % interval of the accuracy on new samples, which counts both the seeds and the number of
    /// test samples; left out if the first metric is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_interval: Option<[f64; 2]>,
    /// The trial of the default point, for comparison.
    pub default: Option<Default>,
    /// With several metrics: the Pareto front, the trials that no other dominates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<OnFront>,
    /// The saved network: its topology, and its costs on the chip, measured on the test set. Energy
    /// and latency are modelled.
    pub network: Attributes,
    /// The file with the saved network's weights and thresholds, beside this one.
    pub model: Option<String>,
    /// SHA-256 of that file, in hex; files of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// The seed of the saved network, the best one on the validation set: its position in the
    /// values of `validation` and `test`, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_seed: Option<usize>,
    /// The saved network's own first metric on the test set; the mean over the seeds is in `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_test: Option<f64>,
    /// The saved network's samples per second on the simulator of the machine that ended the study,
    /// measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_throughput: Option<f64>,
}

/// A trial that was evaluated with fresh seeds, and could win.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BestCandidate {
    /// Its number.
    pub trial: u32,
    /// Its first metric on the validation set, one value per fresh seed; `null` where it failed.
    pub values: Vec<Option<f64>>,
    /// Whether it got fewer seeds than the winner, because it fell behind; left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

/// The trial of the default point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Default {
    /// Its number.
    pub trial: u32,
    /// Its first metric on the validation set; `null` if it failed.
    pub searched: Option<f64>,
}

fn candidates(confirmation: &Confirmation) -> Vec<BestCandidate> {
    let are_listed = confirmation.wanted > 0 && !confirmation.front;
    let candidates = confirmation.candidates.iter().filter(|_| are_listed);
    let listed = |one: &Candidate| BestCandidate {
        trial: one.trial,
        values: one.repeats.iter().map(|repeat| repeat.value).collect(),
        stopped: one.stopped,
    };
    candidates.map(listed).collect()
}

impl Best {
    /// The winner of all finished trials of `study`, with the command that the study keeps; `None` if it
    /// was not confirmed, or has got more trials since.
    pub fn current(study: &Study) -> Option<Self> {
        Confirmation::current(study)?;
        let command = study.attributes.get(COMMAND).and_then(serde_json::Value::as_str).unwrap_or_default();
        Self::of(study, command, None)
    }

    /// The winner of `study`; `None` before its confirmation.
    ///
    /// `command` is the command line that makes `best.json` again. `model` is the name of the saved
    /// network's file beside it.
    pub fn of(study: &Study, command: &str, model: Option<&str>) -> Option<Self> {
        let confirmation = Confirmation::of(study)?;
        let winner = confirmation.winner();
        let trial = study.trials.iter().find(|trial| trial.number == winner.trial)?;
        let kept = confirmation.test.get(confirmation.kept).or(confirmation.test.first());
        let saved = kept.filter(|_| model.is_some());
        Some(Self {
            schema: SCHEMA,
            program: concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: command.to_owned(),
            study: study.name.clone(),
            setup: Setup::of(study),
            external_setup: ExternalSetup::of(study),
            metrics: study.metrics.clone(),
            trials: study.ended().count(),
            failed: study.failed().count(),
            stopped: Stopped::of(study),
            trial: trial.number,
            hyperparameters: trial.point.clone(),
            searched: *trial.values.first()?,
            validation: Scored::of(&winner.repeats),
            candidates: candidates(&confirmation),
            test_interval: test_interval(
                &study.metrics,
                &Scored::of(&confirmation.test),
                test_samples(study),
            ),
            test_samples: test_samples(study),
            test: Scored::of(&confirmation.test),
            default: default_trial(study),
            front: front(study, &confirmation, model),
            network: kept.map(|repeat| repeat.attributes.clone()).unwrap_or_default(),
            model: model.map(str::to_owned),
            model_sha256: winner.model_sha256.clone().filter(|_| model.is_some()),
            model_seed: saved.map(|_| confirmation.kept),
            model_test: saved.and_then(|repeat| repeat.value),
            host_throughput: winner.host_throughput,
        })
    }

    /// The JSON Schema of `best.json`.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Best).to_value()
    }

    /// The text of the file `best.json`.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("text and numbers are JSON");
        text.push('\n');
        text
    }
}

/// The interval of the accuracy on new samples, if `test` holds accuracies of `samples` samples.
pub(super) fn test_interval(metrics: &[Metric], test: &Scored, samples: Option<usize>) -> Option<[f64; 2]> {
    let is_accuracy = metrics.first().is_some_and(|metric| metric.name == "accuracy");
    let spread = test.spread.as_ref().filter(|_| is_accuracy)?;
    Some(accuracy_interval(spread, samples.filter(|&samples| samples > 0)?))
}

/// The trial of the default point. It is the first trial, or the later one that tried its point
/// again.
pub(in crate::report) fn default_trial(study: &Study) -> Option<Default> {
    // Other programs may have deleted it.
    let first = study.trials.first().filter(|first| first.number == 0)?;
    let counts = |trial: &&Trial| trial.point == first.point && !trial.is_retried();
    let trial = study.trials.iter().find(counts).unwrap_or(first);
    Some(Default { trial: trial.number, searched: trial.values.first().copied() })
}

//! `best.json`: the winner of a study, what it scored, and how to make it again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::space::Point;
use crate::study::{
    Attributes, Confirmation, ExternalSetup, Metric, Repeat, Setup, Spread, Stopped, Study, Trial,
};

/// Version of the form of `best.json`.
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
    /// What the study is of: data set, space, chip, search, seed.
    pub setup: Option<Setup>,
    /// What it is of if another program evaluates its trials; left out otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_setup: Option<ExternalSetup>,
    /// What was optimized.
    pub metrics: Vec<Metric>,
    /// Trials finished.
    pub trials: usize,
    /// Those of them that came to no value.
    pub failed: usize,
    /// What ended the study before its budget was spent; left out if nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// The winner's number.
    pub trial: u32,
    /// The winner's hyperparameters.
    pub hyperparameters: Point,
    /// What the search saw: the first metric of the winner's own trial on the validation set.
    pub searched: f64,
    /// The winner with fresh seeds on the validation set; its own trial where none were asked for.
    pub validation: Scored,
    /// The winner's networks of those seeds on the test set; empty if another program evaluates the trials.
    pub test: Scored,
    /// The default point, for comparison.
    pub default: Option<Default>,
    /// With several metrics: the trials that no other beats in all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<OnFront>,
    /// What was measured on the test set beside the metric, of the network that is kept: its topology and
    /// what it costs on the chip. Energy and latency are modelled.
    pub network: Attributes,
    /// The kept network's weights and thresholds, a file beside this one.
    pub model: Option<String>,
}

/// Values of the first metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// One a seed; `null` where it failed.
    pub values: Vec<Option<f64>>,
    /// Their mean and spread; `null` where one failed.
    pub spread: Option<Spread>,
}

/// The default point's own trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Default {
    /// Its number.
    pub trial: u32,
    /// Its first metric on the validation set; `null` if it failed.
    pub searched: Option<f64>,
}

/// A trial on the front of several metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnFront {
    /// Its number.
    pub trial: u32,
    /// One a metric.
    pub values: Vec<f64>,
    /// What was tried.
    pub hyperparameters: Point,
}

impl Best {
    /// The winner of `study`; `None` if it has not been confirmed.
    ///
    /// `command` makes the file again; `model` is the name of the weights' file beside it.
    pub fn of(study: &Study, command: &str, model: Option<&str>) -> Option<Self> {
        let confirmation = Confirmation::of(study)?;
        let winner = confirmation.winner();
        let trial = study.trials.iter().find(|trial| trial.number == winner.trial)?;
        let kept = confirmation.test.get(confirmation.kept).or(confirmation.test.first());
        Some(Self {
            schema: SCHEMA,
            program: concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: command.to_owned(),
            study: study.name.clone(),
            setup: Setup::of(study),
            external_setup: ExternalSetup::of(study),
            metrics: study.metrics.clone(),
            trials: study.finished(),
            failed: study.in_state(crate::study::TrialState::Fail).count(),
            stopped: Stopped::of(study),
            trial: trial.number,
            hyperparameters: trial.point.clone(),
            searched: *trial.values.first()?,
            validation: Scored::of(&winner.repeats),
            test: Scored::of(&confirmation.test),
            default: study
                .trials
                .first()
                .map(|first| Default { trial: first.number, searched: first.values.first().copied() }),
            front: front(study),
            network: kept.map(|repeat| repeat.attributes.clone()).unwrap_or_default(),
            model: model.map(str::to_owned),
        })
    }

    /// The JSON Schema of `best.json`.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Best).to_value()
    }

    /// As the text of `best.json`.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("text and numbers are JSON");
        text.push('\n');
        text
    }
}

fn front(study: &Study) -> Vec<OnFront> {
    if study.metrics.len() < 2 {
        return Vec::new();
    }
    let on_front = |trial: &Trial| OnFront {
        trial: trial.number,
        values: trial.values.clone(),
        hyperparameters: trial.point.clone(),
    };
    study.pareto_front().into_iter().map(on_front).collect()
}

impl Scored {
    fn of(repeats: &[Repeat]) -> Self {
        Self { values: repeats.iter().map(|repeat| repeat.value).collect(), spread: Spread::of(repeats) }
    }
}

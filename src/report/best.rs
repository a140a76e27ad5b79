//! `best.json`: the winner of a study, what it scored, and how to make it again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::space::Point;
use crate::study::{Attributes, Confirmation, Metric, Repeat, Setup, Spread, Stopped, Study};

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
    /// The winner with fresh seeds on the validation set.
    pub validation: Measured,
    /// The winner's networks of those seeds on the test set.
    pub test: Measured,
    /// The default point, for comparison.
    pub default: Option<Default>,
    /// What was measured on the test set beside the metric, of the network that is kept: its topology and
    /// what it costs on the chip. Energy and latency are modelled.
    pub network: Attributes,
    /// The kept network's weights and thresholds, a file beside this one.
    pub model: Option<String>,
}

/// Values of the first metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
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
            metrics: study.metrics.clone(),
            trials: study.finished(),
            failed: study.in_state(crate::study::TrialState::Fail).count(),
            stopped: Stopped::of(study),
            trial: trial.number,
            hyperparameters: trial.point.clone(),
            searched: *trial.values.first()?,
            validation: Measured::of(&winner.repeats),
            test: Measured::of(&confirmation.test),
            default: study
                .trials
                .first()
                .map(|first| Default { trial: first.number, searched: first.values.first().copied() }),
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

impl Measured {
    fn of(repeats: &[Repeat]) -> Self {
        Self { values: repeats.iter().map(|repeat| repeat.value).collect(), spread: Spread::of(repeats) }
    }
}

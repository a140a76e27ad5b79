//! A study as one JSON object.

use schemars::JsonSchema;
use serde::Serialize;

use super::list::StudyLine;
use super::remark::Remark;
use super::result::{Best, GoodValues};
use crate::space::Point;
use crate::study::{Importance, Metric, Slice, Study};

/// Version of the JSON form of a [`Shown`].
const SCHEMA: u32 = 1;

/// A study with its best trials, its winner and the importance of its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Shown {
    /// Version of this form.
    pub schema: u32,
    /// The study in one line.
    pub study: StudyLine,
    /// The metrics; the first one decides the winner.
    pub metrics: Vec<Metric>,
    /// The best trials in the first metric, best first.
    pub best_trials: Vec<ShownTrial>,
    /// The winner; `null` before its confirmation.
    pub winner: Option<Best>,
    /// How much each parameter matters; `null` if too few trials tell.
    pub importance: Option<Importance>,
    /// The values of each parameter that are as good as the best; empty if too few trials tell.
    pub good_values: Vec<GoodValues>,
    /// Remarks for the user.
    pub remarks: Vec<String>,
}

/// One of the best trials.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ShownTrial {
    /// Its number.
    pub trial: u32,
    /// One value for each metric, on the validation set.
    pub values: Vec<f64>,
    /// Its point.
    pub parameters: Point,
}

impl Shown {
    /// `study` with its `top` best trials, and the importance of its parameters and what is
    /// expected along each, where a model tells.
    pub fn of(study: &Study, top: usize, model: Option<(Importance, Vec<Slice>)>) -> Self {
        let best_trials = study.ranking().into_iter().take(top).map(|trial| ShownTrial {
            trial: trial.number,
            values: trial.values.clone(),
            parameters: trial.point.clone(),
        });
        let (importance, slices) = model.map_or((None, Vec::new()), |(first, then)| (Some(first), then));
        Self {
            schema: SCHEMA,
            study: StudyLine::of(study),
            metrics: study.metrics.clone(),
            best_trials: best_trials.collect(),
            winner: Best::current(study),
            importance,
            good_values: GoodValues::of(&slices, study.direction()),
            remarks: Remark::of(study).iter().map(ToString::to_string).collect(),
        }
    }

    /// The JSON Schema of a shown study.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Shown).to_value()
    }
}

//! Results with fresh seeds of a confirmation that has not ended, so that none is done twice.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Repeat, Study};

/// Key of the study attribute that holds the [`FreshSeeds`]; null where no confirmation is open.
pub const FRESH_SEEDS: &str = "tune:fresh_seeds";

/// The results so far of a confirmation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FreshSeeds(pub Vec<FreshSeed>);

/// A trial, evaluated with one fresh seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FreshSeed {
    /// The number of the trial.
    pub trial: u32,
    /// The number of the seed, counted from 0.
    pub repeat: usize,
    /// The result on the validation set.
    pub result: Repeat,
    /// The result on the test set, if it was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Repeat>,
    /// Whether a network was trained, which is lost when the process ends.
    pub has_network: bool,
}

impl FreshSeeds {
    /// The results of the open confirmation of `study`; none if there is none.
    pub fn of(study: &Study) -> Self {
        let kept = study.attributes.get(FRESH_SEEDS).cloned().unwrap_or_default();
        serde_json::from_value(kept).unwrap_or_default()
    }

    /// The value of the attribute [`FRESH_SEEDS`].
    pub fn to_json(&self) -> Json {
        match self.0.is_empty() {
            true => Json::Null,
            false => serde_json::to_value(self).expect("text and numbers are JSON"),
        }
    }

    /// The same without failed results.
    pub fn without_failed(mut self) -> Self {
        self.0.retain(|seed| seed.result.value.is_some());
        self
    }
}

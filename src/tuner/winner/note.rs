//! The winner for people who open a study in Optuna's dashboard: a user attribute of the study, and its note.

use serde_json::{Value as Json, json};

use crate::storage::StorageError;
use crate::study::{Confirmation, Spread, Study};
use crate::tuner::Tuner;
use crate::units::digits;

/// The user attribute with the number of the winning trial.
const WINNER: &str = "winner";

/// Optuna's dashboard keeps the note of a study in these two system attributes: its version and its first 2,045
/// characters, in Markdown.
const NOTE: [&str; 2] = ["dashboard:note_ver", "dashboard:note_str:0"];

impl Tuner<'_> {
    /// Marks the winner of `confirmation` in the study as it was before, `study`. A note that a person has written stays.
    ///
    /// # Errors
    /// The storage fails.
    pub(in crate::tuner) fn mark_winner(
        &mut self,
        study: &Study,
        confirmation: &Confirmation,
    ) -> Result<(), StorageError> {
        self.storage.set_study_attribute(self.study, WINNER, &json!(confirmation.winner().trial))?;
        let [version, body] = NOTE.map(|name| study.attributes.get(name));
        let of_old = Confirmation::of(study).map(|old| note(study, &old));
        let is_ours = body.and_then(Json::as_str).map(str::to_owned) == of_old;
        if version.is_some() && !is_ours {
            return Ok(());
        }
        let next = version.and_then(Json::as_u64).unwrap_or(0) + 1;
        self.storage.set_study_attribute(self.study, NOTE[0], &json!(next))?;
        self.storage.set_study_attribute(self.study, NOTE[1], &json!(note(study, confirmation)))
    }
}

/// The note about the winner of `confirmation`, in Markdown.
fn note(study: &Study, confirmation: &Confirmation) -> String {
    let winner = confirmation.winner();
    let metric = study.metrics.first().map_or("value", |metric| metric.name.as_str());
    let value = match Spread::of(&winner.repeats) {
        None => String::new(),
        Some(Spread { count: 1, mean, .. }) => format!(": {metric} {}", digits(mean)),
        Some(Spread { count, mean, sd }) => {
            format!(": {metric} {} +- {} over {count} fresh seeds", digits(mean), digits(sd))
        }
    };
    format!("**Winner: trial {}**{value}. Marked by `tune`.", winner.trial)
}

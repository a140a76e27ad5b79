//! How far a trial that pauses has come: the rungs it has reached, and its values there.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Key of the internal attribute in which a storage keeps the [`RungHistory`] of a trial.
///
/// Version 0.1 wrote this key. A newer word for it would have to be read beside this one for ever.
pub const RUNG_HISTORY: &str = "tune:course";

/// The rungs at which a trial has paused, lowest first and without a gap; empty if it never paused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungHistory {
    /// One entry per rung.
    pub rungs: Vec<Rung>,
}

/// The values of a trial at a rung, and what it cost to get there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Steps of the trial that are done at this rung.
    pub steps: u32,
    /// One finite value per metric, in the study's order and direction; empty where nothing could
    /// be measured.
    pub values: Vec<f64>,
    /// Measured seconds from the rung before to this one. No decision depends on them.
    pub seconds: f64,
}

impl RungHistory {
    /// Whether the trial never paused.
    pub fn is_empty(&self) -> bool {
        self.rungs.is_empty()
    }

    /// Measured seconds from the start of the trial to its last rung.
    pub fn seconds(&self) -> f64 {
        self.rungs.iter().map(|rung| rung.seconds).sum()
    }

    /// The value of the attribute [`RUNG_HISTORY`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("finite numbers are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_history_reads_back_from_the_form_that_version_0_1_wrote() {
        let text = r#"{"rungs":[{"steps":3,"values":[0.1,2.5e-9],"seconds":0.5}]}"#;
        let rung_history: RungHistory = serde_json::from_str(text).expect("our own form");
        let rung = Rung { steps: 3, values: vec![0.1, 2.5e-9], seconds: 0.5 };
        assert_eq!(rung_history, RungHistory { rungs: vec![rung] });
        assert_eq!(rung_history.to_json().to_string(), text);
    }
}

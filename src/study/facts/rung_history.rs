//! The rungs that a pausing trial has reached, and its values there. A rung is a point of its
//! training at which a trial pauses.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Key of the internal attribute in which a storage keeps the [`RungHistory`] of a trial.
///
/// Version 0.1 wrote this key. A new key would mean that both must be read for ever.
pub const RUNG_HISTORY: &str = "tune:course";

/// The rungs at which a trial has paused, lowest first and without a gap; empty if it never paused.
/// A rung is a step of the training at which trials pause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungHistory {
    /// One entry per rung, lowest first.
    pub rungs: Vec<Rung>,
}

/// The values of a trial at a rung, and the time that it took to get there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Number of steps that the trial has done at this rung.
    pub steps: u32,
    /// One finite value per metric, in the study's order and direction; empty if nothing could be
    /// measured.
    pub values: Vec<f64>,
    /// Measured seconds from the rung before to this one. No decision depends on it.
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

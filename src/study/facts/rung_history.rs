//! How far a trial has come that is trained in parts: the rungs where it paused, and what it came to there.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::{Trial, TrialState};

/// Name of the internal attribute of a trial that holds its [`RungHistory`].
pub const RUNG_HISTORY: &str = "tune:course";

/// The rungs at which a trial paused, lowest first, without a gap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungHistory {
    /// One each.
    pub rungs: Vec<Rung>,
}

/// What a trial had come to at a rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Steps done by then.
    pub steps: u32,
    /// One a metric, finite, in the study's order and direction; empty where it could not be measured yet.
    pub values: Vec<f64>,
    /// Seconds from the rung before to this one, measured: nothing is decided by them.
    pub seconds: f64,
}

impl RungHistory {
    /// The rung history of `trial` up to now; empty if it never paused.
    pub fn of(trial: &Trial) -> Self {
        let kept = trial.internal.get(RUNG_HISTORY).cloned();
        kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default()
    }

    /// Seconds to the last rung.
    pub fn seconds(&self) -> f64 {
        self.rungs.iter().map(|rung| rung.seconds).sum()
    }

    /// As the value of the attribute [`RUNG_HISTORY`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("finite numbers are JSON")
    }
}

impl Trial {
    /// How it stands, for people: its state, or `paused`, which is pruned to other programs.
    pub fn standing(&self) -> String {
        if self.is_paused() { "paused".to_owned() } else { self.state.to_string() }
    }

    /// Whether it was stopped at a rung, from which it can go on.
    pub fn is_paused(&self) -> bool {
        self.state == TrialState::Pruned && self.internal.contains_key(RUNG_HISTORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;

    #[test]
    fn a_course_survives_its_attribute_and_marks_a_pruned_trial_as_paused() {
        let rung_history =
            RungHistory { rungs: vec![Rung { steps: 3, values: vec![0.1, 2.5e-9], seconds: 0.5 }] };
        let internal = [(RUNG_HISTORY.to_owned(), rung_history.to_json())].into_iter().collect();
        let running = Trial { state: TrialState::Running, internal, ..Trial::waiting(0, Point::default()) };
        assert_eq!(RungHistory::of(&running), rung_history);
        assert!(!running.is_paused());
        let paused = Trial { state: TrialState::Pruned, ..running };
        assert_eq!((paused.is_paused(), paused.standing().as_str()), (true, "paused"));
        let pruned = Trial { state: TrialState::Pruned, ..Trial::waiting(0, Point::default()) };
        assert_eq!((RungHistory::of(&pruned), pruned.is_paused()), (RungHistory::default(), false));
        assert_eq!(pruned.standing(), "pruned");
    }
}

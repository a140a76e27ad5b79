//! A study as the model sees it: what was measured, what failed, what is under way.

use super::cube::{Cell, Cube};
use crate::space::Space;
use crate::study::{Study, Trial, TrialState};

/// A finished measurement.
pub(super) struct Measured {
    pub cell: Cell,
    /// The first metric, turned so that less is better; finite.
    pub loss: f64,
    pub is_feasible: bool,
}

/// The trials whose points are in the space, sorted by what they tell.
///
/// A complete trial whose value is not finite counts as failed. One that breaks a constraint is measured,
/// and failed as well: its loss teaches the model, its place is to be avoided. A pruned trial has no value
/// at full length: it counts as a success, and tells nothing of the loss.
#[derive(Default)]
pub(super) struct History {
    pub measured: Vec<Measured>,
    /// Places of trials that came to an end, with whether in success.
    pub ended: Vec<(Cell, bool)>,
    pub pending: Vec<Cell>,
}

impl History {
    pub fn new(space: &Space, cube: &Cube, study: &Study) -> Self {
        let mut history = Self::default();
        for trial in &study.trials {
            // A point of an older or wider space has no place in the cube of this one.
            if let Ok(unit) = space.encode(&trial.point) {
                history.add(study, trial, cube.cell(&unit));
            }
        }
        history
    }

    fn add(&mut self, study: &Study, trial: &Trial, cell: Cell) {
        match trial.state {
            TrialState::Waiting | TrialState::Running => self.pending.push(cell),
            TrialState::Fail => self.ended.push((cell, false)),
            TrialState::Pruned => self.ended.push((cell, true)),
            TrialState::Complete => {
                let loss = study.losses(trial).first().copied().unwrap_or(f64::NAN);
                let is_feasible = loss.is_finite() && trial.is_feasible();
                self.ended.push((cell.clone(), is_feasible));
                if loss.is_finite() {
                    self.measured.push(Measured { cell, loss, is_feasible });
                }
            }
        }
    }

    /// The measured cells, the best first; feasible ones before all others.
    pub fn ranking(&self) -> Vec<&Measured> {
        let mut ranking: Vec<&Measured> = self.measured.iter().collect();
        ranking.sort_by(|a, b| b.is_feasible.cmp(&a.is_feasible).then(a.loss.total_cmp(&b.loss)));
        ranking
    }
}

//! A study as the model sees it: what was measured, what failed, what is under way.

use std::cmp::Reverse;

use super::cube::{Cell, Cube};
use crate::search::{Rungs, pareto};
use crate::space::Space;
use crate::study::{Study, Trial, TrialState};

/// A measurement, at the end of a trial or at a rung.
#[derive(Clone)]
pub(crate) struct Observation {
    pub cell: Cell,
    /// One a metric, turned so that less is better; finite.
    pub losses: Vec<f64>,
    /// At most 0 where the trial keeps them; empty where nobody measured any.
    pub constraints: Vec<f64>,
    pub is_feasible: bool,
}

impl Observation {
    /// Whether the next trial is to better it: it is at the end of its trial, and feasible.
    pub fn is_incumbent(&self) -> bool {
        self.is_feasible && self.cell.level == 0
    }
}

/// The trials whose points are in the space, sorted by what they tell.
///
/// A complete trial with a value that is not finite counts as failed. One that breaks a constraint came to its end
/// in success: its losses and its constraints teach the model. A pruned trial has no value at full length: it
/// counts as a success, and tells nothing of the losses.
#[derive(Default)]
pub(crate) struct History {
    pub measured: Vec<Observation>,
    /// Places of trials that came to an end, with whether in success.
    pub ended: Vec<(Cell, bool)>,
    pub pending: Vec<Cell>,
    /// One loss a metric, if losses count up to there only.
    pub reference: Option<Vec<f64>>,
}

impl History {
    pub fn new(space: &Space, cube: &Cube, study: &Study) -> Self {
        let mut history = Self { reference: study.reference(), ..Self::default() };
        for trial in &study.trials {
            // A point of an older or wider space has no place in the cube of this one.
            if let Ok(unit) = space.encode(&trial.point) {
                history.add(study, trial, cube.cell(&unit));
            }
        }
        history
    }

    /// With what trials had come to at their rungs, too.
    pub fn with_rungs(space: &Space, cube: &Cube, study: &Study) -> Self {
        let mut history = Self::new(space, cube, study);
        for trial in &study.trials {
            if let Ok(unit) = space.encode(&trial.point) {
                history.add_rungs(study, trial, &cube.cell(&unit));
            }
        }
        history
    }

    fn add_rungs(&mut self, study: &Study, trial: &Trial, cell: &Cell) {
        for (rung, level) in trial.rung_history.rungs.iter().zip(1..=Rungs::MODEL.count()) {
            let losses = study.losses_of(&rung.values);
            if losses.len() == study.metrics.len() && losses.iter().all(|loss| loss.is_finite()) {
                let cell = Cell { level, ..cell.clone() };
                self.measured.push(Observation { cell, losses, constraints: Vec::new(), is_feasible: true });
            }
        }
    }

    fn add(&mut self, study: &Study, trial: &Trial, cell: Cell) {
        match trial.state {
            TrialState::Waiting | TrialState::Running => self.pending.push(cell),
            TrialState::Fail => self.ended.push((cell, false)),
            TrialState::Pruned => self.ended.push((cell, true)),
            TrialState::Complete => {
                let losses = study.losses(trial);
                let are_finite = !losses.is_empty() && losses.iter().all(|loss| loss.is_finite());
                self.ended.push((cell.clone(), are_finite));
                if are_finite {
                    let constraints = trial.constraints.clone();
                    let is_feasible = trial.is_feasible();
                    self.measured.push(Observation { cell, losses, constraints, is_feasible });
                }
            }
        }
    }

    /// Those whose losses the next trial is to better.
    pub fn incumbents(&self) -> impl Iterator<Item = &Observation> {
        self.measured.iter().filter(|measured| measured.is_incumbent())
    }

    /// The level of every measurement; none where all are at the end of their trials.
    pub fn levels(&self) -> Vec<usize> {
        let levels = self.measured.iter().map(|measured| measured.cell.level);
        if levels.clone().all(|level| level == 0) { Vec::new() } else { levels.collect() }
    }

    /// How many losses each measurement has.
    pub fn losses(&self) -> usize {
        self.measured.first().map_or(0, |measured| measured.losses.len())
    }

    /// Loss number `loss` of every measurement.
    pub fn loss(&self, loss: usize) -> Vec<f64> {
        self.measured.iter().map(|measured| measured.losses[loss]).collect()
    }

    /// The measured cells, the best first, with several losses front by front; feasible ones before all others, and
    /// before them all those that came farther.
    pub fn ranking(&self) -> Vec<&Observation> {
        let losses: Vec<Vec<f64>> = self.measured.iter().map(|measured| measured.losses.clone()).collect();
        let front_of = pareto::fronts(&losses);
        let mut ranking: Vec<(usize, &Observation)> = front_of.into_iter().zip(&self.measured).collect();
        ranking.sort_by_key(|&(front, measured)| (!measured.is_feasible, front));
        // 0 is the end, and the rungs before it count up to it.
        ranking.sort_by_key(|(_, measured)| (measured.cell.level > 0, Reverse(measured.cell.level)));
        ranking.into_iter().map(|(_, measured)| measured).collect()
    }
}

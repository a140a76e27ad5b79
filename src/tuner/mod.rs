//! The loop: suggest, evaluate, store, until the budget is spent; then confirm the best with fresh seeds.
//!
//! It emits [`Event`]s and prints nothing. Everything that happened is in the storage before the next thing
//! begins, so a run that dies loses at most its running trial, and the next run of the same study evaluates
//! that trial again under the same number and seed.

mod confirm;
mod event;
mod trial;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

pub use event::{BestSoFar, Event};

use crate::objective::Objective;
use crate::search::Search;
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::storage::{Claim, Storage, StorageError, StudyKey};
use crate::study::{Attributes, Outcome, Study};

/// How far to go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Trials in all, failed ones and those of earlier runs included; at least 1.
    pub budget: u32,
    /// Root of all randomness.
    pub seed: u64,
    /// How the winner is confirmed.
    pub confirm: Confirm,
    /// Where the winner's model goes.
    pub model: Option<PathBuf>,
}

/// How the best trials are evaluated again at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// How many of the best; 0: the best trial stands as it is.
    pub candidates: u32,
    /// Fresh seeds for each, at least 1.
    pub repeats: u32,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The budget is spent and the best confirmed.
    Done,
    /// No trial came to a value, so there is no best.
    NothingFeasible,
    /// It was asked to stop; the study is saved and can be resumed.
    Interrupted,
}

/// What ends a run before its time.
#[derive(Debug, thiserror::Error)]
pub enum TunerError {
    /// The study cannot be kept; everything finished before is still there.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The model cannot be written.
    #[error("cannot write the model to {}: {source}", file.display())]
    Model {
        /// Where it should go.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Runs one study.
pub struct Tuner<'a> {
    /// What may vary.
    pub space: &'a Space,
    /// What to try next.
    pub search: &'a dyn Search,
    /// What it comes to.
    pub objective: &'a dyn Objective,
    /// Where it is kept.
    pub storage: &'a mut dyn Storage,
    /// Which study.
    pub study: StudyKey,
    /// How far to go.
    pub settings: Settings,
    /// Set from outside to end cleanly after the current step.
    pub stop: &'a AtomicBool,
}

impl Tuner<'_> {
    /// Runs the study to its end, or until `stop` is set.
    ///
    /// # Errors
    /// The storage or the model's file fails; a failing trial is an observation, not an error.
    pub fn run(&mut self, observe: &mut dyn FnMut(Event)) -> Result<End, TunerError> {
        self.storage.requeue(self.study)?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::study_started(&study, self.settings.budget));
        while let Some(claim) = self.next_trial()? {
            let finished = self.run_trial(&claim, observe)?;
            if !finished || self.is_stopped() {
                return self.interrupt(observe);
            }
        }
        let study = self.storage.load_study(self.study)?;
        if study.best().is_none() {
            observe(Event::study_finished(&study));
            return Ok(End::NothingFeasible);
        }
        match self.confirm(&study, observe)? {
            None => self.interrupt(observe),
            Some(study) => {
                observe(Event::study_finished(&study));
                Ok(End::Done)
            }
        }
    }

    /// A waiting trial, else a new one; `None` once the budget is spent.
    fn next_trial(&mut self) -> Result<Option<Claim>, TunerError> {
        let budget = self.settings.budget;
        if let Some(claim) = self.storage.claim_waiting(self.study, budget)? {
            return self.complete_point(claim).map(Some);
        }
        let study = self.storage.load_study(self.study)?;
        if study.trials.len() >= budget as usize {
            return Ok(None);
        }
        let point = self.suggest(&study);
        Ok(self.storage.claim(self.study, self.space, &point, &Attributes::new(), budget)?)
    }

    /// The starting points of the space first, then what the search says.
    fn suggest(&self, study: &Study) -> Point {
        let start = self.space.starting_points().into_iter().nth(study.trials.len());
        start.unwrap_or_else(|| self.search.suggest(self.space, study, &self.root().child("search")))
    }

    /// Gives a trial that a person enqueued with some parameters the defaults of the others.
    fn complete_point(&mut self, mut claim: Claim) -> Result<Claim, TunerError> {
        if self.space.check(&claim.trial.point).is_err() {
            let point = self.space.completed(&claim.trial.point);
            self.storage.set_point(claim.key, self.space, &point)?;
            claim.trial.point = point;
        }
        Ok(claim)
    }

    fn root(&self) -> Seed {
        Seed::root(self.settings.seed)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn interrupt(&mut self, observe: &mut dyn FnMut(Event)) -> Result<End, TunerError> {
        self.storage.requeue(self.study)?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::Interrupted { finished: study.finished() });
        Ok(End::Interrupted)
    }
}

/// The first metric of an outcome, if it has one.
fn value_of(outcome: &Outcome) -> Option<f64> {
    match outcome {
        Outcome::Complete { values, .. } => values.first().copied(),
        Outcome::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests;

//! The loop: suggest, evaluate, store, until the budget is spent or a rule ends the study; then confirm the best with fresh seeds.
//!
//! It emits [`Event`]s and prints nothing. Workers evaluate, several at a time; only the tuner itself asks
//! the search and touches the storage. Other processes may work on the same study ([`Tuner::work`]): the storage
//! is all that they have in common. Everything that happened is in the storage before the next thing
//! begins, so a run that dies loses at most its running trials, and the next run of the same study evaluates
//! these again under the same numbers and seeds.

mod confirm;
mod event;
mod joint;
mod next;
mod pausing;
mod rule;
mod session;
mod stopping;
mod trial;
mod worker_pool;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

pub use event::{BestSoFar, Event};
pub use joint::Heartbeat;
pub use next::ask;
pub use pausing::forget_states;
pub use rule::{StopRule, StopRuleError};
pub use session::{Session, SessionError};

use crate::objective::Objective;
use crate::search::{Fidelity, Search};
use crate::seed::Seed;
use crate::space::Space;
use crate::storage::{Storage, StorageError, StudyKey};
use crate::study::{Outcome, Stopped};

/// What the process that leads a study is called; workers have names of their own.
const LEADER: &str = "leader";

/// How far to go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Trials in all, failed ones and those of earlier runs included; at least 1.
    pub budget: u32,
    /// Root of all randomness.
    pub seed: u64,
    /// Trials at a time, at least 1. Each of several computes on threads of its own: an even share of the
    /// rayon pool that the tuner runs in, at least one.
    pub workers: usize,
    /// Whether suggestion k knows the results of the trials up to number k - `workers` and no others, however
    /// soon they come, so that the same seed gives the same study. With one worker it is always so.
    pub deterministic: bool,
    /// Seeds that every trial is evaluated from, at least 1: their mean is its value. With pauses: 1.
    pub replicates: u32,
    /// How trials pause, if they do: then those that deserve it go on beyond the budget's last trial, and the others
    /// stay paused.
    pub pausing: Option<Pausing>,
    /// What ends the study before its budget is spent: the first of these that holds.
    pub stop_when: Vec<StopRule>,
    /// How workers show that they are alive.
    pub heartbeat: Heartbeat,
    /// How the winner is confirmed.
    pub confirm: Confirm,
    /// Where the winner's model goes.
    pub model: Option<PathBuf>,
}

/// How trials pause.
#[derive(Clone, Debug)]
pub struct Pausing {
    /// Who decides which of them go on.
    pub by: Decider,
    /// Where their states go, a folder that is made when it is needed.
    pub states: PathBuf,
}

/// Who decides which paused trials go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// Successive halving.
    Halving,
    /// The search's model of what they will come to.
    Model,
}

impl Decider {
    /// Where trials pause for it: after one in so many of their steps.
    fn rungs(self) -> &'static [u32] {
        match self {
            Self::Halving => Fidelity::Asha.rungs(),
            Self::Model => Fidelity::Bayes.rungs(),
        }
    }
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
    /// The budget is spent, or a rule has ended the study, and the best is confirmed.
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
    /// A worker gets no threads.
    #[error("cannot start the workers' threads: {0}: choose fewer --workers")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The state of a paused trial cannot be written.
    #[error("cannot write the state of a trial to {}", file.display())]
    Checkpoint {
        /// Where it should go.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The model cannot be written.
    #[error("cannot write the model to {}", file.display())]
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
    /// Set from outside to end cleanly after the current steps.
    pub stop: &'a AtomicBool,
}

impl Tuner<'_> {
    /// Runs the study to its end, or until `stop` is set.
    ///
    /// # Errors
    /// The storage or the model's file fails; a failing trial is an observation, not an error.
    pub fn run(&mut self, observe: &mut dyn FnMut(Event)) -> Result<End, TunerError> {
        self.make_room_for_states()?;
        self.storage.requeue(self.study)?;
        self.tidy_states()?;
        self.reconsider()?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::study_started(&study, self.settings.budget));
        if !self.run_trials(LEADER, true, observe)? {
            return self.interrupt(observe);
        }
        let study = self.storage.load_study(self.study)?;
        if let Some(Stopped { rule, reason, .. }) = Stopped::of(&study) {
            observe(Event::StudyStopped { finished: study.finished(), rule, reason });
        }
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

//! The loop of a study: suggest, evaluate, store, until the budget is spent or a rule ends the
//! study. Then the best trials are confirmed with fresh seeds.
//!
//! The tuner reports [`Event`]s and prints nothing. Workers evaluate, several at a time; only the
//! tuner itself asks the search and uses the storage. Other processes may work on the same study
//! ([`Tuner::work`]); they share nothing but the storage. Every result is stored before the next
//! step begins. So a run that dies loses at most its running trials. The next run evaluates these
//! again under the same numbers and seeds.

mod candidates;
mod confirm;
mod enqueued;
pub mod eta;
mod event;
mod joint;
mod kept_network;
mod next;
mod pausing;
mod rule;
mod session;
mod steps;
mod stopping;
mod trial;
mod winner;
mod workers;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use confirm::repeat_seed;
pub use enqueued::Refused;
pub use event::{BestSoFar, Event, Live};
pub use joint::Heartbeat;
pub use next::ask;
pub use pausing::remove_checkpoints;
pub use rule::{StopRule, StopRuleError};
pub use session::{Session, SessionError};
pub use steps::{FEWEST_STEPS, Part, Steps, StepsError};

use self::kept_network::KeptNetwork;
use crate::objective::Objective;
use crate::search::{Rungs, Search};
use crate::seed::Seed;
use crate::space::Space;
use crate::storage::{Storage, StorageError, StudyKey};
use crate::study::{Outcome, Pick, PickError, Study};

/// Name of the process that leads a study; workers have their own names.
const LEADER: &str = "leader";

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Number of trials, at least 1. Failed trials and those of earlier runs count.
    pub budget: u32,
    /// Seed from which all random draws follow.
    pub seed: u64,
    /// Number of trials at a time, at least 1. With several, each trial has its own threads: an
    /// even share of the rayon thread pool that the tuner runs in, at least one.
    pub workers: usize,
    /// Whether suggestion k uses exactly the results of trials 0 to k - `workers`. Then the same
    /// seed gives the same study. With one worker this always holds.
    pub deterministic: bool,
    /// Number of seeds for every trial, at least 1; the trial's value is the mean over them. If
    /// trials pause: 1.
    pub replicates: u32,
    /// How trials pause, if they do. When all trials of the budget have started, promising paused
    /// trials still continue; the others stay paused.
    pub pausing: Option<Pausing>,
    /// Rules that end the study before its budget is spent. The first that holds ends it.
    pub stop_when: Vec<StopRule>,
    /// The study ends if this number of trials have finished, or more, and all of them have failed.
    /// 0: never.
    pub max_failures: u32,
    /// How workers show that they are alive.
    pub heartbeat: Heartbeat,
    /// How the winner is confirmed.
    pub confirm: Confirm,
    /// The rule that chooses the winner from a Pareto front; `None`: the best in the first metric
    /// wins.
    pub pick: Option<Pick>,
    /// The file for the winner's model; `None`: it is not saved.
    pub model: Option<PathBuf>,
    /// Most bytes of all saved networks; those of the worst trials are dropped, the winner's never. `None`: no limit.
    pub keep_disk: Option<u64>,
}

/// How trials pause.
#[derive(Clone, Debug)]
pub struct Pausing {
    /// Where trials pause, and what decides which of them resume.
    pub rungs: Rungs,
    /// The folder for checkpoints of paused trials. It is made when it is needed.
    pub checkpoint_dir: PathBuf,
}

/// How the best trials are evaluated with fresh seeds at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// Number of best trials that are evaluated again. 0: the best trial wins with its own seed.
    pub candidates: u32,
    /// Whether all trials of the front are evaluated again instead, whatever their number.
    pub front: bool,
    /// Fresh seeds with which one can win, at least 1.
    pub repeats: u32,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The budget is spent, or a rule has ended the study, and the best trials are confirmed.
    Done,
    /// No trial has a value, so there is no best one.
    NothingFeasible,
    /// The run was asked to stop; the study is saved and can be resumed.
    Interrupted,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum TunerError {
    /// The storage failed; every finished trial is still stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The storage failed when the result of a trial was to be stored.
    #[error("the result of trial {trial} is not stored ({result})")]
    Unstored {
        /// The number of the trial.
        trial: u32,
        /// The values of the trial, or its failure.
        result: String,
        /// The error of the storage.
        source: StorageError,
    },
    /// The rule for the winner fits no trial.
    #[error("--pick {rule}")]
    Pick {
        /// The rule.
        rule: String,
        /// Why it does not fit.
        source: PickError,
    },
    /// The threads of a worker cannot be started.
    #[error("cannot start the workers' threads: {0}: choose fewer --workers")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A checkpoint, or the folder for checkpoints, cannot be written.
    #[error("cannot write the checkpoint of a trial to {}", file.display())]
    Checkpoint {
        /// The path of the checkpoint or folder.
        file: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The model cannot be written.
    #[error("cannot write the model to {}", file.display())]
    Model {
        /// The path of the file.
        file: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
}

/// Runs one study.
pub struct Tuner<'a> {
    /// The space of the hyperparameters.
    pub space: &'a Space,
    /// The search that suggests points.
    pub search: &'a dyn Search,
    /// The objective that evaluates the points.
    pub objective: &'a dyn Objective,
    /// The storage that keeps the study.
    pub storage: &'a mut dyn Storage,
    /// The key of the study in that storage.
    pub study: StudyKey,
    /// The settings of the run.
    pub settings: Settings,
    /// Other threads set it to end the run cleanly after the current steps.
    pub stop: &'a AtomicBool,
}

impl Tuner<'_> {
    /// Runs the study to its end, or until `stop` is set.
    ///
    /// # Errors
    /// The storage fails, or a file cannot be written. A failed trial is no error: it is a result.
    pub fn run(&mut self, observe: &mut dyn FnMut(Event)) -> Result<End, TunerError> {
        self.create_checkpoint_dir()?;
        self.storage.requeue(self.study)?;
        self.remove_old_checkpoints()?;
        self.reconsider()?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::study_started(&study, self.settings.budget));
        observe(self.changed(&study));
        let saves_best_trial = self.settings.confirm.candidates == 0 && self.settings.model.is_some();
        let mut kept = KeptNetwork::new(saves_best_trial);
        if !self.run_trials(LEADER, true, &mut kept, observe)? {
            return self.interrupt(observe);
        }
        Event::points_refused(self.space.refusals()).into_iter().for_each(&mut *observe);
        let study = self.storage.load_study(self.study)?;
        if let Some((rule, reason)) = self.early_end(&study) {
            observe(Event::StudyStopped { finished: study.ended().count(), rule, reason });
        }
        if study.best().is_none() {
            observe(Event::study_finished(&study));
            return Ok(End::NothingFeasible);
        }
        match self.confirm(&study, kept, observe)? {
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

    /// The event that `study` has changed.
    fn changed(&self, study: &Arc<Study>) -> Event {
        Event::changed(study, self.space.refusals().count)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn interrupt(&mut self, observe: &mut dyn FnMut(Event)) -> Result<End, TunerError> {
        self.storage.requeue(self.study)?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::Interrupted { finished: study.ended().count() });
        Ok(End::Interrupted)
    }
}

/// The first metric of an outcome; `None` if it failed.
fn value_of(outcome: &Outcome) -> Option<f64> {
    match outcome {
        Outcome::Complete { values, .. } => values.first().copied(),
        Outcome::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests;

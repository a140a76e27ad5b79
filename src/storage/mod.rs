//! Where a study is kept: one trait, its contract in prose, and storages that keep it.
//!
//! # Contract
//! - A method returns only once what it did would survive the death of this process.
//! - Every method is one transaction: seen whole by other processes, or not at all.
//! - Numbers of trials count from 0 within a study, without a gap, whoever claims them.
//! - [`Storage::claim`] and [`Storage::claim_waiting`] look at the budget inside their transaction, so any
//!   number of workers never starts more trials than the budget.
//! - A trial that lost its worker and is tried again under another number costs no budget.
//! - Waiting → running → finished; a running trial goes back to waiting only by [`Storage::requeue`] and
//!   [`Storage::release`], and fails without a result of its own only by [`Storage::reap`]. A trial that is not running never changes: a late [`Storage::finish`] or [`Storage::pause`] answers
//!   `false` and changes nothing, and so do a late report, heartbeat and point.
//! - Running ⇄ paused, by [`Storage::pause`] and [`Storage::resume`]. A paused trial is a pruned one, to
//!   other programs too, with a [`RungHistory`] as its mark; no other pruned trial ever runs again. One whose
//!   worker is gone is paused again, as it was.
//! - What is stored reads back equal: every parameter, value (infinite and NaN intermediate ones too),
//!   attribute and state. A value or a constraint that is NaN is refused, and so is a point that is not
//!   in its space. The zero with a sign is stored as plain zero where a number stands alone, since SQLite
//!   has no other; a [`Claim`] holds its point as it is stored. Names without the character `\0` and steps
//!   below 2^31 are what PostgreSQL's columns hold, so others are refused.
//! - A failed trial keeps its failure as attributes: `failure`, the kind, and `reason`.

#[cfg(test)]
mod contract;
mod error;
mod location;
mod lock;
mod postgres;
mod sqlite;
mod tables;

use std::sync::Arc;
use std::time::Duration;

pub use error::StorageError;
pub use location::Location;
pub use lock::StudyLock;
pub use postgres::{Address, PostgresStorage, without_password};
pub use sqlite::SqliteStorage;
pub use tables::Distribution;

use crate::space::{Point, Space};
use crate::study::{Attributes, Metric, Outcome, RungHistory, Study, Trial};
use crate::units::Seconds;

/// Key of a study within its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StudyKey(pub i64);

/// Key of a trial within its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialKey(pub i64);

/// A trial that this process has claimed and now runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Key for reports and the result.
    pub key: TrialKey,
    /// The trial as stored, running.
    pub trial: Trial,
}

/// What came of asking for a new trial.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimResult {
    /// It is claimed.
    Claimed(Box<Claim>),
    /// The budget has none left.
    BudgetSpent,
    /// A trial that the suggestion did not know has the same point.
    Duplicate,
}

/// How often a trial is begun before it is left alone as one that takes its workers down.
pub const MOST_TRIES: u32 = 3;

/// A trial whose worker is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its number.
    pub trial: u32,
    /// The worker's name.
    pub worker: String,
    /// The number under which it is tried again: another if it failed, its own if it goes on from its last
    /// rung; `None` after [`MOST_TRIES`].
    pub again: Option<u32>,
    /// One line for people.
    pub reason: String,
}

/// Keeps studies. See the module for the contract.
pub trait Storage: Send {
    /// Claims in the name of `worker` from now on, who sends heartbeats: the claim is the first of them.
    fn work_as(&mut self, worker: &str);

    /// Makes a study without trials; an error if the name is taken.
    fn create_study(
        &mut self,
        name: &str,
        metrics: &[Metric],
        attributes: &Attributes,
    ) -> Result<StudyKey, StorageError>;

    /// The study called `name`, if there is one.
    fn find_study(&mut self, name: &str) -> Result<Option<StudyKey>, StorageError>;

    /// Names of all studies, oldest first.
    fn study_names(&mut self) -> Result<Vec<String>, StorageError>;

    /// Removes a study with all its trials.
    fn delete_study(&mut self, study: StudyKey) -> Result<(), StorageError>;

    /// Everything known of a study, as it is now; what was read before and has not changed is not read again.
    fn load_study(&mut self, study: StudyKey) -> Result<Arc<Study>, StorageError>;

    /// Sets one attribute of a study, over an older value.
    fn set_study_attribute(
        &mut self,
        study: StudyKey,
        name: &str,
        value: &serde_json::Value,
    ) -> Result<(), StorageError>;

    /// Starts a new trial of `point`; `None` if the study already has `budget` trials that are not waiting.
    ///
    /// The names of `internal` attributes begin with `tune:`.
    fn claim(
        &mut self,
        study: StudyKey,
        space: &Space,
        point: &Point,
        internal: &Attributes,
        budget: u32,
    ) -> Result<Option<Claim>, StorageError> {
        match self.claim_unless_duplicate(study, space, point, internal, budget, None)? {
            ClaimResult::Claimed(claim) => Ok(Some(*claim)),
            ClaimResult::BudgetSpent | ClaimResult::Duplicate => Ok(None),
        }
    }

    /// Starts a new trial as [`claim`](Self::claim) does, but not if a trial from number `seen` on, which
    /// whoever suggested `point` did not know, has the same point.
    fn claim_unless_duplicate(
        &mut self,
        study: StudyKey,
        space: &Space,
        point: &Point,
        internal: &Attributes,
        budget: u32,
        seen: Option<u32>,
    ) -> Result<ClaimResult, StorageError>;

    /// Starts the waiting trial of the lowest number, under the same budget; `None` if there is none.
    ///
    /// A trial that a person enqueued through Optuna may lack parameters: its point then holds those that
    /// it has (its system attribute `fixed_params`), as JSON spells them, so a `1` for a real number is
    /// whole. Nobody has checked them. [`Storage::set_point`] must give such a trial its whole point.
    fn claim_waiting(&mut self, study: StudyKey, budget: u32) -> Result<Option<Claim>, StorageError>;

    /// The trial of this number, if there is one.
    fn find_trial(&mut self, study: StudyKey, number: u32) -> Result<Option<TrialKey>, StorageError>;

    /// Gives a running trial the whole of its point, over what it had.
    fn set_point(&mut self, trial: TrialKey, space: &Space, point: &Point) -> Result<(), StorageError>;

    /// Keeps an intermediate value of a running trial; over an older one at the same step.
    fn report(&mut self, trial: TrialKey, step: u32, value: f64) -> Result<(), StorageError>;

    /// Says that the worker of a running trial is alive; `false` if it is no longer running, and then nothing
    /// changes.
    fn heartbeat(&mut self, trial: TrialKey) -> Result<bool, StorageError>;

    /// Finishes a running trial; `false` if it is no longer running, and then nothing changes.
    fn finish(&mut self, trial: TrialKey, outcome: &Outcome) -> Result<bool, StorageError>;

    /// Stops a running trial at the last rung of `rung_history`, from which it can go on: it becomes pruned, with
    /// its intermediate values. `false` if it is no longer running, and then nothing changes.
    ///
    /// # Panics
    /// If `rung_history` has no rung.
    fn pause(&mut self, trial: TrialKey, rung_history: &RungHistory) -> Result<bool, StorageError>;

    /// Starts a paused trial again, with all it had; `None` if it is not paused, and then nothing changes.
    fn resume(&mut self, trial: TrialKey) -> Result<Option<Claim>, StorageError>;

    /// Takes every running trial that no worker with heartbeats holds ([`work_as`](Self::work_as)): whoever had
    /// it is gone. One that never paused waits again, without
    /// its intermediate values: it will be run again from the start under the same number. The others are
    /// paused, without the values of steps beyond their last rung. Returns how many there were.
    fn requeue(&mut self, study: StudyKey) -> Result<u32, StorageError>;

    /// Takes a running trial back from its worker, who cannot go on with it: it waits again or is paused as
    /// after [`requeue`](Self::requeue). `false` if it is no longer running, and then nothing changes.
    fn release(&mut self, trial: TrialKey) -> Result<bool, StorageError>;

    /// Takes every running trial whose last heartbeat is older than `grace` from its worker, who is gone. One
    /// that paused before is paused again; any other fails, and its point waits under a new number, with the
    /// history of its failures. A trial that was begun [`MOST_TRIES`] times fails for good. A trial that never
    /// had a heartbeat is left alone.
    fn reap(&mut self, study: StudyKey, grace: Duration) -> Result<Vec<Lost>, StorageError>;

    /// Takes the turn to suggest at `study`, once nobody else has it; `false` if somebody still had it after
    /// `patience`. It ends by [`unlock_suggestions`](Self::unlock_suggestions) and, however that ends, with this process.
    ///
    /// Whoever knows the same trials suggests the same point, of which one gets it. In turns nothing is worked out in
    /// vain; without one nothing is wrong.
    fn lock_suggestions(&mut self, study: StudyKey, patience: Duration) -> Result<bool, StorageError>;

    /// Ends the turn that was taken last, if there is one.
    fn unlock_suggestions(&mut self, study: StudyKey) -> Result<(), StorageError>;

    /// The numbers of trials that run with heartbeats, what may come back to be tried again, each with the time
    /// since the last of them.
    fn heartbeats(&mut self, study: StudyKey) -> Result<Vec<(u32, Seconds)>, StorageError>;
}

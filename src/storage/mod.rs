//! Where studies are kept: the trait [`Storage`], its contract, and its implementations.
//!
//! # Contract
//! - A method returns only once its effect would survive the death of this process.
//! - Every method is one transaction: other processes see all of it or nothing.
//! - The trials of a study are numbered from 0 without a gap, for all processes together. If
//!   another program has deleted trials, a new trial gets the number after the last.
//! - [`Storage::claim`] and [`Storage::claim_waiting`] check the budget inside their transaction.
//!   So all workers together start no more trials than the budget.
//! - A trial that has lost its worker may be tried again under another number. Then the lost trial
//!   does not count for the budget.
//! - A trial is waiting, then running, then finished. Only [`Storage::requeue`] and
//!   [`Storage::release`] put a running trial back to waiting. Only [`Storage::reap`] fails a trial
//!   without a result.
//! - A trial that is not running never changes. A late [`Storage::finish`] or [`Storage::pause`]
//!   returns `false` and changes nothing. A late report, heartbeat or point changes nothing either. A worker with a
//!   name ([`Storage::work_as`]) is late as well where another process has claimed the trial since.
//! - [`Storage::pause`] pauses a running trial, and [`Storage::resume`] starts it again. A paused
//!   trial is a pruned trial with a [`RungHistory`], for other programs too. No other pruned trial
//!   ever runs again. A resumed trial that loses its worker is paused again, as it was.
//! - What is stored reads back equal: parameters, values, attributes and states. Intermediate
//!   values may be infinite or NaN. A value or constraint that is NaN is refused, and so is a point
//!   outside its space.
//! - A negative zero that stands alone is stored as zero, since SQLite has no negative zero. A
//!   [`Claim`] holds its point as it is stored.
//! - A name that contains `\0` and a step of 2^31 or more are refused, since PostgreSQL cannot
//!   store them.
//! - Rung histories and warm-start trials are parsed once, when they are read. Text that does not
//!   parse gives [`StorageError::BadAttribute`].
//! - A failed trial keeps its failure as the attributes `failure` (the kind) and `reason`.

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

/// The key of a study within its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StudyKey(pub i64);

/// The key of a trial within its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialKey(pub i64);

/// A trial that this process has claimed and must run.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The key for reports and for the result.
    pub key: TrialKey,
    /// The trial as stored, running.
    pub trial: Trial,
}

/// The answer to a request to start a new trial.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimResult {
    /// The new trial.
    Claimed(Box<Claim>),
    /// The budget has no trial left.
    BudgetSpent,
    /// A trial that the suggestion did not take into account has the same point.
    Duplicate,
}

/// How often a trial is started before it fails for good. The evaluation itself may be what kills
/// its workers.
pub const MOST_TRIES: u32 = 3;

/// A running trial whose worker is gone, and what happens to the trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The trial's number.
    pub trial: u32,
    /// The name of the worker.
    pub worker: String,
    /// The number under which the trial is tried again. It is a new number if the trial failed, and
    /// its own if it is paused at its last rung. `None` after [`MOST_TRIES`] tries.
    pub again: Option<u32>,
    /// Why the trial is lost, in one line.
    pub reason: String,
}

/// A place where studies are kept. The [module](self) documentation has the contract.
pub trait Storage: Send {
    /// Sets the name of the worker for which trials are claimed from now on. The worker sends
    /// heartbeats; a claim is the first one.
    fn work_as(&mut self, worker: &str);

    /// Sets what is called, once, when a method has waited two seconds for a lost server. It gets the reason and the
    /// longest possible wait. A file never causes such a wait.
    fn when_away(&mut self, tell: fn(&StorageError, Duration));

    /// Ties this storage to the `lock` of the study that it leads. If a lost connection has lost the lock and another
    /// process has taken it, every method returns [`StorageError::Locked`] as long as that process holds it.
    fn guard(&mut self, lock: &StudyLock);

    /// Makes a study without trials.
    ///
    /// # Errors
    /// [`StorageError::StudyExists`] if the name is taken.
    fn create_study(
        &mut self,
        name: &str,
        metrics: &[Metric],
        attributes: &Attributes,
    ) -> Result<StudyKey, StorageError>;

    /// The key of the study called `name`, if there is one.
    fn find_study(&mut self, name: &str) -> Result<Option<StudyKey>, StorageError>;

    /// The names of all studies, oldest first.
    fn study_names(&mut self) -> Result<Vec<String>, StorageError>;

    /// Removes a study and all its trials.
    fn delete_study(&mut self, study: StudyKey) -> Result<(), StorageError>;

    /// The study as it is now. Trials that were read before and have not changed are not read
    /// again.
    ///
    /// # Errors
    /// A row breaks a rule of the schema, or an attribute of this program does not parse.
    fn load_study(&mut self, study: StudyKey) -> Result<Arc<Study>, StorageError>;

    /// Sets one attribute of a study, in place of an older value.
    fn set_study_attribute(
        &mut self,
        study: StudyKey,
        name: &str,
        value: &serde_json::Value,
    ) -> Result<(), StorageError>;

    /// Starts a new trial of `point`; `None` if `budget` trials have been started already.
    ///
    /// The names of `internal` attributes must begin with `tune:`.
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

    /// Starts a new trial as [`claim`](Self::claim) does, unless its point was tried meanwhile.
    /// That is so if a trial with the number `seen` or higher has the same point. The suggestion of
    /// `point` knew only the trials below that number. If `seen` is `None`, the point may have been
    /// tried.
    fn claim_unless_duplicate(
        &mut self,
        study: StudyKey,
        space: &Space,
        point: &Point,
        internal: &Attributes,
        budget: u32,
        seen: Option<u32>,
    ) -> Result<ClaimResult, StorageError>;

    /// Adds a waiting trial with the parameters of `point`, all or some of them and unchecked, as
    /// Optuna's `enqueue_trial` does. Returns its number.
    fn enqueue(&mut self, study: StudyKey, point: &Point) -> Result<u32, StorageError>;

    /// Starts the waiting trial with the lowest number. `None` if no trial waits, or `budget`
    /// trials have been started already.
    ///
    /// A person may have enqueued the trial through Optuna ([`Trial::enqueued`]). Then its point is
    /// what its system attribute `fixed_params` holds, unchecked and with the types of JSON: a `1`
    /// for a real number is an integer. The point may lack parameters, and is not among the stored
    /// parameters yet. [`Storage::set_point`] must give such a trial its whole point.
    fn claim_waiting(&mut self, study: StudyKey, budget: u32) -> Result<Option<Claim>, StorageError>;

    /// The key of the trial with this number, if there is one.
    fn find_trial(&mut self, study: StudyKey, number: u32) -> Result<Option<TrialKey>, StorageError>;

    /// Sets the whole point of a running trial, in place of an older point.
    fn set_point(&mut self, trial: TrialKey, space: &Space, point: &Point) -> Result<(), StorageError>;

    /// Stores an intermediate value of a running trial, in place of an older one at the same step.
    fn report(&mut self, trial: TrialKey, step: u32, value: f64) -> Result<(), StorageError>;

    /// Records that the worker of a running trial is alive. `false` if the trial is no longer
    /// running; then nothing changes.
    fn heartbeat(&mut self, trial: TrialKey) -> Result<bool, StorageError>;

    /// Finishes a running trial. `false` if it is no longer running; then nothing changes.
    fn finish(&mut self, trial: TrialKey, outcome: &Outcome) -> Result<bool, StorageError>;

    /// Pauses a running trial at the last rung of `rung_history` (a rung is a step at which trials
    /// pause). The trial becomes pruned and keeps its intermediate values. `false` if it is no
    /// longer running; then nothing changes.
    ///
    /// # Panics
    /// If `rung_history` has no rung.
    fn pause(&mut self, trial: TrialKey, rung_history: &RungHistory) -> Result<bool, StorageError>;

    /// Starts a paused trial again, with all its values. `None` if it is not paused; then nothing
    /// changes.
    fn resume(&mut self, trial: TrialKey) -> Result<Option<Claim>, StorageError>;

    /// Puts back the running trials of an earlier process of this program, which must be gone.
    /// Trials of workers that send heartbeats ([`work_as`](Self::work_as)) and of other programs
    /// are left alone. Returns the number of trials that were put back.
    ///
    /// A trial that never paused waits again under its number, without its intermediate values, to
    /// be run from the start. A trial that has paused before is paused at its last rung, without
    /// the values of later steps.
    fn requeue(&mut self, study: StudyKey) -> Result<u32, StorageError>;

    /// Lets every failed trial be tried again, unless it is already. Its point waits under a new
    /// number, and the failed trial no longer counts for the budget and the search. Returns the
    /// number of such trials. A trial without parameters stays as it is.
    fn retry_failed(&mut self, study: StudyKey) -> Result<u32, StorageError>;

    /// Puts back a running trial that its worker cannot finish: it waits again or is paused, as
    /// after [`requeue`](Self::requeue). `false` if it is no longer running; then nothing changes.
    fn release(&mut self, trial: TrialKey) -> Result<bool, StorageError>;

    /// Takes every running trial whose last heartbeat is older than `heartbeat_timeout` from its
    /// worker, which must be dead.
    ///
    /// A trial that has paused before is paused again. Any other trial fails, and its point waits
    /// under a new number, with the numbers of the failed trials before. A trial that was started
    /// [`MOST_TRIES`] times fails for good. A trial that never had a heartbeat is left alone.
    fn reap(&mut self, study: StudyKey, heartbeat_timeout: Duration) -> Result<Vec<Lost>, StorageError>;

    /// Takes the suggestion lock of `study`. `false` if another process still held it after
    /// `patience`. It is released by [`unlock_suggestions`](Self::unlock_suggestions), or when this
    /// process ends in any way.
    ///
    /// Processes that see the same trials suggest the same point, and only one of them can claim
    /// it. Under the lock no suggestion is computed in vain. Results are right without the lock
    /// too.
    fn lock_suggestions(&mut self, study: StudyKey, patience: Duration) -> Result<bool, StorageError>;

    /// Releases the suggestion lock that was taken last, if it is held.
    fn unlock_suggestions(&mut self, study: StudyKey) -> Result<(), StorageError>;

    /// The numbers of the running trials whose workers send heartbeats, each with the age of its
    /// last heartbeat. If such a worker dies, its trial is tried again.
    fn heartbeats(&mut self, study: StudyKey) -> Result<Vec<(u32, Seconds)>, StorageError>;
}

//! Studies in Optuna's tables, in SQLite and in PostgreSQL. Optuna's Python tools and dashboard
//! open both.
//!
//! A [`Database`] runs transactions. The content of the transactions of a [`Storage`] is written
//! here, once for both.

mod attribute;
#[cfg(test)]
mod bench;
mod claims;
pub(super) mod content;
mod distribution;
mod fault;
mod lost;
mod number;
mod params;
mod rows;
mod sql;
mod studies;
mod study_cache;
pub(super) mod time;
mod trials;

use std::sync::Arc;
use std::time::Duration;

pub use self::distribution::Distribution;
pub(super) use self::fault::Fault;
pub(super) use self::sql::{Cell, Row, Sql};
pub(super) use self::study_cache::StudyCache;

use self::claims::{Request, Signature};
use super::{Claim, ClaimResult, Lost, Storage, StorageError, StudyKey, StudyLock, TrialKey};
use crate::space::{Point, Space};
use crate::study::{Attributes, Metric, Outcome, RungHistory, Study};
use crate::units::Seconds;

/// A database with Optuna's tables.
pub(super) trait Database: Send {
    /// Runs `body` as one transaction that writes. If `body` fails, nothing is changed. If the
    /// answer to a commit gets lost, `body` is run again, and [`Sql::is_repeated`] is then true.
    fn write<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> Result<T, StorageError>;

    /// Runs `body` as one transaction that only reads and sees one state of the database.
    fn read<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> Result<T, StorageError>;

    /// A new unique text for [`Signature::receipt`]; `None` if the answer to a commit cannot get
    /// lost.
    fn receipt(&self) -> Option<String>;

    /// The name of the worker for which trials are claimed, if [`Storage::work_as`] set one.
    fn worker(&mut self) -> &mut Option<String>;

    /// The study that was read last.
    fn cache(&mut self) -> &mut StudyCache;

    /// See [`Storage::when_away`].
    fn when_away(&mut self, _tell: fn(&StorageError, Duration)) {}

    /// See [`Storage::guard`]. The lock of a file is lost with the process alone.
    fn guard(&mut self, _lock: &StudyLock) {}

    /// Whether the database could not be reached at some time within the last `span`.
    fn was_away_within(&self, _span: Duration) -> bool {
        false
    }

    /// See [`Storage::lock_suggestions`].
    fn lock_suggestions(&mut self, study: StudyKey, patience: Duration) -> Result<bool, StorageError>;

    /// See [`Storage::unlock_suggestions`].
    fn unlock_suggestions(&mut self, study: StudyKey) -> Result<(), StorageError>;
}

fn signature(database: &mut impl Database) -> Signature {
    Signature { worker: database.worker().clone(), receipt: database.receipt() }
}

/// The result of `body`, which changes a running trial; `late` where the trial has gone on to another worker.
fn while_held<T: Copy>(
    database: &mut impl Database,
    trial: TrialKey,
    late: T,
    mut body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>,
) -> Result<T, StorageError> {
    let worker = database.worker().clone();
    database.write(|sql| if trials::is_held(sql, trial, worker.as_deref())? { body(sql) } else { Ok(late) })
}

impl<D: Database> Storage for D {
    fn work_as(&mut self, worker: &str) {
        *self.worker() = Some(worker.to_owned());
    }

    fn when_away(&mut self, tell: fn(&StorageError, Duration)) {
        Database::when_away(self, tell);
    }

    fn guard(&mut self, lock: &StudyLock) {
        Database::guard(self, lock);
    }

    fn create_study(
        &mut self,
        name: &str,
        metrics: &[Metric],
        attributes: &Attributes,
    ) -> Result<StudyKey, StorageError> {
        self.write(|sql| studies::create(sql, name, metrics, attributes))
    }

    fn find_study(&mut self, name: &str) -> Result<Option<StudyKey>, StorageError> {
        self.read(|sql| studies::find(sql, name))
    }

    fn study_names(&mut self) -> Result<Vec<String>, StorageError> {
        self.read(|sql| studies::names(sql))
    }

    fn delete_study(&mut self, study: StudyKey) -> Result<(), StorageError> {
        self.write(|sql| studies::delete(sql, study))
    }

    fn load_study(&mut self, study: StudyKey) -> Result<Arc<Study>, StorageError> {
        let mut cache = std::mem::take(self.cache());
        let loaded = self.read(|sql| cache.load(sql, study));
        *self.cache() = cache;
        loaded
    }

    fn set_study_attribute(
        &mut self,
        study: StudyKey,
        name: &str,
        value: &serde_json::Value,
    ) -> Result<(), StorageError> {
        self.write(|sql| {
            studies::require(sql, study)?;
            attribute::set(sql, attribute::Owner::in_study(study, name), name, &value.to_string())
        })
    }

    fn claim_unless_duplicate(
        &mut self,
        study: StudyKey,
        space: &Space,
        point: &Point,
        internal: &Attributes,
        budget: u32,
        seen: Option<u32>,
    ) -> Result<ClaimResult, StorageError> {
        space.check(point)?;
        attribute::check_internal(internal)?;
        let signature = signature(self);
        let request = Request { space, point, internal, budget, seen };
        self.write(|sql| claims::new(sql, study, &request, &signature))
    }

    fn enqueue(&mut self, study: StudyKey, point: &Point) -> Result<u32, StorageError> {
        let receipt = self.receipt();
        self.write(|sql| claims::enqueue(sql, study, point, receipt.as_deref()))
    }

    fn claim_waiting(&mut self, study: StudyKey, budget: u32) -> Result<Option<Claim>, StorageError> {
        let signature = signature(self);
        self.write(|sql| claims::waiting(sql, study, budget, &signature))
    }

    fn find_trial(&mut self, study: StudyKey, number: u32) -> Result<Option<TrialKey>, StorageError> {
        self.read(|sql| trials::find(sql, study, number))
    }

    fn set_point(&mut self, trial: TrialKey, space: &Space, point: &Point) -> Result<(), StorageError> {
        space.check(point)?;
        while_held(self, trial, (), |sql| trials::set_point(sql, trial, space, point))
    }

    fn report(&mut self, trial: TrialKey, step: u32, value: f64) -> Result<(), StorageError> {
        while_held(self, trial, (), |sql| trials::report(sql, trial, step, value))
    }

    fn heartbeat(&mut self, trial: TrialKey) -> Result<bool, StorageError> {
        while_held(self, trial, false, |sql| trials::heartbeat(sql, trial))
    }

    fn finish(&mut self, trial: TrialKey, outcome: &Outcome) -> Result<bool, StorageError> {
        while_held(self, trial, false, |sql| trials::finish(sql, trial, outcome))
    }

    fn pause(&mut self, trial: TrialKey, rung_history: &RungHistory) -> Result<bool, StorageError> {
        assert!(!rung_history.is_empty(), "a trial pauses at a rung");
        while_held(self, trial, false, |sql| trials::pause(sql, trial, rung_history))
    }

    fn resume(&mut self, trial: TrialKey) -> Result<Option<Claim>, StorageError> {
        let signature = signature(self);
        self.write(|sql| claims::resume(sql, trial, &signature))
    }

    fn requeue(&mut self, study: StudyKey) -> Result<u32, StorageError> {
        self.write(|sql| lost::requeue(sql, study))
    }

    fn retry_failed(&mut self, study: StudyKey) -> Result<u32, StorageError> {
        self.write(|sql| lost::retry_failed(sql, study))
    }

    fn release(&mut self, trial: TrialKey) -> Result<bool, StorageError> {
        while_held(self, trial, false, |sql| lost::release(sql, trial))
    }

    fn reap(&mut self, study: StudyKey, heartbeat_timeout: Duration) -> Result<Vec<Lost>, StorageError> {
        if self.was_away_within(heartbeat_timeout) {
            // The heartbeats of others could not be stored meanwhile.
            return Ok(Vec::new());
        }
        self.write(|sql| lost::reap(sql, study, heartbeat_timeout))
    }

    fn lock_suggestions(&mut self, study: StudyKey, patience: Duration) -> Result<bool, StorageError> {
        Database::lock_suggestions(self, study, patience)
    }

    fn unlock_suggestions(&mut self, study: StudyKey) -> Result<(), StorageError> {
        Database::unlock_suggestions(self, study)
    }

    fn heartbeats(&mut self, study: StudyKey) -> Result<Vec<(u32, Seconds)>, StorageError> {
        self.read(|sql| lost::heartbeats(sql, study))
    }
}

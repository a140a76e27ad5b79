//! Studies in Optuna's tables, whichever database holds them: its Python tools and dashboard open both.
//!
//! A database says how a transaction runs; what the transactions of a [`Storage`] do is written here, once.

mod attribute;
mod claims;
pub(super) mod content;
mod distribution;
mod fault;
mod known;
mod lost;
mod number;
mod params;
mod rows;
mod sql;
mod studies;
pub(super) mod time;
mod trials;

use std::sync::Arc;
use std::time::Duration;

pub use self::distribution::Distribution;
pub(super) use self::fault::Fault;
pub(super) use self::known::Known;
pub(super) use self::sql::{Cell, Row, Sql};

use self::claims::{Signature, Wanted};
use super::{Claim, ClaimResult, Lost, Storage, StorageError, StudyKey, TrialKey};
use crate::space::{Point, Space};
use crate::study::{Attributes, Metric, Outcome, RungHistory, Study};
use crate::units::Seconds;

/// Name of the attribute of a trial by which a claim is known whose answer was lost; nobody reads it else.
const RECEIPT: &str = "tune:receipt";

/// A database with Optuna's tables.
pub(super) trait Database: Send {
    /// Runs `body` whole, or not at all if it fails. Where the answer to a commit may get lost it is run again
    /// then, with [`Sql::is_repeated`].
    fn write<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> Result<T, StorageError>;

    /// Runs `body`, which changes nothing and sees one moment.
    fn read<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> Result<T, StorageError>;

    /// Something that nobody has said before, if an answer to a commit may get lost.
    fn receipt(&self) -> Option<String>;

    /// The name under which trials are claimed, if it was told.
    fn worker(&mut self) -> &mut Option<String>;

    /// What was read before.
    fn known(&mut self) -> &mut Known;

    /// As [`Storage::lock_suggestions`].
    fn lock_suggestions(&mut self, study: StudyKey, patience: Duration) -> Result<bool, StorageError>;

    /// As [`Storage::unlock_suggestions`].
    fn unlock_suggestions(&mut self, study: StudyKey) -> Result<(), StorageError>;
}

fn signature(database: &mut impl Database) -> Signature {
    Signature { worker: database.worker().clone(), receipt: database.receipt() }
}

/// Runs an `INSERT` that answers the key of its row.
fn inserted(sql: &mut dyn Sql, statement: &str, cells: &[Cell]) -> Result<i64, Fault> {
    sql.first(statement, cells)?.ok_or_else(|| Fault::row("an inserted row has no key"))?.int(0)
}

impl<D: Database> Storage for D {
    fn work_as(&mut self, worker: &str) {
        *self.worker() = Some(worker.to_owned());
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
        let mut known = std::mem::take(self.known());
        let loaded = self.read(|sql| known.load(sql, study));
        *self.known() = known;
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
        let wanted = Wanted { space, point, internal, budget, seen };
        self.write(|sql| claims::new(sql, study, &wanted, &signature))
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
        self.write(|sql| trials::set_point(sql, trial, space, point))
    }

    fn report(&mut self, trial: TrialKey, step: u32, value: f64) -> Result<(), StorageError> {
        self.write(|sql| trials::report(sql, trial, step, value))
    }

    fn heartbeat(&mut self, trial: TrialKey) -> Result<bool, StorageError> {
        self.write(|sql| trials::heartbeat(sql, trial))
    }

    fn finish(&mut self, trial: TrialKey, outcome: &Outcome) -> Result<bool, StorageError> {
        self.write(|sql| trials::finish(sql, trial, outcome))
    }

    fn pause(&mut self, trial: TrialKey, rung_history: &RungHistory) -> Result<bool, StorageError> {
        assert!(!rung_history.rungs.is_empty(), "a trial pauses at a rung");
        self.write(|sql| trials::pause(sql, trial, rung_history))
    }

    fn resume(&mut self, trial: TrialKey) -> Result<Option<Claim>, StorageError> {
        let signature = signature(self);
        self.write(|sql| claims::resume(sql, trial, &signature))
    }

    fn requeue(&mut self, study: StudyKey) -> Result<u32, StorageError> {
        self.write(|sql| lost::requeue(sql, study))
    }

    fn release(&mut self, trial: TrialKey) -> Result<bool, StorageError> {
        self.write(|sql| lost::release(sql, trial))
    }

    fn reap(&mut self, study: StudyKey, grace: Duration) -> Result<Vec<Lost>, StorageError> {
        self.write(|sql| lost::reap(sql, study, grace))
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

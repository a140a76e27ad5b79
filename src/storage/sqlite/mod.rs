//! Studies in an SQLite file, in Optuna's schema: its Python tools and dashboard open it.
//!
//! Every write begins with `BEGIN IMMEDIATE`, so that what it reads cannot change before it writes, and
//! two writers queue instead of failing.

mod attribute;
mod distribution;
mod fault;
mod number;
mod open;
mod place;
mod rows;
mod schema;
mod studies;
mod time;
mod trials;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::fault::Fault;
use super::{Claim, Storage, StorageError, StudyKey, TrialKey};
use crate::space::{Point, Space};
use crate::study::{Attributes, Course, Metric, Outcome, Study};

/// One connection to a database of studies. Several, in one process or many, may write at once.
///
/// ```
/// use spiketune::storage::{SqliteStorage, Storage};
/// use spiketune::study::{Attributes, Metric};
///
/// let folder = tempfile::tempdir()?;
/// let mut storage = SqliteStorage::open(&folder.path().join("studies.db"))?;
/// let study = storage.create_study("digits", &[Metric::maximize("accuracy")], &Attributes::new())?;
/// assert_eq!(storage.find_study("digits")?, Some(study));
/// assert_eq!(storage.load_study(study)?.trials.len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteStorage {
    connection: Connection,
    path: PathBuf,
}

impl SqliteStorage {
    /// Opens the database at `path`; makes it if there is none, in a folder that exists.
    ///
    /// The database stays in the mode with a write-ahead log, so two files more, `-wal` and `-shm`, lie
    /// beside it while it is open.
    ///
    /// # Errors
    /// A missing folder, a file that is not SQLite's, a database of another program or of an unknown
    /// schema version, a place that cannot be written, a network file system.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        Ok(Self { connection: open::open(path)?, path: path.to_owned() })
    }

    fn write<T>(
        &mut self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StorageError> {
        self.transaction(TransactionBehavior::Immediate, body)
    }

    fn read<T>(
        &mut self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StorageError> {
        self.transaction(TransactionBehavior::Deferred, body)
    }

    /// Runs `body` whole, or not at all if it fails.
    fn transaction<T>(
        &mut self,
        behavior: TransactionBehavior,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StorageError> {
        let connection = &mut self.connection;
        let run = || {
            let transaction = connection.transaction_with_behavior(behavior)?;
            let result = body(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|fault: Fault| fault.at(&self.path))
    }
}

impl Storage for SqliteStorage {
    fn create_study(
        &mut self,
        name: &str,
        metrics: &[Metric],
        attributes: &Attributes,
    ) -> Result<StudyKey, StorageError> {
        self.write(|connection| studies::create(connection, name, metrics, attributes))
    }

    fn find_study(&mut self, name: &str) -> Result<Option<StudyKey>, StorageError> {
        self.read(|connection| studies::find(connection, name))
    }

    fn study_names(&mut self) -> Result<Vec<String>, StorageError> {
        self.read(|connection| studies::names(connection))
    }

    fn delete_study(&mut self, study: StudyKey) -> Result<(), StorageError> {
        self.write(|connection| studies::delete(connection, study))
    }

    fn load_study(&mut self, study: StudyKey) -> Result<Study, StorageError> {
        self.read(|connection| studies::load(connection, study))
    }

    fn set_study_attribute(
        &mut self,
        study: StudyKey,
        name: &str,
        value: &serde_json::Value,
    ) -> Result<(), StorageError> {
        self.write(|connection| {
            studies::require(connection, study)?;
            attribute::set(connection, attribute::Owner::in_study(study, name), name, &value.to_string())
        })
    }

    fn claim(
        &mut self,
        study: StudyKey,
        space: &Space,
        point: &Point,
        internal: &Attributes,
        budget: u32,
    ) -> Result<Option<Claim>, StorageError> {
        space.check(point)?;
        attribute::check_internal(internal)?;
        self.write(|connection| trials::claim(connection, study, space, point, internal, budget))
    }

    fn claim_waiting(&mut self, study: StudyKey, budget: u32) -> Result<Option<Claim>, StorageError> {
        self.write(|connection| trials::claim_waiting(connection, study, budget))
    }

    fn find_trial(&mut self, study: StudyKey, number: u32) -> Result<Option<TrialKey>, StorageError> {
        self.read(|connection| trials::find(connection, study, number))
    }

    fn set_point(&mut self, trial: TrialKey, space: &Space, point: &Point) -> Result<(), StorageError> {
        space.check(point)?;
        self.write(|connection| trials::set_point(connection, trial, space, point))
    }

    fn report(&mut self, trial: TrialKey, step: u32, value: f64) -> Result<(), StorageError> {
        self.write(|connection| trials::report(connection, trial, step, value))
    }

    fn heartbeat(&mut self, trial: TrialKey) -> Result<(), StorageError> {
        self.write(|connection| trials::heartbeat(connection, trial))
    }

    fn finish(&mut self, trial: TrialKey, outcome: &Outcome) -> Result<bool, StorageError> {
        self.write(|connection| trials::finish(connection, trial, outcome))
    }

    fn pause(&mut self, trial: TrialKey, course: &Course) -> Result<bool, StorageError> {
        self.write(|connection| trials::pause(connection, trial, course))
    }

    fn resume(&mut self, trial: TrialKey) -> Result<Option<Claim>, StorageError> {
        self.write(|connection| trials::resume(connection, trial))
    }

    fn requeue(&mut self, study: StudyKey) -> Result<u32, StorageError> {
        self.write(|connection| trials::requeue(connection, study))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::contract::{self, Place, storage_contract};
    use std::fs;

    /// A file in a folder that is removed at the end.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn database(&self) -> PathBuf {
            self.0.path().join("studies.db")
        }

        fn storage(&self) -> SqliteStorage {
            SqliteStorage::open(&self.database()).expect("a database")
        }
    }

    impl Place for Folder {
        fn fresh() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn open(&self) -> Box<dyn Storage> {
            Box::new(self.storage())
        }
    }

    storage_contract!(Folder);

    /// What a kill at this moment would leave: the files, without a last word of any connection.
    fn killed(folder: &Folder) -> Folder {
        let left = Folder::fresh();
        for suffix in ["", "-wal"] {
            let name = format!("studies.db{suffix}");
            fs::copy(folder.0.path().join(&name), left.0.path().join(&name)).expect("copied");
        }
        left
    }

    #[test]
    fn what_a_method_did_outlives_a_kill_right_after_it() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        let trial = contract::claim(&mut storage, study).key;
        storage.report(trial, 1, 0.25).expect("stored");
        assert_eq!(killed(&folder).storage().load_study(study).ok(), storage.load_study(study).ok());
        storage.finish(trial, &contract::complete(0.5)).expect("stored");
        assert_eq!(killed(&folder).storage().load_study(study).ok(), storage.load_study(study).ok());
    }

    #[test]
    fn half_a_transaction_leaves_nothing_after_a_kill_and_after_an_error() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        let before = storage.load_study(study).expect("loaded");
        let result = storage.write(|connection| {
            let sql = "INSERT INTO trials (number, study_id, state) VALUES (0, ?1, 'RUNNING')";
            connection.execute(sql, [study.0])?;
            assert_eq!(killed(&folder).storage().load_study(study).ok().as_ref(), Some(&before));
            Err::<(), _>(Fault::row("broken off"))
        });
        assert!(result.is_err());
        assert_eq!(storage.load_study(study).ok().as_ref(), Some(&before));
    }

    #[test]
    fn a_connection_that_dies_within_a_transaction_holds_nobody_up() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        let dying = folder.storage();
        dying
            .connection
            .execute_batch("BEGIN IMMEDIATE; UPDATE studies SET study_name = 'x'")
            .expect("begun");
        drop(dying);
        assert_eq!(contract::claim(&mut storage, study).trial.number, 0);
        assert_eq!(storage.study_names().expect("listed"), ["study"]);
    }

    #[test]
    fn a_database_that_stays_locked_is_an_error_that_says_so() {
        let folder = Folder::fresh();
        let (mut storage, holder) = (folder.storage(), folder.storage());
        let study = contract::study(&mut storage);
        holder.connection.execute_batch("BEGIN IMMEDIATE").expect("begun");
        storage.connection.busy_timeout(std::time::Duration::ZERO).expect("set");
        let error = storage.requeue(study).expect_err("locked");
        assert!(matches!(error, StorageError::Busy { seconds: 60, .. }), "{error}");
        assert!(storage.load_study(study).is_ok(), "readers never wait");
    }

    #[test]
    fn a_full_disk_is_an_error_that_says_so_and_keeps_what_was_stored() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        let pages: u32 =
            storage.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("read");
        // SQLite gives the same answer at its own limit as at the disk's.
        let set = |row: &rusqlite::Row<'_>| row.get::<_, u32>(0);
        storage.connection.pragma_update_and_check(None, "max_page_count", pages, set).expect("set");
        let text = serde_json::Value::from("x".repeat(1 << 16));
        let error = storage.set_study_attribute(study, "note", &text).expect_err("full");
        assert!(matches!(error, StorageError::DiskFull { .. }), "{error}");
        assert_eq!(storage.load_study(study).expect("loaded").attributes, Attributes::new());
    }

    #[test]
    fn a_trial_that_optuna_enqueued_is_claimed_with_the_parameters_it_has() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        // As `study.enqueue_trial({"rate": 0.05, "layers": 3})` leaves it.
        let rows = r#"INSERT INTO trials (trial_id, number, study_id, state) VALUES (1, 0, 1, 'WAITING');
            INSERT INTO trial_system_attributes (trial_id, "key", value_json)
            VALUES (1, 'fixed_params', '{"rate": 0.05, "layers": 3}')"#;
        storage.connection.execute_batch(rows).expect("written");
        let mut enqueued: Point = [("rate", 0.05)].into_iter().collect();
        enqueued.set("layers", 3);
        assert_eq!(storage.load_study(study).expect("loaded").trials[0].point, enqueued);
        let claim = storage.claim_waiting(study, 1).expect("looked").expect("it waits");
        assert_eq!(claim.trial.point, enqueued);
        let point = contract::point(0.05);
        storage.set_point(claim.key, &contract::space(), &point).expect("stored");
        assert_eq!(storage.load_study(study).expect("loaded").trials[0].point, point);
    }

    /// The error of loading a study with one trial after `sql`.
    fn problem_after(sql: &str) -> String {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        let trial = contract::claim(&mut storage, study).key;
        storage.report(trial, 1, 0.5).expect("stored");
        storage.finish(trial, &contract::complete(0.5)).expect("stored");
        storage.connection.execute_batch(sql).expect("written");
        let error = storage.load_study(study).expect_err("a bad row").to_string();
        let database = format!("{}: ", folder.database().display());
        error.strip_prefix(&database).expect("the database comes first").to_owned()
    }

    #[test]
    fn a_bad_row_is_named_with_its_place_value_and_rule() {
        assert_eq!(
            problem_after("UPDATE trials SET state = 'complete'"),
            "trial 0: state = complete: must be WAITING, RUNNING, COMPLETE, PRUNED or FAIL"
        );
        assert_eq!(
            problem_after("UPDATE trial_params SET param_value = 6 WHERE param_name = 'rule'"),
            "trial 0: parameter rule: param_value = 6: must be in {\"name\":\"CategoricalDistribution\",\
             \"attributes\":{\"choices\":[\"adam\",\"sgd\",1,1.0,true,null]}}"
        );
        assert!(
            problem_after("UPDATE trial_params SET distribution_json = '{}'")
                .starts_with("trial 0: parameter rate: distribution_json: missing field")
        );
        assert!(
            problem_after("UPDATE trial_values SET value = NULL").starts_with("trial 0: value_type = FINITE")
        );
        assert!(problem_after("UPDATE trial_values SET objective = 1").starts_with("trial 0: objective = 1"));
        assert!(problem_after("UPDATE trials SET datetime_start = 'now'").starts_with("trial 0: date = now"));
        assert_eq!(
            problem_after("UPDATE trials SET number = 3"),
            "study \"study\": trial 3 stands where trial 0 should"
        );
        assert_eq!(
            problem_after("UPDATE study_directions SET direction = 'NOT_SET'"),
            "metric accuracy: direction = NOT_SET: must be MINIMIZE or MAXIMIZE"
        );
    }

    #[test]
    fn constraints_are_read_in_both_of_optunas_spellings() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        contract::claim(&mut storage, study);
        let rows = r#"INSERT INTO trial_system_attributes (trial_id, "key", value_json)
            VALUES (1, 'constraints:cores', '-3.0'), (1, 'constraints:1', '0.5'), (1, 'constraints', '[1, 2]')"#;
        storage.connection.execute_batch(rows).expect("written");
        let trial = storage.load_study(study).expect("loaded").trials.remove(0);
        assert_eq!((trial.constraints, trial.internal), (vec![1.0, 0.5, -3.0], Attributes::new()));
    }
}

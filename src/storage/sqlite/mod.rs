//! Studies in an SQLite file, in Optuna's schema, so that Optuna's Python tools and dashboard open
//! it.
//!
//! Every write begins with `BEGIN IMMEDIATE`. So what a transaction reads cannot change before it
//! writes, and two writers wait for one another instead of failing.

mod cell;
mod fault;
mod moved;
mod open;
mod place;
mod read;
mod schema;
mod suggestion_lock;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use self::fault::{at, at_reading};
use self::moved::{Identity, Moved};
use self::read::Reader;
use super::tables::{Cell, Database, Fault, Row, Sql, StudyCache};
use super::{StorageError, StudyKey};

/// A connection to an SQLite database of studies. Any number of connections may write at the same
/// time, in one process or in several.
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
    access: Access,
    path: PathBuf,
    worker: Option<String>,
    cache: StudyCache,
    /// Set once the file is no longer at its path, when its content is saved in another file.
    moved: Option<Moved>,
    /// The locked file, while this connection holds the suggestion lock.
    suggestion_lock: Option<File>,
}

/// A connection, by what it may do.
#[derive(Debug)]
enum Access {
    /// Reads and writes the file that it has opened.
    Write(Connection, Identity),
    /// Reads, and changes nothing.
    Read(Reader),
}

impl SqliteStorage {
    /// Opens the database at `path`. If there is none, makes it, in a folder that exists.
    ///
    /// A database that this program makes uses a write-ahead log: two more files, `-wal` and
    /// `-shm`, lie beside it while it is open. A database of another program keeps its journal
    /// mode.
    ///
    /// # Errors
    /// - The folder is missing, the place cannot be written, or it is on a network file system.
    /// - The file is not an SQLite database.
    /// - The tables belong to another program, or have an unknown schema version.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let connection = open::open(path)?;
        let opened = Identity::of(path).map_err(|_| StorageError::NoFile { path: path.to_owned() })?;
        Ok(Self::new(Access::Write(connection, opened), path))
    }

    /// Opens the database at `path` to read it. The file stays as it is, and no file is made beside
    /// it. Methods that write return an error.
    ///
    /// # Errors
    /// There is no such file, it cannot be read, or it is no database of studies.
    pub fn open_to_read(path: &Path) -> Result<Self, StorageError> {
        Ok(Self::new(Access::Read(Reader::open(path)?), path))
    }

    fn new(access: Access, path: &Path) -> Self {
        let cache = StudyCache::default();
        Self { access, path: path.to_owned(), worker: None, cache, moved: None, suggestion_lock: None }
    }

    /// Runs `body` as one transaction; if it fails, nothing is changed.
    fn transaction<T>(
        &mut self,
        behavior: TransactionBehavior,
        body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>,
    ) -> Result<T, StorageError> {
        let path = &self.path;
        if let Some(moved) = &self.moved {
            return Err(moved.error(path));
        }
        match &mut self.access {
            Access::Read(reader) => {
                let result = run(&mut reader.connection, behavior, body);
                reader.is_as_it_was(path)?;
                result.map_err(|fault| at_reading(fault, path))
            }
            Access::Write(connection, opened) => {
                let result = run(connection, behavior, body);
                // Checked after the transaction, so that its result is saved too.
                self.moved = Moved::of(connection, path, *opened);
                match &self.moved {
                    Some(moved) => Err(moved.error(path)),
                    None => result.map_err(|fault| at(fault, path)),
                }
            }
        }
    }
}

/// Runs `body` as one transaction of `connection`.
fn run<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    mut body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let result = body(&mut Statements(&transaction))?;
    transaction.commit()?;
    Ok(result)
}

impl Database for SqliteStorage {
    fn write<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> Result<T, StorageError> {
        self.transaction(TransactionBehavior::Immediate, body)
    }

    fn read<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> Result<T, StorageError> {
        self.transaction(TransactionBehavior::Deferred, body)
    }

    /// Returns `None`: a commit returns within this process, so its answer cannot get lost.
    fn receipt(&self) -> Option<String> {
        None
    }

    fn worker(&mut self) -> &mut Option<String> {
        &mut self.worker
    }

    fn cache(&mut self) -> &mut StudyCache {
        &mut self.cache
    }

    fn lock_suggestions(&mut self, study: StudyKey, patience: Duration) -> Result<bool, StorageError> {
        self.suggestion_lock = suggestion_lock::take(&self.path, study, patience)?;
        Ok(self.suggestion_lock.is_some())
    }

    fn unlock_suggestions(&mut self, _study: StudyKey) -> Result<(), StorageError> {
        self.suggestion_lock = None;
        Ok(())
    }
}

/// Removes the file of the suggestion lock of `study`, which was deleted from the file `database`.
pub(super) fn forget(database: &Path, study: StudyKey) {
    suggestion_lock::remove(database, study);
}

/// Statements of a transaction that has begun.
struct Statements<'a>(&'a Connection);

impl Sql for Statements<'_> {
    /// Returns an empty text: one writer at a time locks the whole database.
    fn lock(&self) -> &'static str {
        ""
    }

    fn heartbeat_age(&self) -> &'static str {
        "(julianday(CURRENT_TIMESTAMP) - julianday(heartbeat)) * 86400.0"
    }

    fn is_repeated(&self) -> bool {
        false
    }

    fn execute(&mut self, statement: &str, cells: &[Cell]) -> Result<u64, Fault> {
        let changed = self.0.prepare_cached(statement)?.execute(params_from_iter(cells))?;
        Ok(changed as u64)
    }

    fn query(&mut self, statement: &str, cells: &[Cell]) -> Result<Vec<Row>, Fault> {
        let mut statement = self.0.prepare_cached(statement)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(cells), |row| {
            (0..columns).map(|index| row.get(index)).collect::<Result<_, _>>().map(Row)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::storage::Storage;
    use crate::storage::TrialKey;
    use crate::storage::contract::{self, Place, promises};
    use crate::study::{Attributes, RUNG_HISTORY, Rung, RungHistory, WARM_START};
    use std::fs;
    use std::sync::Arc;

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

    impl SqliteStorage {
        fn connection(&self) -> &Connection {
            match &self.access {
                Access::Write(connection, _) => connection,
                Access::Read(reader) => &reader.connection,
            }
        }
    }

    impl Place for Folder {
        fn fresh() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn open(&self) -> Box<dyn Storage> {
            Box::new(self.storage())
        }

        fn age_heartbeat(&self, trial: TrialKey, seconds: u32) {
            let sql = "UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, ?2) WHERE trial_id = ?1";
            self.storage().connection().execute(sql, (trial.0, format!("-{seconds} seconds"))).expect("aged");
        }
    }

    macro_rules! tests {
        ($place:ty: $($promise:ident)*) => {
            $(
                #[test]
                fn $promise() {
                    contract::$promise(&<$place>::fresh());
                }
            )*
        };
    }
    promises!(tests, Folder);

    /// A copy of the files as they would be if the process were killed now.
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
            connection.execute(sql, &[study.0.into()])?;
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
            .connection()
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
        holder.connection().execute_batch("BEGIN IMMEDIATE").expect("begun");
        storage.connection().busy_timeout(std::time::Duration::ZERO).expect("set");
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
            storage.connection().pragma_query_value(None, "page_count", |row| row.get(0)).expect("read");
        // SQLite gives the same answer at its own limit as at the disk's.
        let set = |row: &rusqlite::Row<'_>| row.get::<_, u32>(0);
        storage.connection().pragma_update_and_check(None, "max_page_count", pages, set).expect("set");
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
        storage.connection().execute_batch(rows).expect("written");
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
        storage.connection().execute_batch(sql).expect("written");
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
            problem_after("DELETE FROM trial_values"),
            "trial 0: 0 values of a complete trial: must be one for each metric, 1 in all"
        );
        assert_eq!(
            problem_after("UPDATE study_directions SET direction = 'NOT_SET'"),
            "metric accuracy: direction = NOT_SET: must be MINIMIZE or MAXIMIZE"
        );
    }

    /// SQL that gives the trial of [`problem_after`] this rung history.
    fn rung_history(text: &str) -> String {
        format!(
            r#"INSERT INTO trial_system_attributes (trial_id, "key", value_json)
               VALUES (1, '{RUNG_HISTORY}', '{text}')"#
        )
    }

    /// SQL that gives the study of [`problem_after`] these warm-start trials.
    fn warm_start(text: &str) -> String {
        format!(
            r#"INSERT INTO study_system_attributes (study_id, "key", value_json)
               VALUES (1, '{WARM_START}', '{text}')"#
        )
    }

    #[test]
    fn a_fact_that_does_not_parse_is_an_error_with_trial_and_key() {
        let way_out = ": restore the database from a copy, or start a new study";
        for (text, problem) in [
            ("garbage", "expected value at line 1 column 1"),
            ("{}", "missing field `rungs` at line 1 column 2"),
            (r#"{"rungs": [{"steps": 1}]}"#, "missing field `values` at line 1 column 23"),
        ] {
            let expected = format!("trial 0: tune:course: {problem}{way_out}");
            assert_eq!(problem_after(&rung_history(text)), expected);
        }
        let problem = "invalid type: integer `3`, expected a sequence at line 1 column 13";
        let expected = format!("tune:prior: {problem}{way_out}");
        assert_eq!(problem_after(&warm_start(r#"{"results": 3}"#)), expected);
    }

    #[test]
    fn facts_of_version_0_1_are_read() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        contract::claim(&mut storage, study);
        let rows = [
            rung_history(r#"{"rungs":[{"steps":3,"values":[0.5],"seconds":1.5}]}"#),
            warm_start(r#"{"results":[{"point":{"rate":0.05},"values":[0.75]}]}"#),
        ];
        storage.connection().execute_batch(&rows.join(";")).expect("written");
        let loaded = storage.load_study(study).expect("loaded");
        let rung = Rung { steps: 3, values: vec![0.5], seconds: 1.5 };
        assert_eq!(loaded.trials[0].rung_history, RungHistory { rungs: vec![rung] });
        assert_eq!(loaded.warm_start.results.len(), 1);
        assert_eq!(loaded.warm_start.results[0].values, [0.75]);
        assert_eq!(
            (&loaded.trials[0].internal, &loaded.attributes),
            (&Attributes::new(), &Attributes::new())
        );
    }

    #[test]
    fn facts_that_have_not_changed_are_not_parsed_again() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        let trial = contract::claim(&mut storage, study).key;
        storage.finish(trial, &contract::complete(0.5)).expect("stored");
        storage.connection().execute_batch(&warm_start(r#"{"results":[]}"#)).expect("written");
        let first = storage.load_study(study).expect("loaded");
        contract::claim(&mut storage, study);
        // Behind the back of the connection, without a change of the trial's row.
        storage.connection().execute_batch(&rung_history("garbage")).expect("written");
        let second = storage.load_study(study).expect("the ended trial is not read again");
        assert!(Arc::ptr_eq(&first.warm_start, &second.warm_start));
        assert!(folder.storage().load_study(study).is_err(), "a new connection reads it");
        let sql =
            format!("UPDATE study_system_attributes SET value_json = '[]' WHERE \"key\" = '{WARM_START}'");
        storage.connection().execute_batch(&sql).expect("written");
        assert!(storage.load_study(study).is_err(), "another text is parsed");
    }

    #[test]
    fn constraints_are_read_in_both_of_optunas_spellings() {
        let folder = Folder::fresh();
        let mut storage = folder.storage();
        let study = contract::study(&mut storage);
        contract::claim(&mut storage, study);
        let rows = r#"INSERT INTO trial_system_attributes (trial_id, "key", value_json)
            VALUES (1, 'constraints:cores', '-3.0'), (1, 'constraints:1', '0.5'), (1, 'constraints', '[1, 2]')"#;
        storage.connection().execute_batch(rows).expect("written");
        let trial = storage.load_study(study).expect("loaded").trials[0].clone();
        assert_eq!((trial.constraints, trial.internal), (vec![1.0, 0.5, -3.0], Attributes::new()));
        // As Optuna leaves a trial whose constraints are not known.
        let unknown = "UPDATE trial_system_attributes SET value_json = 'null'";
        storage.connection().execute_batch(unknown).expect("written");
        let trial = folder.storage().load_study(study).expect("loaded").trials[0].clone();
        assert_eq!((trial.constraints, trial.internal), (Vec::new(), Attributes::new()));
    }
}

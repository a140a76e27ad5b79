//! A study in a temporary database, for tests of single transactions.

use tempfile::TempDir;

use super::super::contract::{point, space, study};
use super::super::{ClaimResult, SqliteStorage, Storage, StudyKey, TrialKey};
use super::claims::{self, Request, Signature};
use super::fault::Fault;
use super::sql::{Cell, Row, Sql};
use super::{Database, rows};
use crate::space::Point;
use crate::study::{Attributes, Trial};

/// One study of [`space`] with one metric, and no trials at first.
pub(super) struct Bench {
    _folder: TempDir,
    storage: SqliteStorage,
    /// The key of the study.
    pub study: StudyKey,
}

impl Bench {
    /// A study in a database of its own.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut storage = SqliteStorage::open(&folder.path().join("studies.db")).expect("a database");
        let study = study(&mut storage);
        Self { _folder: folder, storage, study }
    }

    /// Runs `body` as one transaction.
    pub fn run<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> T {
        self.storage.write(body).expect("stored")
    }

    /// The error of `body`, in one line without the database.
    pub fn problem<T: std::fmt::Debug>(
        &mut self,
        body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>,
    ) -> String {
        let error = self.storage.write(body).expect_err("an error").to_string();
        error.split_once("studies.db: ").expect("the database comes first").1.to_owned()
    }

    /// Asks for a new trial at `rate` with `signature`, within `budget`. For `seen` see
    /// [`Request::seen`].
    pub fn ask(&mut self, rate: f64, budget: u32, seen: Option<u32>, signature: &Signature) -> ClaimResult {
        let (study, space, point, internal) = (self.study, space(), point(rate), Attributes::new());
        let request = Request { space: &space, point: &point, internal: &internal, budget, seen };
        self.run(|sql| claims::new(sql, study, &request, signature))
    }

    /// Starts a new trial at `rate` with `signature`.
    pub fn begin(&mut self, rate: f64, signature: &Signature) -> TrialKey {
        match self.ask(rate, u32::MAX, None, signature) {
            ClaimResult::Claimed(claim) => claim.key,
            other => panic!("{other:?}"),
        }
    }

    /// The trial as it is stored.
    pub fn trial(&mut self, key: TrialKey) -> Trial {
        self.run(|sql| rows::one(sql, key))
    }

    /// All trials as they are stored, in order of their numbers.
    pub fn trials(&mut self) -> Vec<Trial> {
        self.storage.load_study(self.study).expect("loaded").trials.clone()
    }

    /// Makes the last heartbeat of a trial `seconds` older.
    pub fn age(&mut self, key: TrialKey, seconds: u32) {
        let statement = "UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, ?2) WHERE trial_id = ?1";
        let cells = [key.0.into(), format!("-{seconds} seconds").into()];
        assert_eq!(self.run(|sql| sql.execute(statement, &cells)), 1, "a trial with a heartbeat");
    }
}

/// The signature of a worker that sends heartbeats.
pub(super) fn worker(name: &str) -> Signature {
    Signature { worker: Some(name.to_owned()), receipt: None }
}

/// The signature of a leader, which sends no heartbeats.
pub(super) fn leader() -> Signature {
    Signature::default()
}

/// The rate of a point of [`space`].
pub(super) fn rate(point: &Point) -> Option<f64> {
    point.get("rate")?.as_f64()
}

/// A transaction that is run again, since the answer to its commit got lost.
pub(super) struct Repeated<'a>(pub &'a mut dyn Sql);

impl Sql for Repeated<'_> {
    fn lock(&self) -> &'static str {
        self.0.lock()
    }

    fn heartbeat_age(&self) -> &'static str {
        self.0.heartbeat_age()
    }

    fn is_repeated(&self) -> bool {
        true
    }

    fn execute(&mut self, statement: &str, cells: &[Cell]) -> Result<u64, Fault> {
        self.0.execute(statement, cells)
    }

    fn query(&mut self, statement: &str, cells: &[Cell]) -> Result<Vec<Row>, Fault> {
        self.0.query(statement, cells)
    }
}

//! Studies in a PostgreSQL database, in Optuna's schema, for workers on any number of machines.
//!
//! As Optuna does, whoever adds or takes a trial locks the row of its study, and whoever changes a trial that
//! one's row, so that its workers and ours write to one study together. A connection that breaks is made
//! anew, and the transaction that it broke is run again: a claim that had been committed, but whose answer
//! was lost, is known again by a mark of its own.

mod address;
mod cell;
mod connection;
mod password;
mod schema;
mod suggestion_lock;
mod tls;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

pub use self::address::{Address, without_password};
use self::connection::{Connection, Patience, Statements, Trouble, at};
use super::tables::{Database, Fault, Known, Sql};
use super::{StorageError, StudyKey};

/// How long a server that went away is waited for: longer than it takes to restart or to move.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a server is waited for at first that says that it is about to let us in.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// How often a transaction is tried again that others got in the way of.
const MOST_ATTEMPTS: u32 = 10;

/// One connection to a database of studies. Several, of any number of machines, may write at once.
pub struct PostgresStorage {
    address: Address,
    connection: Option<Connection>,
    patience: Duration,
    worker: Option<String>,
    known: Known,
}

impl PostgresStorage {
    /// Opens the database at `address`; makes its tables if there are none.
    ///
    /// # Errors
    /// The server cannot be reached or lets us not in; the database belongs to another program or has an
    /// unknown schema version.
    pub fn open(address: &Address) -> Result<Self, StorageError> {
        let mut storage = Self {
            address: address.clone(),
            connection: None,
            patience: PATIENCE,
            worker: None,
            known: Known::default(),
        };
        let mut patience = Patience::new(FIRST_PATIENCE);
        loop {
            let fault = match storage.prepare() {
                Ok(()) => return Ok(storage),
                Err(fault) => fault,
            };
            let is_answer = matches!(&fault, Fault::Postgres(error) if error.code().is_some());
            if !(is_answer && Trouble::of(&fault) != Trouble::Lasting && patience.wait()) {
                return Err(at(fault, address));
            }
            storage.connection = None;
        }
    }

    fn prepare(&mut self) -> Result<(), Fault> {
        let place = self.address.to_string();
        schema::prepare(self.connection()?.client(), &place)
    }

    fn connection(&mut self) -> Result<&mut Connection, Fault> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(Connection::open(&self.address, "tune")?)),
        }
    }

    /// Runs `body` whole, or not at all if it fails, again where the connection breaks or others are in the
    /// way.
    fn transaction<T>(
        &mut self,
        begin: &str,
        mut body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>,
    ) -> Result<T, StorageError> {
        let (mut patience, mut attempts) = (Patience::new(self.patience), 0);
        let mut is_repeated = false;
        loop {
            let fault = match self.attempt(begin, is_repeated, &mut body) {
                Ok(result) => return Ok(result),
                Err((fault, may_be_committed)) => {
                    is_repeated |= may_be_committed;
                    fault
                }
            };
            attempts += 1;
            let goes_on = match Trouble::of(&fault) {
                Trouble::Away => {
                    self.connection = None;
                    patience.wait()
                }
                Trouble::InTheWay => attempts < MOST_ATTEMPTS,
                Trouble::Lasting => false,
            };
            if !goes_on {
                return Err(at(fault, &self.address));
            }
        }
    }

    /// One attempt; with a fault, whether all of it may have been committed.
    fn attempt<T>(
        &mut self,
        begin: &str,
        is_repeated: bool,
        body: &mut impl FnMut(&mut dyn Sql) -> Result<T, Fault>,
    ) -> Result<T, (Fault, bool)> {
        let before = |fault: Fault| (fault, false);
        let connection = self.connection().map_err(before)?;
        connection.client().batch_execute(begin).map_err(|error| before(error.into()))?;
        match body(&mut Statements { connection, is_repeated }) {
            Ok(result) => match connection.client().batch_execute("COMMIT") {
                Ok(()) => Ok(result),
                Err(error) => Err((error.into(), true)),
            },
            Err(fault) => {
                if connection.client().batch_execute("ROLLBACK").is_err() {
                    self.connection = None;
                }
                Err(before(fault))
            }
        }
    }
}

impl Database for PostgresStorage {
    fn write<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> Result<T, StorageError> {
        self.transaction("BEGIN", body)
    }

    fn read<T>(&mut self, body: impl FnMut(&mut dyn Sql) -> Result<T, Fault>) -> Result<T, StorageError> {
        self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", body)
    }

    fn receipt(&self) -> Option<String> {
        let random = || RandomState::new().build_hasher().finish();
        Some(format!("{:016x}{:016x}", random(), random()))
    }

    fn worker(&mut self) -> &mut Option<String> {
        &mut self.worker
    }

    fn known(&mut self) -> &mut Known {
        &mut self.known
    }

    /// While the server is away nobody has the turn, nor needs one.
    fn lock_suggestions(&mut self, study: StudyKey, patience: Duration) -> Result<bool, StorageError> {
        match self.connection().and_then(|connection| suggestion_lock::take(connection, study, patience)) {
            Err(fault) if Trouble::of(&fault) == Trouble::Away => {
                self.connection = None;
                Ok(false)
            }
            taken => taken.map_err(|fault| at(fault, &self.address)),
        }
    }

    /// A connection that cannot say so ends, and the turn with it.
    fn unlock_suggestions(&mut self, study: StudyKey) -> Result<(), StorageError> {
        if let Some(connection) = &mut self.connection
            && suggestion_lock::end(connection, study).is_err()
        {
            self.connection = None;
        }
        Ok(())
    }
}

/// A lock that a connection of its own holds on a server until it ends.
pub(super) struct ServerLock {
    _connection: Box<Connection>,
}

impl std::fmt::Debug for ServerLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerLock")
    }
}

impl ServerLock {
    /// Takes the lock called `key` without waiting, as `holder`; answers who has it if that is somebody else.
    pub fn acquire(address: &Address, key: i64, holder: &str) -> Result<Result<Self, String>, StorageError> {
        let run = || {
            let mut connection = Connection::open(address, holder)?;
            let row = connection.client().query_one("SELECT pg_try_advisory_lock($1)", &[&key])?;
            if row.get(0) {
                return Ok(Ok(Self { _connection: Box::new(connection) }));
            }
            let sql = "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
                WHERE locktype = 'advisory' AND granted AND objsubid = 1
                AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND (classid::bigint << 32 | objid::bigint) = $1";
            let row = connection.client().query_opt(sql, &[&key])?;
            let holder = row.and_then(|row| row.get::<_, Option<String>>(0));
            Ok(Err(holder.unwrap_or_else(|| "another process".to_owned())))
        };
        run().map_err(|fault| at(fault, address))
    }
}

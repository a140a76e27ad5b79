//! Studies in a PostgreSQL database, in Optuna's schema, for workers on any number of machines.
//!
//! As in Optuna, a transaction that adds or claims a trial locks the row of its study. A
//! transaction that changes a trial locks the row of that trial. So Optuna's workers and those of
//! this program can share a study.
//!
//! A broken connection is replaced, and the transaction that it interrupted is run again. The
//! answer to a commit may get lost. A claim has a unique text, its receipt, by which the second
//! attempt finds what the first one has stored.

mod address;
mod cell;
mod connection;
mod password;
mod schema;
mod server_lock;
mod suggestion_lock;
mod tls;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

pub use self::address::{Address, without_password};
use self::connection::{Connection, Patience, Statements, Trouble, at};
pub(super) use self::server_lock::{ServerLock, SharedLock};
use super::tables::{Database, Fault, Sql, StudyCache};
use super::{StorageError, StudyKey, StudyLock};

/// The longest wait for a server that went away. It is longer than a restart, or a move to another
/// machine, takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// When a storage is opened: the longest wait for a server that answers, but does not accept
/// connections yet.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// The most attempts at a transaction that other transactions interfere with.
const MOST_ATTEMPTS: u32 = 10;

/// A connection to a PostgreSQL database of studies. Any number of connections may write at the
/// same time, from any number of machines.
pub struct PostgresStorage {
    address: Address,
    connection: Option<Connection>,
    patience: Duration,
    tell: Option<fn(&StorageError, Duration)>,
    /// When the server could not be reached last.
    away: Option<Instant>,
    worker: Option<String>,
    /// The lock of the study that this process leads, if it does.
    lock: Option<SharedLock>,
    cache: StudyCache,
}

impl PostgresStorage {
    /// Opens the database at `address`; makes its tables if there are none.
    ///
    /// # Errors
    /// The server cannot be reached or refuses the connection, or the tables belong to another
    /// program or have an unknown schema version.
    pub fn open(address: &Address) -> Result<Self, StorageError> {
        Self::open_as(address, true)
    }

    /// Opens the database at `address` to read it. Its tables must exist.
    ///
    /// # Errors
    /// See [`open`](Self::open); also if there are no tables.
    pub fn open_to_read(address: &Address) -> Result<Self, StorageError> {
        Self::open_as(address, false)
    }

    /// Opens the database at `address`. If it has no tables and `makes` is true, makes them.
    fn open_as(address: &Address, makes: bool) -> Result<Self, StorageError> {
        let mut storage = Self {
            address: address.clone(),
            connection: None,
            patience: PATIENCE,
            tell: None,
            away: None,
            worker: None,
            lock: None,
            cache: StudyCache::default(),
        };
        let mut patience = Patience::new(FIRST_PATIENCE);
        loop {
            let fault = match storage.prepare(makes) {
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

    fn prepare(&mut self, makes: bool) -> Result<(), Fault> {
        let place = self.address.to_string();
        schema::prepare(self.connection()?.client(), &place, makes)
    }

    fn connection(&mut self) -> Result<&mut Connection, Fault> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => {
                let connection = Connection::open(&self.address, "tune")?;
                if let Some(lock) = &self.lock {
                    lock.lock().unwrap_or_else(PoisonError::into_inner).renew()?;
                }
                Ok(none.insert(connection))
            }
        }
    }

    /// Runs `body` as one transaction. If it fails, nothing is changed. It is run again if the
    /// connection breaks or another transaction interferes.
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
            let trouble = if server_lock::is_own(&fault) { Trouble::Away } else { Trouble::of(&fault) };
            let error = at(fault, &self.address);
            let goes_on = match trouble {
                Trouble::Away => {
                    self.connection = None;
                    self.away = Some(Instant::now());
                    if let Some(tell) = self.tell.filter(|_| patience.is_news()) {
                        tell(&error, self.patience);
                    }
                    patience.wait()
                }
                Trouble::InTheWay => attempts < MOST_ATTEMPTS,
                Trouble::Lasting => false,
            };
            if !goes_on {
                return Err(error);
            }
        }
    }

    /// Attempts a transaction once. An error comes with whether the transaction may have been
    /// committed all the same.
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

    fn cache(&mut self) -> &mut StudyCache {
        &mut self.cache
    }

    fn when_away(&mut self, tell: fn(&StorageError, Duration)) {
        self.tell = Some(tell);
    }

    fn guard(&mut self, lock: &StudyLock) {
        self.lock = lock.on_server();
    }

    fn was_away_within(&self, span: Duration) -> bool {
        self.away.is_some_and(|away| away.elapsed() < span)
    }

    /// Returns `false` while the server is away: nothing can be claimed then.
    fn lock_suggestions(&mut self, study: StudyKey, patience: Duration) -> Result<bool, StorageError> {
        match self.connection().and_then(|connection| suggestion_lock::take(connection, study, patience)) {
            Err(fault) if Trouble::of(&fault) == Trouble::Away => {
                self.connection = None;
                Ok(false)
            }
            taken => taken.map_err(|fault| at(fault, &self.address)),
        }
    }

    /// If the connection cannot release the lock, it is closed, which releases the lock too.
    fn unlock_suggestions(&mut self, study: StudyKey) -> Result<(), StorageError> {
        if let Some(connection) = &mut self.connection
            && suggestion_lock::release(connection, study).is_err()
        {
            self.connection = None;
        }
        Ok(())
    }
}

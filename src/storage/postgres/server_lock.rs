//! The lock of a study on a server: it says which process leads the study.

use std::process;
use std::sync::{Arc, Mutex};

use super::super::StorageError;
use super::super::tables::Fault;
use super::Address;
use super::connection::{Connection, at};

/// A lock that a storage takes again after a lost connection.
pub(in super::super) type SharedLock = Arc<Mutex<ServerLock>>;

/// An advisory lock on a server. It is held by a separate connection, until that is closed.
pub(in super::super) struct ServerLock {
    address: Address,
    study: String,
    key: i64,
    connection: Box<Connection>,
}

impl std::fmt::Debug for ServerLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerLock")
    }
}

impl ServerLock {
    /// Takes the lock of `study`, which has this `key`, without waiting.
    ///
    /// # Errors
    /// [`StorageError::Locked`] names the process that holds the lock. Other errors if the server cannot be reached.
    pub fn acquire(address: &Address, study: &str, key: i64) -> Result<Self, StorageError> {
        let connection = take(address, study, key).map_err(|fault| at(fault, address))?;
        let (address, study) = (address.clone(), study.to_owned());
        Ok(Self { address, study, key, connection: Box::new(connection) })
    }

    /// Takes the lock again if its connection was lost.
    ///
    /// # Errors
    /// Those of [`acquire`](Self::acquire).
    pub fn renew(&mut self) -> Result<(), Fault> {
        if self.connection.client().batch_execute("").is_err() {
            *self.connection = take(&self.address, &self.study, self.key)?;
        }
        Ok(())
    }

    /// The name of the process that holds the lock with this `key`; `None` if none does.
    pub fn holder(address: &Address, key: i64) -> Result<Option<String>, StorageError> {
        let run = || name_of_holder(&mut Connection::open(address, "tune")?, key);
        run().map_err(|fault| at(fault, address))
    }
}

/// The name of this process on a server.
fn own_name() -> String {
    format!("tune, process {}", process::id())
}

/// Whether `fault` says that a connection of this process, which is lost, still holds the lock: the server has not
/// found out yet.
pub(super) fn is_own(fault: &Fault) -> bool {
    matches!(fault, Fault::Storage(StorageError::Locked { holder, .. }) if *holder == own_name())
}

/// A connection that holds the lock.
fn take(address: &Address, study: &str, key: i64) -> Result<Connection, Fault> {
    let mut connection = Connection::open(address, &own_name())?;
    if connection.client().query_one("SELECT pg_try_advisory_lock($1)", &[&key])?.get(0) {
        return Ok(connection);
    }
    let holder = name_of_holder(&mut connection, key)?.unwrap_or_else(|| "another process".to_owned());
    let (study, place) = (study.to_owned(), address.to_string());
    Err(Fault::Storage(StorageError::Locked { study, place, holder }))
}

fn name_of_holder(connection: &mut Connection, key: i64) -> Result<Option<String>, Fault> {
    let sql = "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = $1";
    let row = connection.client().query_opt(sql, &[&key])?;
    Ok(row.and_then(|row| row.get::<_, Option<String>>(0)))
}

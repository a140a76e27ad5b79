//! Whose turn it is, kept by an advisory lock of the connection.

use std::time::Duration;

use postgres::error::SqlState;
use sha2::{Digest, Sha256};

use super::super::StudyKey;
use super::super::tables::Fault;
use super::connection::Connection;

/// Waits for the turn at `study`, at most for `patience`; `false` if somebody else still has it then.
pub(super) fn take(connection: &mut Connection, study: StudyKey, patience: Duration) -> Result<bool, Fault> {
    // One request is one transaction: the limit goes with it.
    let limit = patience.as_millis().max(1);
    let key = key(study);
    let request = format!("SET LOCAL lock_timeout = '{limit}ms'; SELECT pg_advisory_lock({key})");
    match connection.client().batch_execute(&request) {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Gives the turn at `study` back.
pub(super) fn end(connection: &mut Connection, study: StudyKey) -> Result<(), Fault> {
    Ok(connection.client().batch_execute(&format!("SELECT pg_advisory_unlock({})", key(study)))?)
}

/// A number that no other lock of the database has, but by a chance of 2⁻⁶⁴.
fn key(study: StudyKey) -> i64 {
    let digest = Sha256::digest(format!("tune turn {}", study.0));
    i64::from_be_bytes(std::array::from_fn(|index| digest[index]))
}

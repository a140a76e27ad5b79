//! The suggestion lock of a study: an advisory lock of the connection.

use std::time::Duration;

use postgres::error::SqlState;
use sha2::{Digest, Sha256};

use super::super::StudyKey;
use super::super::tables::Fault;
use super::connection::Connection;

/// Waits for the suggestion lock of `study`, at most for `patience`. `false` if another process
/// still holds it then.
pub(super) fn take(connection: &mut Connection, study: StudyKey, patience: Duration) -> Result<bool, Fault> {
    // One request is one transaction, and the limit is set for that transaction only.
    let limit = patience.as_millis().max(1);
    let key = key(study);
    let request = format!("SET LOCAL lock_timeout = '{limit}ms'; SELECT pg_advisory_lock({key})");
    match connection.client().batch_execute(&request) {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Releases the suggestion lock of `study`.
pub(super) fn release(connection: &mut Connection, study: StudyKey) -> Result<(), Fault> {
    Ok(connection.client().batch_execute(&format!("SELECT pg_advisory_unlock({})", key(study)))?)
}

/// The key of the lock, the same as in version 0.1. The leader of a study called `turn 3` has the key of study number
/// 3, which then waits in vain for each suggestion. Any other lock has it with a probability of 2⁻⁶⁴.
fn key(study: StudyKey) -> i64 {
    let digest = Sha256::digest(format!("tune turn {}", study.0));
    i64::from_be_bytes(std::array::from_fn(|index| digest[index]))
}

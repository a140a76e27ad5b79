//! Errors of SQLite as errors of a storage.

use std::ffi::c_int;
use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::{
    SQLITE_IOERR_FSYNC, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE,
    SQLITE_READONLY_ROLLBACK,
};
use rusqlite::{Error, ErrorCode};

use super::super::StorageError;
use super::super::tables::Fault;

/// How long a transaction waits for another process before it fails with [`StorageError::Busy`].
///
/// Transactions take milliseconds. So a process that keeps the database locked for this long hangs.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Error codes of SQLite if the system refuses to write the database or the index of its log.
const OF_WRITING: [c_int; 4] =
    [SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_TRUNCATE];

fn is_of_writing(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| OF_WRITING.contains(&error.extended_code))
}

/// The error of the database at `path`.
pub(super) fn at(fault: Fault, path: &Path) -> StorageError {
    let (path, place) = (path.to_owned(), path.display().to_string());
    match fault {
        Fault::Storage(error) => error,
        Fault::Row(problem) => StorageError::BadRow { place, problem },
        Fault::Attribute { trial, key, problem } => StorageError::BadAttribute { place, trial, key, problem },
        Fault::Postgres(error) => StorageError::Postgres { place, problem: error.to_string() },
        Fault::Sqlite(source) => match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StorageError::NotADatabase { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StorageError::Unwritable { path }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StorageError::Busy { path, seconds: BUSY_TIMEOUT.as_secs() }
            }
            Some(ErrorCode::DiskFull) => StorageError::DiskFull { place },
            Some(ErrorCode::SystemIoFailure) if is_of_writing(&source) => {
                StorageError::Unwritten { path, source }
            }
            _ => StorageError::Sqlite { path, problem: said(&source) },
        },
    }
}

/// The error of the database at `path`, which is opened to read only.
pub(super) fn at_reading(fault: Fault, path: &Path) -> StorageError {
    let (code, extended) = match &fault {
        Fault::Sqlite(error) => {
            (error.sqlite_error_code(), error.sqlite_error().map(|error| error.extended_code))
        }
        _ => (None, None),
    };
    let owned = || path.to_owned();
    match (code, fault) {
        _ if extended == Some(SQLITE_READONLY_ROLLBACK) => StorageError::HalfChanged { path: owned() },
        (Some(ErrorCode::ReadOnly), _) => StorageError::OpenToRead { path: owned() },
        (Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied), Fault::Sqlite(error)) => {
            let source = std::io::Error::other(said(&error));
            StorageError::Unreadable { path: owned(), source }
        }
        (_, fault) => at(fault, path),
    }
}

/// The message of SQLite, without the text of a statement.
fn said(error: &Error) -> String {
    match error {
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

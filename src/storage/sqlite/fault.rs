//! What SQLite says, as an error of a database.

use std::path::Path;

use rusqlite::ErrorCode;

use super::super::StorageError;
use super::super::tables::Fault;
use super::open::BUSY_TIMEOUT;

/// The failure, as one of the database at `path`.
pub(super) fn at(fault: Fault, path: &Path) -> StorageError {
    let (path, place) = (path.to_owned(), path.display().to_string());
    match fault {
        Fault::Storage(error) => error,
        Fault::Row(problem) => StorageError::BadRow { place, problem },
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
            _ => StorageError::Sqlite { path, source },
        },
    }
}

//! What goes wrong inside a transaction, before it is said of which file.

use std::path::Path;

use rusqlite::ErrorCode;

use super::super::StorageError;
use super::open::BUSY_TIMEOUT;

/// A failure that does not name its database yet.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite's own.
    Sqlite(rusqlite::Error),
    /// A row that breaks a rule: where, the value, the rule.
    Row(String),
    /// One that is complete.
    Storage(StorageError),
}

impl Fault {
    /// A row that breaks a rule, in one line.
    pub fn row(problem: impl Into<String>) -> Self {
        Fault::Row(problem.into())
    }

    /// The failure, as one of the database at `path`.
    pub fn at(self, path: &Path) -> StorageError {
        let path = path.to_owned();
        match self {
            Fault::Storage(error) => error,
            Fault::Row(problem) => StorageError::BadRow { path, problem },
            Fault::Sqlite(source) => match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => StorageError::NotADatabase { path },
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    StorageError::Unwritable { path }
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    StorageError::Busy { path, seconds: BUSY_TIMEOUT.as_secs() }
                }
                Some(ErrorCode::DiskFull) => StorageError::DiskFull { path },
                _ => StorageError::Sqlite { path, source },
            },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sqlite(error)
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Fault::Storage(error)
    }
}

//! What goes wrong inside a transaction, before it is said of which database.

use super::super::StorageError;

/// A failure that does not name its database yet.
#[derive(Debug)]
pub(in super::super) enum Fault {
    /// SQLite's own.
    Sqlite(rusqlite::Error),
    /// PostgreSQL's own, or of the way to it.
    Postgres(postgres::Error),
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
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sqlite(error)
    }
}

impl From<postgres::Error> for Fault {
    fn from(error: postgres::Error) -> Self {
        Fault::Postgres(error)
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Fault::Storage(error)
    }
}

//! Errors inside a transaction, which do not name their database yet.

use super::super::StorageError;

/// An error inside a transaction. It becomes a [`StorageError`] as soon as the database is known.
#[derive(Debug)]
pub(in super::super) enum Fault {
    /// An error of SQLite.
    Sqlite(rusqlite::Error),
    /// An error of PostgreSQL, or of the connection to it.
    Postgres(postgres::Error),
    /// A row that breaks a rule: the place, the value and the rule.
    Row(String),
    /// An attribute of a trial or of the study that does not hold what this program writes under
    /// its key.
    Attribute {
        /// The trial's number; `None`: it is the study's.
        trial: Option<u32>,
        /// The attribute's key.
        key: &'static str,
        /// The error of the parser.
        problem: String,
    },
    /// An error that needs no database.
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

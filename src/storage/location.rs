//! Where a storage is: a file of SQLite, or a database of a PostgreSQL server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Address, PostgresStorage, SqliteStorage, Storage, StorageError, StudyLock};

/// Where a storage is.
#[derive(Clone, Debug)]
pub enum Location {
    /// A file, for the processes of one machine.
    File(PathBuf),
    /// A database that any number of machines reach.
    Server(Box<Address>),
}

impl FromStr for Location {
    type Err = StorageError;

    /// Reads `postgresql://user@host/database`; anything else is a file's name.
    fn from_str(text: &str) -> Result<Self, StorageError> {
        match ["postgresql://", "postgres://"].iter().any(|scheme| text.starts_with(scheme)) {
            true => Ok(Location::Server(Box::new(text.parse()?))),
            false => Ok(Location::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Location {
    /// As it is read, and never with a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File(path) => path.display().fmt(f),
            Location::Server(address) => address.fmt(f),
        }
    }
}

impl Location {
    /// Opens the storage; makes its tables if there are none.
    ///
    /// # Errors
    /// It cannot be reached or written, or belongs to another program.
    pub fn open(&self) -> Result<Box<dyn Storage>, StorageError> {
        Ok(match self {
            Location::File(path) => Box::new(SqliteStorage::open(path)?),
            Location::Server(address) => Box::new(PostgresStorage::open(address)?),
        })
    }

    /// Takes the lock of whoever leads `study`, without waiting.
    ///
    /// # Errors
    /// [`StorageError::Locked`] if somebody else leads it; the lock cannot be taken.
    pub fn lock(&self, study: &str) -> Result<StudyLock, StorageError> {
        match self {
            Location::File(path) => StudyLock::acquire(path, study),
            Location::Server(address) => StudyLock::acquire_on_server(address, study),
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Location::File(path) => Some(path),
            Location::Server(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_shown_as_it_is_read() {
        for text in ["tune.db", "a folder/studies.db", "postgresql://me@db.example:5433/tune?sslmode=require"]
        {
            let location: Location = text.parse().expect("a location");
            assert_eq!(location.to_string(), text);
        }
        let file: Location = "postgres.db".parse().expect("a location");
        assert_eq!(file.file(), Some(Path::new("postgres.db")));
    }
}

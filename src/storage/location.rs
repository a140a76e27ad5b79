//! Where a storage is: an SQLite file, or a database on a PostgreSQL server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Address, PostgresStorage, SqliteStorage, Storage, StorageError, StudyLock};

/// The place of a storage.
#[derive(Clone, Debug)]
pub enum Location {
    /// An SQLite file, for the processes of one machine.
    File(PathBuf),
    /// A database on a server, for any number of machines.
    Server(Box<Address>),
}

impl FromStr for Location {
    type Err = StorageError;

    /// Reads `postgresql://user@host/database`; any other text is the name of a file.
    fn from_str(text: &str) -> Result<Self, StorageError> {
        match ["postgresql://", "postgres://"].iter().any(|scheme| text.starts_with(scheme)) {
            true => Ok(Location::Server(Box::new(text.parse()?))),
            false => Ok(Location::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Location {
    /// The text that was read. It never contains a password.
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
    /// The storage cannot be reached or written, or its tables belong to another program.
    pub fn open(&self) -> Result<Box<dyn Storage>, StorageError> {
        Ok(match self {
            Location::File(path) => Box::new(SqliteStorage::open(path)?),
            Location::Server(address) => Box::new(PostgresStorage::open(address)?),
        })
    }

    /// Takes the lock of the process that leads `study`, without waiting.
    ///
    /// # Errors
    /// [`StorageError::Locked`] if another process leads the study. Other errors if the lock cannot
    /// be taken.
    pub fn lock(&self, study: &str) -> Result<StudyLock, StorageError> {
        match self {
            Location::File(path) => StudyLock::acquire(path, study),
            Location::Server(address) => StudyLock::acquire_on_server(address, study),
        }
    }

    /// The path, if it is a file.
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

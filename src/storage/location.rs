//! Where a storage is: an SQLite file, or a database on a PostgreSQL server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{
    Address, PostgresStorage, SqliteStorage, Storage, StorageError, StudyKey, StudyLock, lock, sqlite,
    without_password,
};

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

    /// Reads the address of a database as SQLAlchemy does, with or without the name of a driver.
    /// `postgresql://user@host/database` is a server. `sqlite:///file` is a file in the current
    /// folder, `sqlite:////folder/file` one from the root. A text without `://` is the name of a
    /// file.
    fn from_str(text: &str) -> Result<Self, StorageError> {
        if text.is_empty() {
            let problem = "must be a file, sqlite:///FILE or postgresql://USER@HOST/DATABASE".to_owned();
            return Err(StorageError::Address { address: "no name".to_owned(), problem });
        }
        let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
            return Ok(Location::File(PathBuf::from(text)));
        };
        let (dialect, driver) = scheme.split_once('+').unwrap_or((scheme, ""));
        match dialect {
            "postgresql" | "postgres" if driver.is_empty() => Ok(Location::Server(Box::new(text.parse()?))),
            "postgresql" | "postgres" => {
                Ok(Location::Server(Box::new(format!("{dialect}://{rest}").parse()?)))
            }
            "sqlite" => sqlite_file(rest).map(Location::File).map_err(|problem| wrong(text, problem)),
            _ => Err(wrong(text, "must be a file, sqlite:///FILE or postgresql://USER@HOST/DATABASE")),
        }
    }
}

fn wrong(text: &str, problem: &str) -> StorageError {
    StorageError::Address { address: without_password(text), problem: problem.to_owned() }
}

/// Whether `text` may stand before `://`: letters, digits, `+`, `-` and `.`, a letter first.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// The file that SQLAlchemy opens for the address `sqlite://` with this `rest`.
fn sqlite_file(rest: &str) -> Result<PathBuf, &'static str> {
    let name = rest.strip_prefix('/').ok_or(
        "has two slashes: must be sqlite:///FILE in this folder, or sqlite:////FOLDER/FILE from the root",
    )?;
    if name.contains('?') {
        return Err("has options after ?: leave them out, or name the file alone");
    }
    match name {
        "" | ":memory:" => Err("is a database in memory, which no other process sees: name a file"),
        file => Ok(PathBuf::from(file)),
    }
}

impl fmt::Display for Location {
    /// Writes the address as it was read, but without a driver; for an SQLite file its name. The
    /// text never contains a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File(path) => path.display().fmt(f),
            Location::Server(address) => address.fmt(f),
        }
    }
}

impl Location {
    /// Opens the storage, and makes its tables if there are none.
    ///
    /// # Errors
    /// The storage cannot be reached or written, or its tables belong to another program.
    pub fn open(&self) -> Result<Box<dyn Storage>, StorageError> {
        Ok(match self {
            Location::File(path) => Box::new(SqliteStorage::open(path)?),
            Location::Server(address) => Box::new(PostgresStorage::open(address)?),
        })
    }

    /// Opens the storage to read it: nothing in it changes, and no file is made. Methods that write
    /// return an error.
    ///
    /// # Errors
    /// There is no such storage, it cannot be read, or its tables belong to another program.
    pub fn open_to_read(&self) -> Result<Box<dyn Storage>, StorageError> {
        Ok(match self {
            Location::File(path) => Box::new(SqliteStorage::open_to_read(path)?),
            Location::Server(address) => Box::new(PostgresStorage::open_to_read(address)?),
        })
    }

    /// Takes the lock of `study` for this process, which then leads the study. Does not wait.
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

    /// The process that leads `study`; `None` if none does, as far as this process can see.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn leader(&self, study: &str) -> Result<Option<String>, StorageError> {
        match self {
            Location::File(path) => Ok(lock::leader(path, study)),
            Location::Server(address) => lock::leader_on_server(address, study),
        }
    }

    /// Removes the lock file that the search of `study` left beside an SQLite file. The study was deleted.
    pub fn forget(&self, study: StudyKey) {
        if let Location::File(path) = self {
            sqlite::forget(path, study);
        }
    }

    /// The path, if the storage is a file.
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
    fn an_empty_name_is_refused() {
        assert!("".parse::<Location>().unwrap_err().to_string().starts_with("no name: must be a file"));
    }

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

    #[test]
    fn an_address_of_sqlalchemy_is_the_file_or_the_server_that_it_names() {
        let shown = |text: &str| text.parse::<Location>().expect("a location").to_string();
        for (text, file) in [
            ("sqlite:///a.db", "a.db"),
            ("sqlite:////data/a b.db", "/data/a b.db"),
            ("sqlite+pysqlite:///./a%20.db", "./a%20.db"),
            ("sqlite:///folder/a.db", "folder/a.db"),
            ("postgresql+psycopg2://me@h/d", "postgresql://me@h/d"),
            ("a:b.db", "a:b.db"),
            ("./x://y", "./x://y"),
        ] {
            assert_eq!(shown(text), file);
        }
    }

    #[test]
    fn an_address_of_no_database_that_can_be_shared_is_refused_without_its_password() {
        let problem = |text: &str| text.parse::<Location>().expect_err("refused").to_string();
        for (text, part) in [
            ("sqlite://", "two slashes"),
            ("sqlite://a.db", "two slashes: must be sqlite:///FILE"),
            ("sqlite:///", "in memory"),
            ("sqlite:///:memory:", "in memory"),
            ("sqlite:///a.db?timeout=3", "leave them out"),
            ("mysql+pymysql://me@h/d", "must be a file, sqlite:///FILE or postgresql://"),
            ("redis://h", "must be a file"),
        ] {
            let problem = problem(text);
            assert!(problem.starts_with(text) && problem.contains(part), "{problem}");
        }
        assert!(!problem("mysql://me:hunter2@h/d").contains("hunter2"));
    }
}

//! Opening a database to read it: nothing in its folder changes.
//!
//! A database with a write-ahead log is the hard case. SQLite makes the files `-wal` and `-shm`
//! beside it even for a reader, and leaves them there.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::super::StorageError;
use super::super::tables::Fault;
use super::fault::{BUSY_TIMEOUT, at_reading};
use super::open::STATEMENTS;
use super::{place, schema};

/// Position in a database's header of the version of its format, and the version that means a
/// write-ahead log.
const FORMAT: (usize, u8) = (19, 2);

/// A connection that only reads, with what it needs to stay correct.
#[derive(Debug)]
pub(super) struct Reader {
    /// The connection.
    pub connection: Connection,
    /// Set if the file is read without locks, since no process had it open: how the file was when
    /// it was opened.
    still: Option<Stamp>,
    /// A folder with a copy of the files, if they cannot be read in their own folder.
    _copy: Option<TempDir>,
}

/// The properties of a file that change when somebody writes to it.
#[derive(Debug, PartialEq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(about: &Metadata) -> Self {
        Self { length: about.len(), modified: about.modified().ok() }
    }
}

impl Reader {
    /// Opens the database of studies at `path`.
    ///
    /// # Errors
    /// There is no file, it cannot be read, or it is no database of studies.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        place::check(path)?;
        let path = &without_link(path);
        let reader = match way_to_read(path)? {
            Way::BesideWriters => Self::of(connect(path, ReadAs::Shared)?),
            Way::Still(stamp) => Self { still: Some(stamp), ..Self::of(connect(path, ReadAs::Still)?) },
            Way::FromCopy => Self::of_copy(path)?,
        };
        reader.check(path).map_err(|fault| at_reading(fault, path))?;
        Ok(reader)
    }

    fn of(connection: Connection) -> Self {
        Self { connection, still: None, _copy: None }
    }

    /// Reads a copy of the database and its log. No process has the two open, else there would be a
    /// `-shm` file.
    fn of_copy(path: &Path) -> Result<Self, StorageError> {
        let copied = || -> io::Result<(TempDir, PathBuf)> {
            let folder = tempfile::tempdir()?;
            let copy = folder.path().join("copy.db");
            fs::copy(path, &copy)?;
            fs::copy(beside(path, "-wal"), beside(&copy, "-wal"))?;
            Ok((folder, copy))
        };
        let (folder, copy) =
            copied().map_err(|source| StorageError::Uncopied { path: path.to_owned(), source })?;
        let connection = connect(&copy, ReadAs::Shared)?;
        Ok(Self { connection, still: None, _copy: Some(folder) })
    }

    fn check(&self, path: &Path) -> Result<(), Fault> {
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        self.connection.set_prepared_statement_cache_capacity(STATEMENTS);
        schema::check(&self.connection, path)
    }

    /// Returns an error if the file at `path` is read without locks and somebody has written to it
    /// since.
    pub fn is_as_it_was(&self, path: &Path) -> Result<(), StorageError> {
        let Some(still) = &self.still else { return Ok(()) };
        let path = &without_link(path);
        let now = fs::metadata(path).ok().map(|about| Stamp::of(&about));
        match now.as_ref() == Some(still) && length(&beside(path, "-wal")) == 0 {
            true => Ok(()),
            false => Err(StorageError::ChangedMeanwhile { path: path.to_owned() }),
        }
    }
}

/// How a database is read so that nothing beside it changes.
enum Way {
    /// With SQLite's locks. They make no new file: there is no write-ahead log, or its files exist
    /// already.
    BesideWriters,
    /// Without locks: the log is empty, and no process has the database open. The stamp is that of
    /// the file.
    Still(Stamp),
    /// From a copy: the log is not empty, and the `-shm` file is missing, which SQLite would make.
    FromCopy,
}

fn way_to_read(path: &Path) -> Result<Way, StorageError> {
    let opened = File::open(path).and_then(|mut file| {
        let mut header = Vec::new();
        file.by_ref().take(FORMAT.0 as u64 + 1).read_to_end(&mut header)?;
        Ok((header, Stamp::of(&file.metadata()?)))
    });
    let (header, stamp) = opened.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StorageError::NoFile { path: path.to_owned() },
        _ => StorageError::Unreadable { path: path.to_owned(), source },
    })?;
    let has_log = header.get(FORMAT.0) == Some(&FORMAT.1);
    let (log, index) = (beside(path, "-wal"), beside(path, "-shm"));
    Ok(match (length(&log) > 0, log.exists() && index.exists()) {
        _ if !has_log => Way::BesideWriters,
        (_, true) => Way::BesideWriters,
        (true, false) => Way::FromCopy,
        (false, false) => Way::Still(stamp),
    })
}

/// The file that `path` leads to: the log lies beside it, not beside a link to it.
fn without_link(path: &Path) -> PathBuf {
    let target = path.is_symlink().then(|| fs::canonicalize(path).ok());
    target.flatten().unwrap_or_else(|| path.to_owned())
}

/// The length of a file in bytes; 0 if there is none.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// `path` with `ending` after its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Whether SQLite takes locks.
#[derive(Clone, Copy, PartialEq)]
enum ReadAs {
    Shared,
    Still,
}

fn connect(path: &Path, read_as: ReadAs) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match read_as {
        ReadAs::Shared => Connection::open_with_flags(path, flags),
        ReadAs::Still => Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI),
    };
    connection.map_err(|error| at_reading(error.into(), path))
}

/// The address by which SQLite opens the file at `path` as one that nobody writes to.
fn immutable(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let bytes = whole.as_os_str().as_encoded_bytes().iter();
    let spelled = bytes.map(|&byte| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    format!("file:{}?immutable=1", spelled.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::open;

    /// The names and contents of all files of a folder, in order.
    fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(folder).expect("there").map(|entry| entry.expect("an entry").path());
        let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).expect("read"))).collect();
        files.sort();
        files
    }

    fn studies(reader: &Reader) -> u32 {
        let count = "SELECT COUNT(*) FROM studies";
        reader.connection.query_row(count, [], |row| row.get(0)).expect("counted")
    }

    const ADD: &str = "INSERT INTO studies (study_name) VALUES ('one')";

    /// A database as another program makes it, without a write-ahead log.
    fn foreign(path: &Path) -> Connection {
        let connection = Connection::open(path).expect("made");
        schema::create(&connection).expect("made");
        connection.execute_batch("UPDATE version_info SET library_version = '4.9.0'").expect("written");
        connection
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_database_is_read_with_its_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("there.db"), folder.path().join("link.db"));
        std::os::unix::fs::symlink(&path, &link).expect("made");
        let writer = open::open(&path).expect("made");
        writer.execute_batch(ADD).expect("written");
        assert!(length(&beside(&path, "-wal")) > 0);
        assert_eq!(studies(&Reader::open(&link).expect("opened")), 1);
        drop(writer);
        let reader = Reader::open(&link).expect("opened");
        reader.is_as_it_was(&link).expect("nobody writes");
        let writer = open::open(&path).expect("opened");
        writer.execute_batch(&ADD.replace("one", "two")).expect("written");
        assert!(reader.is_as_it_was(&link).is_err());
    }

    #[test]
    fn a_reader_changes_no_file_and_makes_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ours ?#%41.db");
        open::open(&path).expect("made").execute_batch(ADD).expect("written");
        let other = folder.path().join("theirs.db");
        foreign(&other).execute_batch(ADD).expect("written");
        let before = content(folder.path());
        assert_eq!(before.len(), 2, "the last writer has removed its log");
        for path in [path, other] {
            assert_eq!(studies(&Reader::open(&path).expect("opened")), 1);
            assert_eq!(content(folder.path()), before);
        }
    }

    #[test]
    fn a_log_without_its_index_is_read_from_a_copy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("studies.db");
        let writer = open::open(&path).expect("made");
        writer.execute_batch(ADD).expect("written");
        let killed = tempfile::tempdir().expect("a folder");
        for ending in ["", "-wal"] {
            let name = format!("studies.db{ending}");
            fs::copy(folder.path().join(&name), killed.path().join(&name)).expect("copied");
        }
        let before = content(killed.path());
        assert_eq!(studies(&Reader::open(&killed.path().join("studies.db")).expect("opened")), 1);
        assert_eq!(content(killed.path()), before);
        let reader = Reader::open(&path).expect("opened beside the writer");
        writer.execute_batch("INSERT INTO studies (study_name) VALUES ('two')").expect("written");
        assert_eq!(studies(&reader), 2, "it sees what others write");
    }

    #[test]
    fn a_file_that_is_written_while_it_is_read_without_locks_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("studies.db");
        open::open(&path).expect("made");
        let reader = Reader::open(&path).expect("opened");
        assert!(reader.is_as_it_was(&path).is_ok());
        let writer = open::open(&path).expect("opened");
        writer.execute_batch(ADD).expect("written");
        let error = reader.is_as_it_was(&path).expect_err("changed").to_string();
        assert!(error.ends_with("was written while it was read: run the command again"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_no_new_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |name: &str, content: Option<&str>| {
            let path = folder.path().join(name);
            content.iter().for_each(|content| fs::write(&path, content).expect("written"));
            let before = content.map(str::len);
            let error = Reader::open(&path).expect_err("refused").to_string();
            assert_eq!(fs::metadata(&path).ok().map(|about| about.len() as usize), before);
            error.strip_prefix(&format!("{}: ", path.display())).expect("the path comes first").to_owned()
        };
        assert_eq!(refused("missing.db", None), "no such file: name the database of a study");
        let empty = "is an empty database: name that of a study, or make one with tune or tune run";
        assert_eq!(refused("empty.db", Some("")), empty);
        let note = "a note, longer than a page's header".repeat(100);
        assert_eq!(refused("note.txt", Some(&note)), "is not an SQLite database: name another file");
    }

    #[test]
    fn half_a_change_of_a_killed_writer_is_told_with_a_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("theirs.db");
        let writer = foreign(&path);
        writer.execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE").expect("begun");
        for index in 0..2000 {
            let name = format!("study {index} {}", "x".repeat(100));
            writer.execute("INSERT INTO studies (study_name) VALUES (?1)", [name]).expect("written");
        }
        let killed = tempfile::tempdir().expect("a folder");
        for ending in ["", "-journal"] {
            let name = format!("theirs.db{ending}");
            fs::copy(folder.path().join(&name), killed.path().join(&name)).expect("copied");
        }
        let before = content(killed.path());
        let error = Reader::open(&killed.path().join("theirs.db")).expect_err("half a change").to_string();
        assert!(error.contains("half a change of a killed process"), "{error}");
        assert_eq!(content(killed.path()), before);
    }
}

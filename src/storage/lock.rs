//! The lock that only one process at a time holds: the one that leads a study. Workers that send
//! heartbeats join the study without a lock.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::StorageError;
use super::postgres::{Address, ServerLock, SharedLock};

/// The longest part of a lock file's name that comes from the study's name, in bytes. File systems
/// allow 255 bytes for the whole name, which begins with the name of the database.
const LONGEST_NAME: usize = 100;

/// How often taking a lock is tried, and the pause between two tries: [`leader`] takes the lock for an instant to see
/// whether it is free.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// The right of this process to lead a study, until this value is dropped.
///
/// A leader starts again the trials that an earlier leader left running. That is right only if
/// there is one leader at a time. Workers that send heartbeats need no lock.
///
/// For an SQLite file the lock is an advisory lock on a file beside the database,
/// `<database>.<study>.lock`. The operating system releases it when the process ends in any way.
/// The file itself stays until its study is deleted ([`StudyLock::remove`]). A process that gets the
/// lock of a file that was removed meanwhile tries again with the new one. On a server, the lock is an advisory lock of a
/// separate connection. A storage that is told of it ([`Storage::guard`](super::Storage::guard)) takes it again after a
/// lost connection, before anything else.
#[derive(Debug)]
pub struct StudyLock {
    /// Keeps the file or the connection open for as long as the lock holds.
    held: Held,
}

#[derive(Debug)]
enum Held {
    File { _file: File, path: PathBuf },
    Server { lock: SharedLock },
}

impl StudyLock {
    /// Takes the lock of `study` in the database at `database`, without waiting.
    ///
    /// # Errors
    /// [`StorageError::Locked`] names the process that holds the lock. [`StorageError::LockFile`]
    /// if the folder cannot be written.
    pub fn acquire(database: &Path, study: &str) -> Result<Self, StorageError> {
        let path = lock_path(database, study);
        let failed = |source| StorageError::LockFile { path: path.clone(), source };
        let mut attempts = 1;
        loop {
            let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = options.map_err(failed)?;
            match file.try_lock() {
                Ok(()) if !is_at(&file, &path) => continue,
                Ok(()) => sign(&mut file).map_err(failed)?,
                Err(TryLockError::WouldBlock) if attempts < ATTEMPTS => {
                    attempts += 1;
                    thread::sleep(PAUSE);
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    let (study, place) = (study.to_owned(), database.display().to_string());
                    return Err(StorageError::Locked { study, place, holder: holder(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            return Ok(Self { held: Held::File { _file: file, path } });
        }
    }

    /// Releases the lock of a study that was deleted, and removes its file.
    pub fn remove(self) {
        if let Held::File { path, .. } = &self.held {
            // A file that stays is empty but for a process number, and does no harm.
            let _ = fs::remove_file(path);
        }
    }

    /// Takes the lock of `study` on the server at `address`, without waiting.
    ///
    /// # Errors
    /// [`StorageError::Locked`] names the process that holds the lock. Other errors if the server
    /// cannot be reached.
    pub fn acquire_on_server(address: &Address, study: &str) -> Result<Self, StorageError> {
        let lock = ServerLock::acquire(address, study, key(study))?;
        Ok(Self { held: Held::Server { lock: Arc::new(Mutex::new(lock)) } })
    }

    /// The lock on a server, if it is one.
    pub(super) fn on_server(&self) -> Option<SharedLock> {
        match &self.held {
            Held::File { .. } => None,
            Held::Server { lock } => Some(Arc::clone(lock)),
        }
    }
}

/// The process that leads `study` in the database at `database`; `None` if none does, or if its lock
/// file cannot be read.
pub(super) fn leader(database: &Path, study: &str) -> Option<String> {
    let mut file = File::open(lock_path(database, study)).ok()?;
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then(|| holder(&mut file))
}

/// The process that leads `study` on the server at `address`; `None` if none does.
///
/// # Errors
/// The server cannot be reached.
pub(super) fn leader_on_server(address: &Address, study: &str) -> Result<Option<String>, StorageError> {
    ServerLock::holder(address, key(study))
}

/// The number of the lock of `study` on a server.
fn key(study: &str) -> i64 {
    let digest = Sha256::digest(format!("tune {study}"));
    i64::from_be_bytes(std::array::from_fn(|index| digest[index]))
}

/// Whether `path` still leads to the open `file`: it may have been removed since it was opened.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        _ => false,
    }
}

/// An open file cannot be removed on other systems.
#[cfg(not(unix))]
pub(super) fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

/// The path of the lock file of `study`: the same for every path that leads to the database.
fn lock_path(database: &Path, study: &str) -> PathBuf {
    let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = database.into_os_string();
    name.push(format!(".{}.lock", file_name(study)));
    PathBuf::from(name)
}

/// The name of `study` as part of a file name. Different names give different parts.
fn file_name(study: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let spell = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let mut name: String = study.bytes().map(spell).collect();
    if name.len() > LONGEST_NAME {
        // A full stop stands in no other part, so a shortened name never equals a whole one.
        let digest = Sha256::digest(study.as_bytes());
        name.truncate(LONGEST_NAME - 17);
        name.extend(std::iter::once(".".to_owned()).chain(digest[..8].iter().map(|b| format!("{b:02x}"))));
    }
    name
}

/// Writes the process that holds the lock into the lock file.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    write!(file, "process {}", process::id())
}

/// The process that holds the lock, as written in the lock file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(length) if length > 0 => text,
        // Between taking the lock and signing it.
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is_and_gets_the_lock_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("studies.db");
        let first = StudyLock::acquire(&database, "mnist").expect("free");
        let own = format!("process {}", process::id());
        assert_eq!(leader(&database, "mnist"), Some(own.clone()));
        assert_eq!(leader(&database, "iris"), None, "it never had one");
        let error = StudyLock::acquire(&database, "mnist").expect_err("held").to_string();
        assert!(error.contains(&format!("run by {own}: wait")), "{error}");
        StudyLock::acquire(&database, "iris").expect("another study is free");
        drop(first);
        assert_eq!(leader(&database, "mnist"), None, "its file is still there");
        StudyLock::acquire(&database, "mnist").expect("free again");
    }

    #[test]
    fn a_look_at_the_leader_keeps_nobody_from_leading() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("studies.db");
        drop(StudyLock::acquire(&database, "mnist").expect("free"));
        let look = File::open(lock_path(&database, "mnist")).expect("there");
        look.try_lock_shared().expect("free");
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(PAUSE);
                look.unlock().expect("held");
            });
            StudyLock::acquire(&database, "mnist").expect("free in a moment");
        });
    }

    #[test]
    fn the_file_of_a_deleted_study_goes_and_who_had_opened_it_takes_the_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("studies.db");
        let path = lock_path(&database, "mnist");
        let first = StudyLock::acquire(&database, "mnist").expect("free");
        let opened = File::open(&path).expect("there");
        first.remove();
        assert!(!path.exists() && !is_at(&opened, &path));
        let second = StudyLock::acquire(&database, "mnist").expect("free");
        assert!(path.exists() && !is_at(&opened, &path));
        assert!(matches!(StudyLock::acquire(&database, "mnist"), Err(StorageError::Locked { .. })));
        drop(second);
    }

    #[test]
    fn a_lock_left_by_a_killed_process_is_free() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("studies.db");
        fs::write(lock_path(&database, "mnist"), "process 1").expect("written");
        StudyLock::acquire(&database, "mnist").expect("nobody holds it");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = StudyLock::acquire(Path::new("/nowhere/studies.db"), "s").expect_err("no folder");
        assert_eq!(error.to_string(), "/nowhere/studies.db.s.lock: cannot be locked");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_database_leads_to_the_same_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, link) = (folder.path().join("studies.db"), folder.path().join("link.db"));
        fs::write(&database, "").expect("written");
        std::os::unix::fs::symlink(&database, &link).expect("linked");
        let _first = StudyLock::acquire(&database, "s").expect("free");
        assert!(matches!(StudyLock::acquire(&link, "s"), Err(StorageError::Locked { .. })));
    }

    proptest! {
        #[test]
        fn different_studies_have_different_short_plain_file_names(a in ".{0,200}", b in ".{0,200}") {
            prop_assert_eq!(a == b, file_name(&a) == file_name(&b));
            prop_assert!(file_name(&a).len() <= LONGEST_NAME);
            prop_assert!(!file_name(&a).contains(['/', '\0']));
        }
    }
}

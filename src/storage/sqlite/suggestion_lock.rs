//! Whose turn it is, kept by an advisory lock on a file beside the database: `<database>.<key of the study>.turn`.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::super::{StorageError, StudyKey};

/// How often a lock is tried that somebody else holds: nobody tells when it is free.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for the turn at `study`, at most for `patience`; whoever holds the file has it. The file stays, as that of a
/// study's lock does.
pub(super) fn take(
    database: &Path,
    study: StudyKey,
    patience: Duration,
) -> Result<Option<File>, StorageError> {
    // The same file by whichever path the database was reached.
    let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = database.into_os_string();
    name.push(format!(".{}.turn", study.0));
    let path = PathBuf::from(name);
    let failed = |source| StorageError::LockFile { path: path.clone(), source };
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return Ok(None),
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}

//! The suggestion lock of a study: an advisory lock on the file `<database>.<key of the
//! study>.turn`. Version 0.1 uses the same file.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::super::{StorageError, StudyKey};

/// The pause between two attempts to take a lock that another process holds. There is no signal
/// when the lock becomes free.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for the suggestion lock of `study`, at most for `patience`. `None` if another process
/// still holds it then. The lock is held while the returned file is open. The file is never
/// removed, for the reason given at [`StudyLock`](crate::storage::StudyLock).
pub(super) fn take(
    database: &Path,
    study: StudyKey,
    patience: Duration,
) -> Result<Option<File>, StorageError> {
    // The same file for every path that leads to the database.
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

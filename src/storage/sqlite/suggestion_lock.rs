//! The suggestion lock of a study: an advisory lock on the file `<database>.<key of the
//! study>.turn`. Version 0.1 uses the same file.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::super::lock::is_at;
use super::super::{StorageError, StudyKey};

/// The pause between two attempts to take a lock that another process holds. There is no signal
/// when the lock becomes free.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for the suggestion lock of `study`, at most for `patience`. `None` if another process
/// still holds it then. The lock is held while the returned file is open. The file stays until the
/// study is deleted.
pub(super) fn take(
    database: &Path,
    study: StudyKey,
    patience: Duration,
) -> Result<Option<File>, StorageError> {
    let path = path(database, study);
    let failed = |source| StorageError::LockFile { path: path.clone(), source };
    let open = || File::options().write(true).create(true).truncate(false).open(&path).map_err(failed);
    let mut file = open()?;
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => return Ok(Some(file)),
            // The file was removed with an older study of this key.
            Ok(()) => file = open()?,
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return Ok(None),
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}

/// Removes the file of the lock of `study`, which was deleted, unless a process holds it.
pub(super) fn remove(database: &Path, study: StudyKey) {
    let path = path(database, study);
    let Ok(file) = File::options().write(true).open(&path) else { return };
    if file.try_lock().is_ok() {
        // A file that stays is empty and does no harm.
        let _ = fs::remove_file(&path);
    }
}

/// The file of the lock of `study`: the same for every path that leads to the database.
fn path(database: &Path, study: StudyKey) -> PathBuf {
    let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = database.into_os_string();
    name.push(format!(".{}.turn", study.0));
    PathBuf::from(name)
}

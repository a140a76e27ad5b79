//! Files of databases that are deleted or replaced while they are open. The system then keeps the
//! old file for this process alone. Everything written to it would be gone at the end of the
//! process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::super::StorageError;

/// The file that was opened: its device and number there; `None` where the system has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Identity(Option<(u64, u64)>);

impl Identity {
    /// The identity of the file that is now at `path`.
    ///
    /// # Errors
    /// There is no such file.
    #[cfg(unix)]
    pub fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;

        let about = fs::metadata(path)?;
        Ok(Self(Some((about.dev(), about.ino()))))
    }

    /// As on Unix. On this system a file that is open cannot be deleted.
    #[cfg(not(unix))]
    pub fn of(_path: &Path) -> io::Result<Self> {
        Ok(Self(None))
    }
}

/// What happened to a file that is no longer at its path, and to its content.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    what: &'static str,
    way_out: String,
}

impl Moved {
    /// What happened to the file that `connection` has opened at `path`; `None` if it is still
    /// there. If it is not, its content is saved in a new file beside `path`, if that is possible.
    pub fn of(connection: &Connection, path: &Path, opened: Identity) -> Option<Self> {
        let what = match Identity::of(path) {
            Ok(now) if now == opened => return None,
            Ok(_) => "replaced by another file",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "deleted",
            // A folder that this process may no longer look into says nothing about the file.
            Err(_) => return None,
        };
        let way_out = match save(connection, path).map(|file| file.display().to_string()) {
            Ok(file) => format!("all trials are saved in {file}: name it with --storage to resume"),
            Err(problem) => format!("its trials cannot be saved beside it: {problem}"),
        };
        Some(Self { what, way_out })
    }

    /// This as an error of the database at `path`.
    pub fn error(&self, path: &Path) -> StorageError {
        StorageError::Moved { path: path.to_owned(), what: self.what, way_out: self.way_out.clone() }
    }
}

/// Writes the whole database to a new file beside `path`, whose name is returned.
fn save(connection: &Connection, path: &Path) -> Result<PathBuf, String> {
    let name = |index: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".saved{}", if index == 0 { String::new() } else { format!("-{index}") }));
        PathBuf::from(name)
    };
    // Several processes may save at once. Each makes a file of its own.
    for index in 0..1000 {
        let file = name(index);
        match File::options().write(true).create_new(true).open(&file) {
            Ok(_) => {
                let into = file.to_str().ok_or("its name is not Unicode")?;
                connection.execute("VACUUM INTO ?1", [into]).map_err(|error| error.to_string())?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("too many saved files are there".to_owned())
}

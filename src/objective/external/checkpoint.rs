//! The folder in which a command keeps its state from one leg of a trial to the next.
//!
//! A command works in a copy: the state that a leg before left stays as it was until the next one is stored, so what
//! is run again after a death begins where it began before. And two processes never work in one folder, even where one
//! of them was wrongly taken for gone.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::objective::Segment;

/// The folder of one segment; what is left in it goes with it.
#[derive(Debug)]
pub(super) struct StateFolder {
    folder: PathBuf,
    /// Around it, since the system's temporary folders are for one user alone, and a state is for every worker.
    _around: TempDir,
}

impl StateFolder {
    /// A folder beside the states of `segment`, with a copy of the one that it goes on from; among the system's temporary
    /// ones if it has none.
    ///
    /// # Errors
    /// The folder cannot be made, or the state not be copied. One that is not there is no error: the folder is empty.
    pub fn new(segment: &Segment) -> io::Result<Self> {
        let beside = segment.pause.as_ref().map(|pause| &pause.state).or(segment.from.as_ref());
        let around = match beside.and_then(|state| Some((state.parent()?, state.file_name()?))) {
            Some((parent, name)) => {
                let prefix = format!("{}-", name.to_string_lossy());
                tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?
            }
            None => TempDir::new()?,
        };
        let folder = std::path::absolute(around.path())?.join("state");
        fs::create_dir(&folder)?;
        match segment.from.as_deref().map_or(Ok(()), |from| copy(from, &folder)) {
            // Half a state is none.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::remove_dir_all(&folder).and_then(|()| fs::create_dir(&folder))?;
            }
            copied => copied?,
        }
        Ok(Self { folder, _around: around })
    }

    /// Where it is, from the root.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Whether nothing is in it, or it is gone.
    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.folder).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Keeps what is in it under the name `state`, all at once. If nothing is in it, nothing is kept; nor if there is
    /// such a state: somebody has come to the same before and died, or is faster.
    ///
    /// # Errors
    /// The system cannot move it.
    pub fn keep(self, state: &Path) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        fs::rename(&self.folder, state).or_else(|error| if state.is_dir() { Ok(()) } else { Err(error) })
    }
}

/// Copies all files, folders and links in `from` to `to`. What else may lie there, such as a socket, belongs to a
/// process that has ended.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, source, target) = (entry.file_type()?, entry.path(), to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy(&source, &target)?;
        } else if kind.is_symlink() {
            copy_link(&source, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// A link that says where from its own place says the same in the copy.
#[cfg(unix)]
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(fs::read_link(from)?, to)
}

#[cfg(not(unix))]
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Pause;
    use crate::units::Seconds;

    fn segment(folder: &Path, from: Option<&str>, pause: Option<&str>) -> Segment {
        let pause = pause.map(|name| Pause { divisor: 3, state: folder.join(name) });
        Segment { from: from.map(|name| folder.join(name)), pause, done: 0, spent: Seconds(0.0) }
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_leg_works_in_a_copy_and_leaves_the_state_before_as_it_was() {
        let room = tempfile::tempdir().unwrap();
        let first = StateFolder::new(&segment(room.path(), None, Some("1-0"))).unwrap();
        assert!(first.is_empty() && first.path().is_absolute());
        fs::create_dir(first.path().join("deep")).unwrap();
        fs::write(first.path().join("deep/model"), "one").unwrap();
        first.keep(&room.path().join("1-0")).unwrap();
        assert_eq!(names(room.path()), ["1-0"]);

        let second = StateFolder::new(&segment(room.path(), Some("1-0"), Some("1-1"))).unwrap();
        assert_eq!(fs::read_to_string(second.path().join("deep/model")).unwrap(), "one");
        fs::write(second.path().join("deep/model"), "two").unwrap();
        assert_eq!(fs::read_to_string(room.path().join("1-0/deep/model")).unwrap(), "one");
        drop(second);
        assert_eq!(names(room.path()), ["1-0"], "a leg that is broken off leaves nothing");
    }

    #[test]
    fn nothing_is_kept_of_an_empty_folder_and_none_is_made_of_a_state_that_is_gone() {
        let room = tempfile::tempdir().unwrap();
        let empty = StateFolder::new(&segment(room.path(), Some("gone"), Some("1-1"))).unwrap();
        assert!(empty.is_empty());
        empty.keep(&room.path().join("1-1")).unwrap();
        assert_eq!(names(room.path()), [""; 0]);
    }

    #[test]
    fn who_comes_to_the_same_later_changes_nothing() {
        let room = tempfile::tempdir().unwrap();
        let segment = segment(room.path(), None, Some("1-0"));
        let [first, second, removed] = [(); 3].map(|()| StateFolder::new(&segment).unwrap());
        for (folder, text) in [(&first, "first"), (&second, "second")] {
            fs::write(folder.path().join("model"), text).unwrap();
        }
        first.keep(&room.path().join("1-0")).unwrap();
        second.keep(&room.path().join("1-0")).unwrap();
        fs::remove_dir(removed.path()).unwrap();
        removed.keep(&room.path().join("1-0")).unwrap();
        assert_eq!(fs::read_to_string(room.path().join("1-0/model")).unwrap(), "first");
    }

    #[cfg(unix)]
    #[test]
    fn links_go_along_and_pipes_do_not() {
        let room = tempfile::tempdir().unwrap();
        let state = room.path().join("1-0");
        fs::create_dir(&state).unwrap();
        fs::write(state.join("epoch-3"), "three").unwrap();
        std::os::unix::fs::symlink("epoch-3", state.join("last")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(state.join("pipe")).status().unwrap();
        assert!(made.success());
        let folder = StateFolder::new(&segment(room.path(), Some("1-0"), None)).unwrap();
        assert_eq!(names(folder.path()), ["epoch-3", "last"]);
        assert_eq!(fs::read_to_string(folder.path().join("last")).unwrap(), "three");
    }

    #[test]
    fn a_leg_without_states_has_a_folder_too() {
        let folder = StateFolder::new(&segment(Path::new(""), None, None)).unwrap();
        assert!(folder.is_empty() && folder.path().is_dir());
    }
}

//! The folder in which a command keeps its checkpoint from one segment of a trial to the next. A
//! segment is the part of a trial between two pauses.
//!
//! A command works in a copy. The last checkpoint stays as it was until the next one is stored. So
//! a segment that is run again begins at the same step. And two processes never work in one folder,
//! even if one of them was wrongly taken for dead.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::objective::Segment;

/// The working folder of one segment; removed on drop.
#[derive(Debug)]
pub(super) struct CheckpointFolder {
    folder: PathBuf,
    /// The folder that contains `folder`. A temporary folder is private to one user, but a
    /// checkpoint is for every worker.
    _around: TempDir,
}

impl CheckpointFolder {
    /// Makes a folder next to the checkpoints of `segment`, with a copy of the checkpoint that the
    /// segment continues from. If the segment has no checkpoints: a temporary folder of the system.
    ///
    /// # Errors
    /// The folder cannot be made, or the checkpoint cannot be copied. A checkpoint that does not
    /// exist is no error: the folder is empty.
    pub fn new(segment: &Segment) -> io::Result<Self> {
        let beside = segment.pause.as_ref().map(|pause| &pause.checkpoint).or(segment.from.as_ref());
        let around = match beside.and_then(|path| Some((path.parent()?, path.file_name()?))) {
            Some((parent, name)) => {
                let prefix = format!("{}-", name.to_string_lossy());
                tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?
            }
            None => TempDir::new()?,
        };
        let folder = std::path::absolute(around.path())?.join("checkpoint");
        fs::create_dir(&folder)?;
        match segment.from.as_deref().map_or(Ok(()), |from| copy(from, &folder)) {
            // Half a checkpoint is none.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::remove_dir_all(&folder).and_then(|()| fs::create_dir(&folder))?;
            }
            copied => copied?,
        }
        Ok(Self { folder, _around: around })
    }

    /// The absolute path of the folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Whether the folder is empty or gone.
    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.folder).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Moves the folder to the path `checkpoint` in one step, unless it is empty. If there is a
    /// checkpoint already it stays, since another process has made the same one.
    ///
    /// # Errors
    /// The system cannot move the folder.
    pub fn keep(self, checkpoint: &Path) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        fs::rename(&self.folder, checkpoint)
            .or_else(|error| if checkpoint.is_dir() { Ok(()) } else { Err(error) })
    }
}

/// Copies all files, folders and links in `from` to `to`. Anything else, such as a socket, belongs
/// to a process that has ended, and is left out.
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

/// Copies a link as it is. A relative link then points into the copy.
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
        let pause = pause.map(|name| Pause { divisor: 3, checkpoint: folder.join(name) });
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
    fn a_segment_works_in_a_copy_of_the_checkpoint_before() {
        let room = tempfile::tempdir().unwrap();
        let first = CheckpointFolder::new(&segment(room.path(), None, Some("1-0"))).unwrap();
        assert!(first.is_empty() && first.path().is_absolute());
        fs::create_dir(first.path().join("deep")).unwrap();
        fs::write(first.path().join("deep/model"), "one").unwrap();
        first.keep(&room.path().join("1-0")).unwrap();
        assert_eq!(names(room.path()), ["1-0"]);

        let second = CheckpointFolder::new(&segment(room.path(), Some("1-0"), Some("1-1"))).unwrap();
        assert_eq!(fs::read_to_string(second.path().join("deep/model")).unwrap(), "one");
        fs::write(second.path().join("deep/model"), "two").unwrap();
        assert_eq!(fs::read_to_string(room.path().join("1-0/deep/model")).unwrap(), "one");
        drop(second);
        assert_eq!(names(room.path()), ["1-0"], "a segment that is broken off leaves nothing");
    }

    #[test]
    fn an_empty_folder_and_a_lost_checkpoint_make_no_checkpoint() {
        let room = tempfile::tempdir().unwrap();
        let empty = CheckpointFolder::new(&segment(room.path(), Some("gone"), Some("1-1"))).unwrap();
        assert!(empty.is_empty());
        empty.keep(&room.path().join("1-1")).unwrap();
        assert_eq!(names(room.path()), [""; 0]);
    }

    #[test]
    fn a_checkpoint_that_exists_stays_as_it_is() {
        let room = tempfile::tempdir().unwrap();
        let segment = segment(room.path(), None, Some("1-0"));
        let [first, second, removed] = [(); 3].map(|()| CheckpointFolder::new(&segment).unwrap());
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
    fn links_are_copied_and_pipes_are_not() {
        let room = tempfile::tempdir().unwrap();
        let checkpoint = room.path().join("1-0");
        fs::create_dir(&checkpoint).unwrap();
        fs::write(checkpoint.join("epoch-3"), "three").unwrap();
        std::os::unix::fs::symlink("epoch-3", checkpoint.join("last")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(checkpoint.join("pipe")).status().unwrap();
        assert!(made.success());
        let folder = CheckpointFolder::new(&segment(room.path(), Some("1-0"), None)).unwrap();
        assert_eq!(names(folder.path()), ["epoch-3", "last"]);
        assert_eq!(fs::read_to_string(folder.path().join("last")).unwrap(), "three");
    }

    #[test]
    fn a_segment_without_checkpoints_has_a_folder_too() {
        let folder = CheckpointFolder::new(&segment(Path::new(""), None, None)).unwrap();
        assert!(folder.is_empty() && folder.path().is_dir());
    }
}

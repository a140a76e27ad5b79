//! Folders for the checkpoints of paused trials.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::search::Fidelity;
use crate::storage::Location;
use crate::study::{Job, Study};
use crate::tuner::Pausing;

/// The folder for checkpoints that lies beside the file of a `database`.
fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".paused");
    PathBuf::from(name)
}

/// The folder for the checkpoints of `study` within the folder `named`. Every study has one of its
/// own, since studies of several databases may share `named`.
pub(crate) fn folder_in(named: &Path, study: &Study) -> PathBuf {
    named.join(study.identity().unwrap_or_default())
}

/// The folder for the checkpoints of `study`: within the folder that the study names, else beside
/// the file of `database`. `None` if there is neither.
pub(crate) fn folder_of(study: &Study, database: &Location) -> Option<PathBuf> {
    let named = Job::of(study).and_then(|job| job.states);
    let own = named.map(|named| folder_in(Path::new(&named), study));
    own.or_else(|| database.file().map(beside))
}

/// How trials of a study in `database` pause; `None` if they do not. Checkpoints are in the folder
/// `named`, else beside the database's file.
///
/// # Errors
/// The database has no file, and no folder is named.
pub(crate) fn pausing(
    fidelity: Fidelity,
    named: Option<PathBuf>,
    database: &Location,
) -> Result<Option<Pausing>> {
    let Some(rungs) = fidelity.rungs() else { return Ok(None) };
    match named.or_else(|| database.file().map(beside)) {
        Some(checkpoint_dir) => Ok(Some(Pausing { rungs, checkpoint_dir })),
        None => bail!("--checkpoint-dir is missing: name a folder that all machines of the study share"),
    }
}

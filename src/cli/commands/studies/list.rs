//! `tune list`: the studies of a storage.

use anyhow::Result;
use clap::Args;

use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::open;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::report::{StudyLine, list_csv, list_text};
use crate::storage::StorageError;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Print one JSON object per study
    #[arg(long)]
    pub json: bool,
    /// Print CSV: chip, test, energy, latency and cores of each
    ///
    /// One line per study. Energies are in joules, times in seconds, of the winner's network on its chip.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// Prints the studies of the storage that `args` name, the oldest first.
pub(crate) fn run(args: &ListArgs) -> Result<Exit> {
    let mut storage = open::to_read(&args.storage.storage)?;
    let names = storage.study_names()?;
    let mut line = |name: &String| -> Result<Option<StudyLine>, StorageError> {
        // Another process may have deleted it since.
        let Some(key) = storage.find_study(name)? else { return Ok(None) };
        Ok(Some(StudyLine::of(&*storage.load_study(key)?)))
    };
    let lines = names.iter().filter_map(|name| line(name).transpose()).collect::<Result<Vec<_>, _>>()?;
    if args.csv {
        streams::print(&list_csv(&lines))?;
    } else if args.json {
        for line in &lines {
            streams::print_line(serde_json::to_string(line)?)?;
        }
    } else {
        streams::print(&list_text(&lines))?;
    }
    Ok(Exit::Done)
}

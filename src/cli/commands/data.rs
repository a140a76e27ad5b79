//! `tune data`: lists the known data sets and downloads them.

use anyhow::Result;
use clap::Subcommand;

use crate::cli::shown::exit::Exit;
use crate::cli::shown::load_bar::LoadBar;
use crate::cli::shown::streams;
use crate::data::{self, LoadProgress, Origin, Sources};

#[derive(Debug, Default, Subcommand)]
pub(crate) enum DataCommand {
    /// List the data sets that --dataset knows by name
    #[default]
    List,
    /// Download a data set into the cache folder
    ///
    /// Its files are checked against their checksums.
    Fetch {
        /// Name of the data set, as `tune data list` prints it
        name: String,
    },
}

/// Lists or fetches data sets.
pub(crate) fn run(command: &DataCommand) -> Result<Exit> {
    match command {
        DataCommand::List => list()?,
        DataCommand::Fetch { name } => fetch(name)?,
    }
    Ok(Exit::Done)
}

fn list() -> Result<()> {
    let line = |entry: &data::Entry| {
        let place = match entry.origin {
            Origin::BuiltIn(_) => "built in",
            Origin::Files { .. } => "files",
        };
        let [samples, classes] = [entry.train_samples, entry.classes.len()];
        format!("{:<14} {place:<9} {samples:>6} x {classes:>3} classes  {}\n", entry.name, entry.description)
    };
    streams::print(&data::catalogue().iter().map(line).collect::<String>())?;
    Ok(())
}

fn fetch(name: &str) -> Result<()> {
    let mut bar = LoadBar::new();
    let files =
        data::fetch(name, &Sources::new(None)?, &mut |progress| bar.show(LoadProgress::Download(progress)))?;
    bar.clear();
    match files.as_slice() {
        [] => streams::print_line(format_args!("{name} is built in"))?,
        files => {
            streams::print(&files.iter().map(|file| format!("{}\n", file.display())).collect::<String>())?
        }
    };
    Ok(())
}

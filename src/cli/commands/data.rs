//! `tune data`: the catalogue and downloads.

use anyhow::Result;
use clap::Subcommand;

use crate::cli::shown::exit::Exit;
use crate::cli::shown::progress::DownloadBar;
use crate::data::{self, Origin, Sources};

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// List the catalogue
    List,
    /// Download a data set into the cache and verify it
    Fetch {
        /// Its name in the catalogue
        name: String,
    },
}

/// Lists or fetches data sets.
pub(crate) fn run(command: &DataCommand) -> Result<Exit> {
    match command {
        DataCommand::List => list(),
        DataCommand::Fetch { name } => fetch(name)?,
    }
    Ok(Exit::Done)
}

fn list() {
    for entry in data::catalogue() {
        let place = match entry.origin {
            Origin::BuiltIn(_) => "built in",
            Origin::Files { .. } => "files",
        };
        let [samples, classes] = [entry.train_samples, entry.classes.len()];
        println!("{:<14} {place:<9} {samples:>6} x {classes:>3} classes  {}", entry.name, entry.description);
    }
}

fn fetch(name: &str) -> Result<()> {
    let mut bar = DownloadBar::new();
    let files = data::fetch(name, &Sources::new(None)?, &mut |progress| bar.show(progress))?;
    bar.clear();
    match files.as_slice() {
        [] => println!("{name} is built in"),
        files => files.iter().for_each(|file| println!("{}", file.display())),
    }
    Ok(())
}

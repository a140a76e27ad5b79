//! `tune data`: the catalogue and downloads.

use anyhow::Result;

use super::args::DataCommand;
use super::exit::Exit;
use super::progress::DownloadBar;
use crate::data::{self, Sources};

/// Lists or fetches data sets.
pub(super) fn run(command: &DataCommand) -> Result<Exit> {
    match command {
        DataCommand::List => list(),
        DataCommand::Fetch { name } => fetch(name)?,
    }
    Ok(Exit::Done)
}

fn list() {
    for entry in data::catalogue() {
        println!("{:<14} {}", entry.name, entry.description);
    }
}

fn fetch(name: &str) -> Result<()> {
    let mut bar = DownloadBar::new();
    let folder = data::fetch(name, &Sources::new(None), &mut |progress| bar.show(progress))?;
    bar.clear();
    println!("{}", folder.display());
    Ok(())
}

//! `tune compare`: two winners beside each other.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;

use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::{best, open};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::report::{Best, Comparison};

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// First result: a best.json, or the name of a study
    #[arg(value_name = "A")]
    pub first: String,
    /// Second result: a best.json, or the name of a study
    ///
    /// The difference is that of the second result to the first. It is paired by seed if both winners were confirmed
    /// with the same seeds, those of the same --seed.
    #[arg(value_name = "B")]
    pub second: String,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Print the comparison as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Compares the two results that `args` name.
pub(crate) fn run(args: &CompareArgs) -> Result<Exit> {
    let [first, second] = [read(args, &args.first)?, read(args, &args.second)?];
    let comparison = Comparison::of(&first, &second)
        .with_context(|| format!("{} and {} cannot be compared", args.first, args.second))?;
    match args.json {
        true => streams::print_line(serde_json::to_string(&comparison)?)?,
        false => streams::print(&comparison.text())?,
    };
    Ok(Exit::Done)
}

/// The result that `name` names: a file, or a study whose winner is confirmed.
fn read(args: &CompareArgs, name: &str) -> Result<Best> {
    if Path::new(name).exists() {
        return best::read(Path::new(name), "");
    }
    let database = &args.storage.storage;
    let mut storage = open::to_read(database).with_context(|| format!("{name}: no such file, and"))?;
    let key = open::the_study(&mut *storage, database, Some(name))?;
    let study = storage.load_study(key)?;
    Best::of(&study, "", None)
        .with_context(|| format!("study {name}: has no confirmed winner: run it to its end"))
}

//! `tune compare`: two winners beside each other.

use anyhow::{Context, Result};
use clap::Args;

use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::best;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::report::Comparison;

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
    let read = |name: &str| best::of_file_or_study(name, &args.storage.storage);
    let [first, second] = [read(&args.first)?, read(&args.second)?];
    // Two results of one study are told apart as they were given.
    let names = match first.study == second.study {
        true => [args.first.as_str(), args.second.as_str()],
        false => [first.study.as_str(), second.study.as_str()],
    };
    let comparison = Comparison::of(&first, &second, names)
        .with_context(|| format!("{} and {} cannot be compared", args.first, args.second))?;
    match args.json {
        true => streams::print_line(serde_json::to_string(&comparison)?)?,
        false => streams::print(&comparison.text())?,
    };
    Ok(Exit::Done)
}

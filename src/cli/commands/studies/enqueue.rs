//! `tune enqueue`: a point that the study tries next.

use anyhow::{Context, Result};
use clap::Args;

use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::open;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::input;
use crate::space::Point;
use crate::study::{Job, Study};

#[derive(Debug, Args)]
pub(crate) struct EnqueueArgs {
    /// Name of the study
    #[arg(value_name = "STUDY")]
    pub study: String,
    /// Point to try next, such as '{"lr": 0.01}'
    ///
    /// A JSON object. Parameters that are left out get their defaults.
    #[arg(value_name = "POINT")]
    pub point: String,
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Adds the point that `args` name to its study, and prints the number of its trial.
pub(crate) fn run(args: &EnqueueArgs) -> Result<Exit> {
    let database = &args.storage.storage;
    let point: Point = input::from_json(&args.point, "POINT")?;
    let mut storage = open::existing(database)?;
    let key = open::the_study(&mut *storage, database, Some(&args.study))?;
    let study = storage.load_study(key)?;
    let space = study.space().transpose()?;
    let space = space.with_context(|| format!("{}: the study names no space", args.study))?;
    space.filled(&point).context("POINT")?;
    let number = storage.enqueue(key, &point)?;
    streams::print_line(number)?;
    if let Some(budget) = Job::of(&study).map(|job| job.budget).filter(|&budget| is_spent(&study, budget)) {
        streams::say(format_args!(
            "the budget of {budget} is spent: run the study again with a larger --budget"
        ));
    }
    Ok(Exit::Done)
}

/// Whether no waiting trial can begin within `budget`.
fn is_spent(study: &Study, budget: u32) -> bool {
    study.charged() >= budget as usize
}

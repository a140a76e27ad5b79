//! `tune status`: prints the state of a study, on any machine that reaches its storage.

use anyhow::Result;
use clap::Args;

use crate::cli::options::storage::{StorageArgs, StudyName};
use crate::cli::shown::exit::Exit;
use crate::cli::{setup::open, shown::streams};
use crate::report::{Status, status_text};
use crate::study::{Job, Timestamp};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub study: StudyName,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Print the state as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prints the state of a study.
pub(crate) fn run(args: &StatusArgs) -> Result<Exit> {
    let database = &args.storage.storage;
    let mut storage = open::to_read(database)?;
    let key = open::the_study(&mut *storage, database, args.study.name())?;
    let (study, heartbeats) = (storage.load_study(key)?, storage.heartbeats(key)?);
    let now = Timestamp(jiff::Timestamp::now().as_microsecond());
    let budget = Job::of(&study).map(|job| job.budget);
    let status = Status::of(&study, budget, &heartbeats, database.leader(&study.name)?, now);
    match args.json {
        true => streams::print(&format!("{}\n", serde_json::to_string(&status)?))?,
        false => streams::print(&status_text(&status))?,
    };
    Ok(Exit::Done)
}

//! `tune delete`: removes a study with all its trials.

use anyhow::{Result, bail};
use clap::Args;

use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::open;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Name of the study
    #[arg(value_name = "NAME")]
    pub study: String,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Delete it: its trials and their checkpoints are lost
    #[arg(long)]
    pub yes: bool,
}

/// Deletes the study that `args` name, if they say yes.
pub(crate) fn run(args: &DeleteArgs) -> Result<Exit> {
    let database = &args.storage.storage;
    let name = &args.study;
    let mut storage = if args.yes { open::existing(database)? } else { open::to_read(database)? };
    let key = open::the_study(&mut *storage, database, Some(name))?;
    let count = storage.load_study(key)?.trials.len();
    if !args.yes {
        bail!("{name} has {count} trials, which would be lost: give --yes to delete it");
    }
    let lock = database.lock(name)?;
    open::delete(&mut *storage, database, key)?;
    lock.remove();
    streams::say(format_args!("deleted {name} with {count} trials from {database}"));
    Ok(Exit::Done)
}

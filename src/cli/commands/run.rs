//! `tune run`: a study whose trials a command evaluates.

use anyhow::Result;

use crate::cli::lead::lead;
use crate::cli::options::run::RunArgs;
use crate::cli::setup::machine;
use crate::cli::setup::prepared::Prepared;
use crate::cli::shown::exit::Exit;

/// Runs the study that `args` describe; `again` is the command line that makes its result again.
pub(crate) fn run(args: &RunArgs, again: &str) -> Result<Exit> {
    machine::use_threads(args.study.threads.threads)?;
    lead(Prepared::of_command(args)?, &args.study, again)
}

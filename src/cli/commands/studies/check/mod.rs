//! `tune check`: has the winner of a study become worse than a recorded baseline?

mod args;
mod measure;
mod names;
mod outputs;
mod record;
mod replay;
mod run;
mod subject;

use anyhow::Result;

pub(crate) use args::CheckArgs;

use crate::cli::setup::machine;
use crate::cli::shown::exit::Exit;
use crate::cli::signals::stop_on_signals;

/// Records a baseline, runs one of its seeds again, or checks against it, as `args` say.
pub(crate) fn run(args: &CheckArgs) -> Result<Exit> {
    args.check_files()?;
    let baseline = args.open_baseline()?;
    let subject = subject::open(args, baseline.as_ref())?;
    machine::use_threads(args.threads.threads)?;
    stop_on_signals()?;
    match (&baseline, args.replay) {
        (None, _) => record::record(args, &subject),
        (Some(baseline), Some(seed)) => replay::replay(args, &subject, baseline, seed),
        (Some(baseline), None) => run::check(args, &subject, baseline),
    }
}

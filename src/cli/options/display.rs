//! `--json` and `--quiet`: what is shown while a study runs.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DisplayArgs {
    /// Print every event as one JSON object per line on standard output
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

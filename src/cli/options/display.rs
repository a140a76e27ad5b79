//! `--json` and `--quiet`: what is shown while a study runs.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DisplayArgs {
    /// Print every event of the study, such as the end of a trial, as one line of JSON
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

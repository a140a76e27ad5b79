//! How the program itself runs: what it shows, and its threads.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DisplayArgs {
    /// Print every event of the study, such as the end of a trial, as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ThreadsArgs {
    /// Number of computing threads, shared equally among the workers; if left out, one per core
    ///
    /// Results are the same with any number of threads.
    #[arg(long, value_name = "N", env = "TUNE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

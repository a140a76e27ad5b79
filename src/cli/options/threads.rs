//! `--threads`: the number of threads that compute.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ThreadsArgs {
    /// Threads to compute with, shared equally among the workers; all cores if left out
    ///
    /// Results are the same with any number of threads.
    #[arg(long, value_name = "N", env = "TUNE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

//! How the program itself runs: what it shows, and its threads.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DisplayArgs {
    /// Print every event as one line of JSON
    ///
    /// An event is, for instance, the end of a trial.
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ThreadsArgs {
    /// Number of computing threads
    ///
    /// Shared equally among the workers, but a trial gets no more than it can use. One per core if
    /// left out.
    ///
    /// Results are the same with any number of threads.
    #[arg(long, value_name = "N", env = "TUNE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

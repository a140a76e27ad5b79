//! Options of `tune run`: a study whose trials are evaluated by a command.

use anyhow::{Result, bail};
use clap::Args;

use super::confirm::Confirmed;
use super::metric::metric;
use super::study::StudyArgs;
use crate::study::Metric;
use crate::tuner::FEWEST_STEPS;
use crate::units::Seconds;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Command that evaluates one trial
    ///
    /// It reads one line of JSON, and prints {"value": X} as its last result.
    ///
    /// The command reads the line {"parameters": {...}, "seed": N} on standard input. In the
    /// command's arguments, {NAME} stands for the value of a parameter, and {seed} for the seed.
    /// The command is started without a shell; if it needs one, use sh -c '...'.
    #[arg(long, value_name = "COMMAND")]
    pub command: String,
    /// Search space: a JSON file
    #[arg(long, value_name = "FILE")]
    pub space: String,
    /// What is measured; may be given several times
    ///
    /// A name, and whether smaller or larger is better.
    ///
    /// The first metric decides the winner.
    #[arg(long, value_name = "NAME:minimize|maximize", default_value = "value:minimize", value_parser = metric)]
    pub metric: Vec<Metric>,
    /// Time limit of a trial, such as 90s, 30m, 2h
    ///
    /// A trial that takes longer is killed and fails.
    ///
    /// With --fidelity the limit holds for each segment of a trial, from one pause to the next.
    #[arg(long, value_name = "DURATION")]
    pub trial_timeout: Option<Seconds>,
    /// Steps of a complete trial; needed with --fidelity
    ///
    /// Steps, such as epochs, are those that the command reports.
    ///
    /// The command reports each step as {"step": S, "value": X}. With N steps, a trial pauses at
    /// the first report from step N/9 and from step N/3 on (asha), or from step N/4 on (bayes).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(FEWEST_STEPS)..))]
    pub steps: Option<u32>,
    #[command(flatten)]
    pub study: StudyArgs,
    /// Best trials to evaluate again: a number, or front
    ///
    /// They are evaluated with fresh seeds. 0 for none.
    ///
    /// The best mean over the seeds wins, or the trial that --pick names. front evaluates the Pareto front:
    /// every trial that no other dominates.
    #[arg(long, value_name = "K|front", default_value_t = Confirmed::Best(0))]
    pub confirm: Confirmed,
}

impl RunArgs {
    /// The number of steps of a complete trial, which `--steps` says; `None` without `--fidelity`,
    /// since trials never pause then.
    ///
    /// # Errors
    /// `--fidelity` is on, but `--steps` is missing.
    pub fn steps(&self) -> Result<Option<u32>> {
        match (self.study.fidelity.name(), self.steps) {
            (None, _) => Ok(None),
            (Some(_), Some(steps)) => Ok(Some(steps)),
            (Some(fidelity), None) => {
                bail!(
                    "--fidelity {fidelity}: --steps is missing: say how many steps the command reports in a whole trial"
                )
            }
        }
    }
}

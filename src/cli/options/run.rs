//! Options of `tune run`: a study whose trials a command evaluates.

use anyhow::{Result, bail};
use clap::Args;

use super::confirm::Confirmed;
use super::metric::metric;
use super::study::StudyArgs;
use crate::study::Metric;
use crate::units::Seconds;

/// With fewer steps the rungs of a trial are one.
const FEWEST_STEPS: i64 = 4;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Command that evaluates one trial: it reads {"parameters": {...}, "seed": N} on standard input and prints
    /// {"value": X} last
    ///
    /// {NAME} in its arguments stands for a parameter, {seed} for the seed. It is started without a shell; for one, use
    /// sh -c '...'.
    #[arg(long, value_name = "COMMAND")]
    pub command: String,
    /// The search space, a JSON file
    #[arg(long, value_name = "FILE")]
    pub space: String,
    /// What the command measures, and which way is better; may be given several times
    ///
    /// The first metric decides the winner.
    #[arg(long, value_name = "NAME:minimize|maximize", default_value = "value:minimize", value_parser = metric)]
    pub metric: Vec<Metric>,
    /// Longest time of a trial, such as 90s, 30m, 2h; a longer trial is killed and fails
    ///
    /// With --fidelity it is the longest time of each segment of a trial.
    #[arg(long, value_name = "DURATION")]
    pub trial_timeout: Option<Seconds>,
    /// Steps of a whole trial, as the command counts them; needed with --fidelity
    ///
    /// A trial pauses at the first step that it reports from N/9 and from N/3 on (asha), or from N/4 on (bayes).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(FEWEST_STEPS..))]
    pub steps: Option<u32>,
    #[command(flatten)]
    pub study: StudyArgs,
    /// Best trials to evaluate again with new seeds: their number, 0 for none, or front
    ///
    /// The best mean over the seeds wins, or the trial that --pick names. front evaluates every trial that no other
    /// beats in all metrics.
    #[arg(long, value_name = "K|front", default_value_t = Confirmed::Best(0))]
    pub confirm: Confirmed,
}

impl RunArgs {
    /// The steps of a whole trial, if trials pause.
    ///
    /// # Errors
    /// Trials pause, and nobody says how many steps they have.
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

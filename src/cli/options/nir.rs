//! What a NIR file of another program may leave open.

use anyhow::{Result, bail};
use clap::Args;

use super::numbers::above_zero;
use crate::objective::ModelFile;

#[derive(Debug, Args)]
pub(crate) struct NirArgs {
    /// Time step of a NIR file, in the unit of its time constants: seconds as a rule. That of the file if left out:
    /// `time_step`, `timestep` or `dt` in the metadata of its graph, or what its time constants tell
    #[arg(long, value_name = "SECONDS", value_parser = above_zero)]
    pub time_step: Option<f64>,
}

impl NirArgs {
    /// The time step for `model`.
    ///
    /// # Errors
    /// One is given, and `model` is no NIR file.
    pub fn step_for(&self, model: &ModelFile) -> Result<Option<f64>> {
        match (self.time_step, model) {
            (Some(step), ModelFile::Saved(_)) => {
                bail!("--time-step {step}: a network that tune saved has no time step: leave it out")
            }
            (step, _) => Ok(step),
        }
    }
}

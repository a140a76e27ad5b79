//! Options for what a NIR file (neuromorphic intermediate representation) of another program may
//! leave open.

use anyhow::{Result, bail};
use clap::Args;

use super::numbers::above_zero;
use crate::objective::ModelFile;

#[derive(Debug, Args)]
pub(crate) struct NirArgs {
    /// Time step of a NIR file, in the unit of its time constants, as a rule seconds; if left out,
    /// that of the file
    ///
    /// The file may name it as `time_step`, `timestep` or `dt` in the metadata of its graph. If it
    /// does not, the step follows from the time constants where that is possible.
    #[arg(long, value_name = "SECONDS", value_parser = above_zero)]
    pub time_step: Option<f64>,
}

impl NirArgs {
    /// The value of `--time-step`, if it was given.
    ///
    /// # Errors
    /// `--time-step` was given, and `model` is no NIR file.
    pub fn step_for(&self, model: &ModelFile) -> Result<Option<f64>> {
        match (self.time_step, model) {
            (Some(step), ModelFile::Saved(_)) => {
                bail!("--time-step {step}: a network that tune saved has no time step: leave it out")
            }
            (step, _) => Ok(step),
        }
    }
}

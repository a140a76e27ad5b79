//! How the file of a trained network is read and put on a chip, by commands that use one.

use anyhow::{Result, bail};
use clap::Args;

use super::numbers::above_zero;
use crate::data::InputCoding;
use crate::objective::ModelFile;

#[derive(Debug, Args)]
pub(crate) struct DeployedArgs {
    /// Chip to deploy on: a name, or a JSON file
    ///
    /// A name from `tune chips list`. That of the network's file, else ideal, if left out.
    #[arg(long, value_name = "NAME|FILE")]
    pub chip: Option<String>,
    /// Input coding: graded, threshold:X, thermometer:L
    ///
    /// Such as threshold:0.5 or thermometer:8. That of the file if left out.
    #[arg(long, value_name = "CODING")]
    pub input_coding: Option<InputCoding>,
    /// Bits of a deployed weight
    ///
    /// Those of the training, else those of the chip, if left out.
    #[arg(long, value_name = "N")]
    pub weight_bits: Option<u8>,
    #[command(flatten)]
    pub nir: NirArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NirArgs {
    /// Time step of a NIR file
    ///
    /// In the unit of its time constants, seconds as a rule. That of the file if left out:
    /// `time_step`, `timestep` or `dt` in the metadata of its graph, or what its time constants
    /// tell.
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

//! How a trained network is put on a chip again, by commands that use one.

use clap::Args;

use super::nir::NirArgs;
use crate::data::InputCoding;

#[derive(Debug, Args)]
pub(crate) struct DeployedArgs {
    /// Chip to deploy on: a name such as loihi1 or truenorth (see configs/chips), ideal, or a JSON file; that of the
    /// network's file, else ideal, if left out
    #[arg(long, value_name = "NAME|FILE")]
    pub chip: Option<String>,
    /// Input coding: graded, threshold:X or thermometer:L; that of the file if left out
    #[arg(long, value_name = "CODING")]
    pub input_coding: Option<InputCoding>,
    /// Bits of a deployed weight; those of the training, else those of the chip, if left out
    #[arg(long, value_name = "N")]
    pub weight_bits: Option<u8>,
    #[command(flatten)]
    pub nir: NirArgs,
}

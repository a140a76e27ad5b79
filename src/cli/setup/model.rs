//! The file of a trained network, and how it is deployed again.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::chip;
use crate::backend::{Chip, DeployOptions};
use crate::cli::options::deployed::DeployedArgs;
use crate::cli::shown::streams;
use crate::data::InputCoding;
use crate::objective::{Description, ModelFile};
use crate::report::Remark;

/// Reads `file`, a `.safetensors` or a NIR file.
pub(crate) fn open(file: &Path) -> Result<ModelFile> {
    let bytes = std::fs::read(file).with_context(|| format!("{}: cannot read it", file.display()))?;
    let model = ModelFile::from_bytes(bytes);
    let beside = file.with_extension("safetensors");
    if model.is_err() && beside != file && beside.exists() {
        bail!("{}: holds no network: did you mean {}?", file.display(), beside.display());
    }
    model.with_context(|| file.display().to_string())
}

/// The coding for a file that names none, on a chip that takes plain spikes: a spike above half of the range.
const HALF: InputCoding = InputCoding::Threshold { at: 0.5 };

impl DeployedArgs {
    /// The chip: the one that is named, that of the network's file, or the ideal one.
    ///
    /// # Errors
    /// There is no such chip or file.
    pub fn chip(&self, description: &Description) -> Result<Chip> {
        let profile = match (&self.chip, &description.chip) {
            (Some(name), _) => chip::open(name)?.0,
            (None, Some(own)) => own.clone(),
            (None, None) => chip::open("ideal")?.0,
        };
        Ok(Chip::new(profile))
    }

    /// How inputs are coded: as asked for, as the file says, or as the chip can take them.
    ///
    /// # Errors
    /// Nothing tells the coding.
    pub fn coding(&self, model: &ModelFile, description: &Description, chip: &Chip) -> Result<InputCoding> {
        if let Some(coding) = self.input_coding.or(description.coding) {
            return Ok(coding);
        }
        match model {
            ModelFile::Saved(saved) if saved.network.input_max > 1 => Ok(InputCoding::Graded),
            ModelFile::Saved(_) => bail!("does not say how inputs are coded: name it with --input-coding"),
            ModelFile::Nir(_) if chip.takes_graded_inputs() => Ok(InputCoding::Graded),
            ModelFile::Nir(_) => {
                let chip = chip.profile().name.clone();
                streams::say(Remark::AssumedCoding { chip, coding: HALF.to_string() });
                Ok(HALF)
            }
        }
    }

    /// How the network is deployed.
    ///
    /// # Errors
    /// The metadata of a NIR file is malformed.
    pub fn deploy(&self, model: &ModelFile) -> Result<DeployOptions> {
        let mut deploy = model.deploy()?;
        deploy.weight_bits = self.weight_bits.or(deploy.weight_bits);
        Ok(deploy)
    }

    /// The time step of a NIR file, if one is named.
    ///
    /// # Errors
    /// One is named, and `model`, called `name`, is no NIR file.
    pub fn time_step(&self, model: &ModelFile, name: &str) -> Result<Option<f64>> {
        self.nir.step_for(model).with_context(|| name.to_owned())
    }
}

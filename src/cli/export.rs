//! `tune export`: a trained network for other programs.

use anyhow::{Context, Result, bail};

use super::args::{ExportArgs, FlavourKind, FormKind};
use super::exit::Exit;
use super::output::Output;
use super::{config, model};
use crate::backend::IntegerNetwork;
use crate::backend::nir::{self, Export, Flavour};
use crate::objective::ModelFile;

/// Writes the network in the form that is asked for.
pub(super) fn run(args: &ExportArgs) -> Result<Exit> {
    let output = Output::check(&args.out)?;
    let name = args.model.display();
    let (profile, _) = config::chip(&args.chip)?;
    let ModelFile::Saved(saved) = model::open(&args.model)? else {
        bail!("{name}: is a NIR file already: name a .safetensors that tune saved")
    };
    let mut deploy = saved.deploy;
    deploy.weight_bits = args.weight_bits.or(deploy.weight_bits);
    let network = IntegerNetwork::new(&saved.network, &profile, &deploy).with_context(|| name.to_string())?;
    let bytes = match args.to {
        FormKind::Nir => {
            let flavour = match args.flavour {
                FlavourKind::Threshold => Flavour::Threshold,
                FlavourKind::If => Flavour::IntegrateAndFire,
            };
            let (chip, input_max) = (profile.name.as_str(), saved.network.input_max);
            let export = Export { flavour, chip, input_max, coding: saved.coding };
            nir::write(&network, &export).with_context(|| name.to_string())?
        }
    };
    output.write(bytes)?;
    eprintln!("written to {}", output.file().display());
    Ok(Exit::Done)
}

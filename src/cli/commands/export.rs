//! `tune export`: a study or a trained network for other programs.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::backend::Chip;
use crate::backend::nir::{self, Export, Flavour, NirFile, Reading};
use crate::cli::options::deployed::NirArgs;
use crate::cli::options::storage::{StorageArgs, StudyName};
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::shown::exit::Exit;
use crate::cli::{
    setup::{chip, model, open},
    shown::streams,
};
use crate::network::BinaryNetwork;
use crate::objective::{Description, ModelFile, SavedNetwork};
use crate::report;
use crate::study::Study;

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// Write the trials as a CSV table, which --warm-start reads
    Csv(CsvArgs),
    /// Write the trials as JSON lines, which --warm-start reads
    ///
    /// One object per trial.
    Jsonl(TrialsArgs),
    /// Write the study as a journal file of Optuna
    OptunaJournal(TrialsArgs),
    /// Write a trained network as NIR, for other simulators
    ///
    /// NIR is the neuromorphic intermediate representation. The Python package `nir` reads it.
    Nir(ExportNirArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TrialsArgs {
    #[command(flatten)]
    pub study: StudyName,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// File to write; standard output if left out
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CsvArgs {
    #[command(flatten)]
    pub trials: TrialsArgs,
    /// Also write lists, objects and the values of steps, as JSON in their cells
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportNirArgs {
    /// Trained network: .safetensors, or a NIR file
    ///
    /// Networks of tune are .safetensors files; other programs write NIR files.
    pub model: PathBuf,
    /// File to write
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Chip to whose integers the network is rounded
    ///
    /// The weights and thresholds of this chip are written. The ideal chip rounds nothing, unless
    /// the training or --weight-bits named a number of bits.
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    /// Bits per weight
    ///
    /// If left out, the number used in training, or else that of the chip.
    #[arg(long, value_name = "N")]
    pub weight_bits: Option<u8>,
    /// Type of NIR node that stands for a neuron
    #[arg(long, value_enum, default_value_t = FlavourKind::Threshold)]
    pub flavour: FlavourKind,
    #[command(flatten)]
    pub nir: NirArgs,
    /// Largest input value of another program's NIR file
    ///
    /// If left out, that of the file, or else 1 (spikes).
    ///
    /// The network is taken to read whole numbers from 0 to this value. They stand for inputs from
    /// 0 to 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub input_max: Option<u8>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FlavourKind {
    /// Threshold: the neuron exactly as it is
    Threshold,
    /// Integrate and fire, which more programs read
    ///
    /// It gives the same spikes in one step from rest.
    If,
}

/// Writes a study or a network.
pub(crate) fn run(command: &ExportCommand) -> Result<Exit> {
    match command {
        ExportCommand::Csv(args) => trials(&args.trials, |study| Ok(report::trials_csv(study, args.all))),
        ExportCommand::Jsonl(args) => trials(args, |study| Ok(report::trials_jsonl(study))),
        ExportCommand::OptunaJournal(args) => trials(args, |study| Ok(report::journal(study)?)),
        ExportCommand::Nir(args) => network(args),
    }
}

/// Writes a study to the file that `args` name, or to standard output. `text` makes its text.
fn trials(args: &TrialsArgs, text: impl Fn(&Study) -> Result<String>) -> Result<Exit> {
    let database = &args.storage.storage;
    let inputs = Inputs::default().with_storage(database);
    let output = Output::check_or_print(args.out.as_deref(), &inputs)?;
    let mut storage = open::to_read(database)?;
    let key = open::the_study(&mut *storage, database, args.study.name())?;
    let text = text(&*storage.load_study(key)?)?;
    match output {
        None => {
            streams::print(&text)?;
        }
        Some(output) => write(&output, text)?,
    }
    Ok(Exit::Done)
}

/// Writes a network as NIR.
fn network(args: &ExportNirArgs) -> Result<Exit> {
    let inputs = Inputs::default().with("MODEL", Some(&args.model)).with("--chip", Some(&args.chip));
    let output = Output::check(&args.out, &inputs)?;
    let name = args.model.display().to_string();
    let (profile, _) = chip::open(&args.chip)?;
    let model = model::open(&args.model)?;
    let flavour = match args.flavour {
        FlavourKind::Threshold => Flavour::Threshold,
        FlavourKind::If => Flavour::IntegrateAndFire,
    };
    let chip = profile.name.clone();
    let description = model.description().with_context(|| name.clone())?;
    if let Some(own) = description.chip.as_ref().filter(|own| own.name != profile.name) {
        streams::say(format_args!(
            "{name}: was trained for {0} and is written for {chip}: --chip {0} writes the integers of {0}",
            own.name
        ));
    }
    let mut deploy = model.deploy().with_context(|| name.clone())?;
    deploy.weight_bits = args.weight_bits.or(deploy.weight_bits);
    let description = Description { chip: Some(profile.clone()), deploy: deploy.clone(), ..description };
    let text = description.inputs.is_some().then(|| description.to_text());
    let export = Export {
        flavour,
        chip: &chip,
        input_max: 1,
        coding: None,
        by_pixel: true,
        keyed: true,
        description: text.as_deref(),
    };
    let (network, export, remarks) = match &model {
        ModelFile::Saved(saved) => own(args, &model, saved, export),
        ModelFile::Nir(file) => foreign(args, file, export),
    }
    .with_context(|| name.clone())?;
    let deployment = Chip::new(profile).deploy(&network, &deploy).with_context(|| name.clone())?;
    remarks.iter().for_each(|remark| streams::say(format_args!("{name}: {remark}")));
    write(&output, nir::write(deployment.network(), &export).with_context(|| name.clone())?)?;
    Ok(Exit::Done)
}

/// Writes `content` to the file of `output`, and tells the user so.
fn write(output: &Output, content: impl AsRef<[u8]>) -> Result<()> {
    output.write(content)?;
    streams::say(format_args!("written to {}", output.file().display()));
    Ok(())
}

/// A network that tune saved: the network, the settings of its export, and remarks for the user.
fn own<'a>(
    args: &ExportNirArgs,
    model: &ModelFile,
    saved: &SavedNetwork,
    export: Export<'a>,
) -> Result<(BinaryNetwork, Export<'a>, Vec<String>)> {
    args.nir.step_for(model)?;
    if let Some(max) = args.input_max {
        bail!("--input-max {max}: a network that tune saved has its own largest input: leave it out");
    }
    let (input_max, coding) = (saved.network.input_max, saved.description.coding);
    Ok((saved.network.clone(), Export { input_max, coding, ..export }, Vec::new()))
}

/// A network in another program's NIR file: the network, the settings of its export, and remarks
/// for the user.
fn foreign<'a>(
    args: &ExportNirArgs,
    file: &NirFile,
    export: Export<'a>,
) -> Result<(BinaryNetwork, Export<'a>, Vec<String>)> {
    let reading = Reading { time_step: args.nir.time_step, classes: None };
    let Some(shape) = file.shape() else {
        bail!("must have one input: a list, or channels, rows and columns");
    };
    let mut remarks = file.remarks(reading)?;
    let input_max = match (args.input_max, file.input_max()?) {
        (Some(asked), Some(own)) if asked != own => {
            bail!("--input-max {asked}: the largest input of the file is {own}: leave the option out")
        }
        (None, None) => {
            let remark =
                "no input_max in the metadata: inputs are taken as spikes; --input-max names another";
            remarks.push(remark.to_owned());
            1
        }
        (asked, own) => asked.or(own).unwrap_or(1),
    };
    let network = file.network(shape, input_max, reading)?;
    let (by_pixel, keyed, coding) = (file.is_by_pixel(), file.has_key(), file.coding()?);
    Ok((network, Export { input_max, coding, by_pixel, keyed, ..export }, remarks))
}

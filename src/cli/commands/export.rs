//! `tune export`: a study or a trained network for other programs.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::backend::IntegerNetwork;
use crate::backend::nir::{self, Export, Flavour};
use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::shown::exit::Exit;
use crate::cli::{
    setup::{chip, model, open},
    shown::streams,
};
use crate::objective::ModelFile;
use crate::report;
use crate::study::Study;

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// The trials as a CSV table, which --warm-start reads
    Csv(TrialsArgs),
    /// The trials, one JSON object a line
    Jsonl(TrialsArgs),
    /// The study as a journal file of Optuna
    OptunaJournal(TrialsArgs),
    /// A trained network in the neuromorphic intermediate representation, as the Python package `nir` reads it
    Nir(NirArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TrialsArgs {
    /// The study; the only one of the storage if left out
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// File to write; standard output if left out
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct NirArgs {
    /// The network: a .safetensors that tune saved
    pub model: PathBuf,
    /// File to write
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Chip whose integers are written; those of ideal are exact
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    /// Bits of a weight; those of the training, else those of the chip, if left out
    #[arg(long, value_name = "N")]
    pub weight_bits: Option<u8>,
    /// NIR node that stands for a neuron
    #[arg(long, value_enum, default_value_t = FlavourKind::Threshold)]
    pub flavour: FlavourKind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FlavourKind {
    /// The neuron as it is: a threshold
    Threshold,
    /// Integrate and fire: the same spikes in one step from rest, and more programs read it
    If,
}

/// Writes a study or a network.
pub(crate) fn run(command: &ExportCommand) -> Result<Exit> {
    match command {
        ExportCommand::Csv(args) => trials(args, |study| Ok(report::trials_csv(study))),
        ExportCommand::Jsonl(args) => trials(args, |study| Ok(report::trials_jsonl(study))),
        ExportCommand::OptunaJournal(args) => trials(args, |study| Ok(report::journal(study)?)),
        ExportCommand::Nir(args) => network(args),
    }
}

/// Writes a study as `text` spells it.
fn trials(args: &TrialsArgs, text: impl Fn(&Study) -> Result<String>) -> Result<Exit> {
    let database = &args.storage.storage;
    let inputs = Inputs::default().with_storage(database);
    let output = args.out.as_deref().map(|file| Output::check(file, &inputs)).transpose()?;
    let mut storage = open::to_read(database)?;
    let key = open::the_study(&mut *storage, database, args.study.as_deref())?;
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
fn network(args: &NirArgs) -> Result<Exit> {
    let inputs = Inputs::default().with("MODEL", Some(&args.model)).with("--chip", Some(&args.chip));
    let output = Output::check(&args.out, &inputs)?;
    let name = args.model.display();
    let (profile, _) = chip::open(&args.chip)?;
    let ModelFile::Saved(saved) = model::open(&args.model)? else {
        bail!("{name}: is a NIR file already: name a .safetensors that tune saved")
    };
    let mut deploy = saved.deploy;
    deploy.weight_bits = args.weight_bits.or(deploy.weight_bits);
    let network = IntegerNetwork::new(&saved.network, &profile, &deploy).with_context(|| name.to_string())?;
    let flavour = match args.flavour {
        FlavourKind::Threshold => Flavour::Threshold,
        FlavourKind::If => Flavour::IntegrateAndFire,
    };
    let (chip, input_max) = (profile.name.as_str(), saved.network.input_max);
    let export = Export { flavour, chip, input_max, coding: saved.coding };
    write(&output, nir::write(&network, &export).with_context(|| name.to_string())?)?;
    Ok(Exit::Done)
}

/// Writes `content` to the file of `output`, and says so.
fn write(output: &Output, content: impl AsRef<[u8]>) -> Result<()> {
    output.write(content)?;
    streams::say(format_args!("written to {}", output.file().display()));
    Ok(())
}

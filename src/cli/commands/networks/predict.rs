//! `tune predict`: what a trained network decides on new samples.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cli::options::data::{DataArgs, PictureArgs, SourceArgs, TableArgs};
use crate::cli::options::deployed::DeployedArgs;
use crate::cli::options::process::ThreadsArgs;
use crate::cli::setup::output::{Growing, Inputs, Output};
use crate::cli::setup::{dataset, machine, model};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams::{self, Reader};
use crate::data::{
    self, Batch, BatchOptions, Channels, ColumnRef, Header, Preprocessing, ReadSamples, Source, read_batches,
};
use crate::objective::{Description, PREDICTION_COLUMNS, PredictionForm, Predictor};

#[derive(Debug, Args)]
#[command(after_help = "\
Prints sample,class,score,margin,tie for every sample, in their order. A class scores 1 for each output neuron that
agrees with its key, and loses 1 for each that does not. The margin is the score minus that of the next class; it is 0
in a tie.

Samples are read as those of the training: by the scaling, columns and classes in the network's file. Columns are found
by their names, in any order; without a header by their places.")]
pub(crate) struct PredictArgs {
    /// Trained network: .safetensors, or a NIR file
    ///
    /// Networks of tune are .safetensors files; a NIR file must be exported by it.
    pub model: PathBuf,
    /// Samples without labels; - is a CSV on standard input
    ///
    /// A CSV table, an NPZ or NPY file, images of IDX, a picture, or a folder of pictures. Files
    /// may be gzipped.
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    /// More files, which are refused
    #[arg(hide = true)]
    pub more: Vec<PathBuf>,
    /// File to write; standard output if left out
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// One JSON object per line, in place of CSV
    #[arg(long)]
    pub json: bool,
    /// Samples that are read and decided at once
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
    /// Label column of a CSV file, which is ignored
    ///
    /// By name or by number from 0; that of the training if left out.
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<ColumnRef>,
    /// Whether a CSV file names its columns: yes or no
    ///
    /// Found out if left out.
    #[arg(long, value_name = "yes|no")]
    pub header: Option<Header>,
    /// Whether images have their channels first or last
    ///
    /// Of images with four dimensions. Found out if left out.
    #[arg(long, value_name = "first|last")]
    pub channels: Option<Channels>,
    /// Array of an NPZ file that has the samples
    ///
    /// Found by its name if left out.
    #[arg(long, value_name = "NAME")]
    pub array: Option<String>,
    /// Data set of the training, a name or a file
    ///
    /// For a network whose file does not say how inputs were scaled.
    #[arg(long, value_name = "NAME|FILE")]
    pub like: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    #[command(flatten)]
    pub deployed: DeployedArgs,
    #[command(flatten)]
    pub threads: ThreadsArgs,
}

/// Predicts the classes of the samples that `args` name.
pub(crate) fn run(args: &PredictArgs) -> Result<Exit> {
    if let Some(second) = args.more.first() {
        let (first, second) = (args.file.display(), second.display());
        bail!(
            "{second}: one file or folder at a time, and {first} is one: put pictures into a folder and name it"
        );
    }
    machine::use_threads(args.threads.threads)?;
    let inputs = Inputs::default().with("MODEL", Some(&args.model)).with("FILE", Some(&args.file));
    let inputs = inputs.with("--chip", args.deployed.chip.as_ref()).with("--like", args.like.as_ref());
    let output = Output::check_or_print(args.out.as_deref(), &inputs)?;
    let name = args.model.display().to_string();
    let model = model::open(&args.model)?;
    let description = model.description().with_context(|| name.clone())?;
    let trained = preprocessing(args, &name, &description)?;
    let chip = args.deployed.chip(&description)?;
    let coding = args.deployed.coding(&model, &description, &chip).with_context(|| name.clone())?;
    let time_step = args.deployed.time_step(&model, &name)?;
    let deploy = args.deployed.deploy(&model)?;
    let predictor =
        Predictor::new(&model, &trained, coding, &chip, &deploy, time_step).with_context(|| name.clone())?;
    let read = predict(args, &predictor, &trained, output.as_ref())?;
    let source = shown(&args.file);
    // A note may begin with the name of the source.
    let named =
        |note: &String| if note.starts_with(&source) { note.clone() } else { format!("{source}: {note}") };
    read.notes.iter().for_each(|note| streams::say(named(note)));
    if let Some(output) = &output {
        streams::say(format_args!("written to {}: {} samples", output.file().display(), read.samples));
    }
    Ok(Exit::Done)
}

/// How samples become inputs: as the network's file says, or as another training on `--like` would have it.
fn preprocessing(args: &PredictArgs, name: &str, description: &Description) -> Result<Preprocessing> {
    match (&description.inputs, &args.like) {
        (Some(_), Some(like)) => {
            bail!("--like {like}: {name} says itself how inputs were scaled: leave the option out")
        }
        (Some(own), None) => Ok(own.clone()),
        (None, Some(like)) => {
            let sources = args.sources.clone();
            // Of a data set of the catalogue the label is known; then the options are about FILE alone.
            let is_file = data::find(like).is_err();
            let (dataset, label) = (Some(like.clone()), args.label.clone().filter(|_| is_file));
            let (header, channels) = (args.header.filter(|_| is_file), args.channels.filter(|_| is_file));
            let table = TableArgs::default();
            let pictures = PictureArgs::default();
            let args = DataArgs { dataset, sources, label, header, channels, table, pictures };
            dataset::preprocessing(&args, true)
        }
        (None, None) => bail!(
            "{name}: does not say how its inputs were scaled and what its classes are called: name the data set of its \
             training with --like"
        ),
    }
}

/// Reads, decides and writes batch by batch.
fn predict(
    args: &PredictArgs,
    predictor: &Predictor,
    trained: &Preprocessing,
    output: Option<&Output>,
) -> Result<ReadSamples> {
    let source = match args.file.as_os_str() == "-" {
        true => Source::StandardInput,
        false => Source::File(args.file.clone()),
    };
    let options = BatchOptions {
        batch: args.batch as usize,
        label: args.label.clone(),
        header: args.header.unwrap_or_default(),
        channels: args.channels.unwrap_or_default(),
        array: args.array.clone(),
    };
    let mut sink =
        Sink { growing: output.map(Output::begin).transpose()?, form: form(args), has_begun: false };
    let mut failed = None;
    let mut visit = |batch: Batch<'_>| match sink.take(predictor, &batch) {
        Ok(Reader::Reads) => ControlFlow::Continue(()),
        Ok(Reader::IsGone) => ControlFlow::Break(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let read = read_batches(&source, trained, &options, &mut visit)?;
    match failed {
        Some(error) => Err(error),
        None => sink.growing.map_or(Ok(()), Growing::finish).map(|()| read).map_err(Into::into),
    }
}

fn form(args: &PredictArgs) -> PredictionForm {
    if args.json { PredictionForm::JsonLines } else { PredictionForm::Csv }
}

/// Where predictions go.
struct Sink<'a> {
    /// A file; standard output if there is none.
    growing: Option<Growing<'a>>,
    form: PredictionForm,
    has_begun: bool,
}

impl Sink<'_> {
    /// Decides on `batch` and writes the decisions, after the header if they are the first.
    fn take(&mut self, predictor: &Predictor, batch: &Batch<'_>) -> Result<Reader> {
        let decisions = predictor.decide(batch.inputs)?;
        let lines = self.form.lines(batch.first, &decisions, predictor.classes(), batch.files);
        let begins = !std::mem::replace(&mut self.has_begun, true);
        let text = match self.form {
            PredictionForm::Csv if begins => {
                let file = if batch.files.is_empty() { "" } else { ",file" };
                format!("{}{file}\n{lines}", PREDICTION_COLUMNS.trim_end())
            }
            _ => lines,
        };
        match &mut self.growing {
            None => Ok(streams::print(&text)?),
            Some(file) => Ok(file.write(&text).map(|()| Reader::Reads)?),
        }
    }
}

/// The source of samples as people name it.
fn shown(file: &Path) -> String {
    if file.as_os_str() == "-" { "standard input".to_owned() } else { file.display().to_string() }
}

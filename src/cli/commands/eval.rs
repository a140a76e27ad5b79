//! `tune eval`: a trained network scored on a chip.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::backend::Chip;
use crate::cli::options::data::DataArgs;
use crate::cli::options::faults::{FaultChoice, fault};
use crate::cli::options::nir::NirArgs;
use crate::cli::options::numbers::share;
use crate::cli::options::threads::ThreadsArgs;
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::setup::{chip, dataset, machine, model};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::data::InputCoding;
use crate::objective::{DataPart, ModelFile, Robustness, Scoring, Sweep};
use crate::report::{self, Remark};
use crate::units::digits;

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The network: a .safetensors that tune saved, or a NIR file of any program
    pub model: PathBuf,
    #[command(flatten)]
    pub data: DataArgs,
    /// Part of the data set
    #[arg(long, value_enum, default_value_t = PartKind::Test)]
    pub part: PartKind,
    /// Chip to deploy on: a name such as loihi1 or truenorth (see configs/chips), ideal, or a JSON file
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    /// Input coding: graded, threshold:X or thermometer:L; that of the file if left out
    #[arg(long, value_name = "CODING")]
    pub input_coding: Option<InputCoding>,
    /// Bits of a deployed weight; those of the training, else those of the chip, if left out
    #[arg(long, value_name = "N")]
    pub weight_bits: Option<u8>,
    /// Faults for scores on faulty chips: all, or a list of stuck-at-zero, stuck-at-max, bit-flip, weight-variation,
    /// dead-neuron, saturated-neuron, threshold-shift, dropped-spike, masked-core
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',', value_parser = fault)]
    pub faults: Vec<FaultChoice>,
    /// Rates of each fault: the share that is broken, or the standard deviation of a variation or shift
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', default_values_t = [0.001, 0.01, 0.05, 0.1])]
    pub fault_rates: Vec<f64>,
    /// Faulty chips per fault and rate, each broken in other places
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub fault_maps: u32,
    /// Seed of the places where chips break
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Exit with 3 if the accuracy is below this
    #[arg(long, value_name = "ACCURACY", value_parser = share)]
    pub fail_under: Option<f64>,
    #[command(flatten)]
    pub nir: NirArgs,
    /// File to write: a CSV table with a line per sample: sample, label, predicted, margin, tie
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PartKind {
    /// What networks are tested on
    Test,
    /// What networks are trained on
    Train,
}

/// The coding for a file that names none, on a chip that takes plain spikes: a spike above half of the range.
const HALF: InputCoding = InputCoding::Threshold { at: 0.5 };

/// Scores the network that `args` name.
pub(crate) fn run(args: &EvalArgs) -> Result<Exit> {
    machine::use_threads(args.threads.threads)?;
    let name = args.model.display().to_string();
    let named = Inputs::default().with("MODEL", Some(&args.model)).with("--chip", Some(&args.chip));
    let inputs = named.with_dataset(&args.data);
    let predictions = args.predictions.as_deref().map(|file| Output::check(file, &inputs)).transpose()?;
    let (profile, _) = chip::open(&args.chip)?;
    let model = model::open(&args.model)?;
    let time_step = args.nir.step_for(&model).with_context(|| name.clone())?;
    let chip = Chip::new(profile);
    let coding = coding(args, &model, &chip).with_context(|| name.clone())?;
    let dataset = dataset::open(&args.data, &args.data.open_options(), !args.json)?;
    let mut deploy = model.deploy();
    deploy.weight_bits = args.weight_bits.or(deploy.weight_bits);
    let part = match args.part {
        PartKind::Test => DataPart::Test,
        PartKind::Train => DataPart::Train,
    };
    let sweep = sweep(args);
    let faults = sweep.as_ref();
    let (name, model, chip, dataset) = (&name, &model, &chip, &dataset);
    let memory = machine::memory_share(1);
    let scoring = Scoring { name, model, chip, dataset, part, coding, time_step, deploy, faults, memory };
    let remarks = model.remarks(scoring.reading()).with_context(|| name.clone())?;
    let scored = scoring.score().with_context(|| name.clone())?;
    remarks.iter().for_each(|remark| streams::say(format_args!("{name}: {remark}")));
    if let Some(predictions) = predictions {
        predictions.write(scored.predictions_csv(&dataset.classes))?;
        streams::say(format_args!("written to {}", predictions.file().display()));
    }
    let score = scored.score;
    let text = match args.json {
        true => serde_json::to_string(&score)? + "\n",
        false => {
            let faults = score.faults.iter().map(|faults| format!("\n{}", table(faults)));
            faults.fold(report::network_text(&score.attributes(), &json!(score.chip)), |text, more| {
                text + &more
            })
        }
    };
    if !args.json {
        score.data_loaded.iter().for_each(|data| streams::say(data.line()));
    }
    streams::print(&text)?;
    match args.fail_under {
        Some(least) if score.accuracy < least => {
            let accuracy = digits(score.accuracy);
            streams::say(format_args!("the network scores {accuracy}, below --fail-under {least}"));
            Ok(Exit::BelowTarget)
        }
        _ => Ok(Exit::Done),
    }
}

/// How inputs are coded: as asked for, as the file says, or as the chip can take them.
fn coding(args: &EvalArgs, model: &ModelFile, chip: &Chip) -> Result<InputCoding> {
    if let Some(coding) = args.input_coding.or(model.coding()?) {
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

/// The faults that are asked for, if any.
fn sweep(args: &EvalArgs) -> Option<Sweep> {
    let faults = FaultChoice::chosen(&args.faults);
    let (rates, maps, seed) = (args.fault_rates.clone(), args.fault_maps, args.seed);
    (!faults.is_empty()).then_some(Sweep { faults, rates, maps, seed })
}

/// A line a fault and rate.
fn table(faults: &Robustness) -> String {
    let mut text = format!("{:<16}  {:>8}  {:>9}  {:>9}  {:>9}\n", "fault", "rate", "mean", "sd", "worst");
    for score in &faults.scores {
        let name = score.fault.name();
        let [mean, sd, worst] = [score.mean, score.sd, score.worst].map(digits);
        text += &format!("{name:<16}  {:>8}  {mean:>9}  {sd:>9}  {worst:>9}\n", score.rate);
    }
    text
}

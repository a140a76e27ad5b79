//! `tune eval`: scores a trained network on a simulated chip.

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
    /// Trained network: a .safetensors file that tune saved, or a NIR file of any program
    pub model: PathBuf,
    #[command(flatten)]
    pub data: DataArgs,
    /// Part of the data set to score the network on
    #[arg(long, value_enum, default_value_t = PartKind::Test)]
    pub part: PartKind,
    /// Chip to deploy on: a name such as loihi1 or truenorth (see configs/chips), ideal, or a JSON file
    #[arg(long, value_name = "NAME|FILE", default_value = "ideal")]
    pub chip: String,
    /// How inputs become spikes: graded, threshold:X or thermometer:L; if left out, as the
    /// network's file says
    ///
    /// graded passes the value itself, from 0 to 1. threshold:X sends a spike if the value is above
    /// X. thermometer:L has L channels per value: the larger the value, the more of them send a
    /// spike.
    #[arg(long, value_name = "CODING")]
    pub input_coding: Option<InputCoding>,
    /// Bits per deployed weight; if left out, the number used in training, or else that of the chip
    #[arg(long, value_name = "N")]
    pub weight_bits: Option<u8>,
    /// Also score the network on faulty chips with these kinds of faults: all, or a list of
    /// stuck-at-zero, stuck-at-max, bit-flip, weight-variation, dead-neuron, saturated-neuron,
    /// threshold-shift, dropped-spike, masked-core
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',', value_parser = fault)]
    pub faults: Vec<FaultChoice>,
    /// Rates of each kind of fault: the share of broken parts, or the standard deviation for
    /// weight-variation and threshold-shift
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', default_values_t = [0.001, 0.01, 0.05, 0.1])]
    pub fault_rates: Vec<f64>,
    /// Number of simulated faulty chips for each fault and rate, each with other broken parts
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub fault_maps: u32,
    /// Seed of the random choice of broken parts
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Exit with code 3 if the accuracy is below this value, from 0 to 1
    #[arg(long, value_name = "ACCURACY", value_parser = share)]
    pub fail_under: Option<f64>,
    #[command(flatten)]
    pub nir: NirArgs,
    /// File to write: a CSV table with a line per sample: sample, label, predicted, margin, tie
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print the scores as one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PartKind {
    /// The test part, on which networks are tested
    Test,
    /// The training part, on which networks learn
    Train,
}

/// Input coding for a NIR file that names none, if the chip takes only spikes: a value above half
/// of the range becomes a spike.
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
    let dataset = dataset::open(&args.data, !args.json)?;
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

/// How inputs are coded: as `--input-coding` says, else as the model's file says, else as the chip
/// can take them.
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

/// The kinds and rates of faults to score; `None` without `--faults`.
fn sweep(args: &EvalArgs) -> Option<Sweep> {
    let faults = FaultChoice::chosen(&args.faults);
    let (rates, maps, seed) = (args.fault_rates.clone(), args.fault_maps, args.seed);
    (!faults.is_empty()).then_some(Sweep { faults, rates, maps, seed })
}

/// A table with one line for each fault and rate.
fn table(faults: &Robustness) -> String {
    let mut text = format!("{:<16}  {:>8}  {:>9}  {:>9}  {:>9}\n", "fault", "rate", "mean", "sd", "worst");
    for score in &faults.scores {
        let name = score.fault.name();
        let [mean, sd, worst] = [score.mean, score.sd, score.worst].map(digits);
        text += &format!("{name:<16}  {:>8}  {mean:>9}  {sd:>9}  {worst:>9}\n", score.rate);
    }
    text
}

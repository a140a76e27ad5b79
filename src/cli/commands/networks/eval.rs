//! `tune eval`: scores a trained network on a simulated chip.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::backend::WeightFormat;
use crate::cli::options::data::DataArgs;
use crate::cli::options::deployed::DeployedArgs;
use crate::cli::options::faults::{FaultChoice, fault};
use crate::cli::options::numbers::share;
use crate::cli::options::process::ThreadsArgs;
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::setup::{dataset, machine, model};
use crate::cli::shown::by_class::by_class_text;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::objective::{DataPart, DataSummary, ModelFile, Robustness, Score, Scoring, Sweep};
use crate::report::{self, Remark};
use crate::units::digits;

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Trained network: .safetensors, or a NIR file
    ///
    /// Networks of tune are .safetensors files; any program may write a NIR file.
    pub model: PathBuf,
    #[command(flatten)]
    pub data: DataArgs,
    /// Part of the data set that is scored
    ///
    /// If left out, the test part; or all of a file that has no parts and is not that of the
    /// training.
    #[arg(long, value_enum)]
    pub part: Option<PartKind>,
    #[command(flatten)]
    pub deployed: DeployedArgs,
    /// Faults for scores on faulty chips: all, or a list
    ///
    /// The list may have stuck-at-zero, stuck-at-max, bit-flip, weight-variation, dead-neuron,
    /// saturated-neuron, threshold-shift, dropped-spike and masked-core. all leaves out those that
    /// the chip cannot have.
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',', value_parser = fault)]
    pub faults: Vec<FaultChoice>,
    /// Rates of each kind of fault
    ///
    /// The share of broken parts, or the standard deviation for weight-variation and
    /// threshold-shift.
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', default_values_t = [0.001, 0.01, 0.05, 0.1])]
    pub fault_rates: Vec<f64>,
    /// Simulated faulty chips for each fault and rate
    ///
    /// Each has other broken parts.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub fault_maps: u32,
    /// Seed of the random choice of broken parts
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Exit with code 3 if the accuracy is below this
    ///
    /// From 0 to 1.
    #[arg(long, value_name = "ACCURACY", value_parser = share)]
    pub fail_under: Option<f64>,
    /// CSV file for the decision on each sample
    ///
    /// A line per sample: sample, label, predicted, margin, tie.
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
    /// What networks are chosen by
    Validation,
    /// Every sample, in the order of the file; of built-in data the training part first
    All,
}

impl From<PartKind> for DataPart {
    fn from(kind: PartKind) -> Self {
        match kind {
            PartKind::Test => Self::Test,
            PartKind::Train => Self::Train,
            PartKind::Validation => Self::Validation,
            PartKind::All => Self::All,
        }
    }
}

/// Scores the network that `args` name.
pub(crate) fn run(args: &EvalArgs) -> Result<Exit> {
    machine::use_threads(args.threads.threads)?;
    let name = args.model.display().to_string();
    let inputs =
        Inputs::default().with("MODEL", Some(&args.model)).with("--chip", args.deployed.chip.as_ref());
    let inputs = inputs.with_dataset(&args.data);
    let predictions = args.predictions.as_deref();
    let predictions = predictions.map(|file| Output::check_of("--predictions", file, &inputs)).transpose()?;
    let model = model::open(&args.model)?;
    let time_step = args.deployed.time_step(&model, &name)?;
    let description = model.description().with_context(|| name.clone())?;
    let chip = args.deployed.chip(&description)?;
    let coding = args.deployed.coding(&model, &description, &chip).with_context(|| name.clone())?;
    let data = dataset::open_to_score(&args.data, !args.json, &description, args.part.map(DataPart::from))?;
    let deploy = args.deployed.deploy(&model)?;
    let has_bits = chip.profile().weights != WeightFormat::Exact || deploy.weight_bits.is_some();
    let sweep = sweep(args, has_bits);
    let scoring = Scoring {
        name: &name,
        model: &model,
        chip: &chip,
        dataset: &data.dataset,
        samples: &data.samples,
        part: data.part,
        coding,
        time_step,
        deploy,
        faults: sweep.as_ref(),
        memory: machine::memory_share(1),
    };
    let remarks = model.remarks(scoring.reading()).with_context(|| name.clone())?;
    let scored = scoring.score().with_context(|| name.clone())?;
    remarks.iter().for_each(|remark| streams::say(format_args!("{name}: {remark}")));
    if description.inputs.is_none() && matches!(model, ModelFile::Saved(_)) {
        streams::say(Remark::UnknownScaling { model: name.clone() });
    }
    data.remarks.iter().for_each(streams::say);
    if let Some(predictions) = predictions {
        predictions.write(scored.predictions_csv(&data.dataset.classes))?;
        streams::say(format_args!("written to {}", predictions.file().display()));
    }
    let score = scored.score;
    if !args.json {
        let line = |data: &DataSummary| data.line_of_scored(score.samples, description.inputs.is_some());
        score.data_loaded.iter().for_each(|data| streams::say(line(data)));
    }
    let text = if args.json { serde_json::to_string(&score)? + "\n" } else { text(&score) };
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

/// The score as people read it.
fn text(score: &Score) -> String {
    let mut text = report::network_text(&score.attributes(), &json!(score.chip));
    if let Some(by_class) = &score.by_class {
        text += &format!("\n{}", by_class_text(by_class));
    }
    if let Some(faults) = &score.faults {
        text += &format!("\n{}", table(faults));
    }
    text
}

/// The kinds and rates of faults to score; `None` without `--faults`. Of all faults, those that change bits are left
/// out if weights have none (`has_bits`).
fn sweep(args: &EvalArgs, has_bits: bool) -> Option<Sweep> {
    let faults = FaultChoice::chosen(&args.faults, has_bits);
    let is_all = args.faults.iter().any(|choice| matches!(choice, FaultChoice::All));
    if is_all && !has_bits && !args.json {
        streams::say(
            "stuck-at-max and bit-flip are left out: exact weights have no bits; --weight-bits gives them some",
        );
    }
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

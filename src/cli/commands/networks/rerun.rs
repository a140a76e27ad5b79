//! `tune rerun`: the winner of a study, trained again from its file and the data alone.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser};

use crate::cli::options::confirm::Confirmed;
use crate::cli::options::data::SourceArgs;
use crate::cli::options::process::ThreadsArgs;
use crate::cli::options::storage::StorageArgs;
use crate::cli::options::tune::TuneArgs;
use crate::cli::setup::{best, chip, dataset, job, machine, network};
use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::shown::streams;
use crate::objective::network::classify::Classify;
use crate::objective::{Evaluation, Model, SavedNetwork, evaluate_replicates};
use crate::report::{Best, NetworkFile, Rerun, RerunSeed};
use crate::seed::Seed;
use crate::study::{Outcome, Setup};
use crate::tuner::repeat_seed;
use crate::units::digits;

#[derive(Debug, Args)]
#[command(after_help = "\
Trains the winner again with the seeds of the file, and compares every value and the network's file. Exits with 6 if
anything differs.")]
pub(crate) struct RerunArgs {
    /// Result of a study: a best.json, or the name of a study
    ///
    /// A name finds the study in --storage; then no network's file is compared.
    #[arg(value_name = "RESULT", default_value = "best.json")]
    pub best: String,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Number of seeds to train from
    ///
    /// Those of the file first, then new ones. As many as the file has, if left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub seeds: Option<u32>,
    /// The study's data set on this machine
    ///
    /// Needed if it is a file elsewhere.
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The command line in a `best.json`.
#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    tune: TuneArgs,
}

/// Trains the winner of the file again.
pub(crate) fn run(args: &RerunArgs) -> Result<Exit> {
    machine::use_threads(args.threads.threads)?;
    let name = args.best.clone();
    let best = best::of_file_or_study(&name, &args.storage.storage)?;
    let Some(setup) = &best.setup else {
        bail!("{name}: a command evaluates the trials of this study: run the command in the file again");
    };
    let mut tune = options(&best).with_context(|| name.clone())?;
    tune.data.sources = args.sources.clone();
    tune.data.dataset = args.dataset.clone().or(tune.data.dataset);
    let rerun = match same_objective(&tune, setup, !args.json)? {
        Ok(objective) => rerun(args, &best, &tune, &objective)?,
        Err(difference) => Rerun::of_others(difference),
    };
    let text = if args.json { serde_json::to_string(&rerun)? + "\n" } else { rerun.to_text() };
    streams::print(&text)?;
    Ok(if rerun.same { Exit::Done } else { Exit::Differs })
}

/// The options of the command line in the file.
fn options(best: &Best) -> Result<TuneArgs> {
    let unread = || format!("command = \"{}\": no command line of tune", best.command);
    let words = shlex::split(&best.command).with_context(unread)?;
    Ok(Line::try_parse_from(words).map_err(|error| anyhow::anyhow!("{}: {}", unread(), error.kind()))?.tune)
}

/// What evaluates the winner, or what differs if the chip or the data are others.
fn same_objective(tune: &TuneArgs, setup: &Setup, shown: bool) -> Result<Result<Classify, String>> {
    let (profile, chip_sha256) = chip::open(&tune.chip)?;
    if chip_sha256 != setup.chip_sha256 {
        let (chip, there) = (&setup.chip, &setup.chip_sha256);
        return Ok(Err(format!("the profile of {chip} has SHA-256 {there} in the file, {chip_sha256} now")));
    }
    let way_out = "name the data set where it is now with --dataset or --data-dir";
    let data = dataset::open(&tune.data, &network::open_options(tune), shown).context(way_out)?;
    if data.checksum != setup.dataset_sha256 {
        let (name, there, now) = (&data.name, &setup.dataset_sha256, &data.checksum);
        return Ok(Err(format!("{name} has SHA-256 {there} in the file, {now} now: {way_out}")));
    }
    let job = job::of_network(tune, &network::open_options(tune), setup, &profile)?;
    let training = job.training.as_ref().expect("a job of networks says how they are trained");
    Ok(Ok(job::network(training, data, None)?))
}

/// Trains seed after seed and compares.
fn rerun(args: &RerunArgs, best: &Best, tune: &TuneArgs, objective: &Classify) -> Result<Rerun> {
    let recorded = best.validation.values.len() as u32;
    let (mut seeds, mut attributes, mut network) = (Vec::new(), None, NetworkFile::NotCompared);
    for number in 0..args.seeds.unwrap_or(recorded) {
        let root = Seed::root(tune.study.seed);
        let seed = repeat_seed(&root, is_confirmed(tune), best.trial, u64::from(number));
        let evaluation = evaluate(best, tune, objective, &seed);
        let validation = value(&evaluation.outcome);
        let tested = evaluation.model.as_ref().map(|model| model.test());
        let test = tested.as_ref().and_then(value);
        streams::say(format_args!("seed {number}: {}", line(&evaluation.outcome, tested.as_ref())));
        if best.model_seed == Some(number as usize) {
            attributes = tested.as_ref().map(Outcome::all_attributes);
        }
        // Version 0.1 did not say which of its seeds the saved network has.
        if best.model_seed.map_or(number < recorded, |kept| kept == number as usize) {
            network = network.max(compare(args, best, evaluation.model.as_deref())?);
        }
        seeds.push(RerunSeed { validation, test });
    }
    Ok(Rerun::of(best, seeds, attributes.as_ref(), network))
}

/// Whether the study gave its best trials fresh seeds.
fn is_confirmed(tune: &TuneArgs) -> bool {
    tune.confirm.unwrap_or(Confirmed::usual(tune.metric.len())) != Confirmed::Best(0)
}

fn evaluate(best: &Best, tune: &TuneArgs, objective: &Classify, seed: &Seed) -> Evaluation {
    let mut go_on = |_, _| ControlFlow::Continue(());
    // Where nothing was confirmed and no network kept, the value is the mean over the seeds of the trial.
    let is_mean = !is_confirmed(tune) && best.test.values.is_empty();
    let count = if is_mean { tune.study.seeds_per_trial } else { 1 };
    let evaluation = evaluate_replicates(objective, &best.hyperparameters, seed, count, &mut go_on);
    evaluation.expect("nobody breaks it off")
}

fn value(outcome: &Outcome) -> Option<f64> {
    match outcome {
        Outcome::Complete { values, .. } => values.first().copied(),
        Outcome::Failed { .. } => None,
    }
}

/// What became of a seed: its values, or why it failed.
fn line(validation: &Outcome, test: Option<&Outcome>) -> String {
    let shown = |outcome: &Outcome| match outcome {
        Outcome::Complete { values, .. } => values.first().copied().map_or_else(String::new, digits),
        Outcome::Failed { failure, .. } => format!("failed: {}", failure.reason),
    };
    match (validation, test) {
        (Outcome::Failed { .. }, _) | (_, None) => format!("validation {}", shown(validation)),
        (_, Some(test)) => format!("validation {}, test {}", shown(validation), shown(test)),
    }
}

/// The network's file beside `best.json`, compared with the trained `model`.
fn compare(args: &RerunArgs, best: &Best, model: Option<&dyn Model>) -> Result<NetworkFile> {
    let folder = Path::new(&args.best).parent().unwrap_or(Path::new(""));
    let file = best.model.as_ref().map(|name| folder.join(name));
    let (Some(model), Some(file)) = (model, file.filter(|file| file.exists())) else {
        return Ok(NetworkFile::NotCompared);
    };
    let unwritten = |error: std::io::Error| WhileRunning(format!("cannot write a temporary file: {error}"));
    let beside = tempfile::tempdir().map_err(unwritten)?;
    let written = beside.path().join("again.safetensors");
    model.save(&written).map_err(unwritten)?;
    let read =
        |file: &Path| std::fs::read(file).with_context(|| format!("{}: cannot read it", file.display()));
    let (old, new) = (read(&file)?, read(&written)?);
    if old == new {
        return Ok(NetworkFile::SameBytes);
    }
    let parsed = |bytes: &[u8]| SavedNetwork::from_bytes(bytes).with_context(|| file.display().to_string());
    match parsed(&old)?.network == parsed(&new)?.network {
        true => Ok(NetworkFile::SameNetwork),
        false => Ok(NetworkFile::Different),
    }
}

//! What is checked: a point, and the objective that evaluates it.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;

use super::args::CheckArgs;
use crate::cli::options::run::RunArgs;
use crate::cli::options::tune::TuneArgs;
use crate::cli::setup::job::WorkerJob;
use crate::cli::setup::{best, chip, dataset, external, job, machine, network, open, spaces};
use crate::objective::Objective;
use crate::objective::external::External;
use crate::objective::network::classify::Classify;
use crate::report::{Baseline, Best};
use crate::space::Point;
use crate::study::{ExternalSetup, Job, Metric, Setup, Study};
use crate::units::Bytes;

/// A point, and the objective that evaluates it.
pub(super) struct Subject {
    /// The study's name.
    pub study: String,
    /// The command of the study; empty if it was read from a database.
    pub command: String,
    pub point: Point,
    pub metrics: Vec<Metric>,
    /// The root of all seeds.
    pub seed: u64,
    pub evaluator: Evaluator,
}

/// What evaluates the point.
pub(super) enum Evaluator {
    /// A network is trained and deployed.
    Network(Box<Classify>, Facts),
    /// A command is run.
    Command(External),
}

/// The data set and the chip of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub dataset: String,
    pub dataset_sha256: String,
    pub chip: String,
    pub chip_sha256: String,
}

impl Evaluator {
    /// The objective that evaluates points.
    pub fn objective(&self) -> &dyn Objective {
        match self {
            Self::Network(classify, _) => classify.as_ref(),
            Self::Command(external) => external,
        }
    }

    /// The data set and the chip; `None` if a command is run.
    pub fn facts(&self) -> Option<&Facts> {
        match self {
            Self::Network(_, facts) => Some(facts),
            Self::Command(_) => None,
        }
    }
}

/// The subject that `args` name: of a best.json, of a study, or of `baseline` itself.
///
/// # Errors
/// A file or a study is not there, or what it names cannot be opened.
pub(super) fn open(args: &CheckArgs, baseline: Option<&Baseline>) -> Result<Subject> {
    match (&args.best, &args.study, baseline) {
        (Some(file), _, _) => of_best(args, file),
        (None, Some(name), _) => of_study(args, Some(name)),
        (None, None, Some(baseline)) => of_baseline(args, baseline),
        (None, None, None) => bail!("--record: name a best.json, or a study with --study"),
    }
}

fn of_best(args: &CheckArgs, file: &Path) -> Result<Subject> {
    let Best { study, command, hyperparameters, .. } = best::read(file, "")?;
    of_command_line(args, study, command, hyperparameters).with_context(|| file.display().to_string())
}

fn of_baseline(args: &CheckArgs, baseline: &Baseline) -> Result<Subject> {
    let Baseline { study, command, hyperparameters, .. } = baseline.clone();
    if command.is_empty() {
        bail!(
            "--baseline {}: was recorded from a database and names no command: name a best.json, or a study with --study",
            args.baseline.display()
        );
    }
    of_command_line(args, study, command, hyperparameters)
        .with_context(|| format!("--baseline {}", args.baseline.display()))
}

/// The options of `tune` in a command line.
#[derive(Debug, Parser)]
struct TuneLine {
    #[command(flatten)]
    tune: TuneArgs,
}

/// The options of `tune run` in a command line, after `tune`.
#[derive(Debug, Parser)]
struct RunLine {
    #[command(flatten)]
    run: RunArgs,
}

/// The subject of a study that `command` makes.
fn of_command_line(args: &CheckArgs, study: String, command: String, point: Point) -> Result<Subject> {
    let words = shlex::split(&command).unwrap_or_default();
    let wrong = |error: clap::Error| {
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        anyhow!("command: {first}")
    };
    match words.get(1).map(String::as_str) {
        None => bail!("command = {command:?}: must be a command of tune"),
        Some("run") => {
            let line = RunLine::try_parse_from(&words[1..]).map_err(wrong)?;
            of_command(&line.run, study, command, point)
        }
        Some(_) => {
            let line = TuneLine::try_parse_from(&words).map_err(wrong)?;
            of_network(args, line.tune, study, command, point)
        }
    }
}

fn of_network(
    args: &CheckArgs,
    mut tune: TuneArgs,
    study: String,
    command: String,
    point: Point,
) -> Result<Subject> {
    tune.data.sources = args.sources.clone();
    if args.dataset.is_some() {
        tune.data.dataset.clone_from(&args.dataset);
    }
    let (profile, chip_sha256) = chip::open(&tune.chip)?;
    let options = network::open_options(&tune);
    let dataset = dataset::open(&tune.data, &options, args.is_for_people())?;
    let folds = network::new_folds(&tune, &dataset)?;
    let facts = Facts {
        dataset: dataset.name.clone(),
        dataset_sha256: dataset.checksum.clone(),
        chip: profile.name.clone(),
        chip_sha256,
    };
    let training = job::training(&tune, &options, (&facts.dataset_sha256, folds), &profile)?;
    let memory = training.memory.map(Bytes).or_else(|| machine::memory_share(1));
    let classify = Box::new(job::network(&training, dataset, memory)?);
    let (metrics, seed) = (classify.metrics(), tune.study.seed);
    Ok(Subject { study, command, point, metrics, seed, evaluator: Evaluator::Network(classify, facts) })
}

fn of_command(run: &RunArgs, study: String, command: String, point: Point) -> Result<Subject> {
    let space = spaces::open(&run.space)?;
    let setup = external::setup(run, run.steps()?, &space);
    let external = external::objective(&setup, &space, &run.metric).context("--command")?;
    let (metrics, seed) = (run.metric.clone(), run.study.seed);
    Ok(Subject { study, command, point, metrics, seed, evaluator: Evaluator::Command(external) })
}

/// The winner of a study in a database.
fn of_study(args: &CheckArgs, name: Option<&str>) -> Result<Subject> {
    let database = &args.storage.storage;
    let mut storage = open::to_read(database)?;
    let key = open::the_study(&mut *storage, database, name)?;
    let study = storage.load_study(key)?;
    let winner = Best::current(&study).map(|best| best.hyperparameters);
    let point = winner.or_else(|| Some(study.best()?.point.clone()));
    let point = point.with_context(|| format!("--study {}: {}", study.name, study.no_best()))?;
    let (seed, evaluator) = evaluator_of(args, &study).with_context(|| format!("--study {}", study.name))?;
    let (name, metrics) = (study.name.clone(), study.metrics.clone());
    Ok(Subject { study: name, command: String::new(), point, metrics, seed, evaluator })
}

/// The root seed of `study`, and what evaluates its points.
fn evaluator_of(args: &CheckArgs, study: &Study) -> Result<(u64, Evaluator)> {
    if let Some(setup) = ExternalSetup::of(study) {
        let space = study.space().transpose()?.context("the study names no space")?;
        let external = external::objective(&setup, &space, &study.metrics)?;
        return Ok((setup.searched.seed, Evaluator::Command(external)));
    }
    let made = Setup::of(study).zip(Job::of(study).and_then(|job| job.training));
    let Some((setup, mut training)) = made else {
        bail!("was not made by this program, or lacks its job: name its best.json")
    };
    if let Some(dataset) = &args.dataset {
        training.dataset.clone_from(dataset);
    }
    let facts = Facts {
        dataset: setup.dataset,
        dataset_sha256: setup.dataset_sha256,
        chip: setup.chip,
        chip_sha256: setup.chip_sha256,
    };
    let memory = training.memory.map(Bytes).or_else(|| machine::memory_share(1));
    let work =
        WorkerJob { training, sources: args.sources.clone(), memory: memory.map(|Bytes(bytes)| bytes) };
    Ok((setup.searched.seed, Evaluator::Network(Box::new(work.objective()?), facts)))
}

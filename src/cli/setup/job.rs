//! The job of a study: what every process that works on the study must know. It is stored with the
//! study, and each process makes the objective (what evaluates trials) from it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::backend::{ChipProfile, WeightFormat};
use crate::cli::options::confirm::Confirmed;
use crate::cli::options::data::SourceArgs;
use crate::cli::options::faults::FaultChoice;
use crate::cli::options::study::StudyArgs;
use crate::cli::options::tune::TuneArgs;
use crate::cli::signals::STOP;
use crate::data::{Channels, ColumnRef, Dataset, Header, OpenOptions, Split};
use crate::objective::network::classify::Classify;
use crate::objective::{Goal, Goals, Sweep};
use crate::study::{Job, JobConfirm, Setup, Training};
use crate::tuner::Confirm;
use crate::units::Bytes;

/// The job of a study that a command evaluates, and whose trials are `confirmed` so.
pub(crate) fn of_command(args: &StudyArgs, confirmed: Confirmed) -> Job {
    let folder = args.fidelity.checkpoint_dir.as_ref();
    let Confirm { candidates, front, repeats } = confirmed.setting(args.confirm_seeds);
    Job {
        budget: args.budget,
        stop_when: args.stop_when.iter().map(ToString::to_string).collect(),
        max_failures: args.max_failures,
        refine: args.refine,
        replicates: args.seeds_per_trial,
        confirmed: Some(JobConfirm { candidates, front, repeats }),
        states: folder.map(|folder| absolute(&folder.display().to_string())),
        training: None,
    }
}

/// The job of a study of networks on a chip of `profile`, on data that are read by `options`.
///
/// # Errors
/// The profile has no form as JSON.
pub(crate) fn of_network(
    args: &TuneArgs,
    options: &OpenOptions,
    setup: &Setup,
    profile: &ChipProfile,
) -> Result<Job> {
    let training = training(args, options, (&setup.dataset_sha256, setup.folds), profile)?;
    Ok(Job { training: Some(training), ..of_command(&args.study, args.confirmed()) })
}

/// How networks are trained on the data set with this checksum and number of folds, as `args` say, on
/// a chip of `profile`.
///
/// # Errors
/// The profile has no form as JSON.
pub(crate) fn training(
    args: &TuneArgs,
    options: &OpenOptions,
    (dataset_sha256, folds): (&str, Option<u32>),
    profile: &ChipProfile,
) -> Result<Training> {
    let dataset = args.data.dataset.clone().unwrap_or_default();
    let label = args.data.label.as_ref().filter(|&label| *label != ColumnRef::Last).map(ColumnRef::to_string);
    let Sweep { faults, rates, maps, seed } = sweep(args, profile);
    Ok(Training {
        dataset: absolute(&dataset),
        dataset_sha256: dataset_sha256.to_owned(),
        label,
        header: args.data.header.and_then(Header::name).map(str::to_owned),
        channels: args.data.channels.and_then(Channels::name).map(str::to_owned),
        reading: reading(options)?,
        validation: args.validation.share(),
        folds,
        chip: serde_json::to_value(profile)?,
        goals: args.metric.iter().map(Goal::to_string).collect(),
        constraints: args.constraint.iter().map(ToString::to_string).collect(),
        faults: faults.iter().map(|fault| fault.name().to_owned()).collect(),
        fault_rates: rates,
        fault_maps: maps,
        seed,
        memory: args.memory.map(|Bytes(bytes)| bytes),
    })
}

/// The faulty chips of `profile` on which robustness is measured: kinds of faults, rates, and chips per rate.
pub(crate) fn sweep(args: &TuneArgs, profile: &ChipProfile) -> Sweep {
    let faults = FaultChoice::chosen(&args.faults, profile.weights != WeightFormat::Exact);
    Sweep { faults, rates: args.fault_rates.clone(), maps: args.fault_maps, seed: args.study.seed }
}

/// What was said of the files, apart from what has a key of its own; `null` if nothing was.
fn reading(options: &OpenOptions) -> Result<Json> {
    let whole = |file: &Option<PathBuf>| {
        file.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()))
    };
    let [test, validation, labels] = [&options.test, &options.validation, &options.labels].map(whole);
    let options = OpenOptions { test, validation, labels, ..options.clone() };
    let json = serde_json::to_value(options)?;
    Ok(if json.as_object().is_some_and(Map::is_empty) { Json::Null } else { json })
}

/// A path that a worker started in another folder finds; a name of the catalogue stays one.
fn absolute(name: &str) -> String {
    let path = Path::new(name);
    let whole = std::path::absolute(path).ok().filter(|_| path.exists());
    whole.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

/// The objective that trains networks on `dataset` as `training` says, each trial with at most
/// `memory`.
///
/// # Errors
/// A goal, a fault or the chip is not of this version; the data set is too small to be split.
pub(crate) fn network(training: &Training, dataset: Dataset, memory: Option<Bytes>) -> Result<Classify> {
    let profile = ChipProfile::from_json(&training.chip.to_string(), "the chip of the study")?;
    let goals = Goals {
        list: training.goals.iter().map(|goal| goal.parse()).collect::<Result<_, _>>()?,
        constraints: training.constraints.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
        sweep: Sweep {
            faults: training.faults.iter().map(|fault| fault.parse()).collect::<Result<_, _>>()?,
            rates: training.fault_rates.clone(),
            maps: training.fault_maps,
            seed: training.seed,
        },
    };
    let split = Split { validation: training.validation, seed: training.seed };
    let objective = Classify::new(dataset, profile, split, goals)?
        .with_memory(memory, training.memory.map(Bytes))
        .with_stop(&STOP);
    match training.folds {
        None => Ok(objective),
        Some(folds) => Ok(objective.with_folds(folds).with_context(|| format!("--folds {folds}"))?),
    }
}

/// The options with which the study opens the files of its data set.
fn open_options(training: &Training) -> Result<OpenOptions> {
    let Training { label, header, channels, reading, .. } = training;
    let said =
        if reading.is_null() { OpenOptions::default() } else { serde_json::from_value(reading.clone())? };
    Ok(OpenOptions {
        label: match label.as_deref().unwrap_or_default() {
            "" => ColumnRef::Last,
            label => label.parse()?,
        },
        header: header.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        channels: channels.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        ..said
    })
}

/// What all trials of a worker have in common. The worker sends it to the processes that evaluate
/// its trials.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerJob {
    pub training: Training,
    pub sources: SourceArgs,
    /// The memory limit of a trial, in bytes.
    pub memory: Option<u64>,
}

impl WorkerJob {
    /// Opens the data set and makes the objective, which trains and scores networks.
    ///
    /// # Errors
    /// The data set is not on this machine, or has another content. Or the study uses something
    /// that this version does not know.
    pub fn objective(&self) -> Result<Classify> {
        network(&self.training, self.dataset()?, self.memory.map(Bytes))
    }

    fn dataset(&self) -> Result<Dataset> {
        let Training { dataset: name, dataset_sha256: expected, .. } = &self.training;
        let options = open_options(&self.training)?;
        let way_out = "name where it is on this machine with --dataset or --data-dir";
        // A file may lie in another folder here.
        let moved = self.sources.data_dir.as_ref().zip(Path::new(name).file_name());
        let moved = moved.map(|(folder, file)| folder.join(file).display().to_string());
        let is_gone = Path::new(name).is_absolute() && !Path::new(name).exists();
        let is_moved = |moved: &String| is_gone && Path::new(moved).exists();
        let place = moved.filter(is_moved).unwrap_or_else(|| name.clone());
        let dataset =
            Dataset::open(&place, &options, &self.sources.sources()?, &mut |_| {}).context(way_out)?;
        if dataset.checksum != *expected {
            let found = &dataset.checksum;
            bail!("data set {name}: its SHA-256 is {found}, the study was made with {expected}: {way_out}");
        }
        Ok(dataset)
    }
}

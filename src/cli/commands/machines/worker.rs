//! `tune worker`: evaluates trials of a study that another process created.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cli::options::data::SourceArgs;
use crate::cli::options::heartbeat::HeartbeatArgs;
use crate::cli::options::process::DisplayArgs;
use crate::cli::options::process::ThreadsArgs;
use crate::cli::options::search;
use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::job::WorkerJob;
use crate::cli::setup::{checkpoints, external, machine, open};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::progress::Progress;
use crate::cli::signals::{STOP, stop_on_signals};
use crate::objective::isolated::Isolated;
use crate::objective::{DataSummary, Objective};
use crate::space::Space;
use crate::storage::Storage;
use crate::study::{ExternalSetup, Job, JobConfirm, Searched, Study, Training};
use crate::tuner::{Confirm, End, Pausing, Settings, Tuner};
use crate::units::Bytes;

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Name of the study, if the storage holds several
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Trials at the same time, each in its own process
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// End as soon as no trial is left to start
    ///
    /// Without this option, the worker waits for the running trials of other workers, in case one
    /// must be repeated.
    #[arg(long)]
    pub no_linger: bool,
    /// Name of this worker in `tune status`
    ///
    /// If left out, the host name and the process number.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub fix: search::FixArgs,
    /// Path of the study's data set on this machine
    ///
    /// Needed if it differs from the path in the study.
    ///
    /// The content must be the same: another data set is refused.
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Folder for the checkpoints of paused trials
    ///
    /// Needed if this machine has another path to the folder of the study.
    #[arg(long, alias = "states", value_name = "FOLDER")]
    pub checkpoint_dir: Option<PathBuf>,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Memory limit of one trial, such as 8G
    ///
    /// If left out, an equal share of the memory available at the start.
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Bytes>,
    #[command(flatten)]
    pub heartbeat: HeartbeatArgs,
    #[command(flatten)]
    pub display: DisplayArgs,
}

/// Evaluates trials of a study until its budget is spent.
pub(crate) fn run(args: &WorkerArgs) -> Result<Exit> {
    let database = &args.storage.storage;
    let mut storage = open::existing(database)?;
    let key = open::the_study(&mut *storage, database, args.study.as_deref())?;
    let study = storage.load_study(key)?;
    let Some(space) = study.space().transpose()? else { bail!("{}", not_ours(&study)) };
    let mut job = Job::of(&study).with_context(|| not_ours(&study))?;
    let searched = study.searched().with_context(|| not_ours(&study))?;
    if searched.deterministic_workers.is_some() {
        bail!(
            "study {}: was made with --deterministic, which fixes the order of its results: run its own command alone, \
             or prepare a study without --deterministic",
            study.name
        );
    }
    let (objective, data) = objective(args, &study, &job, &space)?;
    let space = args.fix.hold(space)?.with_foresight(objective.foresight());
    machine::use_threads(args.threads.threads)?;
    stop_on_signals()?;
    let name = args.name.clone().unwrap_or_else(machine::process_name);
    let evaluate = |job: &Job, storage: &mut dyn Storage| {
        let settings = settings(args, &study, job, &searched)?;
        let mut progress = Progress::new(&args.display, &alone(&settings), data.is_some(), &STOP);
        let search = search::strategy(&searched.search)?.refining(job.budget, job.refine);
        let mut tuner = Tuner {
            space: &space,
            search: search.as_ref(),
            objective: objective.as_ref(),
            storage,
            study: key,
            settings,
            stop: &STOP,
        };
        let mut observe = |event| progress.observe_study(&event, data.as_ref(), objective.as_ref());
        let end = tuner.work(&name, !args.no_linger, &mut observe)?;
        progress.end()?;
        anyhow::Ok(end)
    };
    while evaluate(&job, &mut *storage)? != End::Interrupted {
        match Job::of(&*storage.load_study(key)?) {
            Some(raised) if raised.budget > job.budget => job = raised,
            _ => return Ok(Exit::Done),
        }
    }
    Ok(Exit::Interrupted)
}

fn not_ours(study: &Study) -> String {
    format!(
        "study {}: it does not say what workers need: make it anew, or run it once, with tune or tune run",
        study.name
    )
}

/// What evaluates the trials of the study: the study's command, or processes of this program. It
/// has been checked that they can begin. Also returns what these processes train on.
fn objective(
    args: &WorkerArgs,
    study: &Study,
    job: &Job,
    space: &Space,
) -> Result<(Box<dyn Objective>, Option<DataSummary>)> {
    let Some(training) = &job.training else {
        let setup = ExternalSetup::of(study).with_context(|| not_ours(study))?;
        let command = external::objective(&setup, space, &study.metrics).context("the study's command")?;
        return Ok((Box::new(command), None));
    };
    let job = worker_job(args, training);
    let same = job.objective()?;
    same.check(space)?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let (program, arguments) = (program.to_string_lossy().into_owned(), vec!["trial".to_owned()]);
    let job = serde_json::to_value(job)?;
    let data = same.data_summary();
    Ok((Box::new(Isolated::new(program, arguments, job, Box::new(same), &STOP)), Some(data)))
}

/// What the worker sends to its processes: they share its memory equally.
fn worker_job(args: &WorkerArgs, training: &Training) -> WorkerJob {
    let dataset = args.dataset.clone().unwrap_or_else(|| training.dataset.clone());
    let memory = args.memory.or_else(|| machine::memory_share(args.workers));
    WorkerJob {
        training: Training { dataset, ..training.clone() },
        sources: args.sources.clone(),
        memory: memory.map(|Bytes(bytes)| bytes),
    }
}

fn settings(args: &WorkerArgs, study: &Study, job: &Job, searched: &Searched) -> Result<Settings> {
    Ok(Settings {
        budget: job.budget,
        seed: searched.seed,
        workers: usize::from(args.workers),
        deterministic: false,
        replicates: job.replicates,
        pausing: pausing(args, study, job, searched)?,
        stop_when: job.stop_when.iter().map(|rule| rule.parse()).collect::<Result<_, _>>()?,
        max_failures: job.max_failures,
        heartbeat: args.heartbeat.heartbeat()?,
        confirm: confirm(job),
        pick: None,
        model: None,
        keep_disk: None,
    })
}

/// The confirmation that the leader does after the trials: a worker does none, but counts its time.
fn confirm(job: &Job) -> Confirm {
    let none = JobConfirm { candidates: 0, front: false, repeats: 1 };
    let JobConfirm { candidates, front, repeats } = job.confirmed.unwrap_or(none);
    Confirm { candidates, front, repeats }
}

/// `settings` without the confirmation, which is not the worker's to do.
fn alone(settings: &Settings) -> Settings {
    Settings { confirm: Confirm { candidates: 0, front: false, repeats: 1 }, ..settings.clone() }
}

fn pausing(args: &WorkerArgs, study: &Study, job: &Job, searched: &Searched) -> Result<Option<Pausing>> {
    let Some(name) = &searched.fidelity else { return Ok(None) };
    let of_study = job.states.as_ref().map(PathBuf::from);
    let named = args.checkpoint_dir.clone().or(of_study);
    let own = named.map(|named| checkpoints::folder_in(&named, study));
    checkpoints::pausing(search::fidelity(name)?, own, &args.storage.storage)
}

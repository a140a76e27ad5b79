//! `tune worker`: joins a study from anywhere.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{ask, tune};
use crate::cli::args::{HeartbeatArgs, SourceArgs, StorageArgs};
use crate::cli::setup::job::Work;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::progress::Progress;
use crate::cli::{
    options::fidelity,
    setup::{machine, open},
};
use crate::objective::Objective;
use crate::objective::external::External;
use crate::objective::isolated::Isolated;
use crate::search::Fidelity;
use crate::space::Space;
use crate::study::{ExternalSetup, Job, Searched, Study, Training};
use crate::tuner::{Confirm, End, Pausing, Settings, Tuner};
use crate::units::{Bytes, Seconds};

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// The study; the only one of the storage if left out
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Trials at a time, each in a process of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// End when there is nothing to do, rather than wait for trials of others that may have to be tried again
    #[arg(long)]
    pub no_linger: bool,
    /// What others see of this worker; host and process number if left out
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where the study's data set is on this machine, if it is a file and somewhere else; another one is refused
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Folder of the states of paused trials, as seen from this machine; that of the study if left out
    #[arg(long, value_name = "FOLDER")]
    pub states: Option<PathBuf>,
    /// Threads to train with, shared out among the trials; all cores if left out
    #[arg(long, value_name = "N", env = "TUNE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// The most memory that one trial may take, such as 8G; if left out, an even share of what is available
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Bytes>,
    #[command(flatten)]
    pub heartbeat: HeartbeatArgs,
    /// Stream events as JSON lines on standard output
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Works on a study until there is nothing left to do.
pub(crate) fn run(args: &WorkerArgs) -> Result<Exit> {
    let database = &args.storage.storage;
    let mut storage = open::existing(database)?;
    let key = open::the_study(&mut *storage, database, args.study.as_deref())?;
    let study = storage.load_study(key)?;
    let Some(space) = study.space().transpose()? else { bail!("{}", not_ours(&study)) };
    let job = Job::of(&study).with_context(|| not_ours(&study))?;
    let seen = study.searched().with_context(|| not_ours(&study))?;
    let objective = objective(args, &study, &job, &space)?;
    machine::use_threads(args.threads)?;
    tune::stop_on_signals()?;
    let mut progress = Progress::new(args.json, args.quiet);
    let search = ask::strategy(&seen.search)?.build();
    let mut tuner = Tuner {
        space: &space,
        search: search.as_ref(),
        objective: objective.as_ref(),
        storage: &mut *storage,
        study: key,
        settings: settings(args, &study, &job, &seen)?,
        stop: &tune::STOP,
    };
    let name = args.name.clone().unwrap_or_else(machine::process_name);
    match tuner.work(&name, !args.no_linger, &mut |event| progress.observe(&event))? {
        End::Interrupted => Ok(Exit::Interrupted),
        End::Done | End::NothingFeasible => Ok(Exit::Done),
    }
}

fn not_ours(study: &Study) -> String {
    format!(
        "study {}: it does not say what workers need: make it anew, or run it once, with tune or tune run",
        study.name
    )
}

/// What evaluates the trials: the study's command, or processes of this program, once it is sure that they can.
fn objective(args: &WorkerArgs, study: &Study, job: &Job, space: &Space) -> Result<Box<dyn Objective>> {
    let Some(training) = &job.training else {
        let setup = ExternalSetup::of(study).with_context(|| not_ours(study))?;
        let command = setup.command.with_context(|| not_ours(study))?;
        let external = External::new(&command, space, study.metrics.clone(), setup.steps)
            .context("the study's command")?;
        let timeout = setup.trial_timeout_s.map(Seconds);
        return Ok(Box::new(external.with_timeout(timeout).with_stop(&tune::STOP)));
    };
    let dataset = args.dataset.clone().unwrap_or_else(|| training.dataset.clone());
    let workers = args.workers.max(1);
    let share = |Bytes(available)| Bytes(available / u64::from(workers));
    let memory = args.memory.or_else(|| machine::available_memory().map(share));
    let cores = args.threads.unwrap_or_else(machine::cores);
    let work = Work {
        training: Training { dataset, ..training.clone() },
        sources: args.sources.clone(),
        memory: memory.map(|Bytes(bytes)| bytes),
        threads: (cores / workers).max(1),
    };
    let same = work.objective()?;
    same.check(space)?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let (program, arguments) = (program.to_string_lossy().into_owned(), vec!["trial".to_owned()]);
    let work = serde_json::to_value(work)?;
    Ok(Box::new(Isolated::new(program, arguments, work, Box::new(same), &tune::STOP)))
}

fn settings(args: &WorkerArgs, study: &Study, job: &Job, seen: &Searched) -> Result<Settings> {
    Ok(Settings {
        budget: job.budget,
        seed: seen.seed,
        workers: usize::from(args.workers),
        deterministic: false,
        replicates: job.replicates,
        pausing: pauses(args, study, job, seen)?,
        stop_when: job.stop_when.iter().map(|rule| rule.parse()).collect::<Result<_, _>>()?,
        heartbeat: args.heartbeat.heartbeat()?,
        confirm: Confirm { candidates: 0, repeats: 1 },
        model: None,
    })
}

fn pauses(args: &WorkerArgs, study: &Study, job: &Job, seen: &Searched) -> Result<Option<Pausing>> {
    let Some(name) = &seen.fidelity else { return Ok(None) };
    let fidelity = Fidelity::ALL.into_iter().find(|fidelity| fidelity.name() == name);
    let fidelity = fidelity
        .with_context(|| format!("fidelity \"{name}\" of the study: not one of this version of tune"))?;
    let of_study = job.states.as_ref().map(PathBuf::from);
    let named = args.states.clone().or(of_study);
    let own = named.map(|named| open::states_in(&named, study));
    fidelity::pausing(fidelity, own, &args.storage.storage)
}

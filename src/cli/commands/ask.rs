//! `tune ask` and `tune tell`: a study whose trials a script evaluates. Each call is one process:
//! it starts one trial, or stores one result.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use crate::cli::options::fidelity::check_search;
use crate::cli::options::metric::{check_metrics, metric};
use crate::cli::options::reference::ReferenceArgs;
use crate::cli::options::search::{FixArgs, fidelity, strategy};
use crate::cli::options::storage::StorageArgs;
use crate::cli::serve;
use crate::cli::setup::open::{self, StudyRequest};
use crate::cli::setup::{digest, spaces};
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams;
use crate::input;
use crate::objective::external;
use crate::search::{Fidelity, Strategy};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::storage::{Claim, Location, Storage, StorageError, StudyKey, StudyLock};
use crate::study::{
    Attributes, EXTERNAL_SETUP, ExternalSetup, Metric, Outcome, RungHistory, SPACE, Searched, Study, Trial,
    TrialState,
};
use crate::tuner::{self, Part, Refused, Steps, StepsError};

/// How long to wait for another process that holds the lock of the study, and the time between two
/// attempts.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_millis(20));

#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// Name of the study
    ///
    /// It is created if the storage has no study of this name, which needs --space.
    #[arg(long, value_name = "NAME")]
    pub study: String,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Search space of a new study: a JSON file
    #[arg(long, value_name = "FILE")]
    pub space: Option<String>,
    /// Metric of a new study; may be given several times
    ///
    /// A name, and whether smaller or larger is better.
    ///
    /// The script measures one value per metric, and gives the values to `tune tell` in this order.
    #[arg(
        long, value_name = "NAME:minimize|maximize", default_value = "value:minimize", value_parser = metric,
        requires = "space"
    )]
    pub metric: Vec<Metric>,
    #[command(flatten)]
    pub reference: ReferenceArgs,
    /// Search algorithm of a new study, which proposes its points
    #[arg(long, value_enum, default_value_t = Strategy::Bayes, requires = "space")]
    pub search: Strategy,
    /// Evaluate trials part by part in a new study
    ///
    /// That saves time: only promising trials resume.
    /// `tune ask` then prints `step` and `until` as well: the script evaluates the trial from one to
    /// the other, keeps what it needs to resume, and tells the values with --step. asha resumes the
    /// best third at each of two pauses; bayes weighs all trials by its model. The first trial never
    /// pauses.
    #[arg(long, value_enum, default_value_t = Fidelity::Off, requires = "space")]
    pub fidelity: Fidelity,
    /// Number of steps (such as epochs) of a whole trial, at least 4; needed with --fidelity
    #[arg(long, value_name = "N", requires = "space")]
    pub steps: Option<u32>,
    /// Seed of all random numbers of a new study
    ///
    /// The same seed and results give the same points.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "space")]
    pub seed: u64,
    #[command(flatten)]
    pub fix: FixArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TellArgs {
    /// Name of the study
    #[arg(long, value_name = "NAME")]
    pub study: String,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Number of the trial, as `tune ask` printed it
    #[arg(long, value_name = "N", required_unless_present = "point", conflicts_with = "point")]
    pub trial: Option<u32>,
    /// Point that `tune ask` did not propose, as JSON
    ///
    /// It becomes a new trial with this result.
    #[arg(long, value_name = "JSON")]
    pub point: Option<String>,
    /// Measured value; one per metric
    ///
    /// Given once per metric, in the order in which the study has them.
    #[arg(long, value_name = "X", allow_hyphen_values = true, required_unless_present = "failure")]
    pub value: Vec<f64>,
    /// Measured value of a constraint; one per constraint
    ///
    /// A constraint holds if its value is at most 0.
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub constraint: Vec<f64>,
    /// Step of the values, where `tune ask` printed `until`: the trial pauses there, or ends at its
    /// last step
    #[arg(long, value_name = "N", conflicts_with_all = ["point", "failure"])]
    pub step: Option<u32>,
    /// Why the trial failed, instead of --value
    #[arg(long, value_name = "REASON", conflicts_with_all = ["value", "constraint"])]
    pub failure: Option<String>,
}

/// Starts a trial and prints its number, its point and a seed for the script as one JSON object.
pub(crate) fn ask(args: &AskArgs) -> Result<Exit> {
    check_metrics(&args.metric)?;
    args.reference.check(&args.metric, args.search)?;
    check_search(args.fidelity, args.search, "--")?;
    Steps::new(args.fidelity, args.steps)?;
    let space = args.space.as_deref().map(spaces::open).transpose()?;
    let database = &args.storage.storage;
    if space.is_none() && database.file().is_some_and(|file| !file.exists()) {
        bail!("--study {}: there is none yet: name the --space of a new one", args.study);
    }
    space.iter().cloned().try_for_each(|space| args.fix.hold(space).map(drop))?;
    let mut storage = open::storage(database)?;
    let _lock = wait_for_lock(database, &args.study)?;
    let key = match &space {
        Some(space) => open::open(&mut *storage, database, &request(args, space), false)?,
        None => find(&mut *storage, database, &args.study)?,
    };
    let study = storage.load_study(key)?;
    let (space, setup) = searched(&study)?;
    let space = args.fix.hold(space)?;
    let search = strategy(&setup.searched.search)?.build();
    let mut refused =
        |Refused { trial, reason }| streams::say(format_args!("trial {trial}: failed: {reason}"));
    let (seed, steps) = (setup.searched.seed, steps(&setup)?);
    let Claim { trial, .. } =
        tuner::ask(&mut *storage, key, &space, search.as_ref(), steps, seed, &mut refused)?;
    let seed = Seed::root(setup.searched.seed).child("trial").index(u64::from(trial.number));
    let mut started =
        json!({"trial": trial.number, "point": trial.point, "seed": external::seed_number(&seed)});
    if let Some(Part { step, until, steps }) = steps.map(|steps| steps.part(&trial)) {
        started["step"] = step.into();
        started["until"] = until.into();
        started["steps"] = steps.into();
    }
    streams::print_line(started).with_context(|| {
        let number = trial.number;
        format!("trial {number} is started, and its point is lost: end it with tune tell --trial {number} --failure REASON")
    })?;
    Ok(Exit::Done)
}

/// Stores the result of a trial, and prints the best trial so far as one JSON object.
pub(crate) fn tell(args: &TellArgs) -> Result<Exit> {
    if args.failure.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        bail!("--failure '{}': must be a reason", args.failure.as_deref().unwrap_or_default());
    }
    let values = Some(args.value.clone()).filter(|values| !values.is_empty());
    let outcome = serve::outcome(values, args.constraint.clone(), args.failure.clone())?;
    let database = &args.storage.storage;
    let mut storage = open::existing(database)?;
    let key = find(&mut *storage, database, &args.study)?;
    let study = storage.load_study(key)?;
    check_values(&study, &outcome)?;
    let number = match (&args.point, args.trial) {
        (Some(point), _) => add(&mut *storage, key, &study, point, &outcome)?,
        (None, trial) => {
            let number = trial.expect("the parser asks for one of the two");
            tell_trial(&mut *storage, key, &study, number, args.step, &outcome)?
        }
    };
    let study = storage.load_study(key)?;
    let best = study.best().map(|best| json!({"trial": best.number, "values": best.values}));
    let told = json!({"trial": number, "best": best});
    streams::print_line(told).with_context(|| format!("the result of trial {number} is stored"))?;
    Ok(Exit::Done)
}

fn request<'a>(args: &'a AskArgs, space: &Space) -> StudyRequest<'a> {
    let searched = Searched::new(space.name(), digest::of_space(space), args.search.name(), args.seed);
    let setup = ExternalSetup {
        command: None,
        trial_timeout_s: None,
        steps: args.steps.filter(|_| args.fidelity != Fidelity::Off),
        searched: Searched {
            reference: args.reference.values(),
            fidelity: (args.fidelity != Fidelity::Off).then(|| args.fidelity.name().to_owned()),
            ..searched
        },
    };
    StudyRequest {
        name: &args.study,
        metrics: &args.metric,
        setup: (EXTERNAL_SETUP, setup.to_json()),
        facts: [(SPACE.to_owned(), space.to_json())].into_iter().chain(args.reference.fact()).collect(),
        value_without: &|_, _| None,
    }
}

/// Locks the study for this process. Waits while another process holds the lock, for the time in
/// [`PATIENCE`].
fn wait_for_lock(database: &Location, study: &str) -> Result<StudyLock, StorageError> {
    let (patience, look_every) = PATIENCE;
    let end = Instant::now() + patience;
    loop {
        match database.lock(study) {
            Err(StorageError::Locked { .. }) if Instant::now() < end => std::thread::sleep(look_every),
            lock => return lock,
        }
    }
}

fn find(storage: &mut dyn Storage, database: &Location, name: &str) -> Result<StudyKey> {
    if let Some(key) = storage.find_study(name)? {
        return Ok(key);
    }
    let names = storage.study_names()?;
    let hint = match names.is_empty() {
        true => ": it holds no study; tune ask --space makes one".to_owned(),
        false => input::suggestion(name, names.iter().map(String::as_str)),
    };
    bail!("--study {name}: not in {database}{hint}")
}

/// The search space of `study`, and the rest of its setup.
fn searched(study: &Study) -> Result<(Space, ExternalSetup)> {
    match (study.space(), ExternalSetup::of(study)) {
        (Some(space), Some(setup)) => Ok((space?, setup)),
        _ => bail!(
            "study {}: its trials are not asked for: tune ask --space makes a study whose are",
            study.name
        ),
    }
}

/// How the trials of a study with this setup pause.
fn steps(setup: &ExternalSetup) -> Result<Option<Steps>> {
    let fidelity = setup.searched.fidelity.as_deref().map(fidelity).transpose()?.unwrap_or_default();
    Ok(Steps::new(fidelity, setup.steps)?)
}

/// Refuses an outcome unless it has one finite value per metric.
fn check_values(study: &Study, outcome: &Outcome) -> Result<()> {
    let Outcome::Complete { values, constraints, .. } = outcome else { return Ok(()) };
    if values.len() != study.metrics.len() {
        bail!("{} times --value for {} metrics: must be one for each", values.len(), study.metrics.len());
    }
    match values.iter().chain(constraints).find(|value| !value.is_finite()) {
        Some(value) => {
            bail!("{value}: must be a finite number; a trial that came to nothing is told by --failure")
        }
        None => Ok(()),
    }
}

/// Adds a trial for a point that `tune ask` did not propose. Returns its number.
fn add(
    storage: &mut dyn Storage,
    key: StudyKey,
    study: &Study,
    point: &str,
    outcome: &Outcome,
) -> Result<u32> {
    let (space, _) = searched(study)?;
    let point: Point = input::from_json(point, "--point")?;
    let point = space.adopt(&point);
    space.check(&point)?;
    let claim = storage.claim(key, &space, &space.completed(&point), &Attributes::new(), u32::MAX)?;
    let claim = claim.expect("no study has so many trials");
    storage.finish(claim.key, outcome)?;
    Ok(claim.trial.number)
}

/// Stores `outcome` as the result of the trial `number`, which must be running, or as its values at
/// `step` where it pauses. Returns the number.
fn tell_trial(
    storage: &mut dyn Storage,
    key: StudyKey,
    study: &Study,
    number: u32,
    step: Option<u32>,
    outcome: &Outcome,
) -> Result<u32> {
    let Some(trial) = storage.find_trial(key, number)? else {
        bail!("--trial {number}: study {} has {} trials, counted from 0", study.name, study.trials.len());
    };
    let rung_history = rung_history(study, number, step, outcome)?;
    let runs = latest(study, number).is_some_and(|trial| trial.state == TrialState::Running);
    if let (true, Some(step), Outcome::Complete { values, .. }) = (runs, step, outcome) {
        storage.report(trial, step, values[0])?;
    }
    let told = match rung_history {
        Some(rung_history) => storage.pause(trial, &rung_history)?,
        None => storage.finish(trial, outcome)?,
    };
    if told {
        return Ok(number);
    }
    let study = storage.load_study(key)?;
    match latest(&study, number) {
        Some(trial) if trial.is_paused() => {
            bail!(
                "--trial {number}: is paused, not running: it can be told again once tune ask prints it again"
            )
        }
        trial => {
            let state = trial.map_or_else(|| "gone".to_owned(), |trial| trial.state.to_string());
            bail!("--trial {number}: is {state}, not running: a trial is told once")
        }
    }
}

/// The rungs of the trial `number` if it pauses with `outcome` at `step`; `None` if it ends.
fn rung_history(
    study: &Study,
    number: u32,
    step: Option<u32>,
    outcome: &Outcome,
) -> Result<Option<RungHistory>> {
    let (Some(step), Outcome::Complete { values, .. }) = (step, outcome) else { return Ok(None) };
    let steps = steps(&searched(study)?.1)?.ok_or(StepsError::NoPauses(step))?;
    match latest(study, number).filter(|trial| trial.state == TrialState::Running) {
        Some(trial) => Ok(steps.reached(trial, step, values)?),
        None => Ok(None),
    }
}

/// The last trial of `study` with this number.
fn latest(study: &Study, number: u32) -> Option<&Trial> {
    study.trials.iter().rev().find(|trial| trial.number == number)
}

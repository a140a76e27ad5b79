//! Leads a study that is ready: opens it, runs it, writes and shows its winner.

use anyhow::Result;

use super::options::study::StudyArgs;
use super::setup::open::{self, StudyRequest};
use super::setup::prepared::Prepared;
use super::setup::signals::{STOP, stop_on_signals};
use super::setup::{checkpoints, warm};
use super::shown::exit::{Exit, WhileRunning};
use super::shown::progress::Progress;
use crate::report::{self, Best};
use crate::storage::{Location, Storage, StudyKey};
use crate::study::WARM_START;
use crate::tuner::{End, Tuner};

/// Runs the study `prepared` from its beginning, or from where it was interrupted, to its end.
///
/// `command` is the command line that makes the same result again.
///
/// # Errors
/// The storage fails, the study in it is of another setup, or the result cannot be written.
pub(super) fn lead(mut prepared: Prepared, args: &StudyArgs, command: &str) -> Result<Exit> {
    let database = &args.storage.storage;
    let mut storage = database.open()?;
    let _lock = database.lock(&prepared.name)?;
    add_warm_start(&mut prepared, args, &mut *storage)?;
    let study = open_study(&prepared, args, &mut *storage, database)?;
    if args.prepare {
        return Ok(open::ready(&prepared.name, database));
    }
    if let (Some(pausing), Some(named)) = (&mut prepared.settings.pausing, &args.fidelity.checkpoint_dir) {
        pausing.checkpoint_dir = checkpoints::folder_in(named, &*storage.load_study(study)?);
    }
    stop_on_signals()?;
    let mut progress = Progress::new(&args.display);
    if progress.is_for_people() {
        prepared.remarks.iter().for_each(|remark| eprintln!("{remark}"));
    }
    let search = args.search.build();
    let space = prepared.space.clone().with_foresight(prepared.objective.foresight());
    let mut tuner = Tuner {
        space: &space,
        search: search.as_ref(),
        objective: prepared.objective.as_ref(),
        storage: &mut *storage,
        study,
        settings: prepared.settings.clone(),
        stop: &STOP,
    };
    match tuner.run(&mut |event| progress.observe(&event))? {
        End::Interrupted => Ok(Exit::Interrupted),
        End::NothingFeasible => {
            eprintln!("no trial of {} has a value: see `tune show` for the reasons", prepared.name);
            Ok(Exit::NothingFeasible)
        }
        End::Done => finish(&prepared, &mut *storage, study, command, &progress),
    }
}

/// Adds the results that `--warm-start` names to the study's facts and setup.
fn add_warm_start(prepared: &mut Prepared, args: &StudyArgs, storage: &mut dyn Storage) -> Result<()> {
    let metrics = prepared.objective.metrics();
    let Some(source) = &args.warm_start else { return Ok(()) };
    let known = warm::read(source, storage, &prepared.name, &prepared.space, &metrics)?;
    prepared.setup.set_warm_start(known.sha256);
    prepared.facts.insert(WARM_START.to_owned(), known.trials.to_json());
    prepared.remarks.push(known.remark);
    Ok(())
}

/// The study of this name: a new one, or an older one of the same setup.
fn open_study(
    prepared: &Prepared,
    args: &StudyArgs,
    storage: &mut dyn Storage,
    database: &Location,
) -> Result<StudyKey> {
    let request = StudyRequest {
        name: &prepared.name,
        metrics: &prepared.objective.metrics(),
        setup: prepared.setup.attribute(),
        facts: prepared.facts.clone(),
    };
    open::open(storage, database, &request, args.fresh)
}

/// Writes the winner, shows it, and compares it with `--fail-under`.
fn finish(
    prepared: &Prepared,
    storage: &mut dyn Storage,
    study: StudyKey,
    command: &str,
    progress: &Progress,
) -> Result<Exit> {
    let study = storage.load_study(study)?;
    let model = prepared.settings.model.as_deref().filter(|model| model.exists());
    let model = model.and_then(|model| model.file_name()).map(|name| name.to_string_lossy().into_owned());
    let best = Best::of(&study, command, model.as_deref())
        .ok_or_else(|| WhileRunning(format!("{} has no confirmed winner", study.name)))?;
    let output = &prepared.output;
    output.write(best.to_text()).map_err(|error| WhileRunning(format!("{error:#}")))?;
    if progress.is_for_people() {
        print!("{}", report::winner_text(&best));
        eprintln!("written to {}", output.file().display());
    }
    Ok(against(prepared.fail_under, best.test.spread.map(|spread| spread.mean)))
}

/// Says so where the winner's `mean` on the test set is below the `least` that was asked for.
fn against(least: Option<f64>, mean: Option<f64>) -> Exit {
    match least {
        Some(least) if mean.is_none_or(|mean| mean < least) => {
            let shown = mean.map_or("nothing".to_owned(), |mean| format!("{mean:.4}"));
            eprintln!("the winner scores {shown} on the test set, below --fail-under {least}");
            Exit::BelowTarget
        }
        _ => Exit::Done,
    }
}

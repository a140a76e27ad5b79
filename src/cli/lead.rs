//! Leads a prepared study: opens it in its storage, runs it, writes and shows its winner.

use std::path::Path;

use anyhow::Result;
use serde_json::Value as Json;

use super::options::study::StudyArgs;
use super::reproduce;
use super::setup::open::{self, StudyRequest};
use super::setup::output::Output;
use super::setup::prepared::Prepared;
use super::setup::{checkpoints, warm};
use super::shown::exit::{Exit, WhileRunning};
use super::shown::progress::Progress;
use super::shown::streams;
use super::signals::{STOP, stop_on_signals};
use crate::output;
use crate::report::{self, Best, Remark};
use crate::space::{Point, Value};
use crate::storage::{Location, Storage, StorageError, StudyKey};
use crate::study::{
    COMMAND, CONFIRMATION, Confirmation, ExternalSetup, FRESH_SEEDS, FreshSeeds, Metric, SCRIPT, Script,
    Setup, Study, Trial, WARM_START,
};
use crate::tuner::{End, Tuner, TunerError};
use crate::units::digits;

/// Runs the study `prepared` to its end. A study that was interrupted goes on where it stopped.
///
/// `command` is the command line that makes the same result again.
///
/// # Errors
/// The storage fails, the study in it has another setup, or the result cannot be written.
pub(super) fn lead(mut prepared: Prepared, args: &StudyArgs, command: &str) -> Result<Exit> {
    let database = &args.storage.storage;
    let mut storage = open::storage(database)?;
    let lock = database.lock(&prepared.name)?;
    storage.guard(&lock);
    add_warm_start(&mut prepared, args, &mut *storage)?;
    let command = &*with_trials_so_far(command, &prepared, args, &mut *storage)?;
    prepared.facts.insert(COMMAND.to_owned(), command.into());
    prepared.remarks.extend(changed_script(&prepared, args, &mut *storage)?);
    prepared.remarks.extend(added_parameters(&prepared, args, &mut *storage)?);
    let study = open_study(&prepared, args, &mut *storage, database)?;
    if args.prepare {
        return open::ready(&prepared.name, database, args.display.json);
    }
    if let (Some(pausing), Some(named)) = (&mut prepared.settings.pausing, &args.fidelity.checkpoint_dir) {
        pausing.checkpoint_dir = checkpoints::folder_in(named, &*storage.load_study(study)?);
    }
    if args.retry_failed {
        let seeds = forget_failed_seeds(&mut *storage, study)?;
        prepared.remarks.push(Remark::RetriedFailed { count: storage.retry_failed(study)?, seeds });
    }
    stop_on_signals()?;
    let mut progress = Progress::new(&args.display, &prepared.settings, prepared.data.is_some(), &STOP);
    if progress.is_for_people() {
        prepared.remarks.iter().for_each(streams::say);
    }
    let search = args.search.refining(args.budget, args.refine);
    let space = args.fix.hold(prepared.space.clone())?.with_foresight(prepared.objective.foresight());
    let mut tuner = Tuner {
        space: &space,
        search: search.as_ref(),
        objective: prepared.objective.as_ref(),
        storage: &mut *storage,
        study,
        settings: prepared.settings.clone(),
        stop: &STOP,
    };
    let (data, objective) = (prepared.data.as_ref(), prepared.objective.as_ref());
    let exit = match tuner.run(&mut |event| progress.observe_study(&event, data, objective))? {
        End::Interrupted => Exit::Interrupted,
        End::NothingFeasible => {
            streams::say(no_value(&*storage.load_study(study).map_err(TunerError::Storage)?));
            Exit::NothingFeasible
        }
        End::Done => finish(&prepared, &mut *storage, study, command, &progress)?,
    };
    progress.end()?;
    Ok(exit)
}

/// `command` with the number of trials that the study has as its budget, if that is larger.
fn with_trials_so_far(
    command: &str,
    prepared: &Prepared,
    args: &StudyArgs,
    storage: &mut dyn Storage,
) -> Result<String, StorageError> {
    let study = storage.find_study(&prepared.name)?.filter(|_| !args.fresh);
    let charged =
        study.map(|study| storage.load_study(study)).transpose()?.map_or(0, |study| study.charged());
    Ok(match charged > args.budget as usize {
        true => reproduce::with_option(command, "budget", &charged.to_string()),
        false => command.to_owned(),
    })
}

/// Forgets the confirmation of `study` if fresh seeds have failed in it, so that it is done again. Returns
/// their number.
fn forget_failed_seeds(storage: &mut dyn Storage, study: StudyKey) -> Result<usize, StorageError> {
    let before = storage.load_study(study)?;
    storage.set_study_attribute(study, FRESH_SEEDS, &FreshSeeds::of(&before).without_failed().to_json())?;
    let Some(confirmation) = Confirmation::of(&before) else { return Ok(0) };
    let repeats = confirmation.candidates.iter().flat_map(|candidate| &candidate.repeats);
    let failed = repeats.filter(|repeat| repeat.value.is_none()).count();
    if failed > 0 {
        storage.set_study_attribute(study, CONFIRMATION, &Json::Null)?;
    }
    Ok(failed)
}

/// One line of advice about `study`, in which no trial has a value.
fn no_value(study: &Study) -> String {
    let infeasible =
        Remark::of(study).into_iter().find(|remark| matches!(remark, Remark::NothingFeasible { .. }));
    if let Some(infeasible) = infeasible {
        return format!("{}: {infeasible}", study.name);
    }
    let failed: Vec<&Trial> = study.failed().collect();
    let Some(last) = failed.last() else {
        return format!("no trial of {} has a value: raise --budget", study.name);
    };
    let reason = last.attributes.get("reason").and_then(|reason| reason.as_str()).unwrap_or("no reason kept");
    format!(
        "no trial of {} has a value, {} failed, the last one, trial {}: {reason}: {}",
        study.name,
        failed.len(),
        last.number,
        match ExternalSetup::of(study) {
            Some(_) => "mend it, then run the same command with --retry-failed",
            None if Setup::of(study).is_some_and(|setup| !setup.constraints.is_empty()) => {
                "change the space, the chip or --constraint, then run again with --fresh"
            }
            None => "change the space or the chip, then run again with --fresh",
        }
    )
}

/// A line for the user if the script that the study's command runs has changed since its last run.
fn changed_script(
    prepared: &Prepared,
    args: &StudyArgs,
    storage: &mut dyn Storage,
) -> Result<Option<Remark>> {
    let now = prepared.facts.get(SCRIPT).and_then(|kept| serde_json::from_value::<Script>(kept.clone()).ok());
    let (Some(now), false) = (now, args.fresh) else { return Ok(None) };
    let Some(study) = storage.find_study(&prepared.name)? else { return Ok(None) };
    let before = Script::of(&*storage.load_study(study)?);
    let has_changed = before.is_some_and(|before| before.has_changed(&now));
    Ok(has_changed.then_some(Remark::ChangedScript { file: now.file }))
}

/// A line for the user if the space has got parameters since the last run.
fn added_parameters(
    prepared: &Prepared,
    args: &StudyArgs,
    storage: &mut dyn Storage,
) -> Result<Option<Remark>> {
    let Some(study) = storage.find_study(&prepared.name)?.filter(|_| !args.fresh) else { return Ok(None) };
    let study = storage.load_study(study)?;
    let (metrics, value_without) = (prepared.objective.metrics(), value_without(prepared));
    let Some(added) = open::added(&study, &request(prepared, &metrics, &value_without)) else {
        return Ok(None);
    };
    let shown = |is_shown: &dyn Fn(&str, &Value) -> bool| {
        let values = added.iter().filter(|(name, value)| is_shown(name, value));
        values.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
    };
    let is_outside = |name: &str, value: &Value| {
        prepared.space.parameter(name).is_some_and(|parameter| !parameter.domain.contains(value))
    };
    Ok(Some(Remark::AddedParameters { values: shown(&|_, _| true), outside: shown(&is_outside) }))
}

/// Adds the results that `--warm-start` names to the study's facts and setup.
fn add_warm_start(prepared: &mut Prepared, args: &StudyArgs, storage: &mut dyn Storage) -> Result<()> {
    let metrics = prepared.objective.metrics();
    let Some(source) = &args.warm_start else { return Ok(()) };
    let known = warm::read(
        source,
        storage,
        &prepared.name,
        &prepared.space,
        (&metrics, prepared.setup.constraints()),
    )?;
    prepared.setup.set_warm_start(known.sha256);
    prepared.facts.insert(WARM_START.to_owned(), known.trials.to_json());
    prepared.remarks.push(known.remark);
    Ok(())
}

/// Opens the study of this name: a new one, or an older one of the same setup.
fn open_study(
    prepared: &Prepared,
    args: &StudyArgs,
    storage: &mut dyn Storage,
    database: &Location,
) -> Result<StudyKey> {
    let (metrics, value_without) = (prepared.objective.metrics(), value_without(prepared));
    open::open(storage, database, &request(prepared, &metrics, &value_without), args.fresh)
}

/// From a point and the name of a parameter that it lacks: the value that its trial had, where the objective
/// knows it.
fn value_without(prepared: &Prepared) -> impl Fn(&Point, &str) -> Option<Value> {
    |point, name| prepared.objective.value_without(point, name)
}

/// What the prepared study, which has these `metrics`, asks of its storage.
fn request<'a>(
    prepared: &'a Prepared,
    metrics: &'a [Metric],
    value_without: &'a dyn Fn(&Point, &str) -> Option<Value>,
) -> StudyRequest<'a> {
    StudyRequest {
        name: &prepared.name,
        metrics,
        setup: prepared.setup.attribute(),
        facts: prepared.facts.clone(),
        value_without,
    }
}

/// Writes and shows the winner, and compares it with `--fail-under`.
fn finish(
    prepared: &Prepared,
    storage: &mut dyn Storage,
    study: StudyKey,
    command: &str,
    progress: &Progress,
) -> Result<Exit> {
    let study = storage.load_study(study).map_err(TunerError::Storage)?;
    let best = result(prepared, &study, command)
        .ok_or_else(|| WhileRunning(format!("{} has no confirmed winner", study.name)))?;
    let output = &prepared.output;
    output.write(best.to_text())?;
    if progress.is_for_people() {
        let printed = streams::print(&report::winner_text(&best));
        Remark::of(&study).iter().for_each(streams::say);
        overtaken(&study, &best, prepared).into_iter().for_each(streams::say);
        if Confirmation::of(&study).is_some_and(|confirmation| !confirmation.winner().keeps_constraints()) {
            streams::say(
                "the winner breaks a constraint in the mean of its fresh seeds: ask for a bound with some room, or confirm \
                 more trials with --confirm",
            );
        }
        streams::say(format_args!("written to {}", files(&prepared.output, best.model.as_deref())));
        if let Some((name, reference)) = &prepared.against {
            streams::print_line(report::against_text(&best, reference, name))?;
        }
        printed?;
    }
    Ok(below(prepared.fail_under, best.test.spread.map(|spread| spread.mean)))
}

/// With several metrics: why the winner `best` is not the best trial in the first metric.
fn overtaken(study: &Study, best: &Best, prepared: &Prepared) -> Option<String> {
    let first = study.best().filter(|first| first.number != best.trial && study.metrics.len() > 1)?;
    let (metric, value) = (&study.metrics[0].name, digits(*first.values.first()?));
    let reason = match &prepared.settings.pick {
        Some(pick) => format!("--pick {pick} chose trial {}", best.trial),
        None if !study.pareto_front().iter().any(|trial| trial.number == first.number) => {
            "it is not on the front: another trial is as good in every metric".to_owned()
        }
        None => format!("trial {} is better over fresh seeds", best.trial),
    };
    Some(format!("trial {} had the best {metric} of the search, {value}; {reason}", first.number))
}

/// The winner of `study`, with those networks whose files are there and hold them; `None` if nothing is
/// confirmed. Says so if the winner's own file does not.
fn result(prepared: &Prepared, study: &Study, command: &str) -> Option<Best> {
    let model = prepared.settings.model.as_deref();
    let name = model.and_then(|model| model.file_name()).map(|name| name.to_string_lossy().into_owned());
    let folder = prepared.output.file().parent().unwrap_or(Path::new(""));
    let is_there =
        |name: &str, sha256: &str| output::sha256(&folder.join(name)).is_ok_and(|found| found == sha256);
    let written = Best::of(study, command, name.as_deref())?;
    let best = written.clone().with_models(is_there);
    if let (Some(model), Some(_), None) = (model, &written.model_sha256, &best.model) {
        streams::say(format_args!(
            "{}: another program has written to it while this study ended, so {} names no network: run the same command \
             again, with an --out of its own",
            model.display(),
            prepared.output.file().display()
        ));
    }
    Some(best)
}

/// The files of the result: the one of `output`, and that of its network if there is one.
fn files(output: &Output, model: Option<&str>) -> String {
    let network = output.model().filter(|_| model.is_some());
    let network = network.map_or(String::new(), |file| format!(" and {}", file.display()));
    format!("{}{network}", output.file().display())
}

/// Says so where the winner's `mean` on the test set is below the `least` that was asked for.
fn below(least: Option<f64>, mean: Option<f64>) -> Exit {
    match least {
        Some(least) if mean.is_none_or(|mean| mean < least) => {
            let shown = mean.map_or("nothing".to_owned(), digits);
            streams::say(format_args!(
                "the winner scores {shown} on the test set, below --fail-under {least}"
            ));
            Exit::BelowTarget
        }
        _ => Exit::Done,
    }
}

//! Rows read back as trials.

use std::collections::HashMap;

use indexmap::IndexMap;
use rusqlite::{Connection, Row};
use serde_json::Value as Json;

use super::super::{StudyKey, TrialKey};
use super::attribute::{self, Owner};
use super::distribution::Distribution;
use super::fault::Fault;
use super::{number, time};
use crate::space::Point;
use crate::study::{Attributes, Timestamp, Trial, TrialState};

/// Where Optuna keeps the constraints of a trial: one list, or one number each under `constraints:<name>`.
pub(super) const CONSTRAINTS: &str = "constraints";

/// Where Optuna keeps the parameters of a trial that somebody enqueued.
const FIXED_PARAMS: &str = "fixed_params";

/// Which trials are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// All of a study.
    OfStudy(StudyKey),
    /// One.
    Only(TrialKey),
}

/// Trials by key, in order of their numbers.
type Trials = IndexMap<i64, Trial>;

/// Trials in order of their numbers; within the caller's transaction, so that they belong together.
pub(super) fn trials(connection: &Connection, which: Which) -> Result<Vec<(TrialKey, Trial)>, Fault> {
    let mut trials = heads(connection, which)?;
    params(connection, which, &mut trials)?;
    values(connection, which, &mut trials)?;
    intermediate_values(connection, which, &mut trials)?;
    user_attributes(connection, which, &mut trials)?;
    system_attributes(connection, which, &mut trials)?;
    Ok(trials.into_iter().map(|(key, trial)| (TrialKey(key), trial)).collect())
}

/// All attributes of `owner`, oldest first.
pub(super) fn attributes(connection: &Connection, owner: Owner) -> Result<Attributes, Fault> {
    let (table, column, key) = owner.place();
    let sql = format!(r#"SELECT "key", value_json FROM {table} WHERE {column} = ?1 ORDER BY rowid"#);
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map([key], |row| Ok((row.get(0)?, attribute::read(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn heads(connection: &Connection, which: Which) -> Result<Trials, Fault> {
    let mut trials = Trials::new();
    let sql = "SELECT t.trial_id, number, state, datetime_start, datetime_complete FROM trials t";
    each(connection, sql, which, "number, t.trial_id", |row| {
        let number: Option<u32> = row.get(1)?;
        let number = number.ok_or_else(|| Fault::row("a trial has no number: must count from 0"))?;
        let mut trial = Trial::waiting(number, Point::default());
        trial.state = state(&trial, &row.get::<_, String>(2)?)?;
        trial.started = moment(&trial, row.get(3)?)?;
        trial.finished = moment(&trial, row.get(4)?)?;
        trials.insert(row.get(0)?, trial);
        Ok(())
    })?;
    Ok(trials)
}

fn params(connection: &Connection, which: Which, trials: &mut Trials) -> Result<(), Fault> {
    // A study repeats a few distributions in every trial; each is parsed once.
    let mut known: HashMap<String, Distribution> = HashMap::new();
    let sql = "SELECT trial_id, param_name, param_value, distribution_json
               FROM trial_params JOIN trials t USING (trial_id)";
    each(connection, sql, which, "param_id", |row| {
        let (name, internal): (String, Option<f64>) = (row.get(1)?, row.get(2)?);
        let text: String = row.get(3)?;
        let trial = of(trials, row)?;
        let place = || format!("trial {}: parameter {name}", trial.number);
        if !known.contains_key(&text) {
            let parsed = serde_json::from_str(&text)
                .map_err(|error| Fault::row(format!("{}: distribution_json: {error}", place())))?;
            known.insert(text.clone(), parsed);
        }
        let value = internal.and_then(|internal| known[&text].value(internal)).ok_or_else(|| {
            let internal = internal.map_or("NULL".to_owned(), |internal| internal.to_string());
            Fault::row(format!("{}: param_value = {internal}: must be in {text}", place()))
        })?;
        trial.point.set(name, value);
        Ok(())
    })
}

fn values(connection: &Connection, which: Which, trials: &mut Trials) -> Result<(), Fault> {
    let sql = "SELECT trial_id, objective, value, value_type
               FROM trial_values JOIN trials t USING (trial_id)";
    each(connection, sql, which, "trial_id, objective", |row| {
        let (value, kind): (_, String) = (row.get(2)?, row.get(3)?);
        let trial = of(trials, row)?;
        let objective: u32 = row.get(1)?;
        match number::read(value, &kind) {
            Some(value) if objective as usize == trial.values.len() => trial.values.push(value),
            Some(_) => return Err(bad(trial, "objective", objective, "objectives count from 0")),
            None => {
                return Err(bad(trial, "value_type", kind, "must fit the value, which is stored beside it"));
            }
        }
        Ok(())
    })
}

fn intermediate_values(connection: &Connection, which: Which, trials: &mut Trials) -> Result<(), Fault> {
    let sql = "SELECT trial_id, step, intermediate_value, intermediate_value_type
               FROM trial_intermediate_values JOIN trials t USING (trial_id)";
    each(connection, sql, which, "trial_id, step", |row| {
        let (value, kind): (_, String) = (row.get(2)?, row.get(3)?);
        let trial = of(trials, row)?;
        let step: i64 = row.get(1)?;
        let whole = u32::try_from(step).map_err(|_| bad(trial, "step", step, "must be in [0, 2^32)"))?;
        let value = number::read(value, &kind)
            .ok_or_else(|| bad(trial, "intermediate_value_type", kind, "must fit the value"))?;
        trial.intermediate.push((whole, value));
        Ok(())
    })
}

fn user_attributes(connection: &Connection, which: Which, trials: &mut Trials) -> Result<(), Fault> {
    let sql = r#"SELECT trial_id, "key", value_json
                 FROM trial_user_attributes JOIN trials t USING (trial_id)"#;
    each(connection, sql, which, "trial_user_attribute_id", |row| {
        of(trials, row)?.attributes.insert(row.get(1)?, attribute::read(row.get(2)?));
        Ok(())
    })
}

/// Internal attributes, and what Optuna keeps among them: constraints and an enqueued point.
fn system_attributes(connection: &Connection, which: Which, trials: &mut Trials) -> Result<(), Fault> {
    let sql = r#"SELECT trial_id, "key", value_json
                 FROM trial_system_attributes JOIN trials t USING (trial_id)"#;
    // The list of constraints comes before single ones, whose names may be indices into it.
    let order = r#""key" <> 'constraints', trial_system_attribute_id"#;
    each(connection, sql, which, order, |row| {
        let (key, text): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let trial = of(trials, row)?;
        if key == CONSTRAINTS || key.starts_with("constraints:") {
            return constrain(trial, &key, &text.unwrap_or_default());
        }
        let value = attribute::read(text);
        if key == FIXED_PARAMS && trial.state == TrialState::Waiting && trial.point.is_empty() {
            trial.point = enqueued(trial, &value)?;
        }
        trial.internal.insert(key, value);
        Ok(())
    })
}

/// Adds constraints as Optuna 5 merges its two spellings.
fn constrain(trial: &mut Trial, key: &str, text: &str) -> Result<(), Fault> {
    let numbers = number::read_list(text)
        .filter(|numbers| key == CONSTRAINTS || numbers.len() == 1)
        .ok_or_else(|| bad(trial, key, text, "must be numbers"))?;
    let index = key.strip_prefix("constraints:").and_then(|name| name.parse::<usize>().ok());
    match index.and_then(|index| trial.constraints.get_mut(index)) {
        Some(older) => *older = numbers[0],
        None => trial.constraints.extend(numbers),
    }
    Ok(())
}

fn enqueued(trial: &Trial, fixed: &Json) -> Result<Point, Fault> {
    serde_json::from_value(fixed.clone())
        .map_err(|_| bad(trial, FIXED_PARAMS, fixed, "must be an object of names and scalars"))
}

fn state(trial: &Trial, text: &str) -> Result<TrialState, Fault> {
    Ok(match text {
        "WAITING" => TrialState::Waiting,
        "RUNNING" => TrialState::Running,
        "COMPLETE" => TrialState::Complete,
        "PRUNED" => TrialState::Pruned,
        "FAIL" => TrialState::Fail,
        other => {
            return Err(bad(trial, "state", other, "must be WAITING, RUNNING, COMPLETE, PRUNED or FAIL"));
        }
    })
}

fn moment(trial: &Trial, text: Option<String>) -> Result<Option<Timestamp>, Fault> {
    text.map(|text| time::read(&text).ok_or_else(|| bad(trial, "date", text, "must be YYYY-MM-DD HH:MM:SS")))
        .transpose()
}

/// Calls `read` with every row that `select` finds of the trials `which`, in `order`.
fn each(
    connection: &Connection,
    select: &str,
    which: Which,
    order: &str,
    mut read: impl FnMut(&Row<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (column, key) = match which {
        Which::OfStudy(study) => ("study_id", study.0),
        Which::Only(trial) => ("trial_id", trial.0),
    };
    let sql = format!("{select} WHERE t.{column} = ?1 ORDER BY {order}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([key])?;
    while let Some(row) = rows.next()? {
        read(row)?;
    }
    Ok(())
}

/// The trial that a row with its key in the first column belongs to.
fn of<'a>(trials: &'a mut Trials, row: &Row<'_>) -> Result<&'a mut Trial, Fault> {
    let key: i64 = row.get(0)?;
    trials.get_mut(&key).ok_or_else(|| Fault::row(format!("trial_id = {key}: no such trial")))
}

fn bad(trial: &Trial, column: &str, value: impl std::fmt::Display, rule: &str) -> Fault {
    Fault::row(format!("trial {}: {column} = {value}: {rule}", trial.number))
}

//! Rows of studies: made, found, read, removed.

use rusqlite::{Connection, OptionalExtension};
use serde_json::Value as Json;

use super::super::{StorageError, StudyKey};
use super::attribute::{self, OURS, Owner};
use super::fault::Fault;
use super::rows::{self, Which};
use crate::study::{Attributes, Direction, Metric, Study};

/// Where Optuna keeps the names of a study's metrics.
const METRIC_NAMES: &str = "study:metric_names";

/// Longest name of a study, in characters: the column's width, which other databases enforce.
const LONGEST_NAME: usize = 512;

/// Makes a study without trials.
pub(super) fn create(
    connection: &Connection,
    name: &str,
    metrics: &[Metric],
    attributes: &Attributes,
) -> Result<StudyKey, Fault> {
    check(connection, name, metrics)?;
    connection.execute("INSERT INTO studies (study_name) VALUES (?1)", [name])?;
    let study = StudyKey(connection.last_insert_rowid());
    let mut insert = connection
        .prepare("INSERT INTO study_directions (direction, study_id, objective) VALUES (?1, ?2, ?3)")?;
    for (objective, metric) in (0_u32..).zip(metrics) {
        insert.execute((spell(metric.direction), study.0, objective))?;
    }
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    attribute::set(connection, Owner::StudySystem(study), METRIC_NAMES, &Json::from(names).to_string())?;
    for (name, value) in attributes {
        attribute::set(connection, Owner::in_study(study, name), name, &value.to_string())?;
    }
    Ok(study)
}

fn check(connection: &Connection, name: &str, metrics: &[Metric]) -> Result<(), Fault> {
    let length = name.chars().count();
    if length == 0 || length > LONGEST_NAME {
        return Err(StorageError::StudyName { length, longest: LONGEST_NAME }.into());
    }
    if metrics.is_empty() {
        return Err(StorageError::NoMetric { name: name.to_owned() }.into());
    }
    match find(connection, name)? {
        Some(_) => Err(StorageError::StudyExists { name: name.to_owned() }.into()),
        None => Ok(()),
    }
}

/// The study called `name`.
pub(super) fn find(connection: &Connection, name: &str) -> Result<Option<StudyKey>, Fault> {
    let mut select = connection.prepare_cached("SELECT study_id FROM studies WHERE study_name = ?1")?;
    Ok(select.query_row([name], |row| row.get(0)).optional()?.map(StudyKey))
}

/// Names of all studies, oldest first.
pub(super) fn names(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut select = connection.prepare("SELECT study_name FROM studies ORDER BY study_id")?;
    Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Removes a study and all that hangs on it, the dependent rows first.
pub(super) fn delete(connection: &Connection, study: StudyKey) -> Result<(), Fault> {
    const OF_TRIALS: [&str; 6] = [
        "trial_params",
        "trial_values",
        "trial_intermediate_values",
        "trial_user_attributes",
        "trial_system_attributes",
        "trial_heartbeats",
    ];
    const OF_STUDY: [&str; 5] =
        ["trials", "study_directions", "study_user_attributes", "study_system_attributes", "studies"];
    require(connection, study)?;
    let trials = "trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?1)";
    let of_trials = OF_TRIALS.iter().map(|table| format!("DELETE FROM {table} WHERE {trials}"));
    let of_study = OF_STUDY.iter().map(|table| format!("DELETE FROM {table} WHERE study_id = ?1"));
    for sql in of_trials.chain(of_study) {
        connection.execute(&sql, [study.0])?;
    }
    Ok(())
}

/// An error if the study is not there.
pub(super) fn require(connection: &Connection, study: StudyKey) -> Result<(), Fault> {
    name(connection, study).map(|_| ())
}

/// Everything known of a study.
pub(super) fn load(connection: &Connection, study: StudyKey) -> Result<Study, Fault> {
    let name = name(connection, study)?;
    let metrics = metrics(connection, study)?;
    let trials = rows::trials(connection, Which::OfStudy(study))?;
    for (number, (_, trial)) in (0..).zip(&trials) {
        if trial.number != number {
            let problem =
                format!("study \"{name}\": trial {} stands where trial {number} should", trial.number);
            return Err(Fault::row(problem));
        }
    }
    let trials = trials.into_iter().map(|(_, trial)| trial).collect();
    let mut attributes = rows::attributes(connection, Owner::StudyUser(study))?;
    let system = rows::attributes(connection, Owner::StudySystem(study))?;
    attributes.extend(system.into_iter().filter(|(name, _)| name.starts_with(OURS)));
    Ok(Study { name, metrics, trials, attributes })
}

/// How many metrics a study has.
pub(super) fn metric_count(connection: &Connection, study: StudyKey) -> Result<usize, Fault> {
    let mut count = connection.prepare_cached("SELECT COUNT(*) FROM study_directions WHERE study_id = ?1")?;
    let count: u32 = count.query_row([study.0], |row| row.get(0))?;
    Ok(count as usize)
}

fn name(connection: &Connection, study: StudyKey) -> Result<String, Fault> {
    let mut select = connection.prepare_cached("SELECT study_name FROM studies WHERE study_id = ?1")?;
    let name = select.query_row([study.0], |row| row.get(0)).optional()?;
    Ok(name.ok_or(StorageError::NoStudy(study))?)
}

fn metrics(connection: &Connection, study: StudyKey) -> Result<Vec<Metric>, Fault> {
    let mut select = connection
        .prepare("SELECT direction FROM study_directions WHERE study_id = ?1 ORDER BY objective")?;
    let directions = select.query_map([study.0], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let names = metric_names(connection, study, directions.len())?;
    names.into_iter().zip(directions).map(|(name, direction)| metric(name, &direction)).collect()
}

fn metric(name: String, direction: &str) -> Result<Metric, Fault> {
    let direction = match direction {
        "MINIMIZE" => Direction::Minimize,
        "MAXIMIZE" => Direction::Maximize,
        other => {
            let problem = format!("metric {name}: direction = {other}: must be MINIMIZE or MAXIMIZE");
            return Err(Fault::row(problem));
        }
    };
    Ok(Metric { name, direction })
}

/// The names of the metrics; as Optuna's tables call them where nobody gave them names.
fn metric_names(connection: &Connection, study: StudyKey, count: usize) -> Result<Vec<String>, Fault> {
    let mut system = rows::attributes(connection, Owner::StudySystem(study))?;
    let unnamed = || match count {
        1 => vec!["value".to_owned()],
        _ => (0..count).map(|objective| format!("values_{objective}")).collect(),
    };
    let Some(names) = system.shift_remove(METRIC_NAMES) else { return Ok(unnamed()) };
    match serde_json::from_value::<Vec<String>>(names.clone()) {
        Ok(names) if names.len() == count => Ok(names),
        _ => Err(Fault::row(format!("{METRIC_NAMES} = {names}: must be a list of {count} names"))),
    }
}

fn spell(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimize => "MINIMIZE",
        Direction::Maximize => "MAXIMIZE",
    }
}

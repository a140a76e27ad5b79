//! Rows of studies: made, found, read, removed.

use std::sync::Arc;

use serde_json::Value as Json;

use super::super::{StorageError, StudyKey};
use super::attribute::{self, OURS, Owner};
use super::fault::Fault;
use super::sql::Sql;
use crate::input::LONGEST_NAME;
use crate::study::{Attributes, Direction, Metric, Study, Trial, TrialState, WARM_START, WarmStartTrials};

/// The attribute in which Optuna keeps the names of a study's metrics.
const METRIC_NAMES: &str = "study:metric_names";

/// Makes a study without trials.
pub(super) fn create(
    sql: &mut dyn Sql,
    name: &str,
    metrics: &[Metric],
    attributes: &Attributes,
) -> Result<StudyKey, Fault> {
    check(name, metrics)?;
    if let Some(study) = find(sql, name)? {
        // An earlier attempt, whose answer was lost, may have made it.
        return match sql.is_repeated() && stored_attributes(sql, study)? == *attributes {
            true => Ok(study),
            false => Err(StorageError::StudyExists { name: name.to_owned() }.into()),
        };
    }
    let insert = "INSERT INTO studies (study_name) VALUES (?1) RETURNING study_id";
    let study = StudyKey(sql.insert(insert, &[name.into()])?);
    let insert = "INSERT INTO study_directions (direction, study_id, objective) VALUES (?1, ?2, ?3)";
    for (objective, metric) in (0_u32..).zip(metrics) {
        sql.execute(insert, &[spell(metric.direction).into(), study.0.into(), objective.into()])?;
    }
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    attribute::set(sql, Owner::StudySystem(study), METRIC_NAMES, &Json::from(names).to_string())?;
    for (name, value) in attributes {
        attribute::set(sql, Owner::in_study(study, name), name, &value.to_string())?;
    }
    Ok(study)
}

fn check(name: &str, metrics: &[Metric]) -> Result<(), StorageError> {
    let length = name.chars().count();
    if length == 0 || length > LONGEST_NAME {
        return Err(StorageError::StudyName { length, longest: LONGEST_NAME });
    }
    if metrics.is_empty() {
        return Err(StorageError::NoMetric { name: name.to_owned() });
    }
    attribute::check_name(name)
}

/// The study called `name`.
pub(super) fn find(sql: &mut dyn Sql, name: &str) -> Result<Option<StudyKey>, Fault> {
    if attribute::check_name(name).is_err() {
        return Ok(None);
    }
    let row = sql.first("SELECT study_id FROM studies WHERE study_name = ?1", &[name.into()])?;
    row.map(|row| row.int(0).map(StudyKey)).transpose()
}

/// The names of all studies, oldest first.
pub(super) fn names(sql: &mut dyn Sql) -> Result<Vec<String>, Fault> {
    let rows = sql.query("SELECT study_name FROM studies ORDER BY study_id", &[])?;
    rows.iter().map(|row| row.text(0)).collect()
}

/// Removes a study with its trials and attributes, the dependent rows first.
pub(super) fn delete(sql: &mut dyn Sql, study: StudyKey) -> Result<(), Fault> {
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
    match require(sql, study) {
        // The attempt before has deleted it, and its answer got lost.
        Err(Fault::Storage(StorageError::NoStudy(_))) if sql.is_repeated() => return Ok(()),
        other => other?,
    }
    let trials = "trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?1)";
    let of_trials = OF_TRIALS.iter().map(|table| format!("DELETE FROM {table} WHERE {trials}"));
    let of_study = OF_STUDY.iter().map(|table| format!("DELETE FROM {table} WHERE study_id = ?1"));
    for statement in of_trials.chain(of_study) {
        sql.execute(&statement, &[study.0.into()])?;
    }
    Ok(())
}

/// Returns an error if the study does not exist. Until the transaction ends, no other process adds
/// trials to it.
pub(super) fn require(sql: &mut dyn Sql, study: StudyKey) -> Result<(), Fault> {
    let lock = sql.lock();
    name(sql, study, lock).map(|_| ())
}

/// Returns an error if the study does not exist. Does not lock it for other processes.
pub(super) fn look(sql: &mut dyn Sql, study: StudyKey) -> Result<(), Fault> {
    name(sql, study, "").map(|_| ())
}

/// A study without its trials, and its warm-start trials (trials of earlier studies) with their
/// text. `before` is what the last read of the study returned for these; it saves parsing the same
/// text again.
pub(super) fn about(
    sql: &mut dyn Sql,
    study: StudyKey,
    before: &ParsedWarmStart,
) -> Result<(Study, ParsedWarmStart), Fault> {
    let name = name(sql, study, "")?;
    let system = attribute::texts(sql, Owner::StudySystem(study))?;
    let metrics = metrics(sql, study, &system)?;
    let mut attributes = attribute::all(sql, Owner::StudyUser(study))?;
    let mut warm_start_text = None;
    for (name, text) in system.into_iter().filter(|(name, _)| attribute::is_for_programs(name)) {
        if name == WARM_START {
            warm_start_text = Some(text.unwrap_or_default());
        } else {
            attributes.insert(name, attribute::read(text));
        }
    }
    let parsed = before.or_parse(warm_start_text)?;
    let warm_start = Arc::clone(&parsed.trials);
    Ok((Study { name, metrics, trials: Vec::new(), warm_start, attributes }, parsed))
}

/// The warm-start trials of a study, with the text that they were parsed from.
#[derive(Debug, Default)]
pub(super) struct ParsedWarmStart {
    /// `None`: the study has none.
    text: Option<String>,
    trials: Arc<WarmStartTrials>,
}

impl ParsedWarmStart {
    /// The warm-start trials in `text`. If the text is the same as before, they are not parsed
    /// again.
    fn or_parse(&self, text: Option<String>) -> Result<Self, Fault> {
        if self.text == text {
            return Ok(Self { text, trials: Arc::clone(&self.trials) });
        }
        let parsed = text.as_deref().map(|text| attribute::fact(None, WARM_START, Some(text)));
        let trials = Arc::new(parsed.transpose()?.unwrap_or_default());
        Ok(Self { text, trials })
    }
}

/// The attributes of a study as [`create`] writes them, without those of other programs.
fn stored_attributes(sql: &mut dyn Sql, study: StudyKey) -> Result<Attributes, Fault> {
    let mut attributes = attribute::all(sql, Owner::StudyUser(study))?;
    let system = attribute::all(sql, Owner::StudySystem(study))?;
    attributes.extend(system.into_iter().filter(|(name, _)| name.starts_with(OURS)));
    Ok(attributes)
}

/// Returns an error if a complete trial does not have one value for each metric.
pub(super) fn check_values(study: &Study) -> Result<(), Fault> {
    let is_wrong =
        |trial: &&Trial| trial.state == TrialState::Complete && trial.values.len() != study.metrics.len();
    match study.trials.iter().find(is_wrong) {
        None => Ok(()),
        Some(trial) => Err(Fault::row(format!(
            "trial {}: {} values of a complete trial: must be one for each metric, {} in all",
            trial.number,
            trial.values.len(),
            study.metrics.len()
        ))),
    }
}

/// The number of metrics of a study.
pub(super) fn metric_count(sql: &mut dyn Sql, study: StudyKey) -> Result<usize, Fault> {
    let row = sql.first("SELECT COUNT(*) FROM study_directions WHERE study_id = ?1", &[study.0.into()])?;
    Ok(row.map_or(Ok(0), |row| row.count(0))? as usize)
}

fn name(sql: &mut dyn Sql, study: StudyKey, lock: &str) -> Result<String, Fault> {
    let statement = format!("SELECT study_name FROM studies WHERE study_id = ?1{lock}");
    let row = sql.first(&statement, &[study.0.into()])?;
    row.ok_or(StorageError::NoStudy(study))?.text(0)
}

/// Names and texts of the attributes of a study for programs.
type Texts = [(String, Option<String>)];

fn metrics(sql: &mut dyn Sql, study: StudyKey, system: &Texts) -> Result<Vec<Metric>, Fault> {
    let statement = "SELECT direction FROM study_directions WHERE study_id = ?1 ORDER BY objective";
    let rows = sql.query(statement, &[study.0.into()])?;
    let names = metric_names(system, rows.len())?;
    names.into_iter().zip(rows).map(|(name, row)| metric(name, &row.text(0)?)).collect()
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

/// The names of the metrics. If nobody gave them names, those that Optuna's tables use.
fn metric_names(system: &Texts, count: usize) -> Result<Vec<String>, Fault> {
    let unnamed = || match count {
        1 => vec!["value".to_owned()],
        _ => (0..count).map(|objective| format!("values_{objective}")).collect(),
    };
    let Some((_, text)) = system.iter().find(|(name, _)| name == METRIC_NAMES) else { return Ok(unnamed()) };
    let names = attribute::read(text.clone());
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

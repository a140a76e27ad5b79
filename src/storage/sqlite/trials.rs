//! Rows of trials, written: claimed, reported on, finished, taken back.

use rusqlite::{Connection, OptionalExtension};

use super::super::{Claim, StorageError, StudyKey, TrialKey};
use super::attribute::{self, Owner};
use super::distribution::Distribution;
use super::fault::Fault;
use super::rows::{self, CONSTRAINTS, Which};
use super::{number, studies, time};
use crate::space::{Domain, Point, Space, Value};
use crate::study::{Attributes, COURSE, Course, Failure, Outcome, TrialState};

/// Starts a new trial of `point`, unless the budget is spent.
pub(super) fn claim(
    connection: &Connection,
    study: StudyKey,
    space: &Space,
    point: &Point,
    internal: &Attributes,
    budget: u32,
) -> Result<Option<Claim>, Fault> {
    let count = count(connection, study)?;
    if count.begun >= budget {
        return Ok(None);
    }
    let sql = "INSERT INTO trials (number, study_id, state, datetime_start) VALUES (?1, ?2, 'RUNNING', ?3)";
    connection.prepare_cached(sql)?.execute((count.all, study.0, time::now()))?;
    let trial = TrialKey(connection.last_insert_rowid());
    insert_point(connection, trial, space, point)?;
    attribute::set_all(connection, Owner::TrialSystem(trial), internal)?;
    claimed(connection, trial).map(Some)
}

/// Starts the waiting trial of the lowest number, unless the budget is spent.
pub(super) fn claim_waiting(
    connection: &Connection,
    study: StudyKey,
    budget: u32,
) -> Result<Option<Claim>, Fault> {
    if count(connection, study)?.begun >= budget {
        return Ok(None);
    }
    let sql = "SELECT trial_id FROM trials WHERE study_id = ?1 AND state = 'WAITING' ORDER BY number LIMIT 1";
    let first = connection.prepare_cached(sql)?.query_row([study.0], |row| row.get(0)).optional()?;
    let Some(trial) = first.map(TrialKey) else { return Ok(None) };
    // Read before it runs: a point that Optuna enqueued is a point only of a waiting trial.
    let waiting = claimed(connection, trial)?;
    let sql = "UPDATE trials SET state = 'RUNNING', datetime_start = ?2 WHERE trial_id = ?1";
    connection.prepare_cached(sql)?.execute((trial.0, time::now()))?;
    let mut claim = claimed(connection, trial)?;
    claim.trial.point = waiting.trial.point;
    Ok(Some(claim))
}

/// The trial of this number, if there is one.
pub(super) fn find(connection: &Connection, study: StudyKey, number: u32) -> Result<Option<TrialKey>, Fault> {
    studies::require(connection, study)?;
    let sql = "SELECT trial_id FROM trials WHERE study_id = ?1 AND number = ?2";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select.query_row((study.0, number), |row| row.get(0)).optional()?.map(TrialKey))
}

/// Gives a running trial another point.
pub(super) fn set_point(
    connection: &Connection,
    trial: TrialKey,
    space: &Space,
    point: &Point,
) -> Result<(), Fault> {
    if is_running(connection, trial)? {
        connection.prepare_cached("DELETE FROM trial_params WHERE trial_id = ?1")?.execute([trial.0])?;
        insert_point(connection, trial, space, point)?;
    }
    Ok(())
}

/// Keeps an intermediate value of a running trial.
pub(super) fn report(connection: &Connection, trial: TrialKey, step: u32, value: f64) -> Result<(), Fault> {
    if is_running(connection, trial)? {
        let (value, kind) = number::spell(value);
        let sql = "INSERT INTO trial_intermediate_values
                       (trial_id, step, intermediate_value, intermediate_value_type)
                   VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (trial_id, step) DO UPDATE SET
                       intermediate_value = excluded.intermediate_value,
                       intermediate_value_type = excluded.intermediate_value_type";
        connection.prepare_cached(sql)?.execute((trial.0, step, value, kind))?;
    }
    Ok(())
}

/// Says that the worker of a running trial is alive; the date is the database's own, as Optuna's is.
pub(super) fn heartbeat(connection: &Connection, trial: TrialKey) -> Result<(), Fault> {
    if is_running(connection, trial)? {
        let sql = "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?1, CURRENT_TIMESTAMP)
                   ON CONFLICT (trial_id) DO UPDATE SET heartbeat = excluded.heartbeat";
        connection.prepare_cached(sql)?.execute([trial.0])?;
    }
    Ok(())
}

/// Finishes a running trial; `false` if it is not running.
pub(super) fn finish(connection: &Connection, trial: TrialKey, outcome: &Outcome) -> Result<bool, Fault> {
    if !is_running(connection, trial)? {
        return Ok(false);
    }
    let user = Owner::TrialUser(trial);
    let state = match outcome {
        Outcome::Complete { values, constraints, attributes } => {
            insert_values(connection, trial, values)?;
            constrain(connection, trial, constraints)?;
            attribute::set_all(connection, user, attributes)?;
            "COMPLETE"
        }
        Outcome::Failed { failure, attributes } => {
            attribute::set_all(connection, user, attributes)?;
            attribute::set_all(connection, user, &explanation(failure))?;
            "FAIL"
        }
    };
    let sql = "UPDATE trials SET state = ?2, datetime_complete = ?3 WHERE trial_id = ?1";
    connection.prepare_cached(sql)?.execute((trial.0, state, time::now()))?;
    Ok(true)
}

/// Stops a running trial where it can go on; `false` if it is not running.
pub(super) fn pause(connection: &Connection, trial: TrialKey, course: &Course) -> Result<bool, Fault> {
    assert!(!course.rungs.is_empty(), "a trial pauses at a rung");
    if !is_running(connection, trial)? {
        return Ok(false);
    }
    attribute::set(connection, Owner::TrialSystem(trial), COURSE, &course.to_json().to_string())?;
    let sql = "UPDATE trials SET state = 'PRUNED', datetime_complete = ?2 WHERE trial_id = ?1";
    connection.prepare_cached(sql)?.execute((trial.0, time::now()))?;
    Ok(true)
}

/// Starts a paused trial again; `None` if it is not paused.
pub(super) fn resume(connection: &Connection, trial: TrialKey) -> Result<Option<Claim>, Fault> {
    if !claimed(connection, trial)?.trial.is_paused() {
        return Ok(None);
    }
    let sql = "UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE trial_id = ?1";
    connection.prepare_cached(sql)?.execute([trial.0])?;
    claimed(connection, trial).map(Some)
}

/// Takes every running trial of a study from its worker: back to its last rung, or to the start; returns how
/// many.
pub(super) fn requeue(connection: &Connection, study: StudyKey) -> Result<u32, Fault> {
    studies::require(connection, study)?;
    let paused = pause_again(connection, study)?;
    for table in ["trial_intermediate_values", "trial_heartbeats"] {
        let sql = format!(
            "DELETE FROM {table} WHERE trial_id IN
                 (SELECT trial_id FROM trials WHERE study_id = ?1 AND state = 'RUNNING')"
        );
        connection.execute(&sql, [study.0])?;
    }
    let sql = "UPDATE trials SET state = 'WAITING', datetime_start = NULL
               WHERE study_id = ?1 AND state = 'RUNNING'";
    let waiting = connection.execute(sql, [study.0])?;
    Ok(u32::try_from(paused + waiting).expect("numbers of trials are u32"))
}

/// Puts the running trials that have paused before back to their last rung; returns how many.
fn pause_again(connection: &Connection, study: StudyKey) -> Result<usize, Fault> {
    let running: Vec<(TrialKey, Course)> = rows::trials(connection, Which::OfStudy(study))?
        .into_iter()
        .filter(|(_, trial)| trial.state == TrialState::Running)
        .map(|(key, trial)| (key, Course::of(&trial)))
        .filter(|(_, course)| !course.rungs.is_empty())
        .collect();
    for (trial, course) in &running {
        let last = course.rungs.last().map_or(0, |rung| rung.steps);
        let sql = "DELETE FROM trial_intermediate_values WHERE trial_id = ?1 AND step > ?2";
        connection.execute(sql, (trial.0, last))?;
        connection.execute("DELETE FROM trial_heartbeats WHERE trial_id = ?1", [trial.0])?;
        pause(connection, *trial, course)?;
    }
    Ok(running.len())
}

/// How many trials a study has.
struct Count {
    all: u32,
    /// Those that are not waiting.
    begun: u32,
}

fn count(connection: &Connection, study: StudyKey) -> Result<Count, Fault> {
    studies::require(connection, study)?;
    let sql = "SELECT COUNT(*), COUNT(*) FILTER (WHERE state <> 'WAITING') FROM trials WHERE study_id = ?1";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select.query_row([study.0], |row| Ok(Count { all: row.get(0)?, begun: row.get(1)? }))?)
}

fn claimed(connection: &Connection, key: TrialKey) -> Result<Claim, Fault> {
    let (key, trial) = rows::trials(connection, Which::Only(key))?.pop().ok_or(StorageError::NoTrial(key))?;
    Ok(Claim { key, trial })
}

fn is_running(connection: &Connection, trial: TrialKey) -> Result<bool, Fault> {
    let mut select = connection.prepare_cached("SELECT state = 'RUNNING' FROM trials WHERE trial_id = ?1")?;
    let is_running = select.query_row([trial.0], |row| row.get(0)).optional()?;
    Ok(is_running.ok_or(StorageError::NoTrial(trial))?)
}

/// Writes the values of a point in its order, which is the order they are read back in.
fn insert_point(connection: &Connection, trial: TrialKey, space: &Space, point: &Point) -> Result<(), Fault> {
    let sql = "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
               VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    for (name, value) in point.iter() {
        let parameter = space.parameter(name).expect("the point was checked against the space");
        let (internal, json) = spell(&parameter.domain, value);
        insert.execute((trial.0, name, internal, json))?;
    }
    Ok(())
}

fn spell(domain: &Domain, value: &Value) -> (f64, String) {
    let distribution = Distribution::of(domain);
    let internal = distribution.internal(value).expect("the value was checked against its domain");
    (internal, serde_json::to_string(&distribution).expect("a distribution has only keys that are text"))
}

fn insert_values(connection: &Connection, trial: TrialKey, values: &[f64]) -> Result<(), Fault> {
    let mut study = connection.prepare_cached("SELECT study_id FROM trials WHERE trial_id = ?1")?;
    let study = StudyKey(study.query_row([trial.0], |row| row.get(0))?);
    let expected = studies::metric_count(connection, study)?;
    if values.len() != expected {
        return Err(StorageError::ValueCount { expected, found: values.len() }.into());
    }
    refuse_nan("value", values)?;
    let sql = "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    for (objective, &value) in (0_u32..).zip(values) {
        let (value, kind) = number::spell(value);
        insert.execute((trial.0, objective, value, kind))?;
    }
    Ok(())
}

fn constrain(connection: &Connection, trial: TrialKey, constraints: &[f64]) -> Result<(), Fault> {
    refuse_nan("constraint", constraints)?;
    if constraints.is_empty() {
        return Ok(());
    }
    let text = number::spell_list(constraints);
    attribute::set(connection, Owner::TrialSystem(trial), CONSTRAINTS, &text)
}

/// NaN has no spelling among the values; Optuna could not open a study with one.
fn refuse_nan(what: &'static str, numbers: &[f64]) -> Result<(), StorageError> {
    match numbers.iter().position(|number| number.is_nan()) {
        Some(index) => Err(StorageError::NotANumber { what, index }),
        None => Ok(()),
    }
}

/// A failure as attributes for people.
fn explanation(failure: &Failure) -> Attributes {
    let kind = failure.kind.to_string();
    [("failure".to_owned(), kind.into()), ("reason".to_owned(), failure.reason.clone().into())].into()
}

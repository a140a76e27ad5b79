//! Changes to the rows of one trial: its point, intermediate values, heartbeats, end and pauses.

use serde_json::Value as Json;

use super::super::{StorageError, StudyKey, TrialKey};
use super::attribute::{self, LED, Owner};
use super::fault::Fault;
use super::rows::{self, CONSTRAINTS};
use super::sql::{Cell, Sql};
use super::{number, params, studies, time};
use crate::space::{Point, Space};
use crate::study::{Attributes, Failure, Outcome, RUNG_HISTORY, RungHistory, WORKER};

/// The key of the trial with this number, if there is one. Optuna numbers a new trial by counting
/// the trials. So two trials may have the same number after others were deleted; the newest one is
/// found.
pub(super) fn find(sql: &mut dyn Sql, study: StudyKey, number: u32) -> Result<Option<TrialKey>, Fault> {
    studies::look(sql, study)?;
    if i32::try_from(number).is_err() {
        // The column holds no larger number.
        return Ok(None);
    }
    let statement = "SELECT trial_id FROM trials WHERE study_id = ?1 AND number = ?2 ORDER BY trial_id DESC";
    let row = sql.first(statement, &[study.0.into(), number.into()])?;
    row.map(|row| row.int(0).map(TrialKey)).transpose()
}

/// Sets the whole point of a running trial.
pub(super) fn set_point(
    sql: &mut dyn Sql,
    trial: TrialKey,
    space: &Space,
    point: &Point,
) -> Result<(), Fault> {
    if is_running(sql, trial)? {
        sql.execute("DELETE FROM trial_params WHERE trial_id = ?1", &[trial.0.into()])?;
        params::insert(sql, trial, space, point)?;
    }
    Ok(())
}

/// Stores an intermediate value of a running trial.
pub(super) fn report(sql: &mut dyn Sql, trial: TrialKey, step: u32, value: f64) -> Result<(), Fault> {
    if i32::try_from(step).is_err() {
        return Err(StorageError::Step { step, most: i32::MAX as u32 }.into());
    }
    if is_running(sql, trial)? {
        let (value, kind) = number::spell(value);
        let statement = "INSERT INTO trial_intermediate_values
                       (trial_id, step, intermediate_value, intermediate_value_type)
                   VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (trial_id, step) DO UPDATE SET
                       intermediate_value = excluded.intermediate_value,
                       intermediate_value_type = excluded.intermediate_value_type";
        sql.execute(statement, &[trial.0.into(), step.into(), value.into(), kind.into()])?;
    }
    Ok(())
}

/// Records a heartbeat of the worker of a running trial; `false` if the trial is not running.
pub(super) fn heartbeat(sql: &mut dyn Sql, trial: TrialKey) -> Result<bool, Fault> {
    let is_running = is_running(sql, trial)?;
    if is_running {
        write_heartbeat(sql, trial)?;
    }
    Ok(is_running)
}

/// Writes a heartbeat with the date of the database's clock, as Optuna does.
pub(super) fn write_heartbeat(sql: &mut dyn Sql, trial: TrialKey) -> Result<(), Fault> {
    let statement = "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?1, CURRENT_TIMESTAMP)
               ON CONFLICT (trial_id) DO UPDATE SET heartbeat = excluded.heartbeat";
    sql.execute(statement, &[trial.0.into()])?;
    Ok(())
}

/// Finishes a running trial; `false` if it is not running.
pub(super) fn finish(sql: &mut dyn Sql, trial: TrialKey, outcome: &Outcome) -> Result<bool, Fault> {
    if !is_running(sql, trial)? {
        return Ok(sql.is_repeated() && is_stored(sql, trial, outcome)?);
    }
    let user = Owner::TrialUser(trial);
    let state = match outcome {
        Outcome::Complete { values, constraints, attributes } => {
            insert_values(sql, trial, values)?;
            constrain(sql, trial, constraints)?;
            attribute::set_all(sql, user, attributes)?;
            "COMPLETE"
        }
        Outcome::Failed { failure, attributes } => {
            attribute::set_all(sql, user, attributes)?;
            attribute::set_all(sql, user, &explanation(failure))?;
            "FAIL"
        }
    };
    end(sql, trial, state)?;
    Ok(true)
}

/// Whether an earlier attempt, whose answer got lost, has stored `outcome`.
fn is_stored(sql: &mut dyn Sql, trial: TrialKey, outcome: &Outcome) -> Result<bool, Fault> {
    use crate::study::TrialState::{Complete, Fail};

    let stored = rows::one(sql, trial)?;
    Ok(match outcome {
        Outcome::Complete { values, .. } => stored.state == Complete && stored.values == *values,
        Outcome::Failed { failure, .. } => {
            stored.state == Fail
                && explanation(failure).iter().all(|(name, value)| stored.attributes.get(name) == Some(value))
        }
    })
}

/// Ends the run of a trial: sets `state` and the date.
pub(super) fn end(sql: &mut dyn Sql, trial: TrialKey, state: &str) -> Result<(), Fault> {
    attribute::remove(sql, Owner::TrialSystem(trial), LED)?;
    let statement = "UPDATE trials SET state = ?2, datetime_complete = ?3 WHERE trial_id = ?1";
    sql.execute(statement, &[trial.0.into(), state.into(), time::now().into()])?;
    Ok(())
}

/// Pauses a running trial at the last rung of `rung_history`; `false` if it is not running.
pub(super) fn pause(sql: &mut dyn Sql, trial: TrialKey, rung_history: &RungHistory) -> Result<bool, Fault> {
    if !is_running(sql, trial)? {
        return Ok(sql.is_repeated() && rows::one(sql, trial)?.rung_history == *rung_history);
    }
    attribute::set(sql, Owner::TrialSystem(trial), RUNG_HISTORY, &rung_history.to_json().to_string())?;
    end(sql, trial, "PRUNED")?;
    Ok(true)
}

/// Whether `worker` is the last that claimed the trial. Who is no worker with heartbeats may change any trial. Until the
/// transaction ends, no other process can change that.
pub(super) fn is_held(sql: &mut dyn Sql, trial: TrialKey, worker: Option<&str>) -> Result<bool, Fault> {
    is_running(sql, trial)?;
    let Some(worker) = worker else { return Ok(true) };
    let statement = r#"SELECT 1 FROM trial_system_attributes
                       WHERE trial_id = ?1 AND "key" = ?2 AND value_json = ?3"#;
    let name = Json::from(worker).to_string();
    Ok(sql.first(statement, &[trial.0.into(), WORKER.into(), name.into()])?.is_some())
}

/// Whether the trial is running. Until the transaction ends, no other process can change that.
pub(super) fn is_running(sql: &mut dyn Sql, trial: TrialKey) -> Result<bool, Fault> {
    let statement = format!("SELECT state FROM trials WHERE trial_id = ?1{}", sql.lock());
    let row = sql.first(&statement, &[trial.0.into()])?;
    Ok(row.ok_or(StorageError::NoTrial(trial))?.text(0)? == "RUNNING")
}

fn insert_values(sql: &mut dyn Sql, trial: TrialKey, values: &[f64]) -> Result<(), Fault> {
    let row = sql.first("SELECT study_id FROM trials WHERE trial_id = ?1", &[trial.0.into()])?;
    let study = StudyKey(row.ok_or(StorageError::NoTrial(trial))?.int(0)?);
    let expected = studies::metric_count(sql, study)?;
    if values.len() != expected {
        return Err(StorageError::ValueCount { expected, found: values.len() }.into());
    }
    refuse_nan("value", values)?;
    let statement =
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?1, ?2, ?3, ?4)";
    for (objective, &value) in (0_u32..).zip(values) {
        let (value, kind) = number::spell(value);
        let cells: [Cell; 4] = [trial.0.into(), objective.into(), value.into(), kind.into()];
        sql.execute(statement, &cells)?;
    }
    Ok(())
}

fn constrain(sql: &mut dyn Sql, trial: TrialKey, constraints: &[f64]) -> Result<(), Fault> {
    refuse_nan("constraint", constraints)?;
    if constraints.is_empty() {
        return Ok(());
    }
    attribute::set(sql, Owner::TrialSystem(trial), CONSTRAINTS, &number::spell_list(constraints))
}

/// Refuses NaN. Optuna's schema has no type for NaN among values, and Optuna could not open a study
/// that has one.
fn refuse_nan(what: &'static str, numbers: &[f64]) -> Result<(), StorageError> {
    match numbers.iter().position(|number| number.is_nan()) {
        Some(index) => Err(StorageError::NotANumber { what, index }),
        None => Ok(()),
    }
}

/// The attributes for people that describe a failure.
pub(super) fn explanation(failure: &Failure) -> Attributes {
    let kind = failure.kind.to_string();
    [("failure".to_owned(), kind.into()), ("reason".to_owned(), failure.reason.clone().into())].into()
}

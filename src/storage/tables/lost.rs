//! Trials whose worker is gone: back to the start, to their last rung, or tried again under another number.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::{Lost, MOST_TRIES, StudyKey, TrialKey};
use super::attribute::{self, Owner};
use super::claims::{self, count};
use super::fault::Fault;
use super::rows;
use super::sql::Sql;
use super::{RECEIPT, inserted, studies, trials};
use crate::study::{
    FAILED_TRIAL, Failure, FailureKind, RETRIED, RETRY_HISTORY, RUNG_HISTORY, RungHistory, TRIES, Trial,
    WORKER,
};
use crate::units::Seconds;

/// Takes every running trial of a study that no worker with heartbeats holds; returns how many.
pub(super) fn requeue(sql: &mut dyn Sql, study: StudyKey) -> Result<u32, Fault> {
    studies::require(sql, study)?;
    let statement = format!(
        r#"SELECT trial_id FROM trials t WHERE study_id = ?1 AND state = 'RUNNING' AND NOT EXISTS
               (SELECT 1 FROM trial_system_attributes a WHERE a.trial_id = t.trial_id AND a."key" = ?2)
           ORDER BY number{}"#,
        sql.lock()
    );
    let rows = sql.query(&statement, &[study.0.into(), WORKER.into()])?;
    for row in &rows {
        put_back(sql, TrialKey(row.int(0)?))?;
    }
    Ok(u32::try_from(rows.len()).expect("numbers of trials are u32"))
}

/// Takes a running trial back from its worker, who says so; `false` if it is not running.
pub(super) fn release(sql: &mut dyn Sql, trial: TrialKey) -> Result<bool, Fault> {
    if !trials::is_running(sql, trial)? {
        return Ok(false);
    }
    put_back(sql, trial)?;
    Ok(true)
}

/// Puts a running trial back to its last rung, or to the start, under its number.
fn put_back(sql: &mut dyn Sql, key: TrialKey) -> Result<(), Fault> {
    let rung_history = RungHistory::of(&rows::one(sql, key)?);
    let last = rung_history.rungs.last().map_or(-1, |rung| i64::from(rung.steps));
    let statement = "DELETE FROM trial_intermediate_values WHERE trial_id = ?1 AND step > ?2";
    sql.execute(statement, &[key.0.into(), last.into()])?;
    sql.execute("DELETE FROM trial_heartbeats WHERE trial_id = ?1", &[key.0.into()])?;
    for name in [WORKER, RECEIPT] {
        attribute::remove(sql, Owner::TrialSystem(key), name)?;
    }
    if !rung_history.rungs.is_empty() {
        return trials::end(sql, key, "PRUNED");
    }
    let statement = "UPDATE trials SET state = 'WAITING', datetime_start = NULL WHERE trial_id = ?1";
    sql.execute(statement, &[key.0.into()])?;
    Ok(())
}

/// Takes the running trials of a study whose last heartbeat is older than `grace`.
pub(super) fn reap(sql: &mut dyn Sql, study: StudyKey, grace: Duration) -> Result<Vec<Lost>, Fault> {
    studies::require(sql, study)?;
    let statement = format!(
        "SELECT t.trial_id, {} FROM trials t JOIN trial_heartbeats USING (trial_id)
         WHERE study_id = ?1 AND state = 'RUNNING' ORDER BY number",
        sql.heartbeat_age()
    );
    let mut lost = Vec::new();
    for row in sql.query(&statement, &[study.0.into()])? {
        let (key, age) = (TrialKey(row.int(0)?), row.maybe_real(1)?.unwrap_or_default());
        // It may have ended since it was listed.
        if age > grace.as_secs_f64() && trials::is_running(sql, key)? {
            let silence = format!("no heartbeat for {age:.0} s");
            lost.push(give_up(sql, study, key, &silence)?);
        }
    }
    Ok(lost)
}

/// Ends what the worker of a running trial has begun, and has it tried again if it was not tried too often.
fn give_up(sql: &mut dyn Sql, study: StudyKey, key: TrialKey, silence: &str) -> Result<Lost, Fault> {
    let trial = rows::one(sql, key)?;
    let tries = trial.tries() + 1;
    let (trial_number, worker) = (trial.number, trial.worker().unwrap_or("its worker").to_owned());
    let reason = format!("{worker} is gone: {silence}");
    if tries >= MOST_TRIES {
        let failure = Failure {
            kind: FailureKind::Lost,
            reason: format!("{reason}; tried {tries} times, not tried again"),
        };
        fail(sql, key, &failure)?;
        return Ok(Lost { trial: trial_number, worker, again: None, reason: failure.reason });
    }
    let again = if RungHistory::of(&trial).rungs.is_empty() {
        fail(sql, key, &Failure { kind: FailureKind::Lost, reason: reason.clone() })?;
        try_again(sql, study, key, &trial)?
    } else {
        put_back(sql, key)?;
        attribute::set(sql, Owner::TrialSystem(key), TRIES, &tries.to_string())?;
        trial_number
    };
    Ok(Lost { trial: trial_number, worker, again: Some(again), reason })
}

fn fail(sql: &mut dyn Sql, key: TrialKey, failure: &Failure) -> Result<(), Fault> {
    attribute::set_all(sql, Owner::TrialUser(key), &trials::explanation(failure))?;
    trials::end(sql, key, "FAIL")
}

/// Enqueues the point of a failed trial under a new number, which is answered; with the history that Optuna
/// keeps of such trials.
fn try_again(sql: &mut dyn Sql, study: StudyKey, key: TrialKey, trial: &Trial) -> Result<u32, Fault> {
    let number = count(sql, study)?.all;
    let insert = "INSERT INTO trials (number, study_id, state) VALUES (?1, ?2, 'WAITING') RETURNING trial_id";
    let copy = TrialKey(inserted(sql, insert, &[number.into(), study.0.into()])?);
    let statement = "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
        SELECT ?1, param_name, param_value, distribution_json FROM trial_params WHERE trial_id = ?2
        ORDER BY param_id";
    sql.execute(statement, &[copy.0.into(), key.0.into()])?;
    for (name, value) in &trial.internal {
        if ![WORKER, RUNG_HISTORY, FAILED_TRIAL, RETRY_HISTORY, TRIES].contains(&name.as_str()) {
            attribute::set(sql, Owner::TrialSystem(copy), name, &value.to_string())?;
        }
    }
    let first = trial.internal.get(FAILED_TRIAL).cloned().unwrap_or_else(|| json!(trial.number));
    let mut history = match trial.internal.get(RETRY_HISTORY) {
        Some(Json::Array(history)) => history.clone(),
        _ => Vec::new(),
    };
    history.push(trial.number.into());
    let marks = [(FAILED_TRIAL, first), (RETRY_HISTORY, history.into())];
    for (name, value) in marks {
        attribute::set(sql, Owner::TrialSystem(copy), name, &value.to_string())?;
    }
    attribute::set(sql, Owner::TrialSystem(key), RETRIED, &number.to_string())?;
    let retried = claims::retried(sql, study)? + 1;
    attribute::set(sql, Owner::StudySystem(study), RETRIED, &retried.to_string())?;
    Ok(number)
}

/// The trials that run with heartbeats, and the time since the last of each.
pub(super) fn heartbeats(sql: &mut dyn Sql, study: StudyKey) -> Result<Vec<(u32, Seconds)>, Fault> {
    let statement = format!(
        "SELECT number, {} FROM trials JOIN trial_heartbeats USING (trial_id)
         WHERE study_id = ?1 AND state = 'RUNNING' ORDER BY number",
        sql.heartbeat_age()
    );
    let rows = sql.query(&statement, &[study.0.into()])?;
    rows.iter().map(|row| Ok((row.count(0)?, Seconds(row.maybe_real(1)?.unwrap_or_default())))).collect()
}

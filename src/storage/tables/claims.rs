//! Trials that a worker takes: new ones and waiting ones, within the budget.

use serde_json::Value as Json;

use super::super::{Claim, ClaimResult, StudyKey, TrialKey};
use super::attribute::{self, Owner};
use super::fault::Fault;
use super::rows::{self, Which};
use super::sql::Sql;
use super::{RECEIPT, inserted, params, studies, time, trials};
use crate::space::{Point, Space};
use crate::study::{Attributes, RETRIED, Trial, TrialState, WORKER};

/// Who claims.
#[derive(Clone, Debug, Default)]
pub(super) struct Signature {
    /// The worker's name, if it sends heartbeats.
    pub worker: Option<String>,
    /// By which a claim is known whose answer was lost, where answers get lost.
    pub receipt: Option<String>,
}

/// What is to be claimed.
pub(super) struct Wanted<'a> {
    pub space: &'a Space,
    pub point: &'a Point,
    pub internal: &'a Attributes,
    pub budget: u32,
    /// How many trials the suggestion knew; `None`: it does not matter whether another has its point.
    pub seen: Option<u32>,
}

/// Starts a new trial, unless the budget is spent or somebody has begun its point meanwhile.
pub(super) fn new(
    sql: &mut dyn Sql,
    study: StudyKey,
    wanted: &Wanted<'_>,
    signature: &Signature,
) -> Result<ClaimResult, Fault> {
    let count = count(sql, study)?;
    if let Some(claim) = of_lost_answer(sql, signature, Which::OfStudy(study))? {
        return Ok(ClaimResult::Claimed(Box::new(claim)));
    }
    if count.charged >= wanted.budget {
        return Ok(ClaimResult::BudgetSpent);
    }
    if let Some(seen) = wanted.seen
        && is_taken(sql, study, seen, wanted.point)?
    {
        return Ok(ClaimResult::Duplicate);
    }
    let started = time::now();
    let insert = "INSERT INTO trials (number, study_id, state, datetime_start)
                  VALUES (?1, ?2, 'RUNNING', ?3) RETURNING trial_id";
    let key = TrialKey(inserted(sql, insert, &[count.all.into(), study.0.into(), started.into()])?);
    let point = params::insert(sql, key, wanted.space, wanted.point)?;
    attribute::set_all(sql, Owner::TrialSystem(key), wanted.internal)?;
    sign(sql, key, signature)?;
    let mut internal = wanted.internal.clone();
    if let Some(worker) = &signature.worker {
        internal.insert(WORKER.to_owned(), worker.as_str().into());
    }
    let (state, started) = (TrialState::Running, Some(started));
    let trial = Trial { state, started, internal, ..Trial::waiting(count.all, point) };
    Ok(ClaimResult::Claimed(Box::new(Claim { key, trial })))
}

/// Whether a trial from number `seen` on has this point.
fn is_taken(sql: &mut dyn Sql, study: StudyKey, seen: u32, point: &Point) -> Result<bool, Fault> {
    let newcomers = Which::From(study, seen);
    let heads = rows::heads(sql, newcomers)?;
    let keys = rows::keys(&heads)?;
    let which = if heads.len() > rows::FEW { newcomers } else { Which::Among(&keys) };
    Ok(rows::read(sql, which, &heads)?.values().any(|trial| trial.point == *point))
}

/// Starts the waiting trial of the lowest number, unless the budget is spent.
pub(super) fn waiting(
    sql: &mut dyn Sql,
    study: StudyKey,
    budget: u32,
    signature: &Signature,
) -> Result<Option<Claim>, Fault> {
    let count = count(sql, study)?;
    if let Some(claim) = of_lost_answer(sql, signature, Which::OfStudy(study))? {
        return Ok(Some(claim));
    }
    if count.charged >= budget {
        return Ok(None);
    }
    let first = format!(
        "SELECT trial_id FROM trials WHERE study_id = ?1 AND state = 'WAITING' ORDER BY number LIMIT 1{}",
        sql.lock()
    );
    let Some(row) = sql.first(&first, &[study.0.into()])? else { return Ok(None) };
    let key = TrialKey(row.int(0)?);
    // Read before it runs: a point that Optuna enqueued is a point only of a waiting trial.
    let waiting = rows::one(sql, key)?;
    let statement = "UPDATE trials SET state = 'RUNNING', datetime_start = ?2 WHERE trial_id = ?1";
    sql.execute(statement, &[key.0.into(), time::now().into()])?;
    sign(sql, key, signature)?;
    Ok(Some(Claim { key, trial: Trial { point: waiting.point, ..rows::one(sql, key)? } }))
}

/// Starts a paused trial again; `None` if it is not paused.
pub(super) fn resume(
    sql: &mut dyn Sql,
    trial: TrialKey,
    signature: &Signature,
) -> Result<Option<Claim>, Fault> {
    trials::is_running(sql, trial)?;
    if let Some(claim) = of_lost_answer(sql, signature, Which::Only(trial))? {
        return Ok(Some(claim));
    }
    let paused = rows::one(sql, trial)?;
    if !paused.is_paused() {
        return Ok(None);
    }
    let statement = "UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE trial_id = ?1";
    sql.execute(statement, &[trial.0.into()])?;
    sign(sql, trial, signature)?;
    Ok(Some(Claim { key: trial, trial: rows::one(sql, trial)? }))
}

/// Says whose a trial is from now on; with a first heartbeat if its worker sends them.
pub(super) fn sign(sql: &mut dyn Sql, trial: TrialKey, signature: &Signature) -> Result<(), Fault> {
    let owner = Owner::TrialSystem(trial);
    if let Some(receipt) = &signature.receipt {
        attribute::set(sql, owner, RECEIPT, &Json::from(receipt.as_str()).to_string())?;
    }
    match &signature.worker {
        Some(worker) => {
            attribute::set(sql, owner, WORKER, &Json::from(worker.as_str()).to_string())?;
            trials::interval(sql, trial)
        }
        None => {
            sql.execute("DELETE FROM trial_heartbeats WHERE trial_id = ?1", &[trial.0.into()])?;
            attribute::remove(sql, owner, WORKER)
        }
    }
}

/// What an attempt of the same claim has taken whose answer was lost.
pub(super) fn of_lost_answer(
    sql: &mut dyn Sql,
    signature: &Signature,
    which: Which<'_>,
) -> Result<Option<Claim>, Fault> {
    let Some(receipt) = signature.receipt.as_deref().filter(|_| sql.is_repeated()) else { return Ok(None) };
    let (condition, mut cells) = which.condition();
    let next = cells.len() + 1;
    let statement = format!(
        r#"SELECT trial_id FROM trials t JOIN trial_system_attributes USING (trial_id)
           WHERE {condition} AND state = 'RUNNING' AND "key" = ?{next} AND value_json = ?{}"#,
        next + 1
    );
    cells.extend([RECEIPT.into(), Json::from(receipt).to_string().into()]);
    let Some(row) = sql.first(&statement, &cells)? else { return Ok(None) };
    let key = TrialKey(row.int(0)?);
    Ok(Some(Claim { key, trial: rows::one(sql, key)? }))
}

/// How many trials a study has.
pub(super) struct Count {
    pub all: u32,
    /// Those that the budget counts: begun ones, but not those that are tried again.
    charged: u32,
}

/// Counts, while nobody else can add or begin a trial.
pub(super) fn count(sql: &mut dyn Sql, study: StudyKey) -> Result<Count, Fault> {
    studies::require(sql, study)?;
    let statement =
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE state <> 'WAITING') FROM trials WHERE study_id = ?1";
    let row = sql.first(statement, &[study.0.into()])?;
    let (all, begun) = row.map_or(Ok((0, 0)), |row| Ok::<_, Fault>((row.count(0)?, row.count(1)?)))?;
    let charged = begun.saturating_sub(retried(sql, study)?);
    Ok(Count { all, charged })
}

/// How many trials of the study were lost and are tried again under other numbers.
pub(super) fn retried(sql: &mut dyn Sql, study: StudyKey) -> Result<u32, Fault> {
    let statement = r#"SELECT value_json FROM study_system_attributes WHERE study_id = ?1 AND "key" = ?2"#;
    let Some(row) = sql.first(statement, &[study.0.into(), RETRIED.into()])? else { return Ok(0) };
    let text = row.text(0)?;
    text.parse().map_err(|_| Fault::row(format!("{RETRIED} = {text}: must count trials")))
}

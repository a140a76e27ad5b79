//! Claims: a process starts a new, a waiting or a paused trial. New and waiting trials count for
//! the budget. A person enqueues a trial that waits to be claimed.

use serde_json::Value as Json;

use super::super::{Claim, ClaimResult, StudyKey, TrialKey};
use super::attribute::{self, LED, Owner, RECEIPT};
use super::fault::Fault;
use super::rows::{self, Which};
use super::sql::Sql;
use super::{params, studies, time, trials};
use crate::space::{Point, Space};
use crate::study::{Attributes, ENQUEUED, RETRIED, Trial, TrialState, WORKER};

/// The process that claims a trial, as it is stored with the trial.
#[derive(Clone, Debug, Default)]
pub(super) struct Signature {
    /// The name of the worker, if it sends heartbeats.
    pub worker: Option<String>,
    /// A unique text that identifies this claim if the answer to its commit gets lost; `None` if no
    /// answer can get lost.
    pub receipt: Option<String>,
}

/// A request for a new trial.
pub(super) struct Request<'a> {
    /// The space that contains the point.
    pub space: &'a Space,
    /// The point of the trial.
    pub point: &'a Point,
    /// Attributes of the trial for programs.
    pub internal: &'a Attributes,
    /// The most trials that may be started.
    pub budget: u32,
    /// The number of trials that the suggestion took into account; `None`: duplicates are allowed.
    pub seen: Option<u32>,
}

/// Starts a new trial, unless the budget is spent or its point is a duplicate.
pub(super) fn new(
    sql: &mut dyn Sql,
    study: StudyKey,
    request: &Request<'_>,
    signature: &Signature,
) -> Result<ClaimResult, Fault> {
    let count = count(sql, study)?;
    if let Some(claim) = of_lost_answer(sql, signature, Which::OfStudy(study))? {
        return Ok(ClaimResult::Claimed(Box::new(claim)));
    }
    if count.charged >= request.budget {
        return Ok(ClaimResult::BudgetSpent);
    }
    if let Some(seen) = request.seen
        && is_duplicate(sql, study, seen, request.point)?
    {
        return Ok(ClaimResult::Duplicate);
    }
    let started = time::now();
    let insert = "INSERT INTO trials (number, study_id, state, datetime_start)
                  VALUES (?1, ?2, 'RUNNING', ?3) RETURNING trial_id";
    let key = TrialKey(sql.insert(insert, &[count.next.into(), study.0.into(), started.into()])?);
    let point = params::insert(sql, key, request.space, request.point)?;
    attribute::set_all(sql, Owner::TrialSystem(key), request.internal)?;
    sign(sql, key, signature)?;
    let mut internal = request.internal.clone();
    if let Some(worker) = &signature.worker {
        internal.insert(WORKER.to_owned(), worker.as_str().into());
    }
    let (state, started) = (TrialState::Running, Some(started));
    let trial = Trial { state, started, internal, ..Trial::waiting(count.next, point) };
    Ok(ClaimResult::Claimed(Box::new(Claim { key, trial })))
}

/// Whether a trial with a number of at least `seen` has this point.
fn is_duplicate(sql: &mut dyn Sql, study: StudyKey, seen: u32, point: &Point) -> Result<bool, Fault> {
    let newcomers = Which::From(study, seen);
    let heads = rows::heads(sql, newcomers)?;
    let keys = rows::keys(&heads)?;
    let which = if heads.len() > rows::FEW { newcomers } else { Which::Among(&keys) };
    Ok(rows::read(sql, which, &heads)?.values().any(|trial| trial.point == *point))
}

/// Starts the waiting trial with the lowest number, unless the budget is spent.
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
    let statement = "UPDATE trials SET state = 'RUNNING', datetime_start = ?2 WHERE trial_id = ?1";
    sql.execute(statement, &[key.0.into(), time::now().into()])?;
    sign(sql, key, signature)?;
    Ok(Some(Claim { key, trial: rows::one(sql, key)? }))
}

/// Adds a waiting trial with the parameters of `point`, all or some of them. Returns its number.
///
/// `receipt` identifies the trial if the answer to its commit gets lost.
pub(super) fn enqueue(
    sql: &mut dyn Sql,
    study: StudyKey,
    point: &Point,
    receipt: Option<&str>,
) -> Result<u32, Fault> {
    let number = count(sql, study)?.next;
    let receipt = receipt.map(|receipt| Json::from(receipt).to_string());
    if let Some(receipt) = receipt.as_deref().filter(|_| sql.is_repeated()) {
        let statement = r#"SELECT number FROM trials JOIN trial_system_attributes USING (trial_id)
            WHERE study_id = ?1 AND "key" = ?2 AND value_json = ?3"#;
        if let Some(row) = sql.first(statement, &[study.0.into(), RECEIPT.into(), receipt.into()])? {
            return row.count(0);
        }
    }
    let insert = "INSERT INTO trials (number, study_id, state) VALUES (?1, ?2, 'WAITING') RETURNING trial_id";
    let trial = Owner::TrialSystem(TrialKey(sql.insert(insert, &[number.into(), study.0.into()])?));
    let parameters = serde_json::to_string(point).expect("a point is JSON");
    attribute::set(sql, trial, ENQUEUED, &parameters)?;
    if let Some(receipt) = receipt {
        attribute::set(sql, trial, RECEIPT, &receipt)?;
    }
    Ok(number)
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

/// Marks a trial as claimed by `signature`. If that is a worker that sends heartbeats, writes the
/// first one.
pub(super) fn sign(sql: &mut dyn Sql, trial: TrialKey, signature: &Signature) -> Result<(), Fault> {
    let owner = Owner::TrialSystem(trial);
    if let Some(receipt) = &signature.receipt {
        attribute::set(sql, owner, RECEIPT, &Json::from(receipt.as_str()).to_string())?;
    }
    match &signature.worker {
        Some(worker) => {
            attribute::remove(sql, owner, LED)?;
            attribute::set(sql, owner, WORKER, &Json::from(worker.as_str()).to_string())?;
            trials::write_heartbeat(sql, trial)
        }
        None => {
            sql.execute("DELETE FROM trial_heartbeats WHERE trial_id = ?1", &[trial.0.into()])?;
            attribute::set(sql, owner, LED, "true")?;
            attribute::remove(sql, owner, WORKER)
        }
    }
}

/// The trial that an earlier attempt at the same claim has started, if the answer to that attempt
/// got lost.
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

/// Numbers of trials of a study.
pub(super) struct Count {
    /// The number of the next trial: one more than the largest.
    pub next: u32,
    /// Number of trials that count for the budget: all that were started, except those that are
    /// tried again under another number.
    charged: u32,
}

/// Counts the trials of a study. Until the transaction ends, no other process can add or start one.
pub(super) fn count(sql: &mut dyn Sql, study: StudyKey) -> Result<Count, Fault> {
    studies::require(sql, study)?;
    let statement = "SELECT COALESCE(MAX(number) + 1, 0), COUNT(*) FILTER (WHERE state <> 'WAITING')
         FROM trials WHERE study_id = ?1";
    let row = sql.first(statement, &[study.0.into()])?;
    let (next, begun) = row.map_or(Ok((0, 0)), |row| Ok::<_, Fault>((row.count(0)?, row.count(1)?)))?;
    let charged = begun.saturating_sub(retried(sql, study)?);
    Ok(Count { next, charged })
}

/// The number of lost trials of the study that are tried again under other numbers.
pub(super) fn retried(sql: &mut dyn Sql, study: StudyKey) -> Result<u32, Fault> {
    let statement = r#"SELECT value_json FROM study_system_attributes WHERE study_id = ?1 AND "key" = ?2"#;
    let Some(row) = sql.first(statement, &[study.0.into(), RETRIED.into()])? else { return Ok(0) };
    let text = row.text(0)?;
    text.parse().map_err(|_| Fault::row(format!("{RETRIED} = {text}: must count trials")))
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, Repeated, leader, rate, worker};
    use super::super::{lost, rows::FEW};
    use super::*;
    use crate::storage::contract::{point, space};
    use crate::study::{Rung, RungHistory};

    fn is_claimed(result: &ClaimResult) -> bool {
        matches!(result, ClaimResult::Claimed(_))
    }

    #[test]
    fn the_budget_counts_begun_trials_and_neither_waiting_nor_retried_ones() {
        let mut bench = Bench::new();
        let study = bench.study;
        for rate in [0.01, 0.02] {
            assert!(is_claimed(&bench.ask(rate, 2, None, &leader())));
        }
        assert_eq!(bench.ask(0.03, 2, None, &leader()), ClaimResult::BudgetSpent);
        bench.run(|sql| attribute::set(sql, Owner::StudySystem(study), RETRIED, "1"));
        assert!(is_claimed(&bench.ask(0.03, 2, None, &leader())), "one of them is tried again");
        assert_eq!(bench.ask(0.04, 2, None, &leader()), ClaimResult::BudgetSpent);
        bench.run(|sql| lost::requeue(sql, study));
        assert!(is_claimed(&bench.ask(0.04, 2, None, &leader())), "all others wait");
        let count = bench.run(|sql| count(sql, study));
        assert_eq!((count.next, count.charged), (4, 0));
    }

    #[test]
    fn a_count_of_retried_trials_that_is_no_number_is_an_error() {
        let mut bench = Bench::new();
        let study = bench.study;
        bench.run(|sql| attribute::set(sql, Owner::StudySystem(study), RETRIED, "\"many\""));
        let problem = bench.problem(|sql| waiting(sql, study, 9, &leader()));
        assert_eq!(problem, "tune:retried = \"many\": must count trials");
    }

    #[test]
    fn a_point_is_a_duplicate_if_a_trial_that_the_suggestion_did_not_see_has_it() {
        let mut bench = Bench::new();
        let study = bench.study;
        bench.begin(0.01, &leader());
        bench.begin(0.02, &leader());
        assert_eq!(bench.ask(0.02, 9, Some(1), &leader()), ClaimResult::Duplicate);
        assert_eq!(bench.ask(0.02, 9, Some(0), &leader()), ClaimResult::Duplicate);
        bench.run(|sql| lost::requeue(sql, study));
        assert_eq!(bench.ask(0.02, 9, Some(1), &leader()), ClaimResult::Duplicate, "a waiting trial counts");
        assert_eq!(bench.trials().len(), 2, "a refused claim leaves nothing");
        assert!(is_claimed(&bench.ask(0.02, 9, Some(2), &leader())), "the suggestion saw both");
        assert!(is_claimed(&bench.ask(0.01, 9, None, &leader())), "it does not matter");
    }

    #[test]
    fn a_duplicate_is_found_among_more_trials_than_are_looked_up_by_key() {
        let mut bench = Bench::new();
        let study = bench.study;
        bench.run(|sql| {
            let (space, internal) = (space(), Attributes::new());
            for number in 0..=FEW {
                let point = point(0.01 + number as f64 * 1e-4);
                let (space, internal) = (&space, &internal);
                let request = Request { space, point: &point, internal, budget: u32::MAX, seen: None };
                new(sql, study, &request, &leader())?;
            }
            Ok(())
        });
        let last = 0.01 + FEW as f64 * 1e-4;
        assert_eq!(bench.ask(last, u32::MAX, Some(0), &leader()), ClaimResult::Duplicate);
        assert!(is_claimed(&bench.ask(0.09, u32::MAX, Some(0), &leader())));
    }

    #[test]
    fn waiting_trials_are_begun_lowest_number_first_within_the_budget() {
        let mut bench = Bench::new();
        let study = bench.study;
        let keys = [0.01, 0.02, 0.03].map(|rate| bench.begin(rate, &leader()));
        bench.run(|sql| lost::requeue(sql, study));
        let mut next = |budget| {
            let claim = bench.run(|sql| waiting(sql, study, budget, &worker("one")))?;
            assert_eq!((claim.trial.state, claim.trial.worker()), (TrialState::Running, Some("one")));
            Some((claim.key, claim.trial.number, rate(&claim.trial.point)))
        };
        assert_eq!(next(0), None);
        assert_eq!(next(2), Some((keys[0], 0, Some(0.01))));
        assert_eq!(next(2), Some((keys[1], 1, Some(0.02))));
        assert_eq!(next(2), None, "the budget is spent");
        assert_eq!(next(3), Some((keys[2], 2, Some(0.03))));
        assert_eq!(next(9), None, "none waits");
    }

    #[test]
    fn a_worker_signs_with_a_heartbeat_and_a_leader_leaves_no_sign_of_it() {
        let mut bench = Bench::new();
        let study = bench.study;
        let key = bench.begin(0.01, &worker("one"));
        let beats = |bench: &mut Bench| bench.run(|sql| lost::heartbeats(sql, study)).len();
        assert_eq!((bench.trial(key).worker(), beats(&mut bench)), (Some("one"), 1));
        bench.run(|sql| sign(sql, key, &worker("two")));
        assert_eq!((bench.trial(key).worker(), beats(&mut bench)), (Some("two"), 1));
        bench.run(|sql| sign(sql, key, &leader()));
        assert_eq!((bench.trial(key).worker(), beats(&mut bench)), (None, 0));
    }

    #[test]
    fn only_a_paused_trial_is_resumed_and_with_its_rungs() {
        let mut bench = Bench::new();
        let key = bench.begin(0.01, &leader());
        let resumed = |bench: &mut Bench| bench.run(|sql| resume(sql, key, &worker("one")));
        assert_eq!(resumed(&mut bench), None, "it runs");
        let rungs = RungHistory { rungs: vec![Rung { steps: 1, values: vec![0.5], seconds: 0.0 }] };
        assert!(bench.run(|sql| trials::pause(sql, key, &rungs)));
        let trial = resumed(&mut bench).expect("it is paused").trial;
        assert_eq!(
            (trial.state, trial.worker(), &trial.rung_history),
            (TrialState::Running, Some("one"), &rungs)
        );
        assert_eq!(trial.finished, None);
        assert_eq!(resumed(&mut bench), None, "it runs again");
    }

    #[test]
    fn a_claim_whose_answer_was_lost_is_recognized_by_its_receipt() {
        let mut bench = Bench::new();
        let study = bench.study;
        let signature = |receipt: &str| Signature { worker: None, receipt: Some(receipt.to_owned()) };
        let (space, point, internal) = (space(), point(0.01), Attributes::new());
        let request = Request { space: &space, point: &point, internal: &internal, budget: 1, seen: None };
        let ClaimResult::Claimed(first) = bench.run(|sql| new(sql, study, &request, &signature("a"))) else {
            panic!("the budget has one");
        };
        let mut again =
            |receipt: &str| bench.run(|sql| new(&mut Repeated(sql), study, &request, &signature(receipt)));
        assert_eq!(again("a"), ClaimResult::Claimed(first.clone()));
        assert_eq!(again("b"), ClaimResult::BudgetSpent, "the receipt of another claim");
        let other = bench.run(|sql| new(sql, study, &request, &signature("a")));
        assert_eq!(other, ClaimResult::BudgetSpent, "no answer was lost");
        let waited = bench.run(|sql| waiting(&mut Repeated(sql), study, 1, &signature("a")));
        assert_eq!(waited.map(|claim| claim.key), Some(first.key));
        let resumed = bench.run(|sql| resume(&mut Repeated(sql), first.key, &signature("a")));
        assert_eq!(resumed.map(|claim| claim.key), Some(first.key));
        assert_eq!(bench.trials().len(), 1);
    }

    #[test]
    fn an_enqueued_trial_waits_under_the_next_number_with_its_parameters() {
        let mut bench = Bench::new();
        let study = bench.study;
        bench.begin(0.01, &leader());
        let point: crate::space::Point = [("rate", 0.05)].into_iter().collect();
        assert_eq!(bench.run(|sql| enqueue(sql, study, &point, None)), 1);
        let trial = bench.trials().remove(1);
        assert_eq!((trial.state, trial.enqueued()), (TrialState::Waiting, Some(Ok(point.clone()))));
        let claim = bench.run(|sql| waiting(sql, study, 2, &leader())).expect("it waits");
        assert_eq!((claim.trial.number, claim.trial.point), (1, point));
    }

    #[test]
    fn a_trial_whose_answer_was_lost_is_enqueued_once() {
        let mut bench = Bench::new();
        let study = bench.study;
        let point: crate::space::Point = [("rate", 0.05)].into_iter().collect();
        assert_eq!(bench.run(|sql| enqueue(sql, study, &point, Some("a"))), 0);
        assert_eq!(bench.run(|sql| enqueue(&mut Repeated(sql), study, &point, Some("a"))), 0);
        assert_eq!(bench.trials().len(), 1);
        assert_eq!(bench.run(|sql| enqueue(&mut Repeated(sql), study, &point, Some("b"))), 1);
    }

    #[test]
    fn a_study_is_deleted_once_though_the_answer_is_lost() {
        let mut bench = Bench::new();
        let study = bench.study;
        bench.run(|sql| studies::delete(sql, study));
        bench.run(|sql| studies::delete(&mut Repeated(sql), study));
        assert_eq!(bench.run(|sql| studies::find(sql, "study")), None);
    }

    #[test]
    fn no_trial_has_a_number_beyond_its_column() {
        let mut bench = Bench::new();
        let study = bench.study;
        assert_eq!(bench.run(|sql| trials::find(sql, study, 3_000_000_000)), None);
    }
}

//! Trials whose worker is gone. They wait again, are paused at their last rung (a step at which
//! trials pause), or are tried again under a new number.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::{Lost, MOST_TRIES, StudyKey, TrialKey};
use super::attribute::{self, LED, Owner, RECEIPT};
use super::claims::{self, count};
use super::fault::Fault;
use super::rows;
use super::sql::Sql;
use super::{studies, time, trials};
use crate::study::{
    FAILED_TRIAL, Failure, FailureKind, RETRIED, RETRY_HISTORY, TRIES, Timestamp, Trial, VERSION, WORKER,
};
use crate::units::Seconds;

/// The SQL condition that this program has claimed a trial `t`. Optuna's workers send heartbeats, too, and Optuna takes
/// the trials of those that are gone.
fn is_claimed_by_us() -> String {
    format!(
        r#"EXISTS (SELECT 1 FROM trial_system_attributes a
           WHERE a.trial_id = t.trial_id AND a."key" IN ('{WORKER}', '{LED}'))"#
    )
}

/// Puts back every running trial of a study that a process of this program has claimed without
/// sending heartbeats. Returns the number of these trials. Running trials of other programs are
/// left alone.
///
/// Version 0.1 did not mark the trials of a leader, but gave them a heartbeat. Such trials count
/// too.
pub(super) fn requeue(sql: &mut dyn Sql, study: StudyKey) -> Result<u32, Fault> {
    studies::require(sql, study)?;
    let has = |place: u32| {
        format!(
            r#"EXISTS (SELECT 1 FROM trial_system_attributes a
                       WHERE a.trial_id = t.trial_id AND a."key" = ?{place})"#
        )
    };
    let statement = format!(
        r#"SELECT trial_id FROM trials t
           WHERE study_id = ?1 AND state = 'RUNNING' AND NOT {} AND ({}
               OR EXISTS (SELECT 1 FROM trial_heartbeats h WHERE h.trial_id = t.trial_id)
                  AND EXISTS (SELECT 1 FROM study_system_attributes s
                      WHERE s.study_id = t.study_id AND s."key" = ?4 AND s.value_json LIKE '"0.1.%'))
           ORDER BY number{}"#,
        has(2),
        has(3),
        sql.lock()
    );
    let cells = [study.0.into(), WORKER.into(), LED.into(), VERSION.into()];
    let rows = sql.query(&statement, &cells)?;
    for row in &rows {
        put_back(sql, TrialKey(row.int(0)?))?;
    }
    Ok(u32::try_from(rows.len()).expect("numbers of trials are u32"))
}

/// Puts back a running trial, at the request of its worker; `false` if it is not running.
pub(super) fn release(sql: &mut dyn Sql, trial: TrialKey) -> Result<bool, Fault> {
    if !trials::is_running(sql, trial)? {
        return Ok(false);
    }
    put_back(sql, trial)?;
    Ok(true)
}

/// Pauses a running trial at its last rung. A trial that never paused waits again. Both keep their
/// numbers.
fn put_back(sql: &mut dyn Sql, key: TrialKey) -> Result<(), Fault> {
    let rung_history = rows::one(sql, key)?.rung_history;
    let last = rung_history.rungs.last().map_or(-1, |rung| i64::from(rung.steps));
    let statement = "DELETE FROM trial_intermediate_values WHERE trial_id = ?1 AND step > ?2";
    sql.execute(statement, &[key.0.into(), last.into()])?;
    sql.execute("DELETE FROM trial_heartbeats WHERE trial_id = ?1", &[key.0.into()])?;
    for name in [WORKER, RECEIPT, LED] {
        attribute::remove(sql, Owner::TrialSystem(key), name)?;
    }
    if !rung_history.is_empty() {
        return trials::end(sql, key, "PRUNED");
    }
    let statement = "UPDATE trials SET state = 'WAITING', datetime_start = NULL WHERE trial_id = ?1";
    sql.execute(statement, &[key.0.into()])?;
    Ok(())
}

/// Takes the running trials of a study whose last heartbeat is older than `heartbeat_timeout` from
/// their workers.
pub(super) fn reap(
    sql: &mut dyn Sql,
    study: StudyKey,
    heartbeat_timeout: Duration,
) -> Result<Vec<Lost>, Fault> {
    studies::require(sql, study)?;
    let statement = format!(
        "SELECT t.trial_id, {} FROM trials t JOIN trial_heartbeats USING (trial_id)
         WHERE study_id = ?1 AND state = 'RUNNING' AND {} ORDER BY number",
        sql.heartbeat_age(),
        is_claimed_by_us()
    );
    let mut lost = Vec::new();
    for row in sql.query(&statement, &[study.0.into()])? {
        let (key, age) = (TrialKey(row.int(0)?), row.maybe_real(1)?.unwrap_or_default());
        // The trial may have ended since it was listed.
        if age > heartbeat_timeout.as_secs_f64() && trials::is_running(sql, key)? {
            let silence = format!("no heartbeat for {age:.0} s");
            lost.push(give_up(sql, study, key, &silence)?);
        }
    }
    Ok(lost)
}

/// Takes a running trial from its lost worker. The trial is tried again, unless it was started
/// [`MOST_TRIES`] times.
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
    let again = if trial.rung_history.is_empty() {
        fail(sql, key, &Failure { kind: FailureKind::Lost, reason: reason.clone() })?;
        let history = failed_before(&trial);
        let number = count(sql, study)?.next;
        let copy = try_again(sql, study, key, &trial, number)?;
        attribute::set(sql, Owner::TrialSystem(copy), RETRY_HISTORY, &Json::from(history).to_string())?;
        number
    } else {
        put_back(sql, key)?;
        attribute::set(sql, Owner::TrialSystem(key), TRIES, &tries.to_string())?;
        trial_number
    };
    Ok(Lost { trial: trial_number, worker, again: Some(again), reason })
}

/// The numbers of the lost trials with the point of `trial`, itself included, oldest first.
fn failed_before(trial: &Trial) -> Vec<Json> {
    let mut history = match trial.internal.get(RETRY_HISTORY) {
        Some(Json::Array(history)) => history.clone(),
        _ => Vec::new(),
    };
    history.push(trial.number.into());
    history
}

/// Lets every failed trial that has parameters be tried again, unless it is already. Returns the
/// number of these trials.
pub(super) fn retry_failed(sql: &mut dyn Sql, study: StudyKey) -> Result<u32, Fault> {
    studies::require(sql, study)?;
    let statement = format!(
        r#"SELECT trial_id FROM trials t WHERE study_id = ?1 AND state = 'FAIL' AND NOT EXISTS
               (SELECT 1 FROM trial_system_attributes a WHERE a.trial_id = t.trial_id AND a."key" = ?2)
           AND EXISTS (SELECT 1 FROM trial_params p WHERE p.trial_id = t.trial_id)
           ORDER BY number{}"#,
        sql.lock()
    );
    let rows = sql.query(&statement, &[study.0.into(), RETRIED.into()])?;
    let next = count(sql, study)?.next;
    for (row, number) in rows.iter().zip(next..) {
        let key = TrialKey(row.int(0)?);
        let trial = rows::one(sql, key)?;
        try_again(sql, study, key, &trial, number)?;
        // Readers look at a trial again where a date of its row has changed.
        let ended = trial.finished.map_or_else(time::now, |Timestamp(moment)| Timestamp(moment + 1));
        let statement = "UPDATE trials SET datetime_complete = ?2 WHERE trial_id = ?1";
        sql.execute(statement, &[key.0.into(), ended.into()])?;
    }
    Ok(u32::try_from(rows.len()).expect("numbers of trials are u32"))
}

fn fail(sql: &mut dyn Sql, key: TrialKey, failure: &Failure) -> Result<(), Fault> {
    attribute::set_all(sql, Owner::TrialUser(key), &trials::explanation(failure))?;
    trials::end(sql, key, "FAIL")
}

/// Enqueues the point of a failed trial under the new `number`. Returns the key of the new trial. It has the
/// attribute that Optuna gives to retried trials.
fn try_again(
    sql: &mut dyn Sql,
    study: StudyKey,
    key: TrialKey,
    trial: &Trial,
    number: u32,
) -> Result<TrialKey, Fault> {
    let insert = "INSERT INTO trials (number, study_id, state) VALUES (?1, ?2, 'WAITING') RETURNING trial_id";
    let copy = TrialKey(sql.insert(insert, &[number.into(), study.0.into()])?);
    let statement = "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
        SELECT ?1, param_name, param_value, distribution_json FROM trial_params WHERE trial_id = ?2
        ORDER BY param_id";
    sql.execute(statement, &[copy.0.into(), key.0.into()])?;
    for (name, value) in &trial.internal {
        if ![WORKER, FAILED_TRIAL, RETRY_HISTORY, TRIES].contains(&name.as_str()) {
            attribute::set(sql, Owner::TrialSystem(copy), name, &value.to_string())?;
        }
    }
    let first = trial.internal.get(FAILED_TRIAL).cloned().unwrap_or_else(|| json!(trial.number));
    attribute::set(sql, Owner::TrialSystem(copy), FAILED_TRIAL, &first.to_string())?;
    attribute::set(sql, Owner::TrialSystem(key), RETRIED, &number.to_string())?;
    let retried = claims::retried(sql, study)? + 1;
    attribute::set(sql, Owner::StudySystem(study), RETRIED, &retried.to_string())?;
    Ok(copy)
}

/// The numbers of the running trials with heartbeats, each with the age of its last heartbeat.
pub(super) fn heartbeats(sql: &mut dyn Sql, study: StudyKey) -> Result<Vec<(u32, Seconds)>, Fault> {
    let statement = format!(
        "SELECT number, {} FROM trials t JOIN trial_heartbeats USING (trial_id)
         WHERE study_id = ?1 AND state = 'RUNNING' AND {} ORDER BY number",
        sql.heartbeat_age(),
        is_claimed_by_us()
    );
    let rows = sql.query(&statement, &[study.0.into()])?;
    rows.iter().map(|row| Ok((row.count(0)?, Seconds(row.maybe_real(1)?.unwrap_or_default())))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, leader, rate, worker};
    use super::super::rows::Which;
    use super::*;
    use crate::study::{Rung, RungHistory, TrialState};

    const TIMEOUT: Duration = Duration::from_secs(120);

    /// The rungs of a trial that has paused after one step and after three.
    fn rungs() -> RungHistory {
        let rung = |steps| Rung { steps, values: vec![0.5], seconds: 0.25 };
        RungHistory { rungs: vec![rung(1), rung(3)] }
    }

    /// Reports values at these steps.
    fn report(bench: &mut Bench, key: TrialKey, steps: &[u32]) {
        for &step in steps {
            bench.run(|sql| trials::report(sql, key, step, 0.5));
        }
    }

    fn steps(trial: &Trial) -> Vec<u32> {
        trial.intermediate.iter().map(|&(step, _)| step).collect()
    }

    fn reap_now(bench: &mut Bench) -> Vec<Lost> {
        let study = bench.study;
        bench.run(|sql| reap(sql, study, TIMEOUT))
    }

    /// Pauses a running trial at the last of [`rungs`] and resumes it as `one`.
    fn pause_and_resume(bench: &mut Bench, key: TrialKey) {
        assert!(bench.run(|sql| trials::pause(sql, key, &rungs())));
        assert!(bench.run(|sql| claims::resume(sql, key, &worker("one"))).is_some());
    }

    #[test]
    fn a_leader_puts_back_what_no_worker_with_heartbeats_holds() {
        let mut bench = Bench::new();
        let study = bench.study;
        let (own, held) = (bench.begin(0.01, &leader()), bench.begin(0.02, &worker("one")));
        report(&mut bench, own, &[1, 2]);
        report(&mut bench, held, &[1]);
        assert_eq!(bench.run(|sql| requeue(sql, study)), 1);
        assert_eq!(bench.trial(own), Trial::waiting(0, bench.trials()[0].point.clone()));
        let held = bench.trial(held);
        assert_eq!((held.state, held.worker(), steps(&held)), (TrialState::Running, Some("one"), vec![1]));
        assert_eq!(bench.run(|sql| requeue(sql, study)), 0);
    }

    #[test]
    fn a_released_trial_loses_its_worker_and_what_it_began() {
        let mut bench = Bench::new();
        let key = bench.begin(0.01, &worker("one"));
        report(&mut bench, key, &[1]);
        assert!(bench.run(|sql| release(sql, key)));
        let point = bench.trials()[0].point.clone();
        assert_eq!(bench.trial(key), Trial::waiting(0, point));
        assert!(!bench.run(|sql| release(sql, key)), "it waits");
    }

    #[test]
    fn a_paused_trial_that_is_put_back_keeps_its_rungs_and_the_values_up_to_the_last() {
        let mut bench = Bench::new();
        let key = bench.begin(0.01, &worker("one"));
        report(&mut bench, key, &[1, 2, 3]);
        pause_and_resume(&mut bench, key);
        report(&mut bench, key, &[4, 5]);
        assert!(bench.run(|sql| release(sql, key)));
        let trial = bench.trial(key);
        assert!(trial.is_paused());
        assert_eq!((&trial.rung_history, steps(&trial), trial.worker()), (&rungs(), vec![1, 2, 3], None));
        assert_eq!(trial.tries(), 0, "a worker that gives it back is not lost");
    }

    #[test]
    fn only_a_trial_whose_last_heartbeat_is_too_old_is_lost() {
        let mut bench = Bench::new();
        let keys = [0.01, 0.02].map(|rate| bench.begin(rate, &worker("one")));
        bench.begin(0.03, &leader());
        bench.age(keys[1], 100);
        assert_eq!(reap_now(&mut bench), []);
        bench.age(keys[1], 100);
        let lost = reap_now(&mut bench);
        assert_eq!(lost.iter().map(|lost| (lost.trial, lost.again)).collect::<Vec<_>>(), [(1, Some(3))]);
        assert_eq!((lost[0].worker.as_str(), lost[0].reason.split(':').next()), ("one", Some("one is gone")));
        let states = bench.trials().iter().map(|trial| trial.state).collect::<Vec<_>>();
        use TrialState::{Fail, Running, Waiting};
        assert_eq!(states, [Running, Fail, Running, Waiting], "one trial never had a heartbeat");
        assert_eq!(reap_now(&mut bench), [], "once is enough");
    }

    #[test]
    fn a_lost_trial_is_tried_three_times_and_costs_the_budget_of_one() {
        let mut bench = Bench::new();
        let study = bench.study;
        let mut key = bench.begin(0.01, &worker("one"));
        bench.run(|sql| attribute::set(sql, Owner::TrialSystem(key), "tune:fits", "[1.5]"));
        let mut again = Vec::new();
        for _ in 0..MOST_TRIES {
            bench.age(key, 600);
            again.extend(reap_now(&mut bench).into_iter().map(|lost| lost.again));
            let waiting = bench.trials().pop().filter(|trial| trial.state == TrialState::Waiting);
            assert!(waiting.is_none_or(|trial| trial.worker().is_none() && trial.intermediate.is_empty()));
            if let Some(claim) = bench.run(|sql| claims::waiting(sql, study, 1, &worker("two"))) {
                key = claim.key;
            }
        }
        assert_eq!(again, [Some(1), Some(2), None]);
        let trials = bench.trials();
        assert!(trials.iter().all(|trial| trial.state == TrialState::Fail));
        assert!(trials.iter().all(|trial| rate(&trial.point) == Some(0.01)));
        assert_eq!(trials.iter().map(Trial::is_retried).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(trials.iter().map(Trial::tries).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(trials[2].internal["tune:fits"], json!([1.5]), "what other processes read of it");
        assert_eq!(trials[2].internal[FAILED_TRIAL], json!(0));
        assert_eq!(trials[2].internal[RETRY_HISTORY], json!([0, 1]));
        assert!(
            trials[2].attributes["reason"].as_str().is_some_and(|reason| reason.contains("tried 3 times"))
        );
        assert_eq!(bench.run(|sql| claims::retried(sql, study)), 2);
        let waiting = bench.run(|sql| rows::heads(sql, Which::OfStudy(study))).len();
        assert_eq!(waiting, 3, "nothing waits beside them");
    }

    #[test]
    fn a_lost_paused_trial_goes_on_under_its_number_three_times_and_keeps_its_rungs() {
        let mut bench = Bench::new();
        let key = bench.begin(0.01, &worker("one"));
        report(&mut bench, key, &[1, 2, 3]);
        pause_and_resume(&mut bench, key);
        for (again, tries) in [(Some(0), 1), (Some(0), 2), (None, 2)] {
            report(&mut bench, key, &[4]);
            bench.age(key, 600);
            let lost = reap_now(&mut bench);
            assert_eq!(lost.iter().map(|lost| (lost.trial, lost.again)).collect::<Vec<_>>(), [(0, again)]);
            let trial = bench.trial(key);
            assert_eq!((&trial.rung_history, trial.tries()), (&rungs(), tries));
            assert_eq!(trial.is_paused(), again.is_some());
            if again.is_some() {
                assert_eq!((steps(&trial), trial.worker()), (vec![1, 2, 3], None));
                assert!(bench.run(|sql| claims::resume(sql, key, &worker("two"))).is_some());
            }
        }
        let failed = bench.trial(key);
        assert_eq!((failed.state, steps(&failed)), (TrialState::Fail, vec![1, 2, 3, 4]));
        assert_eq!(bench.trials().len(), 1);
    }

    #[test]
    fn heartbeats_are_those_of_running_trials_with_their_age() {
        let mut bench = Bench::new();
        let study = bench.study;
        let keys = [0.01, 0.02].map(|rate| bench.begin(rate, &worker("one")));
        bench.begin(0.03, &leader());
        bench.age(keys[1], 600);
        let heartbeats = bench.run(|sql| heartbeats(sql, study));
        let numbers: Vec<u32> = heartbeats.iter().map(|&(number, _)| number).collect();
        assert_eq!(numbers, [0, 1]);
        assert!(heartbeats[0].1.0 < 300.0 && heartbeats[1].1.0 >= 599.0, "{heartbeats:?}");
        bench.run(|sql| trials::end(sql, keys[1], "COMPLETE"));
        assert_eq!(bench.run(|sql| super::heartbeats(sql, study)).len(), 1, "it has ended");
    }

    #[test]
    fn a_running_trial_of_another_program_stays_its_own() {
        let mut bench = Bench::new();
        let study = bench.study;
        let ours = bench.begin(0.01, &leader());
        let insert =
            "INSERT INTO trials (number, study_id, state) VALUES (?1, ?2, 'RUNNING') RETURNING trial_id";
        let [silent, alive] = [1_u32, 2]
            .map(|number| TrialKey(bench.run(|sql| sql.insert(insert, &[number.into(), study.0.into()]))));
        bench.run(|sql| trials::write_heartbeat(sql, alive));
        bench.age(alive, 600);
        assert_eq!(bench.run(|sql| reap(sql, study, TIMEOUT)), [], "its own program looks after it");
        assert_eq!(bench.run(|sql| super::heartbeats(sql, study)), []);
        let led = bench.begin(0.02, &leader());
        bench.run(|sql| trials::write_heartbeat(sql, led));
        bench.age(led, 600);
        assert_eq!(bench.run(|sql| reap(sql, study, TIMEOUT)).len(), 1, "workers take that of a dead leader");
        assert_eq!(bench.run(|sql| requeue(sql, study)), 1);
        let states = [ours, silent, alive].map(|key| bench.trial(key).state);
        assert_eq!(states, [TrialState::Waiting, TrialState::Running, TrialState::Running]);
        assert_eq!(bench.run(|sql| requeue(sql, study)), 0);
        // Version 0.1 left its running trials like the last one.
        bench.run(|sql| attribute::set(sql, Owner::StudySystem(study), VERSION, "\"0.1.0\""));
        assert_eq!(bench.run(|sql| requeue(sql, study)), 1);
        assert_eq!(bench.trial(alive).state, TrialState::Waiting);
    }

    #[test]
    fn failed_trials_are_tried_again_once_and_no_longer_count() {
        let mut bench = Bench::new();
        let study = bench.study;
        let failure = Failure { kind: FailureKind::Error, reason: "no module".into() };
        let failed = crate::study::Outcome::Failed { failure, attributes: Default::default() };
        for (rate, outcome) in
            [(0.01, &failed), (0.02, &crate::storage::contract::complete(0.5)), (0.03, &failed)]
        {
            let key = bench.begin(rate, &leader());
            assert!(bench.run(|sql| trials::finish(sql, key, outcome)));
        }
        // As Optuna leaves a trial that failed before its first parameter.
        let insert = "INSERT INTO trials (number, study_id, state) VALUES (3, ?1, 'FAIL')";
        bench.run(|sql| sql.execute(insert, &[study.0.into()]));
        let before = bench.trials();
        assert_eq!(bench.run(|sql| retry_failed(sql, study)), 2);
        let trials = bench.trials();
        assert_eq!(
            trials.iter().map(Trial::is_retried).collect::<Vec<_>>(),
            [true, false, true, false, false, false]
        );
        assert_eq!(trials[1], before[1]);
        assert_eq!(trials[4].point, before[0].point);
        assert_eq!((trials[4].state, trials[4].tries()), (TrialState::Waiting, 0));
        assert_eq!(trials[5].internal[FAILED_TRIAL], json!(2));
        assert_eq!(bench.run(|sql| claims::retried(sql, study)), 2);
        assert_eq!(bench.run(|sql| retry_failed(sql, study)), 0, "they are tried again already");
    }
}

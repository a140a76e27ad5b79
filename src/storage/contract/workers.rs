//! Workers that send heartbeats: when one dies, its trial is tried again.

use std::time::Duration;

use serde_json::json;

use super::super::{Claim, ClaimResult, Lost, Storage, StudyKey};
use super::{Place, claim, complete, point, space, study, trial};
use crate::study::{Attributes, Metric, RETRIED, Rung, RungHistory, Trial, TrialState};

const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(120);

/// Claims a new trial as `worker`, which sends heartbeats.
fn claim_as(place: &impl Place, worker: &str, study: StudyKey) -> Claim {
    let mut storage = place.open();
    storage.work_as(worker);
    claim(&mut *storage, study)
}

/// The trials that are lost when the worker of `claim` has sent no heartbeat for ten minutes.
fn silent(place: &impl Place, study: StudyKey, claim: &Claim) -> Vec<Lost> {
    place.age_heartbeat(claim.key, 600);
    place.open().reap(study, HEARTBEAT_TIMEOUT).expect("stored")
}

pub(in super::super) fn a_lost_trial_is_tried_again_under_a_new_number(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let first = claim_as(place, "one", study);
    assert_eq!(first.trial.worker(), Some("one"));
    assert_eq!(trial(&mut *storage, study, 0), first.trial);
    storage.report(first.key, 1, 0.25).expect("stored");
    assert_eq!(storage.reap(study, HEARTBEAT_TIMEOUT).expect("stored"), [], "it is alive");
    let lost = silent(place, study, &first);
    let summary: Vec<_> = lost.iter().map(|lost| (lost.trial, lost.worker.as_str(), lost.again)).collect();
    assert_eq!(summary, [(0, "one", Some(1))]);
    let failed = trial(&mut *storage, study, 0);
    assert_eq!((failed.state, &failed.attributes["failure"]), (TrialState::Fail, &json!("lost")));
    assert_eq!(failed.attributes["reason"], lost[0].reason);
    assert!(
        failed.attributes["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("one is gone: no heartbeat for 600 s"))
    );
    assert_eq!((failed.is_retried(), &failed.intermediate), (true, &vec![(1, 0.25)]));
    let waiting = trial(&mut *storage, study, 1);
    let history = [("failed_trial", json!(0)), ("retry_history", json!([0]))];
    let history: Attributes = history.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(waiting, Trial { internal: history, ..Trial::waiting(1, first.trial.point) });
    assert_eq!(storage.reap(study, HEARTBEAT_TIMEOUT).expect("stored"), [], "once is enough");
}

pub(in super::super) fn a_late_result_of_a_lost_trial_changes_nothing(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let first = claim_as(place, "one", study);
    silent(place, study, &first);
    let before = storage.load_study(study).expect("loaded");
    assert!(!storage.finish(first.key, &complete(0.5)).expect("late, not wrong"));
    assert!(!storage.release(first.key).expect("late, not wrong"));
    storage.report(first.key, 7, 0.5).expect("late, not wrong");
    assert!(!storage.heartbeat(first.key).expect("late, not wrong"));
    assert_eq!(storage.load_study(study).expect("loaded"), before);
    storage.work_as("two");
    let second = storage.claim_waiting(study, 1).expect("looked").expect("it waits");
    assert_eq!((second.trial.number, second.trial.worker()), (1, Some("two")));
    assert!(storage.finish(second.key, &complete(0.5)).expect("stored"));
}

pub(in super::super) fn a_trial_that_takes_its_workers_down_is_left_alone(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    storage.work_as("victim");
    let mut next = claim(&mut *storage, study);
    for again in [Some(1), Some(2), None] {
        let lost = silent(place, study, &next);
        assert_eq!(lost.iter().map(|lost| lost.again).collect::<Vec<_>>(), [again]);
        assert!(lost[0].reason.ends_with("tried 3 times, not tried again") == again.is_none());
        match storage.claim_waiting(study, 1).expect("looked") {
            Some(claim) => next = claim,
            None => assert_eq!(again, None),
        }
    }
    let loaded = storage.load_study(study).expect("loaded");
    assert!(loaded.trials.iter().all(|trial| trial.state == TrialState::Fail));
    let last = &loaded.trials[2];
    assert_eq!(
        (&last.internal["failed_trial"], &last.internal["retry_history"]),
        (&json!(0), &json!([0, 1]))
    );
    assert_eq!((loaded.trials.len(), loaded.charged(), last.is_retried()), (3, 1, false));
    let space = space();
    let none = Attributes::new();
    let mut claim = |budget| storage.claim(study, &space, &point(0.05), &none, budget).expect("looked");
    assert_eq!(claim(1), None, "three tries cost as much as one trial");
    assert_eq!(claim(2).map(|claim| claim.trial.number), Some(3));
    assert_eq!(storage.load_study(study).expect("loaded").attributes[RETRIED], json!(2));
}

pub(in super::super) fn a_released_trial_waits_again_under_its_number(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let first = claim_as(place, "one", study);
    storage.report(first.key, 1, 0.25).expect("stored");
    let heartbeats = storage.heartbeats(study).expect("looked");
    assert!(matches!(heartbeats[..], [(0, age)] if age.0 < 60.0), "{heartbeats:?}");
    assert!(storage.release(first.key).expect("stored"));
    assert_eq!(trial(&mut *storage, study, 0), Trial::waiting(0, first.trial.point.clone()));
    assert_eq!(storage.heartbeats(study).expect("looked"), []);
    let again = storage.claim_waiting(study, 1).expect("looked").expect("it waits");
    assert_eq!((again.key, again.trial.worker()), (first.key, None));
    assert_eq!(storage.heartbeats(study).expect("looked"), [], "nobody sends heartbeats for it");
    assert_eq!(silent(place, study, &again), [], "nor is it lost");
}

pub(in super::super) fn a_lost_trial_that_paused_goes_on_from_its_last_rung(place: &impl Place) {
    let rung_history = RungHistory { rungs: vec![Rung { steps: 2, values: vec![0.5], seconds: 0.25 }] };
    let mut storage = place.open();
    let study = study(&mut *storage);
    storage.work_as("one");
    let running = claim(&mut *storage, study);
    for step in 1..4 {
        storage.report(running.key, step, 0.25).expect("stored");
    }
    storage.pause(running.key, &rung_history).expect("stored");
    for again in [Some(0), Some(0), None] {
        let resumed = storage.resume(running.key).expect("stored").expect("it is paused");
        assert_eq!(resumed.trial.worker(), Some("one"));
        let lost = silent(place, study, &running);
        assert_eq!(lost.iter().map(|lost| lost.again).collect::<Vec<_>>(), [again]);
        let left = trial(&mut *storage, study, 0);
        assert_eq!((left.is_paused(), &left.rung_history), (again.is_some(), &rung_history));
        assert_eq!(left.intermediate, [(1, 0.25), (2, 0.25)][..].to_vec());
    }
    let failed = trial(&mut *storage, study, 0);
    assert_eq!((failed.state, failed.rung_history), (TrialState::Fail, rung_history));
    assert_eq!(storage.load_study(study).expect("loaded").trials.len(), 1);
}

pub(in super::super) fn a_late_worker_leaves_the_trial_to_the_next_one(place: &impl Place) {
    let rung_history = RungHistory { rungs: vec![Rung { steps: 2, values: vec![0.5], seconds: 0.25 }] };
    let (mut late, mut next) = (place.open(), place.open());
    let study = study(&mut *late);
    late.work_as("late");
    next.work_as("next");
    let running = claim(&mut *late, study);
    late.pause(running.key, &rung_history).expect("stored");
    late.resume(running.key).expect("stored").expect("it is paused");
    silent(place, study, &running);
    let resumed = next.resume(running.key).expect("stored").expect("it is paused");
    let before = late.load_study(study).expect("loaded");
    let longer = RungHistory { rungs: [&rung_history.rungs[..], &rung_history.rungs].concat() };
    late.report(running.key, 3, 0.5).expect("late, not wrong");
    late.set_point(running.key, &space(), &point(0.07)).expect("late, not wrong");
    assert!(!late.heartbeat(running.key).expect("late, not wrong"));
    assert!(!late.pause(running.key, &longer).expect("late, not wrong"));
    assert!(!late.release(running.key).expect("late, not wrong"));
    assert!(!late.finish(running.key, &complete(0.25)).expect("late, not wrong"));
    assert_eq!(late.load_study(study).expect("loaded"), before);
    assert_eq!(before.trials[0], resumed.trial);
    assert!(next.heartbeat(running.key).expect("stored"));
    assert!(next.finish(running.key, &complete(0.5)).expect("stored"));
}

pub(in super::super) fn a_leader_takes_back_what_no_live_worker_holds(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let (workers, own) = (claim_as(place, "one", study), claim(&mut *storage, study));
    assert_eq!(storage.requeue(study).expect("stored"), 1);
    assert_eq!(trial(&mut *storage, study, 0), workers.trial);
    assert_eq!(trial(&mut *storage, study, 1), Trial::waiting(1, own.trial.point));
}

pub(in super::super) fn a_point_that_another_process_has_begun_is_a_duplicate(place: &impl Place) {
    let (mut storage, space, none) = (place.open(), space(), Attributes::new());
    let study = study(&mut *storage);
    let mut ask = |rate, seen| {
        storage.claim_unless_duplicate(study, &space, &point(rate), &none, 3, Some(seen)).expect("looked")
    };
    assert!(matches!(ask(0.01, 0), ClaimResult::Claimed(_)));
    assert_eq!(ask(0.01, 0), ClaimResult::Duplicate);
    assert!(matches!(ask(0.02, 0), ClaimResult::Claimed(_)));
    assert!(matches!(ask(0.01, 2), ClaimResult::Claimed(_)), "the suggestion saw it");
    assert_eq!(ask(0.03, 3), ClaimResult::BudgetSpent);
}

pub(in super::super) fn one_process_holds_the_suggestion_lock_until_it_releases_it_or_ends(
    place: &impl Place,
) {
    let (mut one, mut other) = (place.open(), place.open());
    let first = study(&mut *one);
    let second = one.create_study("other", &[Metric::minimize("loss")], &Attributes::new()).expect("a name");
    let moment = Duration::from_millis(20);
    let take = |storage: &mut dyn Storage, study| storage.lock_suggestions(study, moment).expect("looked");
    assert!(take(&mut *one, first));
    assert!(!take(&mut *other, first), "one holds it");
    assert!(take(&mut *other, second), "another study has a lock of its own");
    other.unlock_suggestions(second).expect("ended");
    claim(&mut *other, first);
    one.unlock_suggestions(first).expect("ended");
    assert!(take(&mut *other, first));
    drop(other);
    assert!(one.lock_suggestions(first, Duration::from_secs(10)).expect("looked"), "its holder is gone");
}

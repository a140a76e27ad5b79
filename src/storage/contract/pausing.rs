//! Trials that pause at a rung and are resumed.

use super::{Place, claim, complete, study, trial};
use crate::study::{RUNG_HISTORY, Rung, RungHistory, Trial, TrialState};

fn rung_history(steps: &[u32]) -> RungHistory {
    let rungs =
        steps.iter().map(|&steps| Rung { steps, values: vec![1.0 / f64::from(steps)], seconds: 0.25 });
    RungHistory { rungs: rungs.collect() }
}

pub(in super::super) fn a_paused_trial_goes_on_with_all_it_had(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let running = claim(&mut *storage, study);
    storage.report(running.key, 1, 0.25).expect("stored");
    assert!(storage.pause(running.key, &rung_history(&[1])).expect("stored"));
    let paused = trial(&mut *storage, study, 0);
    assert_eq!(paused.state, TrialState::Pruned);
    assert!(paused.is_paused() && paused.finished >= paused.started);
    assert_eq!(paused.rung_history, rung_history(&[1]));
    storage.report(running.key, 2, 0.5).expect("looked");
    assert!(!storage.pause(running.key, &rung_history(&[1, 2])).expect("looked"));
    assert!(!storage.finish(running.key, &complete(0.5)).expect("looked"));
    assert_eq!(trial(&mut *storage, study, 0), paused, "a paused trial does not change");
    assert_eq!(storage.requeue(study).expect("stored"), 0);
    assert_eq!(storage.claim_waiting(study, 9).expect("looked"), None);

    let resumed = storage.resume(running.key).expect("stored").expect("it is paused");
    assert_eq!(resumed.key, running.key);
    assert_eq!(resumed.trial, Trial { state: TrialState::Running, finished: None, ..paused });
    storage.report(running.key, 2, 0.5).expect("stored");
    assert!(storage.pause(running.key, &rung_history(&[1, 2])).expect("stored"));
    storage.resume(running.key).expect("stored").expect("it is paused");
    assert!(storage.finish(running.key, &complete(0.75)).expect("stored"));
    let done = trial(&mut *storage, study, 0);
    assert_eq!((done.state, &done.values), (TrialState::Complete, &vec![0.75]));
    assert_eq!(done.intermediate, [(1, 0.25), (2, 0.5)]);
    assert_eq!(done.rung_history, rung_history(&[1, 2]));
}

pub(in super::super) fn only_a_paused_trial_is_resumed(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let (first, second) = (claim(&mut *storage, study), claim(&mut *storage, study));
    assert_eq!(storage.resume(first.key).expect("looked"), None, "it runs");
    storage.requeue(study).expect("stored");
    assert_eq!(storage.resume(first.key).expect("looked"), None, "it waits");
    storage.claim_waiting(study, 9).expect("stored").expect("it waits");
    storage.pause(first.key, &rung_history(&[1])).expect("stored");
    assert!(storage.resume(first.key).expect("stored").is_some());
    assert_eq!(storage.resume(first.key).expect("looked"), None, "it runs already");
    storage.finish(first.key, &complete(0.5)).expect("stored");
    let done = trial(&mut *storage, study, 0);
    assert_eq!(storage.resume(first.key).expect("looked"), None, "it is complete");
    assert_eq!(trial(&mut *storage, study, 0), done);
    assert_eq!(storage.resume(second.key).expect("looked"), None, "it waits");
}

pub(in super::super) fn a_resumed_trial_without_worker_is_paused_where_it_was(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let (key, other) = (claim(&mut *storage, study).key, claim(&mut *storage, study));
    for (step, value) in [(1, 0.25), (2, f64::NAN), (3, 0.5)] {
        storage.report(key, step, value).expect("stored");
    }
    storage.pause(key, &rung_history(&[1, 3])).expect("stored");
    storage.resume(key).expect("stored").expect("it is paused");
    storage.heartbeat(key).expect("stored");
    storage.report(key, 4, 0.75).expect("stored");
    assert_eq!(storage.requeue(study).expect("stored"), 2);
    let again = trial(&mut *storage, study, 0);
    assert!(again.is_paused());
    assert_eq!(again.rung_history, rung_history(&[1, 3]));
    let steps: Vec<u32> = again.intermediate.iter().map(|&(step, _)| step).collect();
    assert_eq!(steps, [1, 2, 3]);
    assert_eq!(trial(&mut *storage, study, 1), Trial::waiting(1, other.trial.point));
    assert!(!again.attributes.contains_key(RUNG_HISTORY), "a fact for programs, not for people");
}

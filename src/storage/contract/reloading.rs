//! A connection that reads a study again sees the same as a new connection.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use serde_json::json;

use super::super::{Claim, Storage, StudyKey};
use super::{Place, claim, complete, point, space, study};
use crate::seed::Seed;
use crate::study::{Attributes, Metric, Rung, RungHistory, TrialState};

const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(120);

/// Two connections that write, and the trials that they have claimed. The leader sends no
/// heartbeats, the worker does.
struct Writers {
    leader: Box<dyn Storage>,
    worker: Box<dyn Storage>,
    study: StudyKey,
    claims: Vec<Claim>,
}

impl Writers {
    /// Runs action number `what` on the trial that `which` selects.
    fn write(&mut self, place: &impl Place, what: u32, which: usize, value: f64) {
        let some = self.claims.get(which % self.claims.len().max(1)).map(|claim| claim.key);
        let (leader, study) = (&mut self.leader, self.study);
        match (what, some) {
            (0..3, _) => self.claims.push(claim(&mut **leader, study)),
            (3 | 4, _) => self.claims.push(claim(&mut *self.worker, study)),
            (5 | 6, Some(trial)) => leader.report(trial, (which % 3) as u32, value).expect("stored"),
            (7..10, Some(trial)) => drop(leader.finish(trial, &complete(value)).expect("stored")),
            (10 | 11, Some(trial)) => {
                let rung = Rung { steps: 1, values: vec![value], seconds: 0.5 };
                leader.pause(trial, &RungHistory { rungs: vec![rung] }).expect("stored");
            }
            (12, Some(trial)) => drop(leader.resume(trial).expect("stored")),
            (13, Some(trial)) => leader.set_point(trial, &space(), &point(value)).expect("stored"),
            (14, Some(trial)) => drop(leader.release(trial).expect("stored")),
            (15, Some(trial)) => {
                place.age_heartbeat(trial, 600);
                leader.reap(study, HEARTBEAT_TIMEOUT).expect("stored");
            }
            (16, _) => drop(leader.claim_waiting(study, u32::MAX).expect("stored")),
            (17, _) => drop(leader.requeue(study).expect("stored")),
            (18, _) => leader.set_study_attribute(study, "note", &json!(value)).expect("stored"),
            (19, _) if which.is_multiple_of(3) => {
                leader.delete_study(study).expect("deleted");
                self.study = super::study(&mut **leader);
                self.claims.clear();
            }
            _ => {}
        }
    }
}

pub(in super::super) fn what_was_read_before_is_read_as_by_a_new_connection(place: &impl Place) {
    let (mut leader, mut worker, mut reader) = (place.open(), place.open(), place.open());
    worker.work_as("worker");
    let study = study(&mut *leader);
    let mut writers = Writers { leader, worker, study, claims: Vec::new() };
    let mut random = Seed::root(5).child("reloading").stream();
    let mut seen = [TrialState::Waiting; 0].to_vec();
    for _ in 0..400 {
        let (what, which) = (random.random_range(0..20), random.random_range(0..1000));
        writers.write(place, what, which, random.random_range(1e-4..0.1));
        let expected = place.open().load_study(writers.study).expect("loaded");
        assert_eq!(reader.load_study(writers.study).expect("loaded"), expected, "after {what}");
        assert_eq!(writers.leader.load_study(writers.study).expect("loaded"), expected, "after {what}");
        seen.extend(expected.trials.iter().map(|trial| trial.state));
    }
    use TrialState::{Complete, Fail, Pruned, Running, Waiting};
    assert!([Complete, Fail, Pruned, Running, Waiting].iter().all(|state| seen.contains(state)));
}

pub(in super::super) fn a_study_that_was_made_anew_is_read_anew(place: &impl Place) {
    let (mut storage, mut reader) = (place.open(), place.open());
    for value in [0.25, 0.5] {
        let study = study(&mut *storage);
        for _ in 0..3 {
            let trial = claim(&mut *storage, study).key;
            assert!(storage.finish(trial, &complete(value)).expect("stored"));
        }
        let loaded = reader.load_study(study).expect("loaded");
        assert!(loaded.trials.iter().all(|trial| trial.values == [value]), "{loaded:?}");
        storage.delete_study(study).expect("deleted");
        assert!(reader.load_study(study).is_err());
    }
}

pub(in super::super) fn what_was_loaded_stays_as_it_was(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let trial = claim(&mut *storage, study).key;
    let before = storage.load_study(study).expect("loaded");
    assert!(storage.finish(trial, &complete(0.5)).expect("stored"));
    let after = storage.load_study(study).expect("loaded");
    assert_eq!((before.finished(), after.finished()), (0, 1));
    // Another study in between: a storage keeps only the last in its cache.
    let metrics = [Metric::minimize("loss")];
    let other = storage.create_study("other", &metrics, &Attributes::new()).expect("made");
    assert_eq!(storage.load_study(other).expect("loaded").metrics, metrics);
    assert_eq!(storage.load_study(study).expect("loaded"), after);
    assert!(!Arc::ptr_eq(&before, &after));
}

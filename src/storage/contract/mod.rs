//! Tests of the contract of [`Storage`]: every storage passes all tests that `promises!` lists.
//! `tests/postgres.rs` includes this folder to run them on servers.

mod pausing;
mod reloading;
mod round_trip;
mod workers;

use std::thread;

use serde_json::{Value as Json, json};

use super::{Claim, Storage, StorageError, StudyKey, TrialKey};
use crate::space::{Point, Space, Value};
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome, Trial, TrialState};

/// A database for one test, to which any number of connections can be opened.
pub(super) trait Place: Sync {
    /// An empty database.
    fn fresh() -> Self;

    /// A new connection to the database.
    fn open(&self) -> Box<dyn Storage>;

    /// Makes the last heartbeat of `trial` older by `seconds`.
    fn age_heartbeat(&self, trial: TrialKey, seconds: u32);
}

/// Calls the macro `$then` with `$place:` and the names of all tests.
macro_rules! promises {
    ($then:ident, $place:ty) => {
        $then! { $place:
            studies_are_made_found_listed_and_deleted
            a_study_needs_a_free_name_and_a_metric
            a_study_attribute_overwrites_the_older_one
            what_is_deleted_or_never_was_is_an_error
            workers_claim_numbers_without_gaps_within_the_budget
            waiting_trials_are_claimed_in_order_under_the_same_budget
            an_enqueued_trial_waits_under_the_next_number
            a_trial_is_found_by_its_number
            a_requeued_trial_waits_under_its_number_without_its_reports
            a_finished_trial_never_changes
            a_report_overwrites_the_older_one_of_its_step
            another_point_replaces_the_whole_of_the_first
            what_cannot_be_stored_is_refused_and_changes_nothing
            a_failure_is_kept_with_its_reason
            another_connection_sees_every_step
            a_paused_trial_goes_on_with_all_it_had
            only_a_paused_trial_is_resumed
            a_resumed_trial_without_worker_is_paused_where_it_was
            every_trial_reads_back_equal
            the_zero_with_a_sign_is_plain_zero_from_the_claim_on
            a_lost_trial_is_tried_again_under_a_new_number
            a_late_result_of_a_lost_trial_changes_nothing
            a_late_worker_leaves_the_trial_to_the_next_one
            a_trial_that_takes_its_workers_down_is_left_alone
            a_released_trial_waits_again_under_its_number
            a_lost_trial_that_paused_goes_on_from_its_last_rung
            a_leader_takes_back_what_no_live_worker_holds
            a_point_that_another_process_has_begun_is_a_duplicate
            one_process_holds_the_suggestion_lock_until_it_releases_it_or_ends
            what_was_read_before_is_read_as_by_a_new_connection
            a_study_that_was_made_anew_is_read_anew
            what_was_loaded_stays_as_it_was
        }
    };
}
pub(super) use promises;

pub(super) use self::pausing::{
    a_paused_trial_goes_on_with_all_it_had, a_resumed_trial_without_worker_is_paused_where_it_was,
    only_a_paused_trial_is_resumed,
};
pub(super) use self::reloading::{
    a_study_that_was_made_anew_is_read_anew, what_was_loaded_stays_as_it_was,
    what_was_read_before_is_read_as_by_a_new_connection,
};
pub(super) use self::round_trip::every_trial_reads_back_equal;
pub(super) use self::workers::{
    a_late_result_of_a_lost_trial_changes_nothing, a_late_worker_leaves_the_trial_to_the_next_one,
    a_leader_takes_back_what_no_live_worker_holds, a_lost_trial_is_tried_again_under_a_new_number,
    a_lost_trial_that_paused_goes_on_from_its_last_rung,
    a_point_that_another_process_has_begun_is_a_duplicate, a_released_trial_waits_again_under_its_number,
    a_trial_that_takes_its_workers_down_is_left_alone,
    one_process_holds_the_suggestion_lock_until_it_releases_it_or_ends,
};

/// A space with one parameter of each type, and one that is active only under a condition.
pub(super) fn space() -> Space {
    let text = r#"{"name": "test", "parameters": {
        "rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": true, "default": 0.01},
        "dropout": {"type": "float", "low": 0, "high": 0.5, "step": 0.1, "default": 0.1},
        "layers": {"type": "int", "low": 1, "high": 4, "default": 2},
        "rule": {"type": "categorical", "choices": ["adam", "sgd", 1, 1.0, true, null], "default": "sgd"},
        "momentum": {"type": "float", "low": 0, "high": 0.9, "default": 0.5, "when": {"rule": ["sgd"]}},
        "epochs": {"type": "fixed", "value": 5}
    }}"#;
    Space::from_json(text, "test.json").expect("a right space")
}

/// The default point of [`space`], but with another `rate`.
pub(super) fn point(rate: f64) -> Point {
    let mut point = space().default_point();
    point.set("rate", rate);
    point
}

/// The result of a complete trial of one metric.
pub(super) fn complete(value: f64) -> Outcome {
    Outcome::Complete { values: vec![value], constraints: Vec::new(), attributes: Attributes::new() }
}

/// A study of one metric called `study`.
pub(super) fn study(storage: &mut dyn Storage) -> StudyKey {
    storage.create_study("study", &[Metric::maximize("accuracy")], &Attributes::new()).expect("a new study")
}

/// Claims a trial of the default point.
pub(super) fn claim(storage: &mut dyn Storage, study: StudyKey) -> Claim {
    let space = space();
    let claim = storage.claim(study, &space, &space.default_point(), &Attributes::new(), u32::MAX);
    claim.expect("stored").expect("within the budget")
}

fn trial(storage: &mut dyn Storage, study: StudyKey, number: usize) -> Trial {
    storage.load_study(study).expect("loaded").trials[number].clone()
}

fn attributes<const N: usize>(pairs: [(&str, Json); N]) -> Attributes {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(super) fn studies_are_made_found_listed_and_deleted(place: &impl Place) {
    let mut storage = place.open();
    let metrics = [Metric::maximize("accuracy"), Metric::minimize("energy_nj")];
    let about = attributes([("tune:seed", json!(7)), ("note", json!("größer → besser"))]);
    let first = storage.create_study("a study / ünïcode", &metrics, &about).expect("made");
    let second = study(&mut *storage);
    claim(&mut *storage, second);
    assert_eq!(storage.study_names().expect("listed"), ["a study / ünïcode", "study"]);
    assert_eq!(storage.find_study("study").expect("looked for"), Some(second));
    assert_eq!(storage.find_study("Study").expect("looked for"), None);
    let loaded = storage.load_study(first).expect("loaded");
    assert_eq!((loaded.name.as_str(), &loaded.metrics), ("a study / ünïcode", &metrics.to_vec()));
    assert_eq!((&loaded.attributes, &loaded.trials), (&about, &vec![]));
    storage.delete_study(second).expect("deleted");
    assert_eq!(storage.study_names().expect("listed"), ["a study / ünïcode"]);
}

pub(super) fn a_study_needs_a_free_name_and_a_metric(place: &impl Place) {
    let mut storage = place.open();
    study(&mut *storage);
    let mut create = |name: &str, metrics: &[Metric]| {
        storage.create_study(name, metrics, &Attributes::new()).expect_err("refused").to_string()
    };
    let metric = [Metric::maximize("accuracy")];
    assert_eq!(create("study", &metric), "study \"study\" exists: resume it or choose another name");
    assert_eq!(create("other", &[]), "study \"other\" has no metric: must have at least one");
    assert_eq!(create("", &metric), "study name of 0 characters: must have 1 to 512 characters");
    assert_eq!(
        create(&"x".repeat(513), &metric),
        "study name of 513 characters: must have 1 to 512 characters"
    );
    assert_eq!(storage.study_names().expect("listed"), ["study"]);
}

pub(super) fn a_study_attribute_overwrites_the_older_one(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    for (name, value) in [("tune:state", json!(1)), ("note", json!("x")), ("tune:state", json!({"a": [1.5]}))]
    {
        storage.set_study_attribute(study, name, &value).expect("set");
    }
    let loaded = storage.load_study(study).expect("loaded").attributes.clone();
    assert_eq!(loaded, attributes([("note", json!("x")), ("tune:state", json!({"a": [1.5]}))]));
}

pub(super) fn what_is_deleted_or_never_was_is_an_error(place: &impl Place) {
    let mut storage = place.open();
    let (space, none) = (space(), Attributes::new());
    let study = study(&mut *storage);
    let trial = claim(&mut *storage, study).key;
    storage.delete_study(study).expect("deleted");
    let of_study = [
        storage.load_study(study).err(),
        storage.delete_study(study).err(),
        storage.set_study_attribute(study, "note", &Json::Null).err(),
        storage.claim(study, &space, &space.default_point(), &none, 9).err(),
        storage.claim_waiting(study, 9).err(),
        storage.requeue(study).err(),
    ];
    assert!(of_study.iter().all(|error| matches!(error, Some(StorageError::NoStudy(key)) if *key == study)));
    let of_trial = [
        storage.report(trial, 1, 0.5).err(),
        storage.heartbeat(trial).err(),
        storage.finish(trial, &complete(0.5)).err(),
        storage.set_point(trial, &space, &space.default_point()).err(),
        storage.heartbeat(TrialKey(1_000_000)).err(),
    ];
    assert!(of_trial.iter().all(|error| matches!(error, Some(StorageError::NoTrial(_)))));
}

pub(super) fn workers_claim_numbers_without_gaps_within_the_budget(place: &impl Place) {
    const BUDGET: u32 = 50;
    let study = study(&mut *place.open());
    let work = || {
        let (mut storage, space) = (place.open(), space());
        let mut claim = || {
            storage
                .claim(study, &space, &space.default_point(), &Attributes::new(), BUDGET)
                .expect("stored")
                .map(|claim| claim.trial.number)
        };
        std::iter::from_fn(&mut claim).collect::<Vec<u32>>()
    };
    let mut numbers: Vec<u32> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..BUDGET), "{numbers:?}");
    assert_eq!(place.open().load_study(study).expect("loaded").trials.len(), BUDGET as usize);
}

pub(super) fn waiting_trials_are_claimed_in_order_under_the_same_budget(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let first = claim(&mut *storage, study);
    let second = claim(&mut *storage, study);
    assert!(storage.finish(second.key, &complete(0.5)).expect("stored"));
    let third = claim(&mut *storage, study);
    assert_eq!(storage.requeue(study).expect("stored"), 2);
    assert_eq!(storage.claim_waiting(study, 1).expect("looked"), None, "the budget is spent");
    let again = storage.claim_waiting(study, 3).expect("looked").expect("one waits");
    assert_eq!((again.key, again.trial.number), (first.key, 0));
    let again = storage.claim_waiting(study, 3).expect("looked").expect("one waits");
    assert_eq!((again.key, again.trial.number), (third.key, 2));
    assert_eq!(storage.claim_waiting(study, 9).expect("looked"), None, "none waits");
}

pub(super) fn an_enqueued_trial_waits_under_the_next_number(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    claim(&mut *storage, study);
    let some: Point = [("layers", 3)].into_iter().collect();
    assert_eq!(storage.enqueue(study, &some).expect("stored"), 1);
    let other = place.open().load_study(study).expect("loaded");
    let enqueued = (other.trials[1].state, other.trials[1].enqueued());
    assert_eq!(enqueued, (TrialState::Waiting, Some(Ok(some.clone()))));
    assert_eq!(storage.claim_waiting(study, 1).expect("looked"), None, "the budget is spent");
    let next = storage.claim_waiting(study, 2).expect("looked").expect("it waits");
    assert_eq!((next.trial.number, next.trial.point), (1, some));
}

pub(super) fn a_trial_is_found_by_its_number(place: &impl Place) {
    let mut storage = place.open();
    let (study, other) = (study(&mut *storage), StudyKey(1_000_000));
    let keys: Vec<TrialKey> = (0..3).map(|_| claim(&mut *storage, study).key).collect();
    for (number, &key) in (0..).zip(&keys) {
        assert_eq!(storage.find_trial(study, number).expect("looked"), Some(key));
    }
    assert_eq!(storage.find_trial(study, 3).expect("looked"), None);
    assert!(matches!(storage.find_trial(other, 0), Err(StorageError::NoStudy(_))));
}

pub(super) fn a_requeued_trial_waits_under_its_number_without_its_reports(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let (finished, running) = (claim(&mut *storage, study), claim(&mut *storage, study));
    for claim in [&finished, &running] {
        storage.heartbeat(claim.key).expect("stored");
        storage.report(claim.key, 1, 0.25).expect("stored");
    }
    storage.finish(finished.key, &complete(0.5)).expect("stored");
    assert_eq!(storage.requeue(study).expect("stored"), 1);
    assert_eq!(trial(&mut *storage, study, 1), Trial::waiting(1, running.trial.point.clone()));
    assert_eq!(trial(&mut *storage, study, 0).intermediate, [(1, 0.25)]);
    let again = storage.claim_waiting(study, 9).expect("looked").expect("it waits");
    assert_eq!(again.key, running.key);
    assert!(again.trial.started >= running.trial.started);
    assert_eq!(again.trial, Trial { started: again.trial.started, ..running.trial });
}

pub(super) fn a_finished_trial_never_changes(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let key = claim(&mut *storage, study).key;
    storage.report(key, 1, 0.25).expect("stored");
    assert!(storage.finish(key, &complete(0.5)).expect("stored"));
    let before = trial(&mut *storage, study, 0);
    assert!(!storage.finish(key, &complete(0.75)).expect("late, not wrong"));
    storage.report(key, 1, 0.75).expect("late, not wrong");
    storage.report(key, 2, 0.75).expect("late, not wrong");
    storage.heartbeat(key).expect("late, not wrong");
    storage.set_point(key, &space(), &point(0.05)).expect("late, not wrong");
    assert_eq!(storage.requeue(study).expect("stored"), 0);
    assert_eq!(trial(&mut *storage, study, 0), before);
}

pub(super) fn a_report_overwrites_the_older_one_of_its_step(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let key = claim(&mut *storage, study).key;
    for (step, value) in [(2, 0.5), (1, f64::INFINITY), (2, f64::NEG_INFINITY), (1, 0.125)] {
        storage.report(key, step, value).expect("stored");
    }
    assert_eq!(trial(&mut *storage, study, 0).intermediate, [(1, 0.125), (2, f64::NEG_INFINITY)]);
}

pub(super) fn another_point_replaces_the_whole_of_the_first(place: &impl Place) {
    let (mut storage, space) = (place.open(), space());
    let study = study(&mut *storage);
    let key = claim(&mut *storage, study).key;
    let mut other: Point = [("rate", 0.001), ("dropout", 0.0)].into_iter().collect();
    other.set("layers", 3);
    other.set("rule", 1.0);
    other.set("epochs", 5);
    storage.set_point(key, &space, &other).expect("stored");
    let stored = trial(&mut *storage, study, 0).point;
    assert!(stored.iter().eq(other.iter()), "{stored:?}");
}

pub(super) fn what_cannot_be_stored_is_refused_and_changes_nothing(place: &impl Place) {
    let (mut storage, space) = (place.open(), space());
    let study = study(&mut *storage);
    let key = claim(&mut *storage, study).key;
    let before = storage.load_study(study).expect("loaded");
    let outcome = |values: &[f64], constraints: &[f64]| Outcome::Complete {
        values: values.to_vec(),
        constraints: constraints.to_vec(),
        attributes: attributes([("cores", json!(1))]),
    };
    let mut finish = |outcome: Outcome| storage.finish(key, &outcome).expect_err("refused").to_string();
    assert_eq!(finish(outcome(&[], &[])), "0 values for 1 metrics: must be one value for each metric");
    assert!(finish(outcome(&[f64::NAN], &[])).starts_with("value 0 = NaN: must be a number"));
    assert!(finish(outcome(&[0.5], &[0.0, f64::NAN])).starts_with("constraint 1 = NaN: must be a number"));
    let mut claim = |point: &Point, internal: &Attributes| {
        storage.claim(study, &space, point, internal, 9).expect_err("refused").to_string()
    };
    assert!(claim(&point(1.0), &Attributes::new()).contains("rate = 1.0 is outside the space test"));
    let foreign = attributes([("constraints", json!([1]))]);
    let error = claim(&point(0.01), &foreign);
    assert_eq!(error, "internal attribute \"constraints\": must begin with \"tune:\"");
    assert!(storage.set_point(key, &space, &Point::default()).is_err());
    let error = storage.report(key, 1 << 31, 0.5).expect_err("refused").to_string();
    assert_eq!(error, "step 2147483648: must be at most 2147483647");
    let error = storage.set_study_attribute(study, "a\0b", &json!(1)).expect_err("refused").to_string();
    assert_eq!(error, r#"name "a\0b": must not contain the character \0"#);
    assert_eq!(storage.load_study(study).expect("loaded"), before);
}

pub(super) fn a_failure_is_kept_with_its_reason(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let key = claim(&mut *storage, study).key;
    let failure = Failure { kind: FailureKind::TooLarge, reason: "cores = 200: must be at most 128".into() };
    let known = attributes([("cores", json!(200))]);
    storage.finish(key, &Outcome::Failed { failure, attributes: known }).expect("stored");
    let stored = trial(&mut *storage, study, 0);
    assert_eq!((stored.state, stored.values), (TrialState::Fail, vec![]));
    let expected = [
        ("cores", json!(200)),
        ("failure", json!("too-large")),
        ("reason", json!("cores = 200: must be at most 128")),
    ];
    assert_eq!(stored.attributes, attributes(expected));
}

pub(super) fn another_connection_sees_every_step(place: &impl Place) {
    let (mut worker, mut reader) = (place.open(), place.open());
    let study = study(&mut *worker);
    let claimed = claim(&mut *worker, study);
    assert_eq!(trial(&mut *reader, study, 0), claimed.trial);
    worker.report(claimed.key, 1, 0.5).expect("stored");
    assert_eq!(trial(&mut *reader, study, 0).intermediate, [(1, 0.5)]);
    worker.finish(claimed.key, &complete(0.5)).expect("stored");
    let seen = trial(&mut *reader, study, 0);
    assert_eq!((seen.state, seen.values), (TrialState::Complete, vec![0.5]));
    assert!(seen.finished >= seen.started);
}

pub(super) fn the_zero_with_a_sign_is_plain_zero_from_the_claim_on(place: &impl Place) {
    let mut storage = place.open();
    let study = study(&mut *storage);
    let text = r#"{"name": "zero", "parameters": {"x": {"type": "float", "low": -1, "high": 1}}}"#;
    let space = Space::from_json(text, "zero.json").expect("a right space");
    let point = [("x", -0.0)].into_iter().collect();
    let claim =
        storage.claim(study, &space, &point, &Attributes::new(), 1).expect("stored").expect("a claim");
    assert_eq!(claim.trial.point.get("x"), Some(&Value::Float(0.0)));
    assert_eq!(trial(&mut *storage, study, 0), claim.trial);
}

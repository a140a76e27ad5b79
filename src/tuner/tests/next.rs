//! Which trial comes next, with a search that records what it knew.

use std::sync::Mutex;

use super::*;
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::storage::{Claim, StudyKey};
use crate::study::{Failure, FailureKind, Metric, Outcome, WarmStartTrial};
use crate::tuner::{LEADER, ask};

/// A space whose starting points are n = 5, the default, and n = 9.
fn space() -> Space {
    let text = r#"{"name": "s", "start": [{"n": 9}], "parameters": {
        "n": {"type": "int", "low": 1, "high": 9}
    }}"#;
    Space::from_json(text, "s.json").unwrap()
}

fn point(n: i64) -> Point {
    [("n", n)].into_iter().collect()
}

fn complete(value: f64) -> Outcome {
    Outcome::Complete { values: vec![value], constraints: Vec::new(), attributes: Attributes::new() }
}

/// A search that suggests n = 1, 2, ... and records the seed and the states of the trials that it
/// gets.
#[derive(Default)]
struct Records {
    known: Mutex<Vec<(Seed, Vec<TrialState>)>>,
    /// Another process, which claims the first suggestion before the tuner can.
    rival: Option<(PathBuf, StudyKey)>,
}

impl Search for Records {
    fn suggest(&self, _: &Space, study: &Study, seed: &Seed) -> Point {
        let mut known = self.known.lock().unwrap();
        known.push((seed.clone(), study.trials.iter().map(|trial| trial.state).collect()));
        let point = point(known.len() as i64);
        if let (Some((database, study)), 1) = (&self.rival, known.len()) {
            let mut storage = SqliteStorage::open(database).unwrap();
            storage.claim(*study, &space(), &point, &Attributes::new(), 100).unwrap().unwrap();
        }
        point
    }
}

/// A study without trials, whose tuner has a budget of 4.
struct Fixture {
    folder: tempfile::TempDir,
    storage: SqliteStorage,
    study: StudyKey,
    search: Records,
    workers: usize,
}

impl Fixture {
    fn new(warm_start: &[(i64, f64)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = SqliteStorage::open(&folder.path().join("tune.db")).unwrap();
        let result = |&(n, value): &(i64, f64)| WarmStartTrial {
            point: point(n),
            values: vec![value],
            constraints: Vec::new(),
        };
        let warm_start = WarmStartTrials { results: warm_start.iter().map(result).collect() };
        let attributes = match warm_start.results.is_empty() {
            true => Attributes::new(),
            false => [(WARM_START.to_owned(), warm_start.to_json())].into(),
        };
        let study = storage.create_study("s", &[Metric::minimize("loss")], &attributes).unwrap();
        Self { folder, storage, study, search: Records::default(), workers: 1 }
    }

    /// The next trial of a tuner, if there is one.
    fn next(&mut self) -> Option<Claim> {
        let mut tuner = Tuner {
            space: &space(),
            search: &self.search,
            objective: &Synthetic::new(Problem::Branin),
            storage: &mut self.storage,
            study: self.study,
            settings: Settings {
                budget: 4,
                seed: 3,
                workers: self.workers,
                deterministic: self.workers > 1,
                replicates: 1,
                pausing: None,
                stop_when: Vec::new(),
                max_failures: 0,
                heartbeat: Heartbeat::default(),
                confirm: Confirm { candidates: 0, front: false, repeats: 1 },
                pick: None,
                model: None,
                keep_disk: None,
            },
            stop: &AtomicBool::new(false),
        };
        tuner.next_trial(LEADER, &mut |_| {}).unwrap()
    }

    fn finish(&mut self, claim: &Claim, outcome: &Outcome) {
        assert!(self.storage.finish(claim.key, outcome).unwrap());
    }

    /// The number and the value of n of the next trial, if there is one.
    fn next_n(&mut self) -> Option<(u32, i64)> {
        self.next().map(|claim| (claim.trial.number, n(&claim)))
    }

    fn known(&self) -> Vec<(Seed, Vec<TrialState>)> {
        self.search.known.lock().unwrap().clone()
    }
}

fn n(claim: &Claim) -> i64 {
    claim.trial.point.get("n").and_then(|n| n.as_i64()).unwrap()
}

#[test]
fn starting_points_come_first_then_the_search_until_the_budget_is_spent() {
    let mut fixture = Fixture::new(&[]);
    let trials = [(); 5].map(|()| fixture.next_n());
    assert_eq!(trials, [Some((0, 5)), Some((1, 9)), Some((2, 1)), Some((3, 2)), None]);
    let running = |count| vec![TrialState::Running; count];
    let seed = Seed::root(3).child("search");
    assert_eq!(fixture.known(), [(seed.clone(), running(2)), (seed, running(3))]);
}

#[test]
fn failed_trials_count_in_the_budget() {
    let mut fixture = Fixture::new(&[]);
    let failure = Failure { kind: FailureKind::Error, reason: "broke".to_owned() };
    let failed = Outcome::Failed { failure, attributes: Attributes::new() };
    for _ in 0..4 {
        let claim = fixture.next().unwrap();
        fixture.finish(&claim, &failed);
    }
    assert_eq!(fixture.next_n(), None);
}

#[test]
fn the_best_of_a_warm_start_follows_the_starting_points() {
    let mut fixture = Fixture::new(&[(7, 2.0), (3, 0.5), (4, 1.0)]);
    let trials = [(); 4].map(|()| fixture.next_n());
    assert_eq!(trials, [Some((0, 5)), Some((1, 9)), Some((2, 3)), Some((3, 1))]);
    let states = &fixture.known()[0].1;
    let complete = states.iter().filter(|&&state| state == TrialState::Complete).count();
    assert_eq!((complete, states.len()), (3, 6), "the search knows the warm start beside the trials");
}

#[test]
fn the_best_of_a_warm_start_is_no_trial_if_it_is_a_starting_point() {
    let mut fixture = Fixture::new(&[(9, 0.5), (4, 1.0)]);
    assert_eq!([(); 3].map(|()| fixture.next_n()), [Some((0, 5)), Some((1, 9)), Some((2, 1))]);
}

#[test]
fn waiting_trials_come_before_new_ones_lowest_number_first() {
    let mut fixture = Fixture::new(&[]);
    let claims = [(); 4].map(|()| fixture.next().unwrap());
    for given_back in [3, 1] {
        assert!(fixture.storage.release(claims[given_back].key).unwrap());
    }
    assert_eq!([(); 3].map(|()| fixture.next_n()), [Some((1, 9)), Some((3, 2)), None]);
    assert_eq!(fixture.known().len(), 2, "a waiting trial needs no suggestion");
}

#[test]
fn a_point_that_another_process_has_claimed_meanwhile_is_replaced() {
    let mut fixture = Fixture::new(&[]);
    for _ in 0..2 {
        fixture.next().unwrap();
    }
    fixture.search.rival = Some((fixture.folder.path().join("tune.db"), fixture.study));
    assert_eq!(fixture.next_n(), Some((3, 2)), "trial 2 with n = 1 belongs to the other process");
    let (seeds, states): (Vec<Seed>, Vec<_>) = fixture.known().into_iter().unzip();
    let seed = Seed::root(3).child("search");
    assert_eq!(seeds, [seed.clone(), seed.child(LEADER).index(1)]);
    assert_eq!(states.iter().map(Vec::len).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_deterministic_suggestion_waits_for_the_results_it_must_know_and_knows_no_others() {
    let mut fixture = Fixture { workers: 2, ..Fixture::new(&[]) };
    let claims = [(); 2].map(|()| fixture.next().unwrap());
    fixture.finish(&claims[1], &complete(1.0));
    assert_eq!(fixture.next_n(), None, "trial 0 still runs");
    fixture.finish(&claims[0], &complete(2.0));
    assert_eq!(fixture.next_n(), Some((2, 1)));
    assert_eq!(fixture.known()[0].1, [TrialState::Complete, TrialState::Running]);
}

#[test]
fn a_caller_may_ask_beyond_any_budget_and_gets_waiting_trials_first() {
    let mut fixture = Fixture::new(&[]);
    let (study, space) = (fixture.study, space());
    let mut next =
        || ask(&mut fixture.storage, study, &space, &fixture.search, None, 3, &mut |_| {}).unwrap();
    let claims = [(); 6].map(|()| next());
    assert_eq!(claims.each_ref().map(n), [5, 9, 1, 2, 3, 4]);
    fixture.storage.release(claims[2].key).unwrap();
    let again = ask(&mut fixture.storage, study, &space, &fixture.search, None, 3, &mut |_| {}).unwrap();
    assert_eq!((again.trial.number, n(&again)), (2, 1));
}

#[test]
fn a_caller_gets_no_suggestion_from_trials_that_are_tried_again() {
    let mut fixture = Fixture::new(&[]);
    let (study, space) = (fixture.study, space());
    let next = |storage: &mut SqliteStorage| {
        ask(storage, study, &space, &fixture.search, None, 3, &mut |_| {}).unwrap()
    };
    let first = [(); 2].map(|()| next(&mut fixture.storage));
    let failure = Failure { kind: FailureKind::Error, reason: "mended since".to_owned() };
    let failed = Outcome::Failed { failure, attributes: Attributes::new() };
    assert!(fixture.storage.finish(first[0].key, &failed).unwrap());
    assert_eq!(fixture.storage.retry_failed(study).unwrap(), 1);
    let then = [(); 2].map(|()| next(&mut fixture.storage));
    assert_eq!(then.each_ref().map(|claim| (claim.trial.number, n(claim))), [(2, 5), (3, 1)]);
    assert_eq!(fixture.known()[0].1, [TrialState::Running; 2]);
}

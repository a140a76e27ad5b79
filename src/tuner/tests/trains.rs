//! How often networks are trained, and how many are kept.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::objective::{Evaluation, Model, Observer};
use crate::seed::Seed;
use crate::space::Point;
use crate::study::{Failure, FailureKind, Metric, Outcome};
use crate::tuner::kept_network::KeptNetwork;

/// An objective that trains a fake network in every evaluation, and counts evaluations and
/// networks.
pub(super) struct Trains {
    objective: Synthetic,
    pub evaluations: AtomicUsize,
    networks: Arc<Networks>,
    /// Numbers of the evaluations that fail, counted from 0.
    pub failing: Vec<usize>,
    /// Whether a second metric is the first one with its sign turned, so that every trial is on the front.
    pub is_opposed: bool,
}

/// The networks that exist, and the most that existed at a time.
#[derive(Default)]
struct Networks {
    alive: AtomicUsize,
    most: AtomicUsize,
}

/// A network that only consists of its value.
struct FakeNetwork {
    value: f64,
    networks: Arc<Networks>,
}

/// The test result of the network of `value`.
pub(super) fn tested(value: f64) -> f64 {
    value + 100.0
}

impl Trains {
    pub fn new(objective: Synthetic) -> Self {
        let (evaluations, networks) = (AtomicUsize::new(0), Arc::default());
        Self { objective, evaluations, networks, failing: Vec::new(), is_opposed: false }
    }

    /// Evaluations since the last call.
    pub fn count(&self) -> usize {
        self.evaluations.swap(0, Ordering::Relaxed)
    }

    /// The most networks that existed at a time; none exists now.
    fn most_networks(&self) -> usize {
        assert_eq!(self.networks.alive.load(Ordering::Relaxed), 0);
        self.networks.most.load(Ordering::Relaxed)
    }
}

impl AsRef<Synthetic> for Trains {
    fn as_ref(&self) -> &Synthetic {
        &self.objective
    }
}

impl Objective for Trains {
    fn metrics(&self) -> Vec<Metric> {
        let opposite = self.is_opposed.then(|| Metric::minimize("opposite"));
        self.objective.metrics().into_iter().chain(opposite).collect()
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        if self.failing.contains(&self.evaluations.fetch_add(1, Ordering::Relaxed)) {
            let failure = Failure { kind: FailureKind::Diverged, reason: "it was to fail".to_owned() };
            return Some(Outcome::Failed { failure, attributes: Attributes::new() }.into());
        }
        let mut evaluation = self.objective.evaluate(point, seed, observer)?;
        if let Outcome::Complete { values, .. } = &mut evaluation.outcome {
            let first = values[0];
            values.extend(self.is_opposed.then_some(-first));
            let networks = Arc::clone(&self.networks);
            let alive = networks.alive.fetch_add(1, Ordering::Relaxed) + 1;
            networks.most.fetch_max(alive, Ordering::Relaxed);
            evaluation.model = Some(Box::new(FakeNetwork { value: first, networks }));
        }
        Some(evaluation)
    }
}

impl Drop for FakeNetwork {
    fn drop(&mut self) {
        self.networks.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Model for FakeNetwork {
    fn test(&self) -> Outcome {
        let (values, attributes) = (vec![tested(self.value)], Attributes::new());
        Outcome::Complete { values, constraints: Vec::new(), attributes }
    }

    fn host_throughput(&self) -> Option<f64> {
        Some(self.value.abs())
    }

    fn save(&self, file: &Path) -> std::io::Result<()> {
        std::fs::write(file, self.value.to_string())
    }
}

fn noisy() -> Synthetic {
    Synthetic::new(Problem::Branin).with_noise(30.0)
}

fn unconfirmed() -> Bench<Trains> {
    let confirm = Confirm { candidates: 0, front: false, repeats: 1 };
    Bench { confirm, saves_model: true, ..Bench::new(Trains::new(noisy())) }
}

/// The value of the network that was saved.
pub(super) fn saved(bench: &Bench<Trains>) -> f64 {
    std::fs::read_to_string(bench.model()).unwrap().parse().unwrap()
}

/// The trials whose networks were trained again.
pub(super) fn retrained(events: &[Event]) -> Vec<u32> {
    let retrained = events.iter().filter_map(|event| match event {
        Event::NetworkRetrained { trial, .. } => Some(*trial),
        _ => None,
    });
    retrained.collect()
}

#[test]
fn without_confirmation_nothing_is_trained_after_the_trials() {
    let bench = unconfirmed();
    let (end, study, events) = bench.run_through(9);
    assert_eq!((end, bench.objective.count()), (End::Done, 9));
    assert!(bench.objective.most_networks() <= 2, "the best one and the one that has just been trained");
    let best = study.best().unwrap();
    assert_eq!(saved(&bench), best.values[0]);
    let confirmation = Confirmation::of(&study).unwrap();
    assert_eq!(confirmation.winner().trial, best.number);
    assert_eq!(confirmation.winner().repeats[0].value, Some(best.values[0]));
    assert_eq!(confirmation.test[confirmation.kept].value, Some(tested(best.values[0])));
    assert_eq!(retrained(&events), [0; 0]);
    assert!(!events.iter().any(|event| matches!(event, Event::ConfirmationStarted { .. })));
}

#[test]
fn a_resumed_study_trains_the_lost_network_once_more_to_the_same_end() {
    for (replicates, workers) in [(1, 1), (3, 1), (1, 3)] {
        let bench = || Bench { replicates, workers, deterministic: true, ..unconfirmed() };
        let trained = 8 * replicates as usize;
        let whole = bench();
        let (_, expected, _) = whole.run_through(8);
        assert_eq!(whole.objective.count(), trained);
        // The best one, that of the first seed, and that of another.
        assert!(workers > 1 || whole.objective.most_networks() <= 3);

        let broken = bench();
        let mut finished = 0;
        let (end, ..) = broken.run(8, |event| {
            finished += usize::from(matches!(event, Event::TrialFinished { .. }));
            finished == 8
        });
        assert_eq!((end, broken.objective.count()), (End::Interrupted, trained));
        let (end, study, events) = broken.run_through(8);
        assert_eq!((end, broken.objective.count()), (End::Done, 1));
        assert_eq!(retrained(&events), [study.best().unwrap().number]);
        assert_eq!(study.attributes, expected.attributes);
        assert_eq!(saved(&broken), saved(&whole));
    }
}

#[test]
fn a_file_that_is_gone_is_made_again_and_one_that_exists_is_not() {
    for bench in [
        unconfirmed(),
        Bench { confirm: Confirm { candidates: 2, front: false, repeats: 3 }, ..unconfirmed() },
    ] {
        let (_, study, _) = bench.run_through(5);
        let (before, _) = (saved(&bench), bench.objective.count());
        assert_eq!((bench.run_through(5).0, bench.objective.count()), (End::Done, 0));
        std::fs::remove_file(bench.model()).unwrap();
        let (end, again, events) = bench.run_through(5);
        assert_eq!((end, bench.objective.count()), (End::Done, 1));
        assert_eq!(retrained(&events), [Confirmation::of(&study).unwrap().winner().trial]);
        assert_eq!((saved(&bench), again.attributes), (before, study.attributes));
    }
}

#[test]
fn a_confirmation_trains_a_candidate_once_for_each_seed_and_keeps_the_best_candidates_networks() {
    let bench = Bench { confirm: Confirm { candidates: 5, front: false, repeats: 3 }, ..unconfirmed() };
    let (end, study, events) = bench.run_through(9);
    let trained = events.iter().filter(|event| matches!(event, Event::TrialConfirmed { .. })).count();
    assert_eq!((end, bench.objective.count()), (End::Done, 9 + trained));
    assert!((3..15).contains(&trained), "{trained}");
    assert_eq!(retrained(&events), [0; 0]);
    let confirmation = Confirmation::of(&study).unwrap();
    let values: Vec<f64> = confirmation.winner().repeats.iter().map(|repeat| repeat.value.unwrap()).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((values.len(), values[confirmation.kept], saved(&bench)), (3, least, least));
    let test: Vec<Option<f64>> = confirmation.test.iter().map(|repeat| repeat.value).collect();
    assert_eq!(test, values.into_iter().map(|value| Some(tested(value))).collect::<Vec<_>>());
}

#[test]
fn a_network_is_kept_while_its_trial_is_the_best() {
    let objective = Trains::new(Synthetic::new(Problem::Branin));
    let space = objective.objective.space().unwrap();
    let train = || {
        let mut observer = |_, _| std::ops::ControlFlow::Continue(());
        objective.evaluate(&space.default_point(), &Seed::root(0), &mut observer).unwrap()
    };
    let complete = |number: u32, value: f64| Trial {
        state: TrialState::Complete,
        values: vec![value],
        ..Trial::waiting(number, space.default_point())
    };
    let study = |values: &[f64]| Study {
        metrics: objective.metrics(),
        trials: values.iter().zip(0..).map(|(&value, number)| complete(number, value)).collect(),
        ..Study::default()
    };
    let alive = || objective.networks.alive.load(Ordering::Relaxed);
    let mut kept = KeptNetwork::new(true);
    kept.update(&study(&[3.0]), 0, train());
    kept.update(&study(&[3.0, 4.0]), 1, train());
    assert_eq!(alive(), 1);
    // Trial 2 belongs to another process, whose network is out of reach.
    kept.update(&study(&[3.0, 4.0, 2.0, 5.0]), 3, train());
    assert_eq!(alive(), 0);
    kept.update(&study(&[3.0, 4.0, 2.0, 5.0, 1.0]), 4, train());
    assert_eq!(alive(), 1);
    assert!(kept.take(4).is_some());
    let mut unwanted = KeptNetwork::new(false);
    unwanted.update(&study(&[3.0]), 0, train());
    assert_eq!(alive(), 0);
}

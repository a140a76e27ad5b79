//! Parallel trials, with an objective whose evaluations take irregular times.

use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use super::*;
use crate::objective::{Evaluation, Observer};
use crate::search::BayesSearch;
use crate::search::bayes::BayesParams;
use crate::seed::Seed;
use crate::space::Point;
use crate::study::Metric;

/// An objective that sleeps in every step, each time for another time.
struct Uneven {
    objective: Synthetic,
    running: AtomicUsize,
    /// The most evaluations that ran at a time.
    most: AtomicUsize,
}

impl Uneven {
    fn new() -> Self {
        let objective = Synthetic::new(Problem::Branin).with_noise(2.0).with_steps(2).failing_above(0.8);
        Self { objective, running: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }
}

impl AsRef<Synthetic> for Uneven {
    fn as_ref(&self) -> &Synthetic {
        &self.objective
    }
}

/// Sleeps for an unpredictable time up to 4 ms.
fn sleep() {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    std::thread::sleep(Duration::from_micros(u64::from(since.subsec_nanos() / 64 % 4096)));
}

impl Objective for Uneven {
    fn metrics(&self) -> Vec<Metric> {
        self.objective.metrics()
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        self.most.fetch_max(self.running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        sleep();
        let evaluation = self.objective.evaluate(point, seed, &mut |step, value| {
            sleep();
            observer(step, value)
        });
        self.running.fetch_sub(1, Ordering::Relaxed);
        evaluation
    }
}

fn four_workers(deterministic: bool) -> Bench<Uneven> {
    let params = BayesParams { candidates: 128, starts: 2, ..BayesParams::default() };
    let search = Box::new(BayesSearch::with(params));
    Bench { search, workers: 4, deterministic, ..Bench::new(Uneven::new()) }
}

fn assert_whole(study: &Study, budget: usize) {
    let numbers: Vec<usize> = study.trials.iter().map(|trial| trial.number as usize).collect();
    assert_eq!(numbers, (0..budget).collect::<Vec<_>>());
    assert_eq!(study.finished(), budget);
    for (index, trial) in study.trials.iter().enumerate() {
        assert!(study.trials[..index].iter().all(|other| other.point != trial.point), "{index} comes twice");
    }
}

#[test]
fn four_workers_spend_the_budget_in_parallel_and_try_no_point_twice() {
    let bench = four_workers(false);
    let (end, study, events) = bench.run_through(20);
    assert_eq!(end, End::Done);
    assert_whole(&study, 20);
    assert_eq!(bench.objective.most.load(Ordering::Relaxed), 4);
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::TrialStarted { .. })), 20);
    let confirmed = count(|event| matches!(event, Event::TrialConfirmed { .. }));
    assert!((4..=6).contains(&confirmed), "{confirmed}: four at a time");
    assert!(study.in_state(TrialState::Complete).all(|trial| trial.intermediate.len() == 2));
    assert_eq!(Confirmation::of(&study).unwrap().candidates.len(), 3);
}

#[test]
fn deterministic_workers_make_the_same_study_in_any_order_of_results() {
    let (_, study, _) = four_workers(true).run_through(20);
    assert_whole(&study, 20);
    for threads in [1, 6] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (_, again, _) = pool.install(|| four_workers(true).run_through(20));
        assert_eq!(told(&again), told(&study));
        assert_eq!(again.attributes, study.attributes);
    }
}

#[test]
fn deterministic_workers_that_were_interrupted_twice_make_the_same_study() {
    let (_, expected, _) = four_workers(true).run_through(20);
    let broken = four_workers(true);
    for (enough, number) in [(6, 7), (11, 13)] {
        let is_enough = |event: &Event| match event {
            Event::TrialFinished { trial, .. } => *trial >= enough,
            _ => false,
        };
        let (end, study, _) = broken.run(20, is_enough);
        assert_eq!(end, End::Interrupted);
        assert_eq!(study.in_state(TrialState::Running).count(), 0);
        assert!(study.finished() <= number + 4, "{}", study.finished());
    }
    let (end, study, _) = broken.run_through(20);
    assert_eq!(end, End::Done);
    assert_eq!(told(&study), told(&expected));
    assert_eq!(study.attributes, expected.attributes);
}

#[test]
fn one_worker_is_always_deterministic() {
    let study = |deterministic| {
        let bench = Bench { workers: 1, ..four_workers(deterministic) };
        told(&bench.run_through(9).1)
    };
    assert_eq!(study(false), study(true));
}

#[test]
fn a_storage_that_fails_ends_the_run_and_keeps_finished_trials() {
    let bench = four_workers(false);
    let mut finished = 0;
    let (end, study, events) = bench.try_run(20, |event| {
        if matches!(event, Event::TrialFinished { .. }) {
            finished += 1;
            if finished == 6 {
                // No transaction is open while an event is observed.
                let refuse = "CREATE TRIGGER full BEFORE INSERT ON trial_intermediate_values
                              BEGIN SELECT RAISE(ABORT, 'no room'); END";
                rusqlite::Connection::open(bench.database()).unwrap().execute_batch(refuse).unwrap();
            }
        }
        false
    });
    assert!(matches!(end, Err(TunerError::Storage(_))), "{end:?}");
    let told = events.iter().filter(|event| matches!(event, Event::TrialFinished { .. })).count();
    assert!(told >= 6);
    assert_eq!(study.finished(), told);
}

#[test]
#[should_panic(expected = "an objective that breaks")]
fn a_panic_of_an_evaluation_ends_the_run() {
    struct Breaks(Synthetic);
    impl AsRef<Synthetic> for Breaks {
        fn as_ref(&self) -> &Synthetic {
            &self.0
        }
    }
    impl Objective for Breaks {
        fn metrics(&self) -> Vec<Metric> {
            self.0.metrics()
        }
        fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
            match point == &self.0.space().unwrap().default_point() {
                true => panic!("an objective that breaks"),
                false => self.0.evaluate(point, seed, observer),
            }
        }
    }
    let bench = Bench { workers: 3, ..Bench::new(Breaks(Synthetic::new(Problem::Branin))) };
    bench.run_through(5);
}

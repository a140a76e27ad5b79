//! Studies that end before their budget is spent.

use super::*;
use crate::search::BayesSearch;
use crate::study::Stopped;
use crate::units::Seconds;

fn bench(rule: StopRule) -> Bench {
    Bench { stop_when: vec![rule], ..Bench::new(Synthetic::new(Problem::Branin)) }
}

/// Asserts that the study was ended by its rule; the number of finished trials and the reason.
fn assert_stopped(end: End, study: &Study, events: &[Event], rule: &str) -> (usize, String) {
    assert_eq!(end, End::Done);
    let stopped = Stopped::of(study).expect("a rule held");
    assert_eq!((stopped.rule.as_str(), stopped.rules.as_slice()), (rule, [rule.to_owned()].as_slice()));
    let told = events.iter().find_map(|event| match event {
        Event::StudyStopped { finished, rule, reason } => Some((*finished, rule.clone(), reason.clone())),
        _ => None,
    });
    assert_eq!(told, Some((study.finished(), stopped.rule, stopped.reason.clone())));
    assert!(matches!(events.last(), Some(Event::StudyFinished { .. })), "it is confirmed nevertheless");
    (study.finished(), stopped.reason)
}

#[test]
fn a_target_ends_the_study_with_the_trial_that_reached_it() {
    let (end, study, events) = bench(StopRule::Target(8.0)).run_through(60);
    let (finished, reason) = assert_stopped(end, &study, &events, "target=8");
    assert!(study.trials[finished - 1].values[0] <= 8.0);
    assert!(study.trials[..finished - 1].iter().all(|trial| trial.values[0] > 8.0));
    assert!(reason.starts_with(&format!("trial {} reached", finished - 1)), "{reason}");
}

#[test]
fn stagnation_ends_the_study() {
    let (end, study, events) = bench(StopRule::Stagnation(6)).run_through(100);
    let (finished, _) = assert_stopped(end, &study, &events, "stagnation=6");
    assert_eq!(study.best().unwrap().number as usize, finished - 7);
}

#[test]
fn a_small_expected_improvement_ends_the_study() {
    let search = Box::new(BayesSearch::new());
    let bench = Bench { search, ..bench(StopRule::Improvement(0.01)) };
    let (end, study, events) = bench.run_through(100);
    let (finished, _) = assert_stopped(end, &study, &events, "improvement=0.01");
    assert!((10..100).contains(&finished), "{finished}");
    assert!(study.best().unwrap().values[0] < 0.5, "it is near the optimum by then");
}

#[test]
fn time_ends_the_study() {
    let (end, study, events) = bench(StopRule::Time(Seconds(0.001))).run_through(50_000);
    let (finished, _) = assert_stopped(end, &study, &events, "time=0.001s");
    assert!(finished < 50_000);
}

#[test]
fn a_study_whose_rule_never_holds_spends_its_budget() {
    let (_, study, events) = bench(StopRule::Target(-1.0)).run_through(7);
    assert_eq!((study.finished(), Stopped::of(&study)), (7, None));
    assert!(!events.iter().any(|event| matches!(event, Event::StudyStopped { .. })));
}

#[test]
fn an_interrupted_study_stops_at_the_same_trial() {
    for rule in [StopRule::Target(3.0), StopRule::Stagnation(6)] {
        let (_, expected, _) = bench(rule).run_through(60);
        let broken = bench(rule);
        let (end, ..) = broken.run(60, |event| matches!(event, Event::TrialStarted { trial: 1, .. }));
        assert_eq!(end, End::Interrupted);
        let (_, study, _) = broken.run_through(60);
        assert_eq!(told(&study), told(&expected));
        // With a larger budget as well, it does not continue.
        let (end, again, events) = broken.run_through(90);
        assert_eq!((end, told(&again)), (End::Done, told(&study)));
        assert!(matches!(events[1], Event::StudyStopped { .. }), "{events:?}");
    }
}

#[test]
fn deterministic_workers_stop_at_the_same_trial_in_any_order_of_results() {
    let run = || {
        let bench = Bench { workers: 4, deterministic: true, ..bench(StopRule::Stagnation(5)) };
        bench.run_through(100).1
    };
    let (first, second) = (run(), run());
    assert_eq!(told(&first), told(&second));
    assert_eq!(Stopped::of(&first), Stopped::of(&second));
}

#[test]
fn a_stopped_study_continues_under_other_rules() {
    let mut bench = bench(StopRule::Target(8.0));
    let (_, stopped, _) = bench.run_through(40);
    bench.stop_when.clear();
    let (end, study, events) = bench.run_through(40);
    assert!(stopped.finished() < 40);
    assert_eq!((end, study.finished(), Stopped::of(&study)), (End::Done, 40, None));
    assert!(!events.iter().any(|event| matches!(event, Event::StudyStopped { .. })));
}

#[test]
fn a_study_whose_first_trials_all_fail_ends_early_and_goes_on_once_they_are_tried_again() {
    let mut bench = Bench::new(Synthetic::new(Problem::Branin).failing_above(-1.0));
    bench.max_failures = 3;
    let (end, study, events) = bench.run_through(9);
    assert_eq!((end, study.trials.len()), (End::NothingFeasible, 3));
    let told = events.iter().find_map(|event| match event {
        Event::StudyStopped { finished: 3, rule, reason } => Some((rule.as_str(), reason.as_str())),
        _ => None,
    });
    let (rule, reason) = told.expect("it says why");
    assert_eq!(rule, "max-failures=3");
    assert!(reason.starts_with("all 3 trials failed, the last one, trial 2: "), "{reason}");
    assert_eq!(bench.run_through(9).1.trials.len(), 3, "nothing has changed");
    bench.objective = Synthetic::new(Problem::Branin);
    let mut storage = SqliteStorage::open(&bench.database()).unwrap();
    let key = storage.find_study("test").unwrap().unwrap();
    assert_eq!(storage.retry_failed(key).unwrap(), 3);
    let (end, study, _) = bench.run_through(9);
    assert_eq!((end, study.trials.len(), study.charged()), (End::Done, 12, 9));
    assert_eq!(study.trials[3].point, study.trials[0].point);
}

#[test]
fn failures_after_another_result_end_nothing() {
    let mut bench = Bench::new(Synthetic::new(Problem::Branin));
    bench.max_failures = 2;
    bench.run_through(1);
    bench.objective = Synthetic::new(Problem::Branin).failing_above(-1.0);
    let (end, study, _) = bench.run_through(6);
    assert_eq!((end, study.in_state(TrialState::Fail).count()), (End::Done, 5));
    let mut never = Bench::new(Synthetic::new(Problem::Branin).failing_above(-1.0));
    never.max_failures = 0;
    assert_eq!(never.run_through(12).1.trials.len(), 12);
}

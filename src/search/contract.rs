//! The contract of all searches: what must hold whatever the trials so far are.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{RandomSearch, Search, Strategy};
use crate::seed::Seed;
use crate::space::{Bounds, Foresee, Foresight, Point, Refusals, Space};
use crate::study::{Metric, Study, Trial, TrialState};

const MIXED: &str = r#"{"name": "mixed", "parameters": {
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": true},
    "width": {"type": "int", "low": 8, "high": 512, "log": true},
    "rule": {"type": "categorical", "choices": ["adam", "sgd", "none"]},
    "momentum": {"type": "float", "low": 0, "high": 0.9, "step": 0.1, "when": {"rule": ["sgd"]}},
    "seed": {"type": "fixed", "value": 3}
}}"#;

/// A space of 3 + 3 · 4 = 15 points.
const SMALL: &str = r#"{"name": "small", "parameters": {
    "a": {"type": "int", "low": 1, "high": 3},
    "b": {"type": "categorical", "choices": ["x", "y"]},
    "c": {"type": "float", "low": 0, "high": 0.75, "step": 0.25, "when": {"b": ["y"]}}
}}"#;

/// 1,100 points, too many to rank all of them.
const GRID: &str = r#"{"name": "grid", "parameters": {
    "a": {"type": "int", "low": 1, "high": 110},
    "b": {"type": "int", "low": 0, "high": 9}
}}"#;

fn searches() -> Vec<(&'static str, Box<dyn Search>)> {
    Strategy::ALL.into_iter().map(|strategy| (strategy.name(), strategy.build())).collect()
}

fn space(text: &str) -> Space {
    Space::from_json(text, "test.json").unwrap()
}

/// Runs `count` trials. `outcome` gets the number and the point of a trial. It returns the loss, or
/// the state of a trial without a loss.
fn run(
    search: &dyn Search,
    space: &Space,
    count: u32,
    outcome: impl Fn(u32, &Point) -> Result<f64, TrialState>,
) -> Study {
    let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
    for number in 0..count {
        let point = search.suggest(space, &study, &Seed::root(11));
        assert_eq!(space.check(&point), Ok(()));
        let (state, values) = match outcome(number, &point) {
            Ok(loss) => (TrialState::Complete, vec![loss]),
            Err(state) => (state, Vec::new()),
        };
        study.trials.push(Trial { state, values, ..Trial::waiting(number, point) });
    }
    study
}

fn assert_no_point_twice(name: &str, study: &Study) {
    for (number, trial) in study.trials.iter().enumerate() {
        let earlier = &study.trials[..number];
        assert!(earlier.iter().all(|other| other.point != trial.point), "{name}: trial {number} repeats one");
    }
}

#[test]
fn after_any_history_the_point_is_new_and_in_the_space() {
    type History = (&'static str, fn(u32) -> Result<f64, TrialState>);
    let histories: [History; 9] = [
        ("losses", |number| Ok(f64::from(number % 7))),
        ("constant", |_| Ok(0.5)),
        ("all failed", |_| Err(TrialState::Fail)),
        ("all pruned", |_| Err(TrialState::Pruned)),
        ("all pending", |_| Err(TrialState::Running)),
        ("one complete", |number| if number == 0 { Ok(1.0) } else { Err(TrialState::Running) }),
        ("huge", |number| Ok(if number % 5 == 0 { 1e300 } else { f64::from(number) })),
        ("the largest numbers", |number| Ok(if number % 2 == 0 { f64::MAX } else { f64::MIN })),
        ("not finite", |number| Ok([f64::INFINITY, f64::NAN, 1.0, f64::NEG_INFINITY][number as usize % 4])),
    ];
    let space = space(MIXED);
    for (name, search) in searches() {
        for (history, outcome) in histories {
            let study = run(search.as_ref(), &space, 28, |number, _| outcome(number));
            assert_no_point_twice(&format!("{name}, {history}"), &study);
        }
    }
}

#[test]
fn no_point_comes_twice_before_all_of_a_small_space_were_tried() {
    let space = space(SMALL);
    for (name, search) in searches() {
        let mut study = run(search.as_ref(), &space, 15, |number, _| Ok(f64::from(number % 4)));
        assert_no_point_twice(name, &study);
        study.trials.truncate(15);
        assert_eq!(
            space.check(&search.suggest(&space, &study, &Seed::root(11))),
            Ok(()),
            "{name}: exhausted"
        );
    }
}

/// As [`MIXED`], with a relation.
const RELATED: &str = r#"{"name": "related", "parameters": {
    "rule": {"type": "categorical", "choices": ["adam", "sgd", "none"]},
    "a": {"type": "float", "low": 0, "high": 1}, "b": {"type": "float", "low": 0, "high": 1},
    "momentum": {"type": "float", "low": 0, "high": 0.9, "step": 0.1, "when": {"rule": ["sgd"]}}},
    "relations": ["a >= b"]}"#;

#[test]
fn fixed_values_are_in_every_new_point_and_the_search_still_learns_from_others() {
    let (free, held) = (space(RELATED), r#"{"momentum": 0.2, "b": 0.25}"#);
    let held = free.clone().holding(&serde_json::from_str(held).unwrap()).unwrap();
    // Without the first trials nothing tells that "sgd" is best, and a = 0.8.
    let loss = |_: u32, point: &Point| {
        let a = point.get("a").and_then(|a| a.as_f64()).unwrap();
        Ok((a - 0.8).powi(2) + f64::from(u8::from(point.get("rule") != Some(&"sgd".into()))))
    };
    for (name, search) in searches() {
        let mut study = run(search.as_ref(), &free, 24, loss);
        let mut best = f64::INFINITY;
        for number in 24..44 {
            let point = search.suggest(&held, &study, &Seed::root(11));
            assert_eq!((held.check(&point), point.get("b")), (Ok(()), Some(&0.25.into())), "{name}");
            let momentum = point.get("momentum");
            assert!(momentum.is_none_or(|momentum| momentum == &0.2.into()), "{name}: {point:?}");
            let value = loss(number, &point).unwrap();
            best = value.min(best);
            let trial =
                Trial { state: TrialState::Complete, values: vec![value], ..Trial::waiting(number, point) };
            study.trials.push(trial);
        }
        assert_no_point_twice(name, &study);
        assert!(name != "bayes" || best < 1e-3, "{name}: {best}");
    }
}

#[test]
fn a_hundred_trials_on_a_grid_differ() {
    let space = space(GRID);
    let loss = |_, point: &Point| {
        let at = |name| point.get(name).and_then(|value| value.as_f64()).unwrap();
        Ok((at("a") - 40.0).abs() / 10.0 + (at("b") - 3.0).abs())
    };
    for (name, search) in searches() {
        assert_no_point_twice(name, &run(search.as_ref(), &space, 100, loss));
    }
}

#[test]
fn a_space_of_one_point_can_be_searched() {
    let space = space(r#"{"name": "one", "parameters": {"x": {"type": "fixed", "value": 1}}}"#);
    for (_, search) in searches() {
        run(search.as_ref(), &space, 24, |_, _| Ok(1.0));
    }
}

#[test]
fn trials_of_another_space_do_no_harm() {
    let (old, new) = (space(SMALL), space(MIXED));
    for (_, search) in searches() {
        let study = run(&RandomSearch::new(), &old, 10, |_, _| Ok(1.0));
        let point = search.suggest(&new, &study, &Seed::root(11));
        assert_eq!(new.check(&point), Ok(()));
    }
}

#[test]
fn suggestions_are_the_same_bit_for_bit_on_any_number_of_threads() {
    let space = space(MIXED);
    for (index, (name, _)) in searches().into_iter().enumerate() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let loss = |number, _: &Point| Ok(f64::from(number * number % 13));
            pool.install(|| run(searches()[index].1.as_ref(), &space, 28, loss))
        };
        assert_eq!(run(1), run(2), "{name}");
    }
}

#[test]
fn with_several_metrics_and_constraints_every_point_is_new() {
    let space = space(MIXED);
    for (name, search) in searches() {
        let metrics = vec![Metric::minimize("loss"), Metric::maximize("speed"), Metric::minimize("size")];
        let mut study = Study { metrics, ..Study::default() };
        for number in 0..30 {
            let point = search.suggest(&space, &study, &Seed::root(11));
            assert_eq!(space.check(&point), Ok(()));
            let state = match number % 7 {
                3 => TrialState::Fail,
                5 => TrialState::Running,
                _ => TrialState::Complete,
            };
            let (values, constraints) = match state {
                TrialState::Complete => (
                    vec![f64::from(number % 5), f64::from(number % 3), 1.0],
                    vec![f64::from(number % 4) - 2.0],
                ),
                _ => (Vec::new(), Vec::new()),
            };
            study.trials.push(Trial { state, values, constraints, ..Trial::waiting(number, point) });
        }
        assert_no_point_twice(name, &study);
    }
}

#[test]
fn another_seed_gives_another_point() {
    let space = space(MIXED);
    let study = run(&RandomSearch::new(), &space, 30, |number, _| Ok(f64::from(number % 3)));
    for (name, search) in searches() {
        let suggest = |seed| search.suggest(&space, &study, &Seed::root(seed));
        assert_ne!(suggest(1), suggest(2), "{name}");
    }
}

/// Refuses wide networks by adam, and all by sgd that are not narrow.
struct Narrow;

impl Foresee for Narrow {
    fn foresee(&self, point: &Point) -> Foresight {
        let width = point.get("width").and_then(|value| value.as_i64()).unwrap_or(0);
        let rule = point.get("rule").and_then(|value| value.as_str()).unwrap_or_default();
        let most = match rule {
            "adam" => 64,
            "sgd" => 16,
            _ => 512,
        };
        match width > most {
            true => Foresight::Refused { reason: format!("width {width}: at most {most}") },
            false => Foresight::Possible { bounds: Vec::new() },
        }
    }

    fn refusals(&self) -> Refusals {
        Refusals::default()
    }
}

#[test]
fn a_point_that_is_refused_before_it_begins_is_never_proposed() {
    let space = space(MIXED).with_foresight(Some(Arc::new(Narrow)));
    // Wide networks are best, so every search comes to the border.
    let loss = |_, point: &Point| Ok(-point.get("width").and_then(|value| value.as_f64()).unwrap());
    for (name, search) in searches() {
        let study = run(search.as_ref(), &space, 40, loss);
        let refused = study.trials.iter().filter(|trial| space.refuses(&trial.point)).count();
        assert_eq!(refused, 0, "{name}");
        assert_no_point_twice(name, &study);
    }
}

/// Evaluations in which only the width has an effect.
struct Idle;

impl Foresee for Idle {
    fn foresee(&self, _: &Point) -> Foresight {
        Foresight::Possible { bounds: Vec::new() }
    }

    fn identity(&self, point: &Point) -> Option<u64> {
        point.get("width")?.as_i64().map(i64::unsigned_abs)
    }

    fn refusals(&self) -> Refusals {
        Refusals::default()
    }
}

#[test]
fn points_that_differ_without_effect_are_tried_once() {
    let text = r#"{"name": "s", "parameters": {"width": {"type": "int", "low": 1, "high": 40},
        "idle": {"type": "categorical", "choices": ["a", "b", "c", "d"]}}}"#;
    let space = space(text).with_foresight(Some(Arc::new(Idle)));
    let loss = |_, point: &Point| Ok(point.get("width").and_then(|value| value.as_f64()).unwrap());
    for (name, search) in searches() {
        let study = run(search.as_ref(), &space, 30, loss);
        let widths: BTreeSet<Option<u64>> =
            study.trials.iter().map(|trial| space.identity(&trial.point)).collect();
        assert_eq!(widths.len(), 30, "{name}");
    }
}

#[test]
fn every_proposed_point_keeps_the_relations() {
    let text = r#"{"name": "s", "parameters": {"a": {"type": "int", "low": 1, "high": 64, "log": true},
        "b": {"type": "int", "low": 1, "high": 64, "log": true}, "x": {"type": "float", "low": 0, "high": 1},
        "y": {"type": "float", "low": 0, "high": 1}}, "relations": ["a >= b + 3", "x + 2 * y <= 0.5"]}"#;
    let space = space(text);
    // The best points lie beyond the borders.
    let number = |point: &Point, name| point.get(name).and_then(|value| value.as_f64()).unwrap();
    let loss = |_, point: &Point| Ok(number(point, "a") - number(point, "b") - number(point, "y"));
    for (name, search) in searches() {
        let study = run(search.as_ref(), &space, 30, loss);
        for trial in &study.trials {
            assert_eq!(space.check(&trial.point), Ok(()), "{name}");
        }
        assert_no_point_twice(name, &study);
    }
}

#[test]
fn the_model_finds_the_optimum_on_the_border_of_a_relation() {
    let text = r#"{"name": "s", "relations": ["a + b <= 0.6"], "parameters": {
        "a": {"type": "float", "low": 0, "high": 1}, "b": {"type": "float", "low": 0, "high": 1}}}"#;
    let number = |point: &Point, name| point.get(name).and_then(|value| value.as_f64()).unwrap();
    let loss = |_, point: &Point| Ok(2.0 - 2.0 * number(point, "a") - number(point, "b"));
    let study = run(Strategy::Bayes.build().as_ref(), &space(text), 15, loss);
    let best = study.best().expect("all are complete").values[0];
    assert!(best < 0.801, "{best}, and the optimum is 0.8 at the end of the border");
}

#[test]
fn foresight_that_refuses_nothing_changes_no_suggestion() {
    struct Anything(Vec<Bounds>);
    impl Foresee for Anything {
        fn foresee(&self, _: &Point) -> Foresight {
            Foresight::Possible { bounds: self.0.clone() }
        }
        fn refusals(&self) -> Refusals {
            Refusals::default()
        }
    }
    let loss = |number: u32, _: &Point| Ok(f64::from(number * number % 13));
    for (name, search) in searches() {
        let plain = run(search.as_ref(), &space(MIXED), 28, loss);
        // Evolution spreads its children along bounds.
        let bounds = if name == "evolution" { Vec::new() } else { vec![Bounds { low: 0.0, high: 200.0 }] };
        let foreseen = space(MIXED).with_foresight(Some(Arc::new(Anything(bounds))));
        assert_eq!(plain, run(search.as_ref(), &foreseen, 28, loss), "{name}");
    }
}

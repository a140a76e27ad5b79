//! Any trial that is stored reads back equal.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use super::Place;
use crate::space::{Point, Space, Value};
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome, Trial, TrialState};

/// A space, a point in it, reports, and an outcome: what a trial is made of.
#[derive(Clone, Debug)]
struct Case {
    space: Space,
    point: Point,
    internal: Attributes,
    reports: Vec<(u32, f64)>,
    outcome: Outcome,
}

pub(in super::super) fn every_trial_reads_back_equal(place: &impl Place) {
    let mut storage = place.open();
    let metrics = [Metric::maximize("accuracy"), Metric::minimize("energy_nj")];
    let study = storage.create_study("all", &metrics, &Attributes::new()).expect("made");
    let storage = std::cell::RefCell::new(storage);
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) });
    let property = |case: Case| {
        let mut storage = storage.borrow_mut();
        let Case { space, point, internal, .. } = &case;
        let claim = storage.claim(study, space, point, internal, u32::MAX)?.expect("within the budget");
        for &(step, value) in &case.reports {
            storage.report(claim.key, step, value)?;
        }
        prop_assert!(storage.finish(claim.key, &case.outcome)?);
        let stored = storage.load_study(study)?.trials.last().cloned().expect("just claimed");
        prop_assert!(stored.point.iter().eq(point.iter()), "{:?} became {:?}", point, stored.point);
        prop_assert_eq!(format!("{:?}", stored), format!("{:?}", expected(&case, &stored)));
        Ok(())
    };
    runner.run(&any_case(), property).expect("the contract");
}

/// The trial as it should be stored; times are the storage's own.
fn expected(case: &Case, stored: &Trial) -> Trial {
    let trial = Trial {
        intermediate: case.reports.clone(),
        internal: case.internal.clone(),
        started: stored.started,
        finished: stored.finished,
        ..Trial::waiting(stored.number, case.point.clone())
    };
    match case.outcome.clone() {
        Outcome::Complete { values, constraints, attributes } => {
            Trial { state: TrialState::Complete, values, constraints, attributes, ..trial }
        }
        Outcome::Failed { failure, mut attributes } => {
            attributes.insert("failure".into(), json!(failure.kind));
            attributes.insert("reason".into(), json!(failure.reason));
            Trial { state: TrialState::Fail, attributes, ..trial }
        }
    }
}

fn any_case() -> impl Strategy<Value = Case> {
    let reports = prop::collection::btree_map(0..1_u32 << 31, number_or_nan(), 0..4);
    (space_and_point(), names_and_json("tune:"), reports, outcome()).prop_map(
        |((space, point), internal, reports, outcome)| Case {
            space,
            point,
            internal,
            reports: reports.into_iter().collect(),
            outcome,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let number = || number_or_nan().prop_filter("a number", |x| !x.is_nan());
    let values = prop::collection::vec(number(), 2);
    let complete = (values, prop::collection::vec(number(), 0..3), names_and_json(""))
        .prop_map(|(values, constraints, attributes)| Outcome::Complete { values, constraints, attributes });
    let failed = (".*", names_and_json("")).prop_map(|(reason, attributes)| Outcome::Failed {
        failure: Failure { kind: FailureKind::Silent, reason },
        attributes,
    });
    prop_oneof![complete, failed]
}

fn names_and_json(prefix: &'static str) -> impl Strategy<Value = Attributes> {
    let pair = (NAME, scalar()).prop_map(move |(name, value)| (format!("{prefix}{name}"), json!(value)));
    prop::collection::vec(pair, 0..3).prop_map(|pairs| pairs.into_iter().collect())
}

/// A space of parameters of all kinds with extreme bounds, and a point in it.
fn space_and_point() -> impl Strategy<Value = (Space, Point)> {
    let parameters = prop::collection::btree_map(r"[^\x00\n]+", parameter(), 1..6);
    parameters.prop_map(|parameters| {
        let domains: Json =
            parameters.iter().map(|(name, (domain, _))| (name.clone(), domain.clone())).collect();
        let text = json!({"name": "any", "parameters": domains}).to_string();
        let point = parameters.into_iter().map(|(name, (_, value))| (name, value)).collect();
        (Space::from_json(&text, "any.json").expect("a right space"), point)
    })
}

fn parameter() -> impl Strategy<Value = (Json, Value)> {
    const LARGEST: i64 = 1 << 53;
    let float = prop::collection::vec(finite().prop_map(unsigned_zero), 3).prop_filter_map(
        "a range",
        |mut floats| {
            floats.sort_by(f64::total_cmp);
            let domain = json!({"type": "float", "low": floats[0], "high": floats[2], "default": floats[1]});
            (floats[0] < floats[2]).then_some((domain, Value::Float(floats[1])))
        },
    );
    let int = prop::collection::vec(-LARGEST..=LARGEST, 3).prop_filter_map("a range", |mut ints| {
        ints.sort_unstable();
        let domain = json!({"type": "int", "low": ints[0], "high": ints[2], "default": ints[1]});
        (ints[0] < ints[2]).then_some((domain, Value::Int(ints[1])))
    });
    let categorical = prop::collection::vec(scalar(), 1..5).prop_flat_map(|mut choices| {
        choices.sort_by_key(Value::to_string);
        choices.dedup();
        prop::sample::select(choices.clone())
            .prop_map(move |choice| (json!({"type": "categorical", "choices": choices}), choice))
    });
    let fixed = scalar().prop_map(|value| (json!({"type": "fixed", "value": value}), value));
    prop_oneof![float, int, categorical, fixed]
}

/// Any name there may be.
const NAME: &str = r"[^\x00\n]*";

/// Any JSON scalar.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        finite().prop_map(Value::Float),
        ".*".prop_map(Value::Text),
    ]
}

fn finite() -> impl Strategy<Value = f64> {
    use prop::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

fn number_or_nan() -> impl Strategy<Value = f64> {
    prop::num::f64::ANY.prop_map(unsigned_zero)
}

/// `x`, but plain zero for the zero with a sign.
fn unsigned_zero(x: f64) -> f64 {
    x + 0.0
}

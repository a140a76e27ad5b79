//! Made-up studies for tests, with names that must not become code.

use serde_json::json;

use crate::space::{Point, Space};
use crate::study::{Metric, SPACE, Study, Timestamp, Trial, TrialState};

/// A space with a log axis, choices and names that look like HTML, and a conditional parameter.
pub(super) fn space() -> Space {
    let text = r#"{"name": "<s>", "parameters": {
        "lr": {"type": "float", "low": 1e-4, "high": 1, "log": true},
        "width": {"type": "int", "low": 16, "high": 256, "log": true},
        "</script>": {"type": "categorical", "choices": ["adam", "<b>", "a&b \"q\""]},
        "drop": {"type": "float", "low": 0, "high": 1, "when": {"</script>": ["adam"]}},
        "depth": {"type": "fixed", "value": 2}
    }}"#;
    Space::from_json(text, "s.json").expect("a space")
}

/// A study of `count` trials of [`space`]: every tenth one fails. Each has a curve of three steps.
pub(super) fn study(count: u32) -> Study {
    let space = space();
    Study {
        name: "<script>alert(1)</script>".into(),
        metrics: vec![Metric::minimize("loss")],
        trials: (0..count).map(|number| trial(&space, number)).collect(),
        attributes: [(SPACE.to_owned(), space.to_json())].into(),
        ..Study::default()
    }
}

fn trial(space: &Space, number: u32) -> Trial {
    let golden = 0.618_033_988_749_895;
    let u = (f64::from(number) * golden).fract();
    let mut point: Point = space.default_point();
    point.set("lr", u.max(1e-4));
    point.set("width", 16 + i64::from(number % 16) * 16);
    point.set("</script>", ["adam", "<b>", "a&b \"q\""][number as usize % 3]);
    let point = space.completed(&point);
    let curve = (1..=3).map(|step| (step, u + 1.0 / f64::from(step)));
    let is_failed = number % 10 == 9;
    let reason = json!("</script><img src=x onerror=alert(2)>");
    let start = 1_770_000_000_000_000 + i64::from(number) * 3_000_000;
    Trial {
        state: if is_failed { TrialState::Fail } else { TrialState::Complete },
        values: if is_failed { Vec::new() } else { vec![u] },
        intermediate: curve.collect(),
        attributes: match is_failed {
            true => [("reason".to_owned(), reason)].into(),
            false => [("size".to_owned(), json!(10 * number)), ("name".to_owned(), json!("<i>"))].into(),
        },
        started: Some(Timestamp(start)),
        finished: Some(Timestamp(start + 2_500_000)),
        ..Trial::waiting(number, point)
    }
}

/// A study of `count` complete trials, each with twelve parameters and a curve of twenty steps.
pub(super) fn wide(count: u32) -> Study {
    let parameters = (0..12).map(|k| {
        let log = k % 3 == 0;
        (format!("learning_rate_{k}"), json!({"type": "float", "low": 1e-4, "high": 1, "log": log}))
    });
    let parameters: serde_json::Map<String, serde_json::Value> = parameters.collect();
    let text = json!({"name": "wide", "parameters": parameters}).to_string();
    let space = Space::from_json(&text, "wide.json").expect("a space");
    let u = |number: u32, k: u32| (f64::from(number * 31 + k * 7) * 0.618_033_988_749_895).fract().max(1e-4);
    let trial = |number: u32| {
        let point = (0..12).map(|k| (format!("learning_rate_{k}"), u(number, k))).collect();
        Trial {
            state: TrialState::Complete,
            values: vec![u(number, 0)],
            intermediate: (1..=20).map(|step| (step, u(number, step))).collect(),
            attributes: [("cores", number), ("ties", 3 * number)]
                .map(|(name, n)| (name.to_owned(), json!(n)))
                .into(),
            started: Some(Timestamp(0)),
            finished: Some(Timestamp(i64::from(number) * 1234)),
            ..Trial::waiting(number, point)
        }
    };
    Study {
        name: "wide".into(),
        metrics: vec![Metric::minimize("loss")],
        trials: (0..count).map(trial).collect(),
        attributes: [(SPACE.to_owned(), space.to_json())].into(),
        ..Study::default()
    }
}

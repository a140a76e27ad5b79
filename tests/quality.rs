//! The search finds what it found before, on problems whose optimum is known.
//!
//! Each problem has ten seeds. The committed table has the mean regret of the default search, and
//! the largest mean that still passes: three standard errors above, since another processor rounds
//! otherwise and the search then goes other ways. `TUNE_WRITE=1 cargo test --release --test quality`
//! writes the table anew.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::ops::ControlFlow;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use spiketune::objective::Objective;
use spiketune::objective::synthetic::Problem::Hartmann6;
use spiketune::objective::synthetic::Synthetic;
use spiketune::search::Strategy;
use spiketune::seed::Seed;
use spiketune::space::{Point, Space};
use spiketune::study::{Attributes, Failure, FailureKind, Metric, Outcome, Study, TrialState};
use spiketune::tuner::Session;

const SEEDS: u64 = 10;
const TRIALS: u32 = 30;
/// A regret below counts as this one: what is left is rounding.
const LEAST_REGRET: f64 = 1e-6;

/// The result of one trial: losses to minimize, or a failure.
type Result = std::result::Result<Vec<f64>, &'static str>;

struct Problem {
    name: &'static str,
    parameters: &'static str,
    metrics: &'static [&'static str],
    /// The result of a point; the number is of the trial, for noise.
    evaluate: fn(&Point, u32) -> Result,
    /// How far a whole study is from the best that there is, not negative.
    regret: fn(&Study) -> f64,
}

const PROBLEMS: [Problem; 6] = [
    Problem {
        name: "continuous",
        parameters: r#""x1": UNIT, "x2": UNIT, "x3": UNIT, "x4": UNIT, "x5": UNIT, "x6": UNIT"#,
        metrics: &["loss"],
        evaluate: |point, _| Ok(vec![hartmann(point)]),
        regret: |study| best(study, hartmann) - Hartmann6.optimum(),
    },
    Problem {
        name: "mixed",
        parameters: r#""rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": true},
            "width": {"type": "int", "low": 8, "high": 512, "log": true},
            "rule": {"type": "categorical", "choices": ["sgd", "adam", "rmsprop", "adadelta"]},
            "dropout": {"type": "float", "low": 0.0, "high": 0.5}"#,
        metrics: &["loss"],
        evaluate: |point, _| Ok(vec![mixed(point)]),
        regret: |study| best(study, mixed),
    },
    Problem {
        name: "conditional",
        parameters: r#""layers": {"type": "int", "low": 1, "high": 3},
            "width_1": {"type": "float", "low": 0, "high": 1},
            "width_2": {"type": "float", "low": 0, "high": 1, "when": {"layers": [2, 3]}},
            "width_3": {"type": "float", "low": 0, "high": 1, "when": {"layers": [3]}},
            "rate": {"type": "float", "low": 0, "high": 1}"#,
        metrics: &["loss"],
        evaluate: |point, _| Ok(vec![conditional(point)]),
        regret: |study| best(study, conditional),
    },
    Problem {
        name: "noisy",
        parameters: r#""x0": UNIT, "x1": UNIT, "x2": UNIT"#,
        metrics: &["loss"],
        evaluate: |point, number| Ok(vec![valley(point) + 0.05 * noise(point, number)]),
        regret: |study| best(study, valley),
    },
    Problem {
        name: "two-metric",
        parameters: r#""x0": UNIT, "x1": UNIT, "x2": UNIT"#,
        metrics: &["near", "far"],
        evaluate: |point, _| Ok(two_metrics(point)),
        regret: |study| 1.0 - covered(study),
    },
    Problem {
        name: "failing",
        parameters: r#""x0": UNIT, "x1": UNIT, "x2": UNIT"#,
        metrics: &["loss"],
        evaluate: |point, _| {
            let fails = at(point, "x0") + at(point, "x1") > 1.0;
            if fails { Err("out of memory") } else { Ok(vec![valley(point)]) }
        },
        regret: |study| best(study, valley),
    },
];

fn at(point: &Point, name: &str) -> f64 {
    point.get(name).and_then(|value| value.as_f64()).expect("a number of the space")
}

/// The function of the best point that the study knows: of a noisy one by what was measured.
fn best(study: &Study, function: fn(&Point) -> f64) -> f64 {
    study.best().map_or(1.0, |trial| function(&trial.point))
}

/// Hartmann's function of six inputs.
fn hartmann(point: &Point) -> f64 {
    let mut go_on = |_, _| ControlFlow::Continue(());
    let evaluation = Synthetic::new(Hartmann6).evaluate(point, &Seed::root(0), &mut go_on);
    match evaluation.map(|evaluation| evaluation.outcome) {
        Some(Outcome::Complete { values, .. }) => values[0],
        _ => panic!("six numbers have a value"),
    }
}

/// A learning rate whose best value depends on the rule, a width and a dropout.
fn mixed(point: &Point) -> f64 {
    let rule = point.get("rule").and_then(|rule| rule.as_str()).expect("a choice");
    let (rate, penalty) = match rule {
        "sgd" => (-0.7, 0.05),
        "adam" => (-2.6, 0.0),
        "rmsprop" => (-3.0, 0.1),
        _ => (-0.2, 0.2),
    };
    let rate = (at(point, "rate").log10() - rate) / 2.0;
    let width = (at(point, "width").ln() - 160f64.ln()) / 3.0;
    let dropout = at(point, "dropout") - 0.13;
    penalty + 1.0 - (-rate * rate).exp() + 0.3 * width * width + dropout * dropout
}

/// Layers with a width each that exists only where the layer does; two layers are best.
fn conditional(point: &Point) -> f64 {
    let layers = at(point, "layers") as usize;
    let best = [0.8, 0.55, 0.2];
    let square = |layer: usize| (at(point, &format!("width_{}", layer + 1)) - best[layer]).powi(2);
    let rate = at(point, "rate") - 0.35 - 0.1 * layers as f64;
    let depth = [0.15, 0.0, 0.06][layers - 1];
    depth + (0..layers).map(square).sum::<f64>() + 2.0 * rate * rate
}

/// A narrow valley in one input, a wide one in the next, none in the last; its minimum is zero.
fn valley(point: &Point) -> f64 {
    let [x, y, z] = ["x0", "x1", "x2"].map(|name| at(point, name));
    let narrow = 1.0 - (-(x - 0.3).powi(2) / 0.02).exp();
    0.7 * narrow + 0.3 * (y - 0.4).powi(2) + 0.01 * (z - 0.5).powi(2)
}

/// Noise of variance one that follows from the point and the trial.
fn noise(point: &Point, number: u32) -> f64 {
    let sum: f64 = point.iter().filter_map(|(_, value)| value.as_f64()).sum();
    let phase = (sum * 1e4 + f64::from(number) * 0.618_033_988_749_895).sin() * 43_758.545_3;
    12f64.sqrt() * (phase - phase.floor() - 0.5)
}

/// Distances from two points; the front is the line between them.
fn two_metrics(point: &Point) -> Vec<f64> {
    let [x, y, z] = ["x0", "x1", "x2"].map(|name| at(point, name));
    let wave = 0.1 * (1.0 - (4.0 * PI * (y - x)).cos()) + (y - x).powi(2) + (z - 0.5).powi(2);
    vec![x * x + wave, (1.0 - x) * (1.0 - x) + wave]
}

/// The share of the best hypervolume below (1, 1) that the trials of the study cover.
fn covered(study: &Study) -> f64 {
    // The front is b = (1 - sqrt a)^2, whose integral from 0 to 1 is 1/6.
    let whole = 5.0 / 6.0;
    let mut front: Vec<(f64, f64)> = study
        .trials
        .iter()
        .filter(|trial| trial.state == TrialState::Complete)
        .map(|trial| (trial.values[0], trial.values[1]))
        .filter(|&(a, b)| a < 1.0 && b < 1.0)
        .collect();
    front.sort_by(|a, b| a.partial_cmp(b).expect("finite"));
    let (mut area, mut below) = (0.0, 1.0);
    for (a, b) in front {
        if b < below {
            area += (1.0 - a) * (below - b);
            below = b;
        }
    }
    area / whole
}

impl Problem {
    fn space(&self) -> Space {
        let parameters = self.parameters.replace("UNIT", r#"{"type": "float", "low": 0, "high": 1}"#);
        let text = format!(r#"{{"name": "{}", "parameters": {{{parameters}}}}}"#, self.name);
        Space::from_json(&text, self.name).expect("the text is a space")
    }

    /// The regret of one study.
    fn study(&self, strategy: Strategy, seed: u64) -> f64 {
        let metrics = self.metrics.iter().map(|&name| Metric::minimize(name)).collect();
        let mut session = Session::new(self.space(), metrics, 0, strategy.build(), seed);
        for _ in 0..TRIALS {
            let trial = session.ask();
            let number = trial.number;
            let outcome = match (self.evaluate)(&trial.point, number) {
                Ok(values) => {
                    Outcome::Complete { values, constraints: vec![], attributes: Attributes::new() }
                }
                Err(reason) => Outcome::Failed {
                    failure: Failure { kind: FailureKind::Error, reason: reason.into() },
                    attributes: Attributes::new(),
                },
            };
            session.tell(number, outcome).expect("the trial waits for its outcome");
        }
        (self.regret)(session.study()).max(LEAST_REGRET)
    }

    /// The regrets of all seeds.
    fn regrets(&self, strategy: Strategy) -> Vec<f64> {
        (0..SEEDS).into_par_iter().map(|seed| self.study(strategy, seed)).collect()
    }
}

/// What a search reached on one problem.
#[derive(Debug, Deserialize, Serialize)]
struct Row {
    /// Mean regret of all seeds.
    mean: f64,
    /// The largest mean that passes.
    most: f64,
}

impl Row {
    fn of(regrets: &[f64]) -> Self {
        let count = regrets.len() as f64;
        let mean = mean(regrets);
        let variance = regrets.iter().map(|regret| (regret - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { mean, most: mean + 3.0 * (variance / count).sqrt() }
    }
}

fn mean(regrets: &[f64]) -> f64 {
    regrets.iter().sum::<f64>() / regrets.len() as f64
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/quality.json")
}

fn table() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(path()).expect("the table is in the repository");
    serde_json::from_str(&text).expect("the table is JSON")
}

#[test]
fn the_default_search_is_as_good_as_it_was() {
    let regrets = PROBLEMS.map(|problem| (problem.name, problem.regrets(Strategy::Bayes)));
    if std::env::var_os("TUNE_WRITE").is_some() {
        let rows: BTreeMap<&str, Row> =
            regrets.iter().map(|(name, regrets)| (*name, Row::of(regrets))).collect();
        let text = serde_json::to_string_pretty(&rows).expect("JSON") + "\n";
        std::fs::write(path(), text).expect("the table is written");
    }
    let table = table();
    let worse: Vec<String> = regrets
        .iter()
        .filter(|(name, regrets)| mean(regrets) > table[*name].most)
        .map(|(name, regrets)| {
            format!("{name}: {:.5}, must be at most {:.5}", mean(regrets), table[*name].most)
        })
        .collect();
    assert!(worse.is_empty(), "mean regret of {SEEDS} seeds after {TRIALS} trials: {worse:#?}");
}

#[test]
fn random_search_is_too_bad_for_the_table() {
    let table = table();
    for problem in PROBLEMS {
        let regret = mean(&problem.regrets(Strategy::Random));
        let most = table[problem.name].most;
        assert!(regret > most, "{}: {regret:.5} of random search passes {most:.5}", problem.name);
    }
}

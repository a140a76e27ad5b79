//! Exploration.
#![allow(missing_docs)]
use std::f64::consts::PI;

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use spiketune::search::{Search, Strategy};
use spiketune::seed::Seed;
use spiketune::space::{Point, Space};
use spiketune::study::{Attributes, Failure, FailureKind, Metric, Outcome, Study};
use spiketune::tuner::Session;

struct Problem {
    name: &'static str,
    trials: u32,
    metrics: usize,
    noise: f64,
    optimum: f64,
    space: String,
    losses: fn(&Point) -> Option<Vec<f64>>,
}

fn num(point: &Point, name: &str) -> f64 {
    point.get(name).and_then(|v| v.as_f64()).unwrap_or_else(|| panic!("{name}"))
}
fn text<'a>(point: &'a Point, name: &str) -> &'a str {
    point.get(name).and_then(|v| v.as_str()).unwrap_or_else(|| panic!("{name}"))
}
fn unit(point: &Point, name: &str, low: f64, high: f64) -> f64 {
    (num(point, name) / low).ln() / (high / low).ln()
}
fn sq(x: f64) -> f64 {
    x * x
}
fn floats(n: usize) -> String {
    let p: Vec<String> = (0..n).map(|i| format!(r#""x{i}": {{"type":"float","low":0,"high":1}}"#)).collect();
    format!(r#"{{"name":"f","parameters":{{{}}}}}"#, p.join(","))
}

fn hartmann6(x: [f64; 6]) -> f64 {
    const H: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const C: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    -(0..4).map(|k| H[k] * (-(0..6).map(|i| A[k][i] * sq(x[i] - C[k][i])).sum::<f64>()).exp()).sum::<f64>()
}
fn h6(p: &Point) -> f64 {
    hartmann6(std::array::from_fn(|i| num(p, &format!("x{i}"))))
}
fn branin01(a: f64, b: f64) -> f64 {
    let (x, y) = (15.0 * a - 5.0, 15.0 * b);
    let bend = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    bend * bend + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

// mixed: rate, width (int), rule, batch (int), idle: decay, warmup
fn mixed(p: &Point) -> Option<Vec<f64>> {
    let rate = unit(p, "rate", 1e-5, 1.0);
    let (best, floor, steep) = match text(p, "rule") {
        "adam" => (0.42, 0.0, 30.0),
        "sgd" => (0.81, 0.05, 30.0),
        "momentum" => (0.66, 0.02, 60.0),
        _ => (0.25, 0.3, 4.0),
    };
    let width = unit(p, "width", 8.0, 512.0);
    let layers = num(p, "layers");
    let shift = 0.08 * (width - 0.5);
    let rate_term = 1.0 - (-steep * sq(rate - best - shift)).exp();
    let width_term = 0.3 * sq(width - 0.7);
    let layer_term = 0.05 * (layers - 3.0).abs();
    let smooth = 0.02 * sq(num(p, "decay") - 0.2);
    Some(vec![rate_term + width_term + layer_term + floor + smooth])
}
const MIXED: &str = r#"{"name":"mixed","parameters":{
 "rate":{"type":"float","low":1e-5,"high":1.0,"log":true},
 "width":{"type":"int","low":8,"high":512,"log":true},
 "rule":{"type":"categorical","choices":["rprop","sgd","momentum","adam"]},
 "layers":{"type":"int","low":1,"high":6},
 "decay":{"type":"float","low":0,"high":1},
 "seeded":{"type":"categorical","choices":[true,false]},
 "warmup":{"type":"float","low":0,"high":1}
}}"#;

const NETWORK: &str = r#"{"name":"network","parameters":{
 "rule":{"type":"categorical","choices":["rprop","adam","sgd"]},
 "rate_adam":{"type":"float","low":1e-5,"high":1.0,"log":true,"when":{"rule":["adam"]}},
 "rate_sgd":{"type":"float","low":1e-5,"high":1.0,"log":true,"when":{"rule":["sgd"]}},
 "momentum":{"type":"float","low":0.0,"high":1.0,"when":{"rule":["sgd"]}},
 "layers":{"type":"int","low":1,"high":3},
 "width_1":{"type":"int","low":1,"high":64},
 "width_2":{"type":"int","low":1,"high":64,"when":{"layers":[2,3]}},
 "width_3":{"type":"int","low":1,"high":64,"when":{"layers":[3]}},
 "dropout":{"type":"float","low":0.0,"high":1.0}
}}"#;
fn network(p: &Point) -> Option<Vec<f64>> {
    let rule = match text(p, "rule") {
        "adam" => 0.1 + 4.0 * sq(unit(p, "rate_adam", 1e-5, 1.0) - 0.35),
        "sgd" => 6.0 * sq(unit(p, "rate_sgd", 1e-5, 1.0) - 0.72) + 0.3 * sq(num(p, "momentum") - 0.8),
        _ => 0.6,
    };
    let layers = num(p, "layers") as usize;
    let best = [0.3, 0.6, 0.75];
    let form: f64 = (0..layers).map(|l| sq(num(p, &format!("width_{}", l + 1)) / 64.0 - best[l])).sum();
    Some(vec![rule + form + 0.2 * (3.0 - layers as f64) + sq(num(p, "dropout") - 0.2)])
}
fn network_steep(p: &Point) -> Option<Vec<f64>> {
    let well = |x: f64| 1.0 - (-x).exp();
    let rule = match text(p, "rule") {
        "adam" => 0.1 + well(40.0 * sq(unit(p, "rate_adam", 1e-5, 1.0) - 0.35)),
        "sgd" => well(60.0 * sq(unit(p, "rate_sgd", 1e-5, 1.0) - 0.72)) + 0.2 * sq(num(p, "momentum") - 0.8),
        _ => 0.6,
    };
    let layers = num(p, "layers") as usize;
    let best = [0.3, 0.6, 0.75];
    let form: f64 = (0..layers).map(|l| 0.5 * sq(num(p, &format!("width_{}", l + 1)) / 64.0 - best[l])).sum();
    Some(vec![rule + form + 0.1 * (3.0 - layers as f64) + 0.3 * sq(num(p, "dropout") - 0.2)])
}

/// Fonseca-Fleming with weights.
const W2: [f64; 6] = [20.0, 6.0, 1.0, 0.05, 0.05, 0.0];
fn fonseca_of(x: [f64; 6]) -> [f64; 2] {
    const A: [f64; 6] = [0.2, 0.7, 0.4, 0.3, 0.6, 0.5];
    const B: [f64; 6] = [0.45, 0.35, 0.6, 0.5, 0.2, 0.5];
    let f = |c: [f64; 6]| 1.0 - (-(0..6).map(|i| W2[i] * sq(x[i] - c[i])).sum::<f64>()).exp();
    [f(A), f(B)]
}
fn fonseca(p: &Point) -> Option<Vec<f64>> {
    Some(fonseca_of(std::array::from_fn(|i| num(p, &format!("x{i}")))).to_vec())
}
/// Branin with a region that diverges: steep wall beside the minima.
fn failing(p: &Point) -> Option<Vec<f64>> {
    let (a, b) = (num(p, "x1"), num(p, "x3"));
    // optimum at (0.9616,0.165), (0.1239,0.8183), (0.5428, 0.1517)
    if a + 0.4 * b > 0.75 {
        return None;
    }
    Some(vec![branin01(a, b)])
}
fn failing2(p: &Point) -> Option<Vec<f64>> {
    let rate = num(p, "x0");
    let sharp = num(p, "x1");
    if rate + 0.25 * sharp > 0.7 {
        return None;
    }
    let well = |x: f64| 1.0 - (-x).exp();
    Some(vec![well(25.0 * sq(rate - 0.6)) + well(8.0 * sq(sharp - 0.3)) + 0.2 * sq(num(p, "x2") - 0.8)])
}
fn ripple(p: &Point) -> Option<Vec<f64>> {
    // two that matter quickly, others slowly
    let x: Vec<f64> = (0..8).map(|i| num(p, &format!("x{i}"))).collect();
    Some(vec![
        2.0 * sq(x[0] - 0.3) + 0.15 * (1.0 - (14.0 * (x[0] - 0.3)).cos()) + 1.0
            - (-30.0 * sq(x[1] - 0.7)).exp()
            + 0.1 * sq(x[2] - 0.2)
            + 0.1 * sq(x[3] - 0.9),
    ])
}

fn problems() -> Vec<Problem> {
    let base = || Problem {
        name: "",
        trials: 50,
        metrics: 1,
        noise: 0.0,
        optimum: 0.0,
        space: String::new(),
        losses: |_| None,
    };
    vec![
        Problem {
            name: "hartmann6",
            trials: 50,
            optimum: -3.322368011,
            space: floats(6),
            losses: |p| Some(vec![h6(p)]),
            ..base()
        },
        Problem {
            name: "hartmann6+4",
            trials: 60,
            optimum: -3.322368011,
            space: floats(10),
            losses: |p| Some(vec![h6(p)]),
            ..base()
        },
        Problem {
            name: "branin+6",
            trials: 40,
            optimum: 0.39788735773,
            space: floats(8),
            losses: |p| Some(vec![branin01(num(p, "x2"), num(p, "x5"))]),
            ..base()
        },
        Problem { name: "ripple", trials: 50, space: floats(8), losses: ripple, ..base() },
        Problem { name: "mixed", trials: 50, space: MIXED.into(), losses: mixed, ..base() },
        Problem { name: "network", trials: 60, space: NETWORK.into(), losses: network, ..base() },
        Problem { name: "network-steep", trials: 60, space: NETWORK.into(), losses: network_steep, ..base() },
        Problem {
            name: "noisy-h6",
            trials: 60,
            noise: 0.1,
            optimum: -3.322368011,
            space: floats(6),
            losses: |p| Some(vec![h6(p)]),
            ..base()
        },
        Problem {
            name: "noisy-branin+4",
            trials: 50,
            noise: 2.0,
            optimum: 0.39788735773,
            space: floats(6),
            losses: |p| Some(vec![branin01(num(p, "x2"), num(p, "x5"))]),
            ..base()
        },
        Problem { name: "noisy-ripple", trials: 50, noise: 0.05, space: floats(8), losses: ripple, ..base() },
        Problem { name: "two", trials: 50, metrics: 2, space: floats(6), losses: fonseca, ..base() },
        Problem {
            name: "failing-branin+2",
            trials: 40,
            optimum: 0.39788735773,
            space: floats(4),
            losses: failing,
            ..base()
        },
        Problem { name: "failing2", trials: 40, optimum: 0.0, space: floats(6), losses: failing2, ..base() },
    ]
}

fn volume(losses: &[Vec<f64>]) -> f64 {
    let mut points: Vec<&Vec<f64>> = losses.iter().filter(|l| l[0] < 1.0 && l[1] < 1.0).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let (mut total, mut low) = (0.0, 1.0f64);
    for p in points {
        if p[1] < low {
            total += (1.0 - p[0]) * (low - p[1]);
            low = p[1];
        }
    }
    total
}
fn ideal() -> f64 {
    const A: [f64; 6] = [0.2, 0.7, 0.4, 0.3, 0.6, 0.5];
    const B: [f64; 6] = [0.45, 0.35, 0.6, 0.5, 0.2, 0.5];
    let front: Vec<Vec<f64>> = (0..=20000)
        .map(|i| {
            let t = i as f64 / 20000.0;
            fonseca_of(std::array::from_fn(|j| A[j] + t * (B[j] - A[j]))).to_vec()
        })
        .collect();
    volume(&front)
}

fn regret(problem: &Problem, study: &Study) -> f64 {
    if problem.metrics == 2 {
        let l: Vec<Vec<f64>> = study.trials.iter().filter_map(|t| (problem.losses)(&t.point)).collect();
        return 1.0 - volume(&l) / ideal();
    }
    study.best().map_or(f64::INFINITY, |b| (problem.losses)(&b.point).unwrap()[0] - problem.optimum)
}

fn run(problem: &Problem, search: Box<dyn Search>, seed: u64) -> f64 {
    let space = Space::from_json(&problem.space, "p").unwrap();
    let metrics = ["a", "b"][..problem.metrics].iter().map(|n| Metric::minimize(*n)).collect();
    let mut s = Session::new(space, metrics, 0, search, seed);
    for _ in 0..problem.trials {
        let (number, point) = {
            let t = s.ask();
            (t.number, t.point.clone())
        };
        let outcome = match (problem.losses)(&point) {
            Some(mut values) => {
                let mut st = Seed::root(seed).child("noise").index(number.into()).stream();
                for v in &mut values {
                    let z: f64 = StandardNormal.sample(&mut st);
                    *v += problem.noise * z;
                }
                Outcome::Complete { values, constraints: vec![], attributes: Attributes::new() }
            }
            None => Outcome::Failed {
                failure: Failure { kind: FailureKind::Diverged, reason: "x".into() },
                attributes: Attributes::new(),
            },
        };
        s.tell(number, outcome).unwrap();
    }
    regret(problem, s.study())
}

#[test]
fn explore() {
    let strategy = match std::env::var("Q_SEARCH").as_deref() {
        Ok("random") => Strategy::Random,
        Ok("tpe") => Strategy::Tpe,
        _ => Strategy::Bayes,
    };
    let seeds: u64 = std::env::var("Q_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(10);
    let only = std::env::var("Q_ONLY").unwrap_or_default();
    for problem in problems().iter().filter(|p| only.is_empty() || only.split(',').any(|o| o == p.name)) {
        let t = std::time::Instant::now();
        let r: Vec<f64> =
            (0..seeds).into_par_iter().map(|seed| run(problem, strategy.build(), seed)).collect();
        println!(
            "{}",
            serde_json::json!({"problem": problem.name, "search": strategy.name(), "seconds": t.elapsed().as_secs_f64(), "regrets": r})
        );
    }
}

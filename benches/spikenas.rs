//! Searches on SpikeNAS-Bench, a table of 15,625 spiking networks trained on CIFAR-10.
//!
//! `TUNE_BENCHMARKS_DIR=... cargo bench --bench spikenas -- SEARCH SEEDS TRIALS WORKERS`, all optional.
//! The folder has `spikenas/spikenas_cifar10.csv.gz`; `benches/README.md#topology-table` says where it
//! comes from. Prints the best validation accuracy, and the share of the hypervolume of accuracy and
//! firing rate, after 50, 100 and 200 trials: means and standard errors over the seeds.
//!
//! With several workers, trainings of 3 to 60 simulated seconds overlap, and 30 % of the networks are
//! refused before they are trained. One process makes all suggestions, and each takes as long as it
//! really took. Printed as well: the share of the workers' time in which they train.

// A bench prints.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use rayon::prelude::*;
use spiketune::search::Strategy;
use spiketune::seed::Seed;
use spiketune::space::{Foresee, Foresight, Point, Refusals, Space};
use spiketune::study::{Attributes, Metric, Outcome};
use spiketune::tuner::Session;

const EDGES: usize = 6;
const OPERATIONS: i64 = 5;
/// The worst accuracy and firing rate that count.
const REFERENCE: (f64, f64) = (80.0, 0.6);
const CHECKPOINTS: [usize; 3] = [50, 100, 200];

/// Validation accuracy in percent and mean firing rate, by the number of the network.
type Table = Vec<(f64, f64)>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some(folder) = std::env::var_os("TUNE_BENCHMARKS_DIR").map(PathBuf::from) else {
        println!("spikenas: TUNE_BENCHMARKS_DIR is not set: skipped");
        return;
    };
    let table = read(&folder.join("spikenas/spikenas_cifar10.csv.gz"));
    let name = |strategy: &Strategy| words.first().is_none_or(|word| word == strategy.name());
    let number =
        |at: usize, default: u64| words.get(at).map_or(default, |word| word.parse().expect("a number"));
    let (seeds, trials, workers) = (number(1, 100), number(2, 200) as usize, number(3, 1) as usize);
    let whole = hypervolume(&table);
    println!("{seeds} seeds; hypervolume of the whole table {whole:.3}");
    for strategy in Strategy::ALL.into_iter().filter(name) {
        if workers > 1 {
            let parallel = [1, workers].map(|workers| overlapped(&table, strategy, seeds, trials, workers));
            println!(
                "{:10} share of the volume, {workers} workers for 1: {}",
                strategy.name(),
                beside(&parallel)
            );
            let used = parallel[1].iter().map(|run| run.utilization).sum::<f64>() / seeds as f64;
            println!("{:10} share of the workers' time in training {used:.4}", strategy.name());
            continue;
        }
        let accuracy = measure(&table, strategy, seeds, trials, false);
        println!("{:10} best accuracy       {}", strategy.name(), text(&accuracy));
        let shares = measure(&table, strategy, seeds, trials, true);
        println!("{:10} share of the volume {}", strategy.name(), text(&shares));
    }
}

fn read(path: &std::path::Path) -> Table {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rows = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let headers = rows.headers().expect("a header").clone();
    let column = |name: &str| headers.iter().position(|header| header == name).expect("a column");
    let columns = ["arch", "best_val", "mean_firing_rate"].map(column);
    let mut table = vec![(0.0, 1.0); (OPERATIONS as usize).pow(EDGES as u32)];
    for row in rows.records() {
        let row = row.expect("a row");
        let [arch, accuracy, rate] = columns.map(|at| row[at].parse::<f64>().unwrap_or(f64::NAN));
        table[arch as usize] = (accuracy, if rate.is_finite() { rate } else { 1.0 });
    }
    table
}

fn space() -> Space {
    let edges: Vec<String> = (0..EDGES)
        .map(|edge| format!(r#""edge_{edge}": {{"type": "categorical", "choices": [0, 1, 2, 3, 4]}}"#))
        .collect();
    let text = format!(r#"{{"name": "spikenas", "parameters": {{{}}}}}"#, edges.join(", "));
    Space::from_json(&text, "spikenas").expect("the text is a space")
}

fn network(point: &Point) -> usize {
    let edge =
        |edge| point.get(&format!("edge_{edge}")).and_then(|value| value.as_i64()).expect("an operation");
    (0..EDGES).rev().fold(0, |number, at| number * OPERATIONS as usize + edge(at) as usize)
}

/// For each seed the result at each checkpoint.
fn measure(table: &Table, strategy: Strategy, seeds: u64, trials: usize, is_front: bool) -> Vec<Vec<f64>> {
    let whole = hypervolume(table);
    let study = |seed| {
        let mut metrics = vec![Metric::maximize("accuracy")];
        metrics.extend(is_front.then(|| Metric::minimize("rate")));
        let mut session = Session::new(space(), metrics, 0, strategy.build(), seed);
        let (mut seen, mut results) = (Vec::new(), Vec::new());
        for count in 1..=trials {
            let trial = session.ask();
            let (number, found) = (trial.number, table[network(&trial.point)]);
            let values = if is_front { vec![found.0, found.1] } else { vec![found.0] };
            let outcome = Outcome::Complete { values, constraints: vec![], attributes: Attributes::new() };
            session.tell(number, outcome).expect("the trial waits for its outcome");
            seen.push(found);
            if CHECKPOINTS.contains(&count) {
                results.push(match is_front {
                    true => hypervolume(&seen) / whole,
                    false => seen.iter().map(|found| found.0).fold(0.0, f64::max),
                });
            }
        }
        results
    };
    (0..seeds).into_par_iter().map(study).collect()
}

/// A study whose trainings overlap.
struct Overlapped {
    /// The share of the volume at the end.
    share: f64,
    /// The share of the workers' time in which they train.
    utilization: f64,
}

/// Refuses 30 of 100 networks, always the same ones.
struct Viability;

impl Foresee for Viability {
    fn foresee(&self, point: &Point) -> Foresight {
        let draw: f64 = Seed::root(network(point) as u64).child("viable").stream().random();
        match draw < 0.3 {
            true => Foresight::Refused { reason: "it is not viable".to_owned() },
            false => Foresight::Possible { bounds: Vec::new() },
        }
    }

    fn refusals(&self) -> Refusals {
        Refusals::default()
    }
}

/// For each seed a study of both metrics by `workers` workers.
fn overlapped(
    table: &Table,
    strategy: Strategy,
    seeds: u64,
    trials: usize,
    workers: usize,
) -> Vec<Overlapped> {
    (0..seeds).map(|seed| one_overlapped(table, strategy, seed, trials, workers)).collect()
}

fn one_overlapped(table: &Table, strategy: Strategy, seed: u64, trials: usize, workers: usize) -> Overlapped {
    let metrics = vec![Metric::maximize("accuracy"), Metric::minimize("rate")];
    let space = space().with_foresight(Some(Arc::new(Viability)));
    let mut session = Session::new(space, metrics, 0, strategy.build(), seed);
    let mut stream = Seed::root(seed).child("durations").stream();
    // When each running trial ends, and when the one process that suggests is free again.
    let (mut running, mut free_at, mut busy, mut end) = (Vec::new(), 0.0f64, 0.0, 0.0f64);
    let (mut seen, mut started) = (Vec::new(), 0);
    let mut now = 0.0f64;
    loop {
        while started < trials && running.len() < workers {
            let begin = Instant::now();
            let trial = session.ask();
            free_at = free_at.max(now) + begin.elapsed().as_secs_f64();
            let duration = 3.0 * 20f64.powf(stream.random());
            busy += duration;
            running.push((free_at + duration, trial.number, table[network(&trial.point)]));
            started += 1;
        }
        running.sort_by(|a, b| b.0.total_cmp(&a.0));
        let Some((time, number, found)) = running.pop() else { break };
        (now, end) = (time, end.max(time));
        let (values, attributes) = (vec![found.0, found.1], Attributes::new());
        let outcome = Outcome::Complete { values, constraints: vec![], attributes };
        session.tell(number, outcome).expect("the trial waits for its outcome");
        seen.push(found);
        if started == trials {
            // Nothing is left to start: only now may workers have nothing to do.
            end = end.min(now);
            break;
        }
    }
    for (time, _, found) in running {
        busy -= time - end;
        seen.push(found);
    }
    Overlapped { share: hypervolume(&seen) / hypervolume(table), utilization: busy / (end * workers as f64) }
}

/// The mean of each study beside the other, the mean of their ratio, and its lower 95 % bound.
fn beside([one, several]: &[Vec<Overlapped>; 2]) -> String {
    let mean = |runs: &[Overlapped]| runs.iter().map(|run| run.share).sum::<f64>() / runs.len() as f64;
    let ratios: Vec<f64> = several.iter().zip(one).map(|(several, one)| several.share / one.share).collect();
    let count = ratios.len() as f64;
    let ratio = ratios.iter().sum::<f64>() / count;
    let variance = ratios.iter().map(|one| (one - ratio).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let bound = ratio - 1.645 * (variance / count).sqrt();
    format!("{:.4} for {:.4}, ratio {ratio:.4}, at least {bound:.4} with 95 %", mean(several), mean(one))
}

/// The area of accuracy above and firing rate below the reference that `found` dominates.
fn hypervolume(found: &[(f64, f64)]) -> f64 {
    let mut better: Vec<(f64, f64)> = found
        .iter()
        .copied()
        .filter(|&(accuracy, rate)| accuracy > REFERENCE.0 && rate < REFERENCE.1)
        .collect();
    better.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
    let (mut area, mut rate) = (0.0, REFERENCE.1);
    for found in better {
        if found.1 < rate {
            area += (found.0 - REFERENCE.0) * (rate - found.1);
            rate = found.1;
        }
    }
    area
}

fn text(results: &[Vec<f64>]) -> String {
    let count = results.len() as f64;
    let column = |at: usize| {
        let values: Vec<f64> = results.iter().filter_map(|row| row.get(at).copied()).collect();
        let mean = values.iter().sum::<f64>() / count;
        let variance =
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        format!("{:4}: {mean:.4} ± {:.4}", CHECKPOINTS[at], (variance / count).sqrt())
    };
    (0..results[0].len()).map(column).collect::<Vec<_>>().join("   ")
}

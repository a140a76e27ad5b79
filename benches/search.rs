//! The time of a suggestion, by the number of trials, parameters and metrics.
//!
//! The loss is a quadratic function with noise, which the model has to learn as in a real study.
//! One measurement is of ten trials in a row, since the model is not fitted again after each.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use spiketune::search::{RandomSearch, Search, Strategy};
use spiketune::seed::Seed;
use spiketune::space::{Point, Space};
use spiketune::study::{Metric, Study, Trial, TrialState};

const TRIALS: [u32; 6] = [20, 50, 100, 200, 1000, 10_000];
/// Trials in a row.
const ROW: u32 = 10;
/// Trials for the searches that have no Gaussian process.
const MORE_TRIALS: [u32; 2] = [100, 1000];
const DIMENSIONS: [usize; 3] = [5, 10, 20];

/// A space of `dimension` numbers from 0 to 1.
fn floats(dimension: usize) -> Space {
    let parameters: Vec<String> =
        (0..dimension).map(|i| format!(r#""x{i}": {{"type": "float", "low": 0, "high": 1}}"#)).collect();
    let text = format!(r#"{{"name": "floats", "parameters": {{{}}}}}"#, parameters.join(", "));
    Space::from_json(&text, "floats").expect("the text is a space")
}

/// For each metric the squared distance from a point of its own, plus noise that follows from the
/// trial's number.
fn losses(point: &Point, number: u32, metrics: usize) -> Vec<f64> {
    let noise = 0.02 * f64::from(number * 37 % 11);
    let from = |corner: f64| {
        let numbers = point.iter().filter_map(|(_, value)| value.as_f64());
        numbers.map(|x| (x - corner) * (x - corner)).sum::<f64>() + noise
    };
    [0.3, 0.7][..metrics].iter().map(|&corner| from(corner)).collect()
}

fn history(space: &Space, count: u32, metrics: usize) -> Study {
    let metrics: Vec<Metric> =
        ["loss", "other"][..metrics].iter().map(|&name| Metric::minimize(name)).collect();
    let mut study = Study { metrics, ..Study::default() };
    for number in 0..count {
        let point = RandomSearch::new().suggest(space, &study, &Seed::root(5));
        let values = losses(&point, number, study.metrics.len());
        study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
    }
    study
}

/// The study after `ROW` more trials.
fn go_on(search: &dyn Search, space: &Space, mut study: Study) -> Study {
    for number in (study.trials.len() as u32..).take(ROW as usize) {
        let point = search.suggest(space, &study, &Seed::root(5));
        let values = losses(&point, number, study.metrics.len());
        study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
    }
    study
}

fn suggestion(criterion: &mut Criterion) {
    of_search(criterion, Strategy::Bayes, &TRIALS, 1);
    of_search(criterion, Strategy::Bayes, &[200], 2);
    of_search(criterion, Strategy::Tpe, &MORE_TRIALS, 1);
    of_search(criterion, Strategy::Nsga2, &MORE_TRIALS, 1);
}

fn of_search(criterion: &mut Criterion, strategy: Strategy, trials: &[u32], metrics: usize) {
    let mut group = criterion.benchmark_group(format!("{}_suggest/metrics={metrics}", strategy.name()));
    group.sample_size(10);
    for dimension in DIMENSIONS {
        let space = floats(dimension);
        // The largest studies take long, so they run at one dimension only.
        for &count in trials.iter().filter(|&&count| count <= 200 || dimension == 10) {
            let study = history(&space, count, metrics);
            let id = BenchmarkId::new(format!("D={dimension}"), format!("n={count}"));
            group.throughput(Throughput::Elements(ROW.into()));
            group.bench_function(id, |bencher| {
                bencher.iter_batched(
                    || (strategy.build(), study.clone()),
                    |(search, study)| go_on(&*search, &space, study),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, suggestion);
criterion_main!(benches);

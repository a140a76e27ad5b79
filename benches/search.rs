//! What one suggestion costs, against the number of trials and of parameters.
//!
//! The loss is a noisy bowl, as hard to the model as a real study: the noise has to be learnt.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use spiketune::search::{RandomSearch, Search, Strategy};
use spiketune::seed::Seed;
use spiketune::space::{Point, Space};
use spiketune::study::{Metric, Study, Trial, TrialState};

const TRIALS: [u32; 4] = [20, 50, 100, 200];
/// Of searches without a process of all trials.
const MORE_TRIALS: [u32; 2] = [100, 1000];
const DIMENSIONS: [usize; 3] = [5, 10, 20];

/// So many numbers from 0 to 1.
fn floats(dimension: usize) -> Space {
    let parameters: Vec<String> =
        (0..dimension).map(|i| format!(r#""x{i}": {{"type": "float", "low": 0, "high": 1}}"#)).collect();
    let text = format!(r#"{{"name": "floats", "parameters": {{{}}}}}"#, parameters.join(", "));
    Space::from_json(&text, "floats").expect("the text is a space")
}

/// The squared distance from a corner of the inner cube, and a little that only the number decides.
fn loss(point: &Point, number: u32) -> f64 {
    let bowl: f64 = point.iter().filter_map(|(_, value)| value.as_f64()).map(|x| (x - 0.3) * (x - 0.3)).sum();
    bowl + 0.02 * f64::from(number * 37 % 11)
}

fn history(space: &Space, count: u32) -> Study {
    let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
    for number in 0..count {
        let point = RandomSearch::new().suggest(space, &study, &Seed::root(5));
        let values = vec![loss(&point, number)];
        study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
    }
    study
}

fn suggestion(criterion: &mut Criterion) {
    of_search(criterion, Strategy::Bayes, &TRIALS);
    of_search(criterion, Strategy::Tpe, &MORE_TRIALS);
    of_search(criterion, Strategy::Nsga2, &MORE_TRIALS);
}

fn of_search(criterion: &mut Criterion, strategy: Strategy, trials: &[u32]) {
    let mut group = criterion.benchmark_group(format!("{}_suggest", strategy.name()));
    group.sample_size(10);
    let search = strategy.build();
    for dimension in DIMENSIONS {
        let space = floats(dimension);
        for &count in trials {
            let study = history(&space, count);
            let id = BenchmarkId::new(format!("D={dimension}"), format!("n={count}"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| search.suggest(&space, &study, &Seed::root(5)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, suggestion);
criterion_main!(benches);

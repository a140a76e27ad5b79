//! The estimate of the time that a study still takes: its error over replayed studies, simulated ones
//! and those of `tests/fixtures/durations.json`.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "support/replay.rs"]
mod replay;

use replay::{KINDS, Played, median_and_ninth};

/// Simulated studies of each kind, and moments of each.
const STUDIES: u64 = 50;
const MOMENTS: usize = 200;

fn row(name: &str, studies: &[Played]) {
    let errors: Vec<f64> = studies.iter().flat_map(|study| study.errors(MOMENTS)).collect();
    let medians: Vec<f64> = studies.iter().map(|study| median_and_ninth(study.errors(MOMENTS))[0]).collect();
    let [[median, ninth], [_, of_studies]] = [median_and_ninth(errors), median_and_ninth(medians)];
    let [median, ninth, of_studies] = [median, ninth, of_studies].map(|error| 100.0 * error);
    println!("| {name} | {} | {median:.1} % | {ninth:.1} % | {of_studies:.1} % |", studies.len());
}

fn main() {
    println!("| studies | count | median error | nine of ten moments | median of nine of ten studies |");
    println!("|---|---|---|---|---|");
    for kind in KINDS {
        let studies: Vec<Played> = (0..STUDIES).map(|seed| Played::simulated(kind, seed)).collect();
        row(&format!("simulated, {kind}"), &studies);
    }
    for kind in KINDS {
        let recorded = Played::recorded().into_iter().filter(|study| study.kind == kind);
        row(&format!("recorded, {kind}"), &recorded.collect::<Vec<_>>());
    }
}

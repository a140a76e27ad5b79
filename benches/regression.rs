//! How often `tune check` is wrong, and how many seeds it takes: simulated checks against a baseline
//! of 10 seeds, by tolerance and true drop.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use rand::RngExt;
use rand_distr::StandardNormal;
use spiketune::seed::{Seed, Stream};
use spiketune::study::{Regression, Spread, Tolerance, Verdict};

const CHECKS: u64 = 2000;
const BASELINE: usize = 10;
const MOST_SEEDS: usize = 12;

fn draws(stream: &mut Stream, count: usize, mean: f64) -> Vec<f64> {
    (0..count).map(|_| mean + stream.sample::<f64, _>(StandardNormal)).collect()
}

/// The verdict of one check, and the number of seeds that it took. The true standard deviation is 1.
fn check(number: u64, tolerance: Tolerance, drop: f64) -> (Verdict, usize) {
    let mut stream = Seed::root(number).child("bench").stream();
    let baseline = draws(&mut stream, BASELINE, 0.0);
    let sd = Spread::of_values(&baseline).expect("values").sd;
    let regression = Regression::new(baseline, tolerance.in_values(1.0, sd), MOST_SEEDS);
    let new = draws(&mut stream, MOST_SEEDS, drop);
    let looks = regression.looks().iter().map(|&look| (regression.judge(&new[..look]).1, look));
    let decided = looks.into_iter().find(|(verdict, _)| *verdict != Verdict::Undecided);
    decided.unwrap_or((Verdict::Undecided, MOST_SEEDS))
}

/// Whether a check with at most `most` seeds sees a drop beyond its tolerance by what it says that it can tell.
fn is_seen(number: u64, most: usize) -> bool {
    const TOLERANCE: f64 = 1.0;
    let mut stream = Seed::root(number).child("seen").stream();
    let regression = Regression::new(draws(&mut stream, BASELINE, 0.0), TOLERANCE, most);
    let new = draws(&mut stream, most, TOLERANCE + regression.resolution());
    regression.looks().iter().any(|&look| regression.judge(&new[..look]).1 == Verdict::Worse)
}

fn main() {
    println!(
        "{CHECKS} checks, {BASELINE} baseline seeds, at most {MOST_SEEDS}; tolerance and drop in true sd, with \"sd\" in \
         those of the baseline"
    );
    println!("| tolerance | drop | fine | worse | undecided | mean seeds |\n|---|---|---|---|---|---|");
    let kinds = [Tolerance::Absolute, Tolerance::Deviations];
    for (kind, count) in kinds.into_iter().flat_map(|kind| [1.0, 2.0, 3.0].map(|count| (kind, count))) {
        let tolerance = kind(count);
        for factor in [0.0, 0.5, 1.0, 2.0] {
            let drop = count * factor;
            let checks: Vec<_> = (0..CHECKS).map(|number| check(number, tolerance, drop)).collect();
            let share = |wanted: Verdict| {
                100.0 * checks.iter().filter(|(verdict, _)| *verdict == wanted).count() as f64 / CHECKS as f64
            };
            let seeds = checks.iter().map(|(_, seeds)| *seeds as f64).sum::<f64>() / CHECKS as f64;
            let [fine, worse, open] = [Verdict::Fine, Verdict::Worse, Verdict::Undecided].map(share);
            println!("| {tolerance} | {drop} | {fine:.1} % | {worse:.1} % | {open:.1} % | {seeds:.1} |");
        }
    }
    for most in [3, 5, 8, 12] {
        let seen = (0..CHECKS).filter(|&number| is_seen(number, most)).count();
        let share = 100.0 * seen as f64 / CHECKS as f64;
        println!(
            "with {most} seeds the smallest drop that is said to be seen is seen in {share:.1} % of checks"
        );
    }
}

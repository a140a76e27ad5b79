//! Trials per second of a storage, and the time of a query in a study of many trials.
//!
//! A worker claims a trial with ten parameters, reports ten steps and a heartbeat, and finishes it.
//! Several workers, each with its own connection, share one study. The study is in an SQLite file,
//! and then in the empty PostgreSQL database that TUNE_BENCH_STORAGE names. If TUNE_PYTHON names a
//! Python with Optuna (and psycopg), `benches/peers/storage_optuna.py` does the same with Optuna.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::process::Command;
use std::time::Instant;

use spiketune::search::{RandomSearch, Search};
use spiketune::seed::Seed;
use spiketune::space::Space;
use spiketune::storage::{Location, Storage, StudyKey};
use spiketune::study::{Attributes, Metric, Outcome, Study};

const PARAMETERS: usize = 10;
const STEPS: u32 = 10;
/// The trials of one measurement.
const TRIALS: u32 = 2000;
const WORKERS: [usize; 3] = [1, 4, 16];

fn space() -> Space {
    let parameters: Vec<String> = (0..PARAMETERS)
        .map(|index| format!(r#""x{index}": {{"type": "float", "low": 0, "high": 1}}"#))
        .collect();
    let text = format!(r#"{{"name": "floats", "parameters": {{{}}}}}"#, parameters.join(", "));
    Space::from_json(&text, "floats").expect("the text is a space")
}

fn open(place: &str) -> Box<dyn Storage> {
    place.parse::<Location>().expect("a storage").open().expect("opened")
}

fn new_study(place: &str, name: &str) -> StudyKey {
    let metrics = [Metric::minimize("loss")];
    open(place).create_study(name, &metrics, &Attributes::new()).expect("a new study")
}

/// Claims and finishes trials until the budget is spent.
fn work(place: &str, study: StudyKey, worker: usize, budget: u32) {
    let (mut storage, space) = (open(place), space());
    storage.work_as(&format!("worker {worker}"));
    let nothing = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
    for turn in 0.. {
        let seed = Seed::root(worker as u64).index(turn);
        let point = RandomSearch::new().suggest(&space, &nothing, &seed);
        let claim = storage.claim(study, &space, &point, &Attributes::new(), budget).expect("asked");
        let Some(claim) = claim else { return };
        for step in 1..=STEPS {
            storage.report(claim.key, step, 1.0 / f64::from(step)).expect("reported");
        }
        storage.heartbeat(claim.key).expect("alive");
        let (values, attributes) = (vec![0.5], Attributes::new());
        let outcome = Outcome::Complete { values, constraints: Vec::new(), attributes };
        assert!(storage.finish(claim.key, &outcome).expect("finished"));
    }
}

fn trials_per_second(place: &str, workers: usize, trials: u32) -> f64 {
    let study = new_study(place, &format!("throughput-{workers}-{trials}"));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for worker in 0..workers {
            scope.spawn(move || work(place, study, worker, trials));
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(open(place).load_study(study).expect("loaded").finished(), trials as usize);
    f64::from(trials) / seconds
}

/// The milliseconds to read a study of `trials` trials, draw a point and claim it; the median of
/// five.
fn asking(place: &str, trials: u32) -> f64 {
    let study = new_study(place, &format!("asking-{trials}"));
    work(place, study, 0, trials);
    let (mut storage, space) = (open(place), space());
    let times = (0..5).map(|turn| {
        let begun = Instant::now();
        let known = storage.load_study(study).expect("loaded");
        let point = RandomSearch::new().suggest(&space, &known, &Seed::root(99).index(turn));
        storage.claim(study, &space, &point, &Attributes::new(), u32::MAX).expect("asked");
        begun.elapsed().as_secs_f64() * 1e3
    });
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[2]
}

/// The trials per second of Optuna in the same benchmark; `None` without it.
fn optuna(url: &str, workers: usize, trials: u32) -> Option<f64> {
    let python = std::env::var("TUNE_PYTHON").ok()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/storage_optuna.py");
    let (workers, trials) = (workers.to_string(), trials.to_string());
    let output = Command::new(python).args([script, url, &workers, &trials]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn measure(name: &str, place: &str, optunas: &str) {
    for workers in WORKERS {
        println!("{name}: {workers} workers: {:.0} trials/s", trials_per_second(place, workers, TRIALS));
    }
    let workers = WORKERS[WORKERS.len() - 1];
    let ours = trials_per_second(place, workers, TRIALS / 2);
    if let Some(theirs) = optuna(optunas, workers, 60) {
        let ratio = ours / theirs;
        println!(
            "{name}: Optuna, {workers} workers: {theirs:.1} trials/s; ours, right before, {ours:.0}: {ratio:.0} times"
        );
    }
    for trials in [1_000, 10_000] {
        println!("{name}: asking after {trials} trials: {:.1} ms", asking(place, trials));
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ours.db").display().to_string();
    let theirs = format!("sqlite:///{}", folder.path().join("optuna.db").display());
    measure("SQLite", &file, &theirs);
    match std::env::var("TUNE_BENCH_STORAGE") {
        Ok(place) => {
            let optunas = std::env::var("TUNE_BENCH_OPTUNA").unwrap_or_default();
            measure("PostgreSQL", &place, &optunas);
        }
        Err(_) => println!("PostgreSQL: not measured: TUNE_BENCH_STORAGE names no database"),
    }
}

//! A study of a function of one's own, through the library alone: no command line, no network.
//!
//!     cargo run --release --example own_function            # keeps the study in spring.db
//!
//! The function is the weight of a coil spring that must hold a load (Belegundu 1982). It has three
//! parameters, one of them whole, and four constraints. Without the rule that turns are whole, the
//! least known weight is 0.012665. Run the example again with a larger `BUDGET`: it continues.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use spiketune::objective::{Evaluation, Objective, Observer};
use spiketune::search::Strategy;
use spiketune::seed::Seed;
use spiketune::space::{Point, Space};
use spiketune::storage::{SqliteStorage, Storage};
use spiketune::study::{Attributes, Metric, Outcome, Trial};
use spiketune::tuner::{Confirm, Event, Heartbeat, Settings, Tuner};

/// Number of trials, those of earlier runs included.
const BUDGET: u32 = 40;

const SPACE: &str = r#"{
    "name": "spring",
    "parameters": {
        "wire": {"type": "float", "low": 0.05, "high": 0.2, "log": true},
        "coil": {"type": "float", "low": 0.25, "high": 1.3},
        "turns": {"type": "int", "low": 2, "high": 15}
    }
}"#;

/// The weight of a coil spring. Diameters of wire and coil are in inches.
struct Spring;

impl Objective for Spring {
    fn metrics(&self) -> Vec<Metric> {
        vec![Metric::minimize("weight")]
    }

    fn evaluate(&self, point: &Point, _seed: &Seed, _observer: &mut Observer<'_>) -> Option<Evaluation> {
        let of = |name| point.get(name).and_then(|value| value.as_f64()).expect("all parameters are numbers");
        let (wire, coil, turns) = (of("wire"), of("coil"), of("turns"));
        let outcome = Outcome::Complete {
            values: vec![(turns + 2.0) * coil * wire.powi(2)],
            // A constraint holds where its value is at most 0.
            constraints: vec![
                1.0 - coil.powi(3) * turns / (71785.0 * wire.powi(4)),
                shear_stress(wire, coil) - 1.0,
                1.0 - 140.45 * wire / (coil.powi(2) * turns),
                (wire + coil) / 1.5 - 1.0,
            ],
            attributes: Attributes::from([("turns per inch of coil".to_owned(), (turns / coil).into())]),
        };
        Some(outcome.into())
    }
}

/// The shear stress as a share of what the wire bears.
fn shear_stress(wire: f64, coil: f64) -> f64 {
    let bent = (4.0 * coil.powi(2) - wire * coil) / (12566.0 * (coil * wire.powi(3) - wire.powi(4)));
    bent + 1.0 / (5108.0 * wire.powi(2))
}

/// Runs or continues the study `spring` in the database `file`. Returns its best trial that keeps
/// all constraints, and calls `observe` for every event.
///
/// # Errors
/// The database fails, or no trial keeps all constraints.
pub fn study(file: &Path, observe: &mut dyn FnMut(Event)) -> Result<Trial, Box<dyn Error>> {
    let space = Space::from_json(SPACE, "spring.json")?;
    let mut storage = SqliteStorage::open(file)?;
    let study = match storage.find_study("spring")? {
        Some(study) => study,
        None => storage.create_study("spring", &Spring.metrics(), &Attributes::new())?,
    };
    let search = Strategy::Bayes.build();
    let mut tuner = Tuner {
        space: &space,
        search: search.as_ref(),
        objective: &Spring,
        storage: &mut storage,
        study,
        settings: Settings {
            budget: BUDGET,
            seed: 0,
            workers: 1,
            deterministic: false,
            replicates: 1,
            pausing: None,
            stop_when: vec![],
            max_failures: 10,
            heartbeat: Heartbeat::default(),
            confirm: Confirm { candidates: 0, front: false, repeats: 1 },
            pick: None,
            model: None,
            keep_disk: None,
        },
        stop: &AtomicBool::new(false),
    };
    tuner.run(observe)?;
    let best = storage.load_study(study)?.best().cloned();
    best.ok_or_else(|| "no trial keeps all constraints".into())
}

/// Runs the study and prints its best trial.
///
/// # Errors
/// Those of [`study`].
pub fn main() -> Result<(), Box<dyn Error>> {
    let best = study(Path::new("spring.db"), &mut |event| {
        if let Event::TrialFinished { trial, .. } = event {
            println!("trial {trial} of {BUDGET} is done");
        }
    })?;
    println!("least weight {:.6} in trial {}", best.values[0], best.number);
    for (name, value) in best.point.iter() {
        println!("  {name} = {value}");
    }
    Ok(())
}

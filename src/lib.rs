//! Hyperparameter tuner for binary-communication networks on spiking chips.
//!
//! This is the library behind the program `tune`. The program's own documentation is the book in
//! the folder `docs`. The library has two halves that know nothing of one another, and rooms that
//! join them:
//!
//! | half | modules |
//! |---|---|
//! | studies of any function | [`space`], [`study`], [`search`], [`storage`] |
//! | networks and chips | [`data`], [`network`], [`training`], [`backend`] |
//! | both together | [`objective`], [`tuner`], [`report`] |
//! | used by all | [`input`], [`output`], [`units`], [`seed`], [`linalg`] |
//!
//! # A study of a function
//!
//! A [`Session`](tuner::Session) keeps a study in memory: ask for a point, tell its value. Here the
//! second parameter exists for one kind only.
//!
//! ```
//! use spiketune::search::Strategy;
//! use spiketune::space::Space;
//! use spiketune::study::{Attributes, Metric, Outcome};
//! use spiketune::tuner::Session;
//!
//! let text = r#"{
//!     "name": "kinds",
//!     "parameters": {
//!         "kind": {"type": "categorical", "choices": ["plain", "scaled"]},
//!         "scale": {"type": "float", "low": 0.001, "high": 10, "log": true, "when": {"kind": ["scaled"]}}
//!     }
//! }"#;
//! let space = Space::from_json(text, "kinds.json")?;
//! let mut session = Session::new(space, vec![Metric::minimize("loss")], 0, Strategy::Bayes.build(), 1);
//! for _ in 0..25 {
//!     let trial = session.ask();
//!     let scale = trial.point.get("scale").and_then(|value| value.as_f64());
//!     let loss = scale.map_or(1.0, |scale| (scale / 0.2).ln().powi(2));
//!     let (number, values) = (trial.number, vec![loss]);
//!     session.tell(number, Outcome::Complete { values, constraints: vec![], attributes: Attributes::new() })?;
//! }
//! let best = session.study().best().expect("every trial has a value");
//! assert_eq!(best.point.get("kind").and_then(|kind| kind.as_str()), Some("scaled"));
//! assert!(best.values[0] < 0.01, "{}", best.values[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A study that is kept, that resumes, or that has several workers needs a
//! [`Storage`](storage::Storage), an [`Objective`](objective::Objective) and a
//! [`Tuner`](tuner::Tuner): `examples/own_function.rs` shows all three.
//!
//! # A network on a chip
//!
//! A [`Network`](network::Network) is built from a [`Spec`](network::Spec), trained by
//! [`train`](training::train), folded by [`fold`](network::Network::fold) into whole spikes, and
//! deployed by a [`Chip`](backend::Chip). A [`Plan`](objective::Plan) makes all of this from a point
//! of a search space; its documentation lists every hyperparameter.

pub mod input;
pub mod linalg;
pub mod output;
pub mod seed;
pub mod team;
pub mod units;

pub mod search;
pub mod space;
pub mod storage;
pub mod study;

pub mod backend;
pub mod data;
pub mod network;
pub mod training;

pub mod objective;
pub mod tuner;

pub mod cli;
pub mod report;

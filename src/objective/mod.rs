//! From a point to an outcome: the only place that knows both halves of the house.

pub mod classify;
pub mod synthetic;

use std::ops::ControlFlow;

use crate::seed::Seed;
use crate::space::Point;
use crate::study::{Metric, Outcome};

/// Hears the intermediate values of an evaluation; `Break` asks it to stop early.
pub type Observer<'a> = dyn FnMut(u32, f64) -> ControlFlow<()> + 'a;

/// What a study optimizes. Slow, or a fake.
pub trait Objective: Sync {
    /// What is measured, at least one.
    fn metrics(&self) -> Vec<Metric>;

    /// Evaluates `point` with the randomness of `seed`; the same both, the same outcome, bit for bit.
    ///
    /// `observer` hears the first metric after every step, counted from 1. `None`: it broke off.
    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Outcome>;
}

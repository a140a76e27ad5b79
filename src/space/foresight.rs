//! What is known of a point before it is evaluated.

use std::sync::Arc;

use super::{Point, Space};

/// What is known of a point before it is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub enum Foresight {
    /// Its evaluation would fail.
    Refused {
        /// Why, in words.
        reason: String,
    },
    /// It can be evaluated. Each metric of the study has bounds, infinite where nothing is known;
    /// empty if nothing is known of any metric.
    Possible {
        /// The bounds, in the order of the metrics.
        bounds: Vec<Bounds>,
    },
}

/// Bounds of a metric, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The smallest value that it can have.
    pub low: f64,
    /// The largest value that it can have.
    pub high: f64,
}

impl Bounds {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// The value is known exactly.
    pub fn exact(value: f64) -> Self {
        Self { low: value, high: value }
    }

    /// The value, if it is known exactly.
    pub fn value(self) -> Option<f64> {
        (self.low == self.high).then_some(self.low)
    }
}

/// The points that were refused, counted once each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// How many.
    pub count: u64,
    /// The most frequent reason, and how often it was given; `None` without refusals.
    pub most_frequent: Option<(String, u64)>,
}

/// What an objective knows before it evaluates.
pub trait Foresee: Send + Sync {
    /// What is known of `point`, a point of the space. The same in every process.
    fn foresee(&self, point: &Point) -> Foresight;

    /// The points that this value has refused so far.
    fn refusals(&self) -> Refusals;
}

impl Space {
    /// The same space, of whose points `foresight` knows something before they are evaluated.
    pub fn with_foresight(self, foresight: Option<Arc<dyn Foresee>>) -> Self {
        Self { foresight, ..self }
    }

    /// What is known of `point` before it is evaluated.
    pub fn foresee(&self, point: &Point) -> Foresight {
        match &self.foresight {
            Some(foresight) => foresight.foresee(point),
            None => Foresight::Possible { bounds: Vec::new() },
        }
    }

    /// Whether it is known that the evaluation of `point` would fail.
    pub fn refuses(&self, point: &Point) -> bool {
        self.foresight.is_some() && matches!(self.foresee(point), Foresight::Refused { .. })
    }

    /// The points that were refused so far.
    pub fn refusals(&self) -> Refusals {
        self.foresight.as_ref().map(|foresight| foresight.refusals()).unwrap_or_default()
    }
}

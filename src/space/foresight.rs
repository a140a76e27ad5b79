//! What an objective knows of a point before the point is evaluated: whether it must fail, and
//! bounds of its metrics.

use std::sync::Arc;

use super::{Point, Space};

/// What is known of a point before it is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub enum Foresight {
    /// The evaluation of the point would fail.
    Refused {
        /// Why, in words.
        reason: String,
    },
    /// The point can be evaluated. `bounds` has bounds of each metric, infinite if nothing is
    /// known. It is empty if nothing is known of any metric.
    Possible {
        /// The bounds, in the order of the metrics.
        bounds: Vec<Bounds>,
    },
}

/// Bounds of a metric, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The smallest possible value.
    pub low: f64,
    /// The largest possible value.
    pub high: f64,
}

impl Bounds {
    /// The bounds of a metric of which nothing is known.
    pub const UNKNOWN: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// The bounds of a metric of which `value` is known exactly.
    pub fn exact(value: f64) -> Self {
        Self { low: value, high: value }
    }

    /// The value, if it is known exactly.
    pub fn value(self) -> Option<f64> {
        (self.low == self.high).then_some(self.low)
    }
}

/// How many points were refused before evaluation; each point counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The number of refused points.
    pub count: u64,
    /// The most frequent reason and how often it was given; `None` if no point was refused.
    pub most_frequent: Option<(String, u64)>,
}

/// An objective that knows something of points before it evaluates them.
pub trait Foresee: Send + Sync {
    /// What is known of `point`, a point of the space. The answer is the same in every process.
    fn foresee(&self, point: &Point) -> Foresight;

    /// A number that two points share if they describe the same evaluation, although a parameter
    /// without effect differs. `None` if that is unknown.
    fn identity(&self, point: &Point) -> Option<u64> {
        let _ = point;
        None
    }

    /// The points that this objective has refused so far.
    fn refusals(&self) -> Refusals;
}

impl Space {
    /// The same space, with `foresight` to ask about points before they are evaluated.
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

    /// A number that two points share if they describe the same evaluation, although a parameter
    /// without effect differs. `None` if that is unknown.
    pub fn identity(&self, point: &Point) -> Option<u64> {
        self.foresight.as_ref()?.identity(point)
    }

    /// Whether anything may be known of points before they are evaluated.
    pub fn has_foresight(&self) -> bool {
        self.foresight.is_some()
    }

    /// Whether it is known, before an evaluation, that `point` would fail.
    pub fn refuses(&self, point: &Point) -> bool {
        self.has_foresight() && matches!(self.foresee(point), Foresight::Refused { .. })
    }

    /// The points that were refused so far.
    pub fn refusals(&self) -> Refusals {
        self.foresight.as_ref().map(|foresight| foresight.refusals()).unwrap_or_default()
    }
}

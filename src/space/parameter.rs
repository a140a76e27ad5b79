//! One parameter: its name, the domain of its values, when it is active, and its default.

use super::Value;

/// The values that a parameter may take. Bounds are inclusive.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// Real numbers in `[low, high]`; with `step`, `low + k step` for whole `k`.
    Float {
        /// Smallest value; positive if `log`.
        low: f64,
        /// Largest value, on the step's grid.
        high: f64,
        /// Whether the scale is logarithmic; never together with `step`.
        log: bool,
        /// Distance of neighbouring values.
        step: Option<f64>,
    },
    /// Whole numbers in `[low, high]`: `low + k step`.
    Int {
        /// Smallest value; positive if `log`.
        low: i64,
        /// Largest value, on the step's grid.
        high: i64,
        /// Whether the scale is logarithmic; then `step` is 1.
        log: bool,
        /// Distance of neighbouring values, at least 1.
        step: i64,
    },
    /// One of several values without an order.
    Categorical {
        /// At least one, all different.
        choices: Vec<Value>,
    },
    /// Always the same value; not searched.
    Fixed {
        /// The value.
        value: Value,
    },
}

/// Active only while `parent` is active and has one of `values`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Index of the parent in [`Space::parameters`](super::Space::parameters).
    pub parent: usize,
    /// At least one, each in the parent's domain.
    pub values: Vec<Value>,
}

/// One parameter of a [`Space`](super::Space).
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Unique in its space.
    pub name: String,
    /// What values it may take.
    pub domain: Domain,
    /// All must hold for it to be active; empty: always active.
    pub conditions: Vec<Condition>,
    /// Its value in the default point, in the domain.
    pub default: Value,
}

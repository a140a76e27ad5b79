//! One parameter: its name, the domain of its values, when it is active, and its default.

use std::fmt;

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

impl Domain {
    /// How many values there are; `None` for a continuum.
    pub fn size(&self) -> Option<u64> {
        match self {
            Domain::Float { step: None, .. } => None,
            Domain::Float { low, high, step: Some(step), .. } => {
                Some(((high - low) / step).round() as u64 + 1)
            }
            Domain::Int { low, high, step, .. } => Some(((high - low) / step) as u64 + 1),
            Domain::Categorical { choices } => Some(choices.len() as u64),
            Domain::Fixed { .. } => Some(1),
        }
    }

    /// Whether a search has nothing to choose.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Domain::Fixed { .. })
    }

    /// Whether `value` is one of the domain's.
    pub fn contains(&self, value: &Value) -> bool {
        match (self, value) {
            (&Domain::Float { low, high, step: None, .. }, &Value::Float(x)) => (low..=high).contains(&x),
            (&Domain::Float { low, step: Some(_), .. }, &Value::Float(x)) => {
                x >= low && self.index_of(value).is_some_and(|k| self.value_at(k) == Value::Float(x))
            }
            (&Domain::Int { low, high, step, .. }, &Value::Int(n)) => {
                (low..=high).contains(&n) && (n - low) % step == 0
            }
            (Domain::Categorical { choices }, value) => choices.contains(value),
            (Domain::Fixed { value: only }, value) => only == value,
            _ => false,
        }
    }

    /// The `k`-th value of a domain that is not a continuum, counted from 0 in ascending or listed order.
    ///
    /// # Panics
    /// If `k` is not below [`Domain::size`].
    pub fn value_at(&self, k: u64) -> Value {
        assert!(self.size().is_some_and(|size| k < size), "value {k} of {self}");
        match self {
            &Domain::Float { low, high, step, .. } => {
                let is_last = self.size() == Some(k + 1);
                Value::Float(if is_last { high } else { low + k as f64 * step.unwrap_or(0.0) })
            }
            &Domain::Int { low, step, .. } => Value::Int(low + k as i64 * step),
            Domain::Categorical { choices } => choices[k as usize].clone(),
            Domain::Fixed { value } => value.clone(),
        }
    }

    /// The `k` of the value nearest to `value`, the inverse of [`Domain::value_at`]; `None` for a value of
    /// another kind or beyond the ends, and for a continuum.
    pub fn index_of(&self, value: &Value) -> Option<u64> {
        let size = self.size()?;
        let k = match (self, value) {
            (Domain::Float { low, step: Some(step), .. }, Value::Float(x)) => {
                ((x - low) / step).round() as i64
            }
            (Domain::Int { low, step, .. }, Value::Int(n)) => n.checked_sub(*low)?.div_euclid(*step),
            (Domain::Categorical { choices }, value) => {
                choices.iter().position(|choice| choice == value)? as i64
            }
            (Domain::Fixed { value: only }, value) if only == value => 0,
            _ => return None,
        };
        u64::try_from(k).ok().filter(|&k| k < size)
    }
}

impl fmt::Display for Domain {
    /// As a rule: `a number from 0.1 to 10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Float { low, high, step: None, .. } => write!(f, "a number from {low:?} to {high:?}"),
            Domain::Float { low, high, step: Some(step), .. } => {
                write!(f, "a number from {low:?} to {high:?} in steps of {step:?}")
            }
            Domain::Int { low, high, step: 1, .. } => write!(f, "a whole number from {low} to {high}"),
            Domain::Int { low, high, step, .. } => {
                write!(f, "a whole number from {low} to {high} in steps of {step}")
            }
            Domain::Categorical { choices } => {
                let names: Vec<String> = choices.iter().map(Value::to_string).collect();
                write!(f, "one of {}", names.join(", "))
            }
            Domain::Fixed { value } => write!(f, "{value}"),
        }
    }
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

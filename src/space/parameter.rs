//! Parameters: name, domain of values, conditions, and default.

use std::fmt;

use super::Value;

/// The values that a parameter may take. Bounds are inclusive.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// Real numbers from `low` to `high`. With `step`, only those that are `low` plus a whole
    /// number of steps.
    Float {
        /// The smallest value; positive if `log`.
        low: f64,
        /// The largest value, on the grid of `step`.
        high: f64,
        /// Whether the scale is logarithmic; then there is no `step`.
        log: bool,
        /// The distance between neighbouring values; `None` if the domain is continuous.
        step: Option<f64>,
    },
    /// Whole numbers from `low` to `high` that are `low` plus a whole number of steps.
    Int {
        /// The smallest value; positive if `log`.
        low: i64,
        /// The largest value, on the grid of `step`.
        high: i64,
        /// Whether the scale is logarithmic; then `step` is 1.
        log: bool,
        /// The distance between neighbouring values, at least 1.
        step: i64,
    },
    /// One of several values that have no order.
    Categorical {
        /// The values: at least one, all different.
        choices: Vec<Value>,
    },
    /// Always the same value, which is not searched.
    Fixed {
        /// The value.
        value: Value,
    },
}

impl Domain {
    /// The number of values; `None` for a continuous domain.
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

    /// Whether there is only one value, so that nothing is searched.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Domain::Fixed { .. })
    }

    /// Whether `value` is in the domain.
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

    /// The value with index `k`, counted from 0 in rising order, or in the order of the file for
    /// choices. The domain must not be continuous.
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

    /// The index of the value that is nearest to `value`, as the inverse of [`Domain::value_at`].
    /// `None` if `value` has another type or lies beyond the ends, or if the domain is continuous.
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
    /// Writes the domain as a rule, such as `a number from 0.1 to 10.0`.
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

/// A condition of a parameter: it is active only if `parent` is active and has one of `values`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Index of the parent in [`Space::parameters`](super::Space::parameters).
    pub parent: usize,
    /// The values: at least one, each in the parent's domain.
    pub values: Vec<Value>,
}

/// One parameter of a [`Space`](super::Space).
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name, unique in its space.
    pub name: String,
    /// The values that it may take.
    pub domain: Domain,
    /// The conditions, which must all hold for the parameter to be active.
    pub conditions: Vec<Condition>,
    /// The value in the default point, in the domain.
    pub default: Value,
}

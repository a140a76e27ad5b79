//! The domain of a hyperparameter: the values from which a plan can be made.

use std::fmt;

use crate::space::{Domain, Value};

/// The values that a hyperparameter can have.
#[derive(Clone, Debug, PartialEq)]
pub enum Allowed {
    /// Numbers in `low..=high`, whole or not.
    Real {
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
    },
    /// Whole numbers in `low..=high`.
    Whole {
        /// The smallest.
        low: u32,
        /// The largest.
        high: u32,
    },
    /// `true` and `false`.
    Truth,
    /// Several texts.
    OneOf(Vec<String>),
}

impl Allowed {
    /// Whether `value` is allowed.
    pub fn allows(&self, value: &Value) -> bool {
        match self {
            &Allowed::Real { low, high } => value.as_f64().is_some_and(|x| (low..=high).contains(&x)),
            &Allowed::Whole { low, high } => {
                value.as_i64().is_some_and(|n| (i64::from(low)..=i64::from(high)).contains(&n))
            }
            Allowed::Truth => value.as_bool().is_some(),
            Allowed::OneOf(names) => value.as_str().is_some_and(|text| names.iter().any(|name| name == text)),
        }
    }

    /// The first bound, choice or value of `domain` that is not allowed, and its key in a space
    /// file. `None` if all values are allowed.
    pub fn outside(&self, domain: &Domain) -> Option<(&'static str, Value)> {
        let named: Vec<(&'static str, Value)> = match domain {
            &Domain::Float { low, high, .. } => vec![("low", low.into()), ("high", high.into())],
            &Domain::Int { low, high, .. } => vec![("low", low.into()), ("high", high.into())],
            Domain::Categorical { choices } => {
                choices.iter().map(|choice| ("choice", choice.clone())).collect()
            }
            Domain::Fixed { value } => vec![("value", value.clone())],
        };
        named.into_iter().find(|(_, value)| !self.allows(value))
    }
}

impl fmt::Display for Allowed {
    /// The domain as a rule: `a number from 0 to 0.95`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Real { low, high } => write!(f, "a number from {low} to {high}"),
            Allowed::Whole { low, high } => write!(f, "a whole number from {low} to {high}"),
            Allowed::Truth => f.write_str("true or false"),
            Allowed::OneOf(names) => write!(f, "one of {}", names.join(", ")),
        }
    }
}

//! The values of a point, read by name: typed and in range, with errors that say what is expected.

use crate::input;
use crate::space::{Point, Value};

/// Why a point cannot become a plan.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum PlanError {
    /// The point lacks a parameter that the plan needs.
    #[error("{name} is missing: {rule}")]
    Missing {
        /// The parameter.
        name: String,
        /// What it must be.
        rule: String,
    },
    /// A value is of the wrong kind or out of range.
    #[error("{name} = {value}: must be {rule}")]
    Wrong {
        /// The parameter.
        name: String,
        /// Its value.
        value: Value,
        /// What it must be.
        rule: String,
    },
    /// The point has a parameter that no plan reads.
    #[error("{name}: not a hyperparameter{hint}")]
    Unknown {
        /// The parameter.
        name: String,
        /// The parameter that was meant, or all.
        hint: String,
    },
}

/// Reads the values of a point.
pub struct Hyperparameters<'a>(pub &'a Point);

impl Hyperparameters<'_> {
    /// Whether the point has the parameter `name`.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// Refuses a parameter that is neither among `known` nor `also` known.
    pub fn only(&self, known: &[&str], also: impl Fn(&str) -> bool) -> Result<(), PlanError> {
        match self.0.iter().find(|(name, _)| !known.contains(name) && !also(name)) {
            None => Ok(()),
            Some((name, _)) => {
                let hint = input::suggestion(name, known.iter().copied());
                Err(PlanError::Unknown { name: name.to_owned(), hint })
            }
        }
    }

    /// A real number in `low..=high`; `default` where it is absent.
    pub fn real(&self, name: &str, low: f64, high: f64, default: f64) -> Result<f64, PlanError> {
        let rule = || format!("a number from {low} to {high}");
        match self.0.get(name) {
            None => Ok(default),
            Some(value) => {
                let in_range = |x: &f64| (low..=high).contains(x);
                value.as_f64().filter(in_range).ok_or_else(|| wrong(name, value, rule()))
            }
        }
    }

    /// A whole number in `low..=high`; `default` where it is absent.
    pub fn whole(&self, name: &str, low: u32, high: u32, default: u32) -> Result<u32, PlanError> {
        let rule = || format!("a whole number from {low} to {high}");
        match self.0.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_i64()
                .and_then(|n| u32::try_from(n).ok())
                .filter(|n| (low..=high).contains(n))
                .ok_or_else(|| wrong(name, value, rule())),
        }
    }

    /// `true` or `false`; `default` where it is absent.
    pub fn truth(&self, name: &str, default: bool) -> Result<bool, PlanError> {
        match self.0.get(name) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| wrong(name, value, "true or false".to_owned())),
        }
    }

    /// One of several named choices; the first where it is absent.
    pub fn choice<T: Clone>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, PlanError> {
        let Some(value) = self.0.get(name) else { return Ok(choices[0].1.clone()) };
        let chosen = choices.iter().find(|(choice, _)| value.as_str() == Some(choice));
        chosen.map(|(_, choice)| choice.clone()).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|&(choice, _)| choice).collect();
            wrong(name, value, format!("one of {}", names.join(", ")))
        })
    }
}

fn wrong(name: &str, value: &Value, rule: String) -> PlanError {
    PlanError::Wrong { name: name.to_owned(), value: value.clone(), rule }
}

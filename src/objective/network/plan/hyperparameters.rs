//! Reads the values of a point by name. Values have a type and a range, and errors tell what is
//! expected.

use std::cell::RefCell;

use indexmap::IndexMap;

use super::domain::Allowed;
use super::lists::first_item;
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
        /// The rule for its value.
        rule: String,
    },
    /// A value is of the wrong kind or out of range.
    #[error("{name} = {value}: must be {rule}")]
    Wrong {
        /// The parameter.
        name: String,
        /// The value of the parameter.
        value: Value,
        /// The rule for the value.
        rule: String,
    },
    /// A range or a choice of a space leaves the domain of its hyperparameter.
    #[error("{name}: {place} = {value}: must be {rule}")]
    Range {
        /// The parameter.
        name: String,
        /// The key of the space: `low`, `high`, `choice` or `value`.
        place: &'static str,
        /// The value there.
        value: Value,
        /// The rule for the value.
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

/// The domain of each hyperparameter, by name.
pub type Domains = IndexMap<String, Allowed>;

/// Reads the values of a point.
pub struct Hyperparameters<'a> {
    point: &'a Point,
    /// The domains of all values that were read, if they are wanted.
    domains: Option<RefCell<Domains>>,
}

impl<'a> Hyperparameters<'a> {
    /// The values of `point`.
    pub fn of(point: &'a Point) -> Self {
        Self { point, domains: None }
    }

    /// Reads the values of `point`, and remembers the domain of each value that is read.
    pub fn remembered(point: &'a Point) -> Self {
        Self { point, domains: Some(RefCell::default()) }
    }

    /// The domains of the hyperparameters that were read.
    pub fn into_domains(self) -> Domains {
        self.domains.map(RefCell::into_inner).unwrap_or_default()
    }

    /// Refuses a parameter that is not among `known`.
    pub fn only(&self, known: &Domains) -> Result<(), PlanError> {
        self.point.iter().try_for_each(|(name, _)| domain_of(known, name).map(drop))
    }

    /// Whether the point has the parameter `name`.
    pub fn has(&self, name: &str) -> bool {
        self.point.get(name).is_some()
    }

    /// A real number in `low..=high`; `default` where it is absent.
    pub fn real(&self, name: &str, low: f64, high: f64, default: f64) -> Result<f64, PlanError> {
        let value = self.value(name, Allowed::Real { low, high })?;
        Ok(value.and_then(Value::as_f64).unwrap_or(default))
    }

    /// A whole number in `low..=high`; `default` where it is absent.
    pub fn whole(&self, name: &str, low: u32, high: u32, default: u32) -> Result<u32, PlanError> {
        let value = self.value(name, Allowed::Whole { low, high })?;
        Ok(value.and_then(Value::as_i64).map_or(default, |n| n as u32))
    }

    /// `true` or `false`; `default` where it is absent.
    pub fn truth(&self, name: &str, default: bool) -> Result<bool, PlanError> {
        let value = self.value(name, Allowed::Truth)?;
        Ok(value.and_then(Value::as_bool).unwrap_or(default))
    }

    /// One of several named choices; the first where it is absent.
    pub fn choice<T: Clone>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, PlanError> {
        let names = choices.iter().map(|&(choice, _)| choice.to_owned()).collect();
        let value = self.value(name, Allowed::OneOf(names))?.and_then(Value::as_str);
        let chosen = choices.iter().find(|(choice, _)| value == Some(choice));
        Ok(chosen.unwrap_or(&choices[0]).1.clone())
    }

    /// The value of `name`; `None` where it is absent.
    fn value(&self, name: &str, allowed: Allowed) -> Result<Option<&Value>, PlanError> {
        let value = self.point.get(name);
        if let Some(value) = value.filter(|value| !allowed.allows(value)) {
            let (name, value, rule) = (name.to_owned(), value.clone(), allowed.to_string());
            return Err(PlanError::Wrong { name, value, rule });
        }
        if let Some(domains) = &self.domains {
            domains.borrow_mut().entry(name.to_owned()).or_insert(allowed);
        }
        Ok(value)
    }
}

/// The allowed values (the domain) of the hyperparameter `name`.
///
/// # Errors
/// There is no such hyperparameter.
pub(super) fn domain_of<'a>(known: &'a Domains, name: &str) -> Result<&'a Allowed, PlanError> {
    known.get(&*first_item(name)).ok_or_else(|| {
        let hint = input::suggestion(name, known.keys().map(String::as_str));
        PlanError::Unknown { name: input::shortened(name), hint }
    })
}

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

/// What was read of a point.
#[derive(Debug, Default)]
struct Reading {
    /// The domains of all values that were read.
    domains: Domains,
    /// The values that stand for those that the point lacks, by name.
    defaults: IndexMap<String, Value>,
}

/// Reads the values of a point.
pub struct Hyperparameters<'a> {
    point: &'a Point,
    /// What was read, if it is wanted.
    reading: Option<RefCell<Reading>>,
}

impl<'a> Hyperparameters<'a> {
    /// The values of `point`.
    pub fn of(point: &'a Point) -> Self {
        Self { point, reading: None }
    }

    /// Reads the values of `point`, and remembers the domain of each value that is read, and its default.
    pub fn remembered(point: &'a Point) -> Self {
        Self { point, reading: Some(RefCell::default()) }
    }

    /// The domains of the hyperparameters that were read.
    pub fn into_domains(self) -> Domains {
        self.reading.map(RefCell::into_inner).unwrap_or_default().domains
    }

    /// The value that was read for `name` because the point lacks it; `None` if it has one, or if nothing
    /// was read under this name.
    pub fn default_of(&self, name: &str) -> Option<Value> {
        self.reading.as_ref()?.borrow().defaults.get(name).cloned()
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
        let value = self.value(name, Allowed::Real { low, high }, &default.into())?;
        Ok(value.and_then(Value::as_f64).unwrap_or(default))
    }

    /// A whole number in `low..=high`; `default` where it is absent.
    pub fn whole(&self, name: &str, low: u32, high: u32, default: u32) -> Result<u32, PlanError> {
        let value = self.value(name, Allowed::Whole { low, high }, &i64::from(default).into())?;
        Ok(value.and_then(Value::as_i64).map_or(default, |n| n as u32))
    }

    /// `true` or `false`; `default` where it is absent.
    pub fn truth(&self, name: &str, default: bool) -> Result<bool, PlanError> {
        let value = self.value(name, Allowed::Truth, &default.into())?;
        Ok(value.and_then(Value::as_bool).unwrap_or(default))
    }

    /// One of several named choices; the first where it is absent.
    pub fn choice<T: Clone>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, PlanError> {
        let names = choices.iter().map(|&(choice, _)| choice.to_owned()).collect();
        let value = self.value(name, Allowed::OneOf(names), &choices[0].0.into())?.and_then(Value::as_str);
        let chosen = choices.iter().find(|(choice, _)| value == Some(choice));
        Ok(chosen.unwrap_or(&choices[0]).1.clone())
    }

    /// The value of `name`; `None` where it is absent, so that `default` stands for it.
    fn value(&self, name: &str, allowed: Allowed, default: &Value) -> Result<Option<&Value>, PlanError> {
        let value = self.point.get(name);
        if let Some(value) = value.filter(|value| !allowed.allows(value)) {
            let (name, value, rule) = (name.to_owned(), value.clone(), allowed.to_string());
            return Err(PlanError::Wrong { name, value, rule });
        }
        if let Some(reading) = &self.reading {
            let mut reading = reading.borrow_mut();
            reading.domains.entry(name.to_owned()).or_insert(allowed);
            if value.is_none() {
                reading.defaults.entry(name.to_owned()).or_insert_with(|| default.clone());
            }
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

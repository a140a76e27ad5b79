//! Domains and values in Optuna's form: the columns `distribution_json` and `param_value`.

use serde::{Deserialize, Serialize};

use crate::space::{Domain, Value};

/// A domain in Optuna's form. A fixed parameter is a categorical one with one choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", content = "attributes")]
pub enum Distribution {
    /// Real numbers.
    #[serde(rename = "FloatDistribution")]
    #[expect(missing_docs, reason = "as in a domain")]
    Float { step: Option<f64>, low: f64, high: f64, log: bool },
    /// Whole numbers.
    #[serde(rename = "IntDistribution")]
    #[expect(missing_docs, reason = "as in a domain")]
    Int { log: bool, step: i64, low: i64, high: i64 },
    /// Choices, each with its JSON type.
    #[serde(rename = "CategoricalDistribution")]
    #[expect(missing_docs, reason = "as in a domain")]
    Categorical { choices: Vec<Value> },
}

impl Distribution {
    /// The distribution of `domain`.
    pub fn of(domain: &Domain) -> Self {
        match domain {
            &Domain::Float { low, high, log, step } => Distribution::Float { step, low, high, log },
            &Domain::Int { low, high, log, step } => Distribution::Int { log, step, low, high },
            Domain::Categorical { choices } => Distribution::Categorical { choices: choices.clone() },
            Domain::Fixed { value } => Distribution::Categorical { choices: vec![value.clone()] },
        }
    }

    /// The number that is stored for `value`: the value itself, or the index of the choice; `None`
    /// if the value is of another type or not among the choices.
    pub fn internal(&self, value: &Value) -> Option<f64> {
        match (self, value) {
            (Distribution::Float { .. }, &Value::Float(x)) => Some(x),
            (Distribution::Int { .. }, &Value::Int(n)) => Some(n as f64),
            (Distribution::Categorical { choices }, value) => {
                choices.iter().position(|choice| choice == value).map(|index| index as f64)
            }
            _ => None,
        }
    }

    /// The value for which the number `internal` is stored; `None` if there is none.
    pub fn value(&self, internal: f64) -> Option<Value> {
        let is_whole = internal.trunc() == internal;
        match self {
            Distribution::Float { .. } => Some(Value::Float(internal)).filter(|_| internal.is_finite()),
            Distribution::Int { .. } => Some(Value::Int(internal as i64)).filter(|_| is_whole),
            Distribution::Categorical { choices } if is_whole && internal >= 0.0 => {
                choices.get(internal as usize).cloned()
            }
            Distribution::Categorical { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spelled(domain: &Domain) -> serde_json::Value {
        serde_json::to_value(Distribution::of(domain)).expect("a distribution is JSON")
    }

    #[test]
    fn every_domain_is_spelled_as_optuna_spells_it() {
        // The right-hand sides are optuna.distributions.distribution_to_json's.
        assert_eq!(
            spelled(&Domain::Float { low: 1e-4, high: 0.1, log: true, step: None }),
            json!({"name": "FloatDistribution",
                   "attributes": {"step": null, "low": 0.0001, "high": 0.1, "log": true}})
        );
        assert_eq!(
            spelled(&Domain::Int { low: 16, high: 512, log: true, step: 1 }),
            json!({"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 512}})
        );
        assert_eq!(
            spelled(&Domain::Fixed { value: Value::from("adam") }),
            json!({"name": "CategoricalDistribution", "attributes": {"choices": ["adam"]}})
        );
    }

    #[test]
    fn a_choice_keeps_its_json_type() {
        let choices =
            vec![Value::Int(1), Value::Float(1.0), Value::Bool(true), Value::Null, Value::from("1")];
        let distribution = Distribution::of(&Domain::Categorical { choices: choices.clone() });
        let text = serde_json::to_string(&distribution).expect("a distribution is JSON");
        let read: Distribution = serde_json::from_str(&text).expect("our own spelling");
        for choice in choices {
            let internal = distribution.internal(&choice).expect("one of the choices");
            assert_eq!(read.value(internal), Some(choice));
        }
    }

    #[test]
    fn keys_may_come_in_any_order_and_a_step_may_be_absent() {
        let text = r#"{"attributes": {"high": 3, "log": false, "low": 0.0}, "name": "FloatDistribution"}"#;
        let read: Distribution = serde_json::from_str(text).expect("Optuna reads it as well");
        assert_eq!(read, Distribution::Float { step: None, low: 0.0, high: 3.0, log: false });
    }

    #[test]
    fn a_number_that_stands_for_no_value_is_refused() {
        let int = Distribution::Int { log: false, step: 1, low: 0, high: 3 };
        let categorical = Distribution::Categorical { choices: vec![Value::Null] };
        assert_eq!(int.value(0.5), None);
        assert_eq!(int.value(f64::NAN), None);
        assert_eq!(int.internal(&Value::Float(1.0)), None);
        assert_eq!(categorical.value(1.0), None);
        assert_eq!(categorical.value(-1.0), None);
    }
}

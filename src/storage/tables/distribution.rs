//! Domains and values in Optuna's form: the columns `distribution_json` and `param_value`.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use crate::space::{Domain, Value};

/// The domain (possible values) of a parameter in Optuna's form. A fixed parameter is a categorical
/// one with one choice.
///
/// The names of Optuna before 3.0, such as `LogUniformDistribution`, are read too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", content = "attributes", from = "Stored")]
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

/// A distribution as any version of Optuna stores it.
#[derive(Deserialize)]
#[serde(tag = "name", content = "attributes")]
enum Stored {
    #[serde(rename = "FloatDistribution")]
    Float {
        #[serde(default)]
        step: Option<f64>,
        low: f64,
        high: f64,
        #[serde(default)]
        log: bool,
    },
    #[serde(rename = "IntDistribution")]
    Int {
        #[serde(default)]
        log: bool,
        #[serde(default = "one", deserialize_with = "whole")]
        step: i64,
        #[serde(deserialize_with = "whole")]
        low: i64,
        #[serde(deserialize_with = "whole")]
        high: i64,
    },
    #[serde(rename = "CategoricalDistribution")]
    Categorical { choices: Vec<Json> },
    #[serde(rename = "UniformDistribution")]
    Uniform { low: f64, high: f64 },
    #[serde(rename = "LogUniformDistribution")]
    LogUniform { low: f64, high: f64 },
    #[serde(rename = "DiscreteUniformDistribution")]
    DiscreteUniform { low: f64, high: f64, q: f64 },
    #[serde(rename = "IntUniformDistribution")]
    IntUniform {
        #[serde(default = "one", deserialize_with = "whole")]
        step: i64,
        #[serde(deserialize_with = "whole")]
        low: i64,
        #[serde(deserialize_with = "whole")]
        high: i64,
    },
    #[serde(rename = "IntLogUniformDistribution")]
    IntLogUniform {
        #[serde(default = "one", deserialize_with = "whole")]
        step: i64,
        #[serde(deserialize_with = "whole")]
        low: i64,
        #[serde(deserialize_with = "whole")]
        high: i64,
    },
}

impl From<Stored> for Distribution {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Float { step, low, high, log } => Distribution::Float { step, low, high, log },
            Stored::Uniform { low, high } => Distribution::Float { step: None, low, high, log: false },
            Stored::LogUniform { low, high } => Distribution::Float { step: None, low, high, log: true },
            Stored::DiscreteUniform { low, high, q } => {
                Distribution::Float { step: Some(q), low, high, log: false }
            }
            Stored::Int { log, step, low, high } => Distribution::Int { log, step, low, high },
            Stored::IntUniform { step, low, high } => Distribution::Int { log: false, step, low, high },
            Stored::IntLogUniform { step, low, high } => Distribution::Int { log: true, step, low, high },
            Stored::Categorical { choices } => {
                Distribution::Categorical { choices: choices.into_iter().map(choice).collect() }
            }
        }
    }
}

fn one() -> i64 {
    1
}

/// Reads a whole number, which may be written with a fraction of 0.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let is_whole = number.fract() == 0.0 && number.abs() < 2f64.powi(63);
    Some(number as i64)
        .filter(|_| is_whole)
        .ok_or_else(|| D::Error::custom(format!("{number}: must be a whole number")))
}

/// Reads a choice: a single value, or the text of a list or an object, which Optuna allows too.
fn choice(json: Json) -> Value {
    let text = json.to_string();
    serde_json::from_value(json).unwrap_or(Value::Text(text))
}

impl Distribution {
    /// Reads the text of a column `distribution_json`. Python may write words that JSON does not
    /// have, such as `NaN` among the choices. They are read as text.
    ///
    /// # Errors
    /// The text is no distribution of any version of Optuna.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).or_else(|error| {
            let quoted = with_quoted_words(text);
            if quoted == text { Err(error) } else { serde_json::from_str(&quoted) }
        })
    }

    /// The distribution of `domain`.
    pub fn of(domain: &Domain) -> Self {
        match domain {
            &Domain::Float { low, high, log, step } => Distribution::Float { step, low, high, log },
            &Domain::Int { low, high, log, step } => Distribution::Int { log, step, low, high },
            Domain::Categorical { choices } => Distribution::Categorical { choices: choices.clone() },
            Domain::Fixed { value } => Distribution::Categorical { choices: vec![value.clone()] },
        }
    }

    /// The number that is stored for `value`: the value itself, or the index of the choice. `None`
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

    /// The value for which the number `internal` is stored; `None` if it stands for no value.
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

/// The JSON `text`, with Python's words for the infinities and NaN put in quotes.
fn with_quoted_words(text: &str) -> String {
    // Splits at every quote that has no backslash before it. Parts with an odd index are then in a text of JSON.
    let mut parts: Vec<String> = vec![String::new()];
    let mut is_escaped = false;
    for c in text.chars() {
        match c {
            '"' if !is_escaped => parts.push(String::new()),
            c => parts.last_mut().expect("it begins with one").push(c),
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    let quote = |part: String| {
        let quoted = part.replace("NaN", "\"NaN\"").replace("Infinity", "\"Infinity\"");
        quoted.replace("-\"Infinity\"", "\"-Infinity\"")
    };
    let parts = parts.into_iter().enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { quote(part) } else { part }).collect::<Vec<_>>().join("\"")
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

    #[test]
    fn the_names_of_older_versions_are_read_as_optuna_converts_them() {
        // As optuna.distributions.distribution_to_json wrote them before 3.0, and as it reads them.
        let float = |low, high, log, step| Distribution::Float { step, low, high, log };
        let int = |low, high, log, step| Distribution::Int { step, low, high, log };
        for (name, attributes, expected) in [
            ("UniformDistribution", r#"{"low": 0, "high": 1.5}"#, float(0.0, 1.5, false, None)),
            ("LogUniformDistribution", r#"{"low": 1e-5, "high": 1.0}"#, float(1e-5, 1.0, true, None)),
            (
                "DiscreteUniformDistribution",
                r#"{"low": 0.0, "high": 1.0, "q": 0.25}"#,
                float(0.0, 1.0, false, Some(0.25)),
            ),
            ("IntUniformDistribution", r#"{"low": 1, "high": 9, "step": 2}"#, int(1, 9, false, 2)),
            ("IntUniformDistribution", r#"{"low": 1, "high": 9.0}"#, int(1, 9, false, 1)),
            ("IntLogUniformDistribution", r#"{"low": 1, "high": 64, "step": 1}"#, int(1, 64, true, 1)),
            (
                "CategoricalDistribution",
                r#"{"choices": ["a", [1, 2], NaN, -Infinity, "NaN \" NaN"]}"#,
                Distribution::Categorical {
                    choices: ["a", "[1,2]", "NaN", "-Infinity", "NaN \" NaN"].map(Value::from).into(),
                },
            ),
        ] {
            let text = format!(r#"{{"name": "{name}", "attributes": {attributes}}}"#);
            assert_eq!(Distribution::read(&text).expect(name), expected);
        }
        let unknown = Distribution::read(r#"{"name": "Normal", "attributes": {}}"#);
        assert!(unknown.expect_err("unknown").to_string().contains("unknown variant `Normal`"));
        assert!(
            Distribution::read(r#"{"name": "IntDistribution", "attributes": {"low": 0.5, "high": 3}}"#)
                .is_err()
        );
    }
}

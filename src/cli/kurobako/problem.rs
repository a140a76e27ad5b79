//! Translates a problem of kurobako (the benchmark program) into a space, and points of the space
//! into kurobako's parameters.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json, json};

use super::message::{Distribution, Problem, Range, Variable};
use super::script::{Script, Value as LuaValue};
use crate::space::{Point, Space, Value};

/// To learn when a parameter is active, every value of the parameter that it depends on is tried,
/// up to this number of values.
const ENUMERABLE: i64 = 1000;

/// A problem as a search space, with what is needed to translate points.
pub(super) struct Searched {
    pub space: Space,
    parameters: Vec<Parameter>,
}

/// A parameter as kurobako knows it.
struct Parameter {
    name: String,
    /// The names of a categorical parameter's values; empty for numbers.
    choices: Vec<String>,
    /// The condition under which the parameter is active; `None` if it always is.
    condition: Option<Script>,
}

impl Searched {
    /// The space of `problem`.
    ///
    /// A condition becomes a condition of the space if it depends on one earlier parameter that is
    /// a whole number or a choice. A parameter with any other condition is searched as if it were
    /// always active. Where it is not active, it is left out of points.
    ///
    /// # Errors
    /// A range without an end, or a condition that cannot be read.
    pub fn new(problem: &Problem) -> Result<Self> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut written = Map::new();
        for (index, variable) in problem.params_domain.iter().enumerate() {
            let place = || format!("parameter {}", variable.name);
            let script = variable.constraint.as_ref().map(|constraint| Script::new(&constraint.lua_script));
            let condition = script.transpose().with_context(place)?;
            let mut parameter = spelled(variable).with_context(place)?;
            let earlier = &problem.params_domain[..index];
            if let Some(when) = condition.as_ref().and_then(|condition| when(condition, earlier)) {
                parameter["when"] = when;
            }
            let choices = match &variable.range {
                Range::Categorical { choices } => choices.clone(),
                _ => Vec::new(),
            };
            written.insert(variable.name.clone(), parameter);
            parameters.push(Parameter { name: variable.name.clone(), choices, condition });
        }
        let text = json!({"name": problem.name, "parameters": written}).to_string();
        Ok(Self { space: Space::from_json(&text, "problem")?, parameters })
    }

    /// The parameters of `point` in kurobako's order. Each is a number, the index of a choice, or
    /// null if the parameter is not active.
    pub fn params(&self, point: &Point) -> Vec<Option<f64>> {
        let mut params: Vec<Option<f64>> = Vec::new();
        for parameter in &self.parameters {
            let number = point.get(&parameter.name).and_then(Value::as_f64);
            let is_active = parameter
                .condition
                .as_ref()
                .is_none_or(|condition| condition.holds(&|name| self.lua_value(name, &params)));
            params.push(number.filter(|_| is_active));
        }
        params
    }

    /// The value of a parameter as a script sees it. `params` holds the values of the parameters so
    /// far, in kurobako's order.
    fn lua_value(&self, name: &str, params: &[Option<f64>]) -> LuaValue {
        let known = self.parameters.iter().zip(params).find(|(parameter, _)| parameter.name == name);
        match known {
            Some((parameter, Some(number))) => lua_value(&parameter.choices, *number),
            _ => LuaValue::Nil,
        }
    }
}

fn lua_value(choices: &[String], number: f64) -> LuaValue {
    match choices.get(number as usize) {
        Some(choice) => LuaValue::Text(choice.clone()),
        None => LuaValue::Number(number),
    }
}

/// A variable as JSON, in the form of a space file; choices become their indices.
fn spelled(variable: &Variable) -> Result<Json> {
    let log = variable.distribution == Distribution::LogUniform;
    Ok(match variable.range {
        Range::Continuous { low: Some(low), high: Some(high) } => {
            // The upper end does not belong to the range.
            json!({"type": "float", "low": low, "high": high.next_down(), "log": log})
        }
        Range::Continuous { low, high } => {
            let shown = |end: Option<f64>| end.map_or("none".to_owned(), |end| end.to_string());
            bail!("low = {}, high = {}: both must be finite", shown(low), shown(high))
        }
        Range::Discrete { low, high } if high <= low => {
            bail!("low = {low}, high = {high}: high, which is left out, must be above low")
        }
        Range::Discrete { low, high } if high - 1 == low => json!({"type": "fixed", "value": low}),
        Range::Discrete { low, high } => json!({"type": "int", "low": low, "high": high - 1, "log": log}),
        Range::Categorical { ref choices } => {
            json!({"type": "categorical", "choices": (0..choices.len()).collect::<Vec<_>>()})
        }
    })
}

/// The values of the one parameter on which `condition` depends, for which `condition` holds.
/// `None` if it depends on several parameters, or on one with too many values.
fn when(condition: &Script, earlier: &[Variable]) -> Option<Json> {
    let names = condition.names();
    let parents: Vec<&Variable> =
        earlier.iter().filter(|variable| names.contains(variable.name.as_str())).collect();
    let [parent] = parents.as_slice() else { return None };
    let (values, choices) = match &parent.range {
        Range::Discrete { low, high } if high.saturating_sub(*low) <= ENUMERABLE => {
            (*low..*high, [].as_slice())
        }
        Range::Categorical { choices } => (0..choices.len() as i64, choices.as_slice()),
        _ => return None,
    };
    let holds = |value: &i64| {
        condition.holds(&|name| match name == parent.name {
            true => lua_value(choices, *value as f64),
            false => LuaValue::Nil,
        })
    };
    let values: Vec<i64> = values.filter(holds).collect();
    let mut when = Map::new();
    when.insert(parent.name.clone(), json!(values));
    // A condition of a space needs at least one value. A parameter that is never active is
    // therefore searched, and left out of points.
    (!values.is_empty()).then_some(Json::Object(when))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::kurobako::message::Problem;

    fn searched(params: &str) -> Result<Searched> {
        let text =
            format!(r#"{{"name": "p", "values_domain": [], "steps": 1, "params_domain": [{params}]}}"#);
        Searched::new(&serde_json::from_str::<Problem>(&text).unwrap())
    }

    const CONDITIONAL: &str = r#"
        {"name": "kind", "range": {"type": "CATEGORICAL", "choices": ["foo", "bar"]}, "distribution": "UNIFORM"},
        {"name": "n", "range": {"type": "DISCRETE", "low": 1, "high": 9}, "distribution": "LOG_UNIFORM",
         "constraint": {"lua_script": "kind == 'bar'"}},
        {"name": "x", "range": {"type": "CONTINUOUS", "low": -1, "high": 1}, "distribution": "UNIFORM",
         "constraint": {"lua_script": "n > 4"}},
        {"name": "y", "range": {"type": "CONTINUOUS", "low": 1, "high": 100}, "distribution": "LOG_UNIFORM",
         "constraint": {"lua_script": "x < 0 and kind == 'bar'"}},
        {"name": "one", "range": {"type": "DISCRETE", "low": 5, "high": 6}, "distribution": "UNIFORM"}"#;

    #[test]
    fn ranges_leave_out_their_upper_ends() {
        let space = searched(CONDITIONAL).unwrap().space;
        let top = space.decode(&[1.0; 4]);
        assert_eq!(top.get("n"), Some(&Value::Int(8)));
        assert!(top.get("x").and_then(Value::as_f64).is_some_and(|x| x < 1.0));
        assert!(top.get("y").and_then(Value::as_f64).is_some_and(|y| y < 100.0));
        assert_eq!(top.get("one"), Some(&Value::Int(5)));
    }

    #[test]
    fn conditions_on_one_discrete_parent_are_the_spaces_and_others_leave_out() {
        let searched = searched(CONDITIONAL).unwrap();
        let params = |unit: &[f64]| searched.params(&searched.space.decode(unit));
        assert_eq!(params(&[0.0, 0.9, 0.2, 0.5]), [Some(0.0), None, None, None, Some(5.0)]);
        assert_eq!(searched.space.decode(&[0.0, 0.9, 0.2, 0.5]).get("x"), None, "kind = foo has no n");
        assert_eq!(params(&[0.9, 0.0, 0.2, 0.5])[..4], [Some(1.0), Some(1.0), None, None]);
        let active = params(&[0.9, 0.99, 0.25, 0.0]);
        assert_eq!(active[..2], [Some(1.0), Some(8.0)]);
        assert!(active[2].is_some_and(|x| (x + 0.5).abs() < 1e-9));
        assert!(active[3].is_some_and(|y| (y - 1.0).abs() < 1e-9));
        // x is not below 0, so there is no y, though the space has one.
        assert_eq!(params(&[0.9, 0.99, 0.75, 0.0])[3], None);
    }

    #[test]
    fn a_problem_that_cannot_be_searched_says_why() {
        let problem = |params: &str| format!("{:#}", searched(params).err().expect("wrong"));
        let endless =
            r#"{"name": "x", "range": {"type": "CONTINUOUS", "low": 0}, "distribution": "UNIFORM"}"#;
        assert_eq!(problem(endless), "parameter x: low = 0, high = none: both must be finite");
        let script = r#"{"name": "x", "range": {"type": "DISCRETE", "low": 0, "high": 2}, "distribution": "UNIFORM",
                         "constraint": {"lua_script": "f(1)"}}"#;
        assert!(problem(script).starts_with("parameter x: lua_script `f(1)`: something is left over"));
        let discrete = |low: i64, high: i64| {
            format!(
                r#"{{"name": "n", "range": {{"type": "DISCRETE", "low": {low}, "high": {high}}}, "distribution": "UNIFORM"}}"#
            )
        };
        assert_eq!(
            problem(&discrete(3, 3)),
            "parameter n: low = 3, high = 3: high, which is left out, must be above low"
        );
        assert!(problem(&discrete(5, i64::MIN)).contains("must be above low"));
        assert!(problem(&discrete(i64::MIN, i64::MAX)).contains("must be -2^53 to 2^53"));
        let child = r#"{"name": "x", "range": {"type": "DISCRETE", "low": 0, "high": 2}, "distribution": "UNIFORM",
                        "constraint": {"lua_script": "n > 0"}}"#;
        assert!(
            problem(&format!("{}, {child}", discrete(i64::MIN, i64::MAX))).contains("must be -2^53 to 2^53")
        );
    }
}

//! Writes spaces as JSON, and adapts points whose numbers other programs wrote.

use serde_json::{Map, Value as Json, json};

use super::{Domain, Parameter, Point, Space, Value};

/// How far a number may lie from a step's grid and still count as on it, relative to its size.
const GRID_SLACK: f64 = 1e-9;

impl Space {
    /// The space as JSON, from which [`Space::from_json`] reads an equal space.
    ///
    /// ```
    /// use spiketune::space::Space;
    ///
    /// let text = r#"{"name": "demo", "parameters": {"n": {"type": "int", "low": 1, "high": 9}}}"#;
    /// let space = Space::from_json(text, "demo.json")?;
    /// assert_eq!(Space::from_json(&space.to_json().to_string(), "again")?, space);
    /// # Ok::<(), spiketune::space::SpaceError>(())
    /// ```
    pub fn to_json(&self) -> Json {
        let parameters: Map<String, Json> = self
            .parameters
            .iter()
            .map(|parameter| (parameter.name.clone(), self.parameter_json(parameter)))
            .collect();
        let mut written = json!({"name": self.name, "parameters": parameters, "start": self.start});
        if !self.relations.is_empty() {
            written["relations"] = self.relations().collect();
        }
        written
    }

    fn parameter_json(&self, parameter: &Parameter) -> Json {
        let default = &parameter.default;
        let mut written = match &parameter.domain {
            Domain::Float { low, high, log, step } => {
                json!({"type": "float", "low": low, "high": high, "log": log, "step": step, "default": default})
            }
            Domain::Int { low, high, log: true, .. } => {
                json!({"type": "int", "low": low, "high": high, "log": true, "default": default})
            }
            Domain::Int { low, high, step, .. } => {
                json!({"type": "int", "low": low, "high": high, "step": step, "default": default})
            }
            Domain::Categorical { choices } => {
                json!({"type": "categorical", "choices": choices, "default": default})
            }
            Domain::Fixed { value } => json!({"type": "fixed", "value": value}),
        };
        let when: Map<String, Json> = parameter
            .conditions
            .iter()
            .map(|condition| (self.parameters[condition.parent].name.clone(), json!(condition.values)))
            .collect();
        written["when"] = Json::Object(when);
        written
    }

    /// `point` with its numbers in the types of this space: `1` for a real number becomes `1.0`,
    /// and `3.0` for a whole number becomes `3`. A number that differs from a step's grid only by
    /// rounding is moved onto the grid. A value that fits no domain stays as it is.
    pub fn adopt(&self, point: &Point) -> Point {
        let adopted = point.iter().map(|(name, value)| {
            let domain = self.parameter(name).map(|parameter| &parameter.domain);
            (name, domain.map_or_else(|| value.clone(), |domain| domain.adopt(value)))
        });
        adopted.collect()
    }
}

impl Domain {
    fn adopt(&self, value: &Value) -> Value {
        let same = |choice: &&Value| choice.as_f64().is_some() && choice.as_f64() == value.as_f64();
        match self {
            _ if self.contains(value) => value.clone(),
            Domain::Float { step, .. } => {
                let Some(x) = value.as_f64() else { return value.clone() };
                let near = self.index_of(&Value::Float(x)).map(|k| self.value_at(k));
                let slack = step.map_or(0.0, |step| GRID_SLACK * step);
                match near.as_ref().and_then(Value::as_f64) {
                    Some(near) if (near - x).abs() <= slack => Value::Float(near),
                    _ => Value::Float(x),
                }
            }
            Domain::Int { .. } => match *value {
                Value::Float(x) if x.fract() == 0.0 && x.abs() < 2f64.powi(53) => Value::Int(x as i64),
                _ => value.clone(),
            },
            Domain::Categorical { choices } => choices.iter().find(same).unwrap_or(value).clone(),
            Domain::Fixed { value: only } => [only].into_iter().find(same).unwrap_or(value).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_KIND: &str = r#"{"name": "all", "start": [{"rule": "sgd", "steps": 3}], "parameters": {
        "rate": {"type": "float", "low": 1e-5, "high": 0.3, "log": true, "default": 0.1},
        "slope": {"type": "float", "low": 0, "high": 0.3, "step": 0.1, "when": {"rule": ["sgd"], "steps": [3, 5]}},
        "steps": {"type": "int", "low": 1, "high": 9, "step": 2},
        "width": {"type": "int", "low": 1, "high": 900, "log": true, "default": 32},
        "rule": {"type": "categorical", "choices": ["adam", "sgd", null, 1, 2.5], "default": null},
        "one": {"type": "fixed", "value": 1.0}
    }}"#;

    fn space() -> Space {
        Space::from_json(EVERY_KIND, "all.json").unwrap()
    }

    #[test]
    fn a_space_is_read_back_equal() {
        let text = space().to_json().to_string();
        assert_eq!(Space::from_json(&text, "again.json"), Ok(space()));
    }

    #[test]
    fn points_of_other_programs_are_spelled_as_ours() {
        let read = |text: &str| space().adopt(&serde_json::from_str::<Point>(text).unwrap());
        let point = read(
            r#"{"rate": 1, "slope": 0.30000000000000004, "steps": 3.0, "width": 7.5, "rule": 1.0, "one": 1, "x": 1}"#,
        );
        let values: Vec<Value> = point.iter().map(|(_, value)| value.clone()).collect();
        let expected =
            [1.0.into(), 0.3.into(), Value::Int(3), 7.5.into(), Value::Int(1), 1.0.into(), Value::Int(1)];
        assert_eq!(values, expected);
    }
}

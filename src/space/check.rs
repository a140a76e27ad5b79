//! The rules of a search space, which turn the JSON of a file into a checked [`Space`].

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::file::{CategoricalFile, FloatFile, IntFile, ListFile, ParameterFile, SpaceFile, When};
use super::list::{MOST_ITEMS, expanded};
use super::related::{Unsatisfied, anchor};
use super::relation::Relation;
use super::{Condition, Domain, Parameter, Point, Space, SpaceError, Value};
use crate::input::{self, InputError};

/// The largest whole number up to which `f64` holds every whole number exactly.
const LARGEST_INT: u64 = 1 << 53;

/// The most values of a float with a step: so many still have different coordinates in the unit
/// cube.
const MOST_STEPS: f64 = (1u64 << 50) as f64;

/// How far a bound or a default may lie from a step's grid and still count as on it, relative to
/// its size.
const GRID_SLACK: f64 = 1e-9;

impl Space {
    /// Reads a space from the JSON `text`. `file` is the name of the text in errors.
    ///
    /// ```
    /// use spiketune::space::{Space, Value};
    ///
    /// let text = r#"{"name": "demo", "parameters": {
    ///     "rule": {"type": "categorical", "choices": ["adam", "sgd"]},
    ///     "momentum": {"type": "float", "low": 0, "high": 0.9, "default": 0.5, "when": {"rule": ["sgd"]}}
    /// }}"#;
    /// let space = Space::from_json(text, "demo.json")?;
    /// assert_eq!(space.default_point().get("rule"), Some(&Value::from("adam")));
    /// assert_eq!(space.default_point().get("momentum"), None);
    /// # Ok::<(), spiketune::space::SpaceError>(())
    /// ```
    ///
    /// # Errors
    /// The text breaks a rule. The message names file, key, value and the way out.
    pub fn from_json(text: &str, file: &str) -> Result<Self, SpaceError> {
        let written: SpaceFile = input::from_json(text, file)?;
        if written.parameters.is_empty() {
            return Err(
                InputError::new(file, "parameters", "empty: a space needs at least one parameter").into()
            );
        }
        let mut parameters = Vec::with_capacity(written.parameters.len());
        let mut whens = Vec::with_capacity(written.parameters.len());
        for (name, written) in without_lists(written.parameters, file)? {
            let at = At { file, path: format!("parameters.{name}") };
            let (domain, default, when) = at.parameter(written)?;
            at.unless(name.is_empty(), "empty name: a parameter needs one")?;
            if let Some(problem) = input::name_problem(&name) {
                return Err(At { file, path: "parameters".to_owned() }.error(problem).into());
            }
            at.unless(
                parameters.iter().any(|known: &Parameter| known.name == name),
                "is there twice, since a list makes a parameter of this name too: choose another name",
            )?;
            parameters.push(Parameter { name, domain, conditions: Vec::new(), default });
            whens.push(when);
        }
        for (child, when) in whens.into_iter().enumerate() {
            let at = At { file, path: format!("parameters.{}.when", parameters[child].name) };
            parameters[child].conditions = at.conditions(&parameters, when)?;
        }
        let order = parents_first(&parameters).map_err(|cycle| {
            let path = format!("parameters.{}.when", parameters[cycle[0]].name);
            let names: Vec<&str> = cycle.iter().map(|&index| parameters[index].name.as_str()).collect();
            let problem = format!("a cycle of conditions: {}: drop one of them", names.join(" -> "));
            InputError::new(file, &path, problem)
        })?;
        let relations = relations(&written.relations, &parameters, file)?;
        let anchor = anchor(&relations, &parameters).map_err(|reason| unsatisfied(&reason, file))?;
        let (name, start) = (written.name, Vec::new());
        let held = Point::default();
        let mut space = Self { name, parameters, order, start, relations, anchor, held, foresight: None };
        for (index, point) in written.start.iter().enumerate() {
            let at = At { file, path: format!("start.{index}") };
            let point = at.starting_point(&space, point)?;
            space.start.push(point);
        }
        Ok(space)
    }
}

/// The relations of a file between `parameters`.
fn relations(texts: &[String], parameters: &[Parameter], file: &str) -> Result<Vec<Relation>, InputError> {
    let read = |(index, text): (usize, &String)| {
        let error = |problem: String| InputError::new(file, &format!("relations.{index}"), problem);
        Relation::read(text, parameters).map_err(error)
    };
    texts.iter().enumerate().map(read).collect()
}

/// The error of relations of which no point is known that satisfies them together.
fn unsatisfied(reason: &Unsatisfied<'_>, file: &str) -> InputError {
    let relations = match reason {
        Unsatisfied::Contradiction(relations) => relations,
        Unsatisfied::Unsolved(reason) => {
            let problem = format!("no point was found that satisfies all of them ({reason}): simplify them");
            return InputError::new(file, "relations", problem);
        }
    };
    let list: Vec<String> = relations.iter().map(|relation| format!("\"{relation}\"")).collect();
    let problem = format!(
        "{}: no values within the bounds of the parameters satisfy {}: drop one or widen a bound",
        list.join(" and "),
        if list.len() == 1 { "it" } else { "all of them" },
    );
    InputError::new(file, "relations", problem)
}

/// The parameters of a file. Each list is replaced by the parameters for which it stands.
fn without_lists(
    written: IndexMap<String, Json>,
    file: &str,
) -> Result<Vec<(String, ParameterFile)>, InputError> {
    let mut parameters = Vec::with_capacity(written.len());
    for (name, json) in written {
        let at = At { file, path: format!("parameters.{name}") };
        match ParameterFile::read(json, file, &at.path)? {
            ParameterFile::List(list) => {
                at.list(&name, &list)?;
                for (name, json) in expanded(&name, list) {
                    let path = format!("parameters.{name}");
                    parameters.push((name, ParameterFile::read(json, file, &path)?));
                }
            }
            parameter => parameters.push((name, parameter)),
        }
    }
    Ok(parameters)
}

/// A place in a file, for error texts.
struct At<'a> {
    file: &'a str,
    path: String,
}

impl At<'_> {
    fn error(&self, problem: impl Into<String>) -> InputError {
        InputError::new(self.file, &self.path, problem)
    }

    fn unless(&self, broken: bool, problem: impl Into<String>) -> Result<(), InputError> {
        if broken { Err(self.error(problem)) } else { Ok(()) }
    }

    fn parameter(&self, written: ParameterFile) -> Result<(Domain, Value, When), InputError> {
        match written {
            ParameterFile::Float(float) => self.float(float),
            ParameterFile::Int(int) => self.int(int),
            ParameterFile::Categorical(categorical) => self.categorical(categorical),
            ParameterFile::List(_) => Err(self.error("a list inside a list: write its parameters out")),
            ParameterFile::Fixed(fixed) => {
                Ok((Domain::Fixed { value: fixed.value.clone() }, fixed.value, fixed.when))
            }
        }
    }

    fn float(&self, written: FloatFile) -> Result<(Domain, Value, When), InputError> {
        let FloatFile { low, high, log, step, default, when, .. } = written;
        self.bounds(low, high)?;
        self.unless(
            log && low <= 0.0,
            format!("low = {low:?} with \"log\": a logarithmic scale needs low > 0"),
        )?;
        self.unless(log && step.is_some(), "\"log\" and \"step\" exclude each other: drop one")?;
        if let Some(step) = step {
            self.grid(low, high, step)?;
        }
        let domain = Domain::Float { low, high, log, step };
        let default = match (default, step) {
            (None, _) => domain.middle(),
            (Some(x), None) => Value::Float(x),
            (Some(x), Some(step)) => snap(&domain, x, step),
        };
        self.default_in(&domain, &default)?;
        Ok((domain, default, when))
    }

    fn int(&self, written: IntFile) -> Result<(Domain, Value, When), InputError> {
        let IntFile { low, high, log, step, default, when, .. } = written;
        self.bounds(low, high)?;
        for bound in [low, high] {
            self.unless(
                bound.unsigned_abs() > LARGEST_INT,
                format!("{bound}: must be -2^53 to 2^53, where floats are exact"),
            )?;
        }
        self.unless(log && low <= 0, format!("low = {low} with \"log\": a logarithmic scale needs low > 0"))?;
        self.unless(log && step.is_some(), "\"log\" and \"step\" exclude each other: drop one")?;
        let step = step.unwrap_or(1);
        self.unless(step < 1, format!("step = {step}: must be at least 1"))?;
        self.unless(
            (high - low) % step != 0,
            format!("high = {high} is not low + k * step: the nearest is {}", high - (high - low) % step),
        )?;
        let domain = Domain::Int { low, high, log, step };
        let default = default.map_or_else(|| domain.middle(), Value::Int);
        self.default_in(&domain, &default)?;
        Ok((domain, default, when))
    }

    fn categorical(&self, written: CategoricalFile) -> Result<(Domain, Value, When), InputError> {
        let CategoricalFile { choices, default, when, .. } = written;
        self.unless(choices.is_empty(), "choices = []: needs at least one")?;
        for (index, choice) in choices.iter().enumerate() {
            self.unless(
                choices[..index].contains(choice),
                format!("choices: {choice} is there twice: drop one"),
            )?;
        }
        let default = default.unwrap_or_else(|| choices[0].clone());
        let domain = Domain::Categorical { choices };
        self.default_in(&domain, &default)?;
        Ok((domain, default, when))
    }

    /// Refuses the list called `name` if it has no items, a wrong length, or a wrong parameter of its items.
    fn list(&self, name: &str, written: &ListFile) -> Result<(), InputError> {
        let [low, high] = written.length;
        for (own, json) in &written.of {
            let at = At { file: self.file, path: format!("{}.of.{own}", self.path) };
            at.unless(own.is_empty(), "empty name: a parameter needs one")?;
            let lengths = json.get("when").filter(|_| !written.of.contains_key(name)).map(|when| &when[name]);
            let is_met = |lengths: &Json| lengths.as_array().is_none_or(|some| some.contains(&high.into()));
            at.unless(
                !lengths.is_none_or(is_met),
                format!("when.{name}: must have {high}: the last item never has this parameter else"),
            )?;
            if high == 0 {
                at.parameter(ParameterFile::read(json.clone(), self.file, &at.path)?)?;
            }
        }
        if let Some(default) = written.default {
            self.unless(
                !(low..=high).contains(&default),
                format!("default = {default}: must be a whole number from {low} to {high}"),
            )?;
        }
        self.unless(written.of.is_empty(), "of = {}: a list needs at least one parameter of its items")?;
        self.unless(
            low > high || high > MOST_ITEMS,
            format!("length = [{low}, {high}]: must be from fewest to most, at most {MOST_ITEMS}"),
        )
    }

    fn bounds<T: PartialOrd + std::fmt::Debug>(&self, low: T, high: T) -> Result<(), InputError> {
        self.unless(low > high, format!("low = {low:?} > high = {high:?}: swap them"))?;
        self.unless(low == high, format!("low = high = {low:?}: write a parameter of one value as \"fixed\""))
    }

    fn grid(&self, low: f64, high: f64, step: f64) -> Result<(), InputError> {
        self.unless(step <= 0.0, format!("step = {step:?}: must be positive"))?;
        let steps = (high - low) / step;
        self.unless(
            steps > MOST_STEPS,
            format!(
                "step = {step:?}: more than 2^50 steps from {low:?} to {high:?}: choose a larger step or none"
            ),
        )?;
        let largest = low.abs().max(high.abs());
        self.unless(
            step < largest - largest.next_down(),
            format!(
                "step = {step:?}: too small beside {largest:?}: floats do not tell neighbouring values apart"
            ),
        )?;
        let whole = steps.round();
        self.unless(
            whole < 1.0 || (steps - whole).abs() > GRID_SLACK * steps,
            format!(
                "high = {high:?} is not low + k * step: the nearest is {:?}",
                low + whole.max(1.0) * step
            ),
        )
    }

    fn default_in(&self, domain: &Domain, default: &Value) -> Result<(), InputError> {
        self.unless(!domain.contains(default), format!("default = {default}: must be {domain}"))
    }

    /// The complete starting point for `written`, as the file has it. Every value in it must belong
    /// to an active parameter.
    fn starting_point(&self, space: &Space, written: &Point) -> Result<Point, InputError> {
        let written = &space.adopt(written);
        for (name, _) in written.iter() {
            let names = space.parameters.iter().map(|parameter| parameter.name.as_str());
            self.unless(
                space.parameter(name).is_none(),
                format!("unknown parameter \"{name}\"{}", input::suggestion(name, names)),
            )?;
        }
        let point = space.completed(written);
        for (name, value) in written.iter() {
            let domain = &space.parameter(name).expect("names were looked up above").domain;
            self.unless(!domain.contains(value), format!("{name} = {value}: must be {domain}"))?;
            self.unless(
                point.get(name).is_none(),
                format!("{name} = {value}: is not active at this point: drop it"),
            )?;
        }
        match space.broken(&space.with_defaults(written)) {
            Some(relation) => Err(self.error(format!("breaks the relation \"{}\"", relation.text))),
            None => Ok(point),
        }
    }

    fn conditions(&self, parameters: &[Parameter], when: When) -> Result<Vec<Condition>, InputError> {
        when.into_iter().map(|(parent, values)| self.condition(parameters, &parent, values)).collect()
    }

    fn condition(
        &self,
        all: &[Parameter],
        parent: &str,
        values: Vec<Value>,
    ) -> Result<Condition, InputError> {
        let index = all.iter().position(|parameter| parameter.name == parent).ok_or_else(|| {
            let names = all.iter().map(|parameter| parameter.name.as_str());
            self.error(format!("unknown parameter \"{parent}\"{}", input::suggestion(parent, names)))
        })?;
        let domain = &all[index].domain;
        self.unless(
            matches!(domain, Domain::Float { .. }),
            format!("{parent} is a float: a condition needs an int, categorical or fixed parent"),
        )?;
        self.unless(values.is_empty(), format!("{parent} = []: needs at least one value"))?;
        for value in &values {
            self.unless(!domain.contains(value), format!("{parent} = {value}: {parent} must be {domain}"))?;
        }
        Ok(Condition { parent: index, values })
    }
}

/// `x`, moved onto the grid of `step` if it differs from the grid only by rounding.
fn snap(domain: &Domain, x: f64, step: f64) -> Value {
    match domain.index_of(&Value::Float(x)).map(|k| domain.value_at(k)) {
        Some(Value::Float(near)) if (near - x).abs() <= GRID_SLACK * step => Value::Float(near),
        _ => Value::Float(x),
    }
}

/// The indices of `parameters`, every parent before its children, else in the file's order. The
/// error is a cycle of indices, which ends with the index that it begins with.
fn parents_first(parameters: &[Parameter]) -> Result<Vec<usize>, Vec<usize>> {
    let mut order = IndexMap::new();
    for index in 0..parameters.len() {
        visit(parameters, index, &mut order, &mut Vec::new())?;
    }
    Ok(order.into_keys().collect())
}

fn visit(
    parameters: &[Parameter],
    index: usize,
    order: &mut IndexMap<usize, ()>,
    path: &mut Vec<usize>,
) -> Result<(), Vec<usize>> {
    if order.contains_key(&index) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|&ancestor| ancestor == index) {
        return Err(path[start..].iter().copied().chain([index]).collect());
    }
    path.push(index);
    for condition in &parameters[index].conditions {
        visit(parameters, condition.parent, order, path)?;
    }
    path.pop();
    order.insert(index, ());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error text for a space with these `parameters`.
    fn problem(parameters: &str) -> String {
        let text = format!(r#"{{"name": "test", "parameters": {{{parameters}}}}}"#);
        Space::from_json(&text, "s.json").expect_err("the space breaks a rule").to_string()
    }

    #[test]
    fn a_typo_in_a_key_names_file_key_and_the_nearest() {
        assert_eq!(
            problem(r#""lr": {"type": "float", "lwo": 0, "high": 1}"#),
            r#"s.json: parameters.lr: unknown key "lwo"; did you mean "low"?"#
        );
        assert_eq!(
            problem(r#""lr": {"type": "flaot", "low": 0, "high": 1}"#),
            r#"s.json: parameters.lr: unknown type "flaot"; did you mean "float"?"#
        );
        let error = Space::from_json(r#"{"nmae": "x", "parameters": {}}"#, "s.json").expect_err("typo");
        assert_eq!(error.to_string(), r#"s.json: unknown key "nmae"; did you mean "name"?"#);
    }

    #[test]
    fn bounds_must_be_in_order() {
        assert_eq!(
            problem(r#""lr": {"type": "float", "low": 2, "high": 1}"#),
            "s.json: parameters.lr: low = 2.0 > high = 1.0: swap them"
        );
        assert!(problem(r#""n": {"type": "int", "low": 2, "high": 2}"#).ends_with(r#"as "fixed""#));
    }

    #[test]
    fn a_logarithmic_scale_is_positive_and_has_no_step() {
        assert_eq!(
            problem(r#""lr": {"type": "float", "low": 0, "high": 1, "log": true}"#),
            r#"s.json: parameters.lr: low = 0.0 with "log": a logarithmic scale needs low > 0"#
        );
        assert!(problem(r#""n": {"type": "int", "low": -1, "high": 1, "log": true}"#).contains("low = -1"));
        assert!(
            problem(r#""n": {"type": "int", "low": 1, "high": 9, "log": true, "step": 2}"#)
                .contains("exclude")
        );
    }

    #[test]
    fn a_step_reaches_the_upper_bound() {
        assert_eq!(
            problem(r#""x": {"type": "float", "low": 0, "high": 1, "step": 0.3}"#),
            "s.json: parameters.x: high = 1.0 is not low + k * step: the nearest is 0.8999999999999999"
        );
        assert!(
            problem(r#""n": {"type": "int", "low": 0, "high": 10, "step": 4}"#).ends_with("the nearest is 8")
        );
        assert!(problem(r#""n": {"type": "int", "low": 0, "high": 10, "step": 0}"#).contains("at least 1"));
    }

    #[test]
    fn a_name_that_no_database_keeps_is_refused() {
        let named = |name: &str| problem(&format!(r#""{name}": {{"type": "float", "low": 0, "high": 1}}"#));
        let long = "s.json: parameters: a name of 513 characters: must have at most 512";
        assert_eq!(named(&"a".repeat(513)), long);
        assert!(
            named(r"a\u0000b").ends_with("parameters: name \"a\\0b\": must not contain the character \\0")
        );
    }

    #[test]
    fn steps_that_no_float_tells_apart_are_refused() {
        let stepped = |low: &str, high: &str, step: &str| {
            problem(&format!(r#""x": {{"type": "float", "low": {low}, "high": {high}, "step": {step}}}"#))
        };
        assert_eq!(
            stepped("0", "1", "1e-20"),
            "s.json: parameters.x: step = 1e-20: more than 2^50 steps from 0.0 to 1.0: choose a larger step or none"
        );
        for (low, high, step) in [
            ("0", "1", "5e-324"),
            ("-1e308", "1e308", "1"),
            ("-1e308", "1e308", "1e308"),
            ("0", "1", "8e-16"),
        ] {
            assert!(stepped(low, high, step).contains("more than 2^50 steps"), "{low} to {high} by {step}");
        }
        for (low, high, step) in [
            ("1e20", "1.0001e20", "1000"),
            ("-1e20", "-9.9999e19", "4"),
            ("9007199254740992", "9007199254741000", "0.5"),
        ] {
            assert!(stepped(low, high, step).contains("too small beside"), "{low} to {high} by {step}");
        }
        let text = r#"{"name": "t", "parameters": {
            "x": {"type": "float", "low": 0, "high": 1, "step": 8.881784197001252e-16}}}"#;
        let space = Space::from_json(text, "s.json").expect("2^50 steps");
        let domain = &space.parameters()[0].domain;
        assert_eq!(domain.size(), Some((1 << 50) + 1));
        for k in [0, 1, 12_345, (1 << 49) + 7, (1 << 50) - 1, 1 << 50] {
            let value = domain.value_at(k);
            assert_eq!(domain.encode(&value).map(|u| domain.decode(u)), Some(value));
        }
    }

    #[test]
    fn whole_numbers_that_no_float_holds_are_refused() {
        for (low, high) in [
            ("-9223372036854775808", "1"),
            ("-9223372036854775808", "9223372036854775807"),
            ("0", "9223372036854775807"),
            ("-9007199254740993", "0"),
        ] {
            let message = problem(&format!(r#""n": {{"type": "int", "low": {low}, "high": {high}}}"#));
            assert!(message.contains("must be -2^53 to 2^53"), "{message}");
        }
        let text = r#"{"name": "t", "parameters": {
            "n": {"type": "int", "low": -9007199254740992, "high": 9007199254740992}}}"#;
        assert!(Space::from_json(text, "s.json").is_ok());
    }

    #[test]
    fn a_key_of_a_parameter_is_there_once() {
        assert_eq!(
            problem(r#""x": {"type": "float", "low": 0, "high": 1, "low": 0.5}"#),
            r#"s.json: parameters.x: key "low" is there twice (line 1 column 81): drop one"#
        );
        let twice = r#""x": {"type": "fixed", "value": 1}, "x": {"type": "fixed", "value": 2}"#;
        assert!(problem(twice).starts_with(r#"s.json: parameters: key "x" is there twice"#));
        let when = r#""a": {"type": "int", "low": 0, "high": 1},
            "b": {"type": "int", "low": 0, "high": 1, "when": {"a": [0], "a": [1]}}"#;
        assert!(problem(when).starts_with(r#"s.json: parameters.b.when: key "a" is there twice"#));
    }

    #[test]
    fn choices_are_there_and_different() {
        assert_eq!(
            problem(r#""c": {"type": "categorical", "choices": []}"#),
            "s.json: parameters.c: choices = []: needs at least one"
        );
        assert!(
            problem(r#""c": {"type": "categorical", "choices": ["a", "b", "a"]}"#)
                .contains("a is there twice")
        );
    }

    #[test]
    fn a_default_is_in_its_domain() {
        assert_eq!(
            problem(r#""c": {"type": "categorical", "choices": ["a", "b"], "default": "z"}"#),
            "s.json: parameters.c: default = z: must be one of a, b"
        );
        assert!(
            problem(r#""n": {"type": "int", "low": 0, "high": 4, "step": 2, "default": 3}"#)
                .contains("steps of 2")
        );
    }

    #[test]
    fn a_null_among_the_choices_can_be_the_default() {
        let text = r#"{"name": "t", "parameters": {
            "c": {"type": "categorical", "choices": [1, null, 1.0, true], "default": null}}}"#;
        let space = Space::from_json(text, "s.json").expect("right");
        assert_eq!(space.default_point().get("c"), Some(&Value::Null));
    }

    #[test]
    fn a_condition_needs_a_known_parent_with_that_value() {
        let momentum = |when: &str| {
            problem(&format!(
                r#""rule": {{"type": "categorical", "choices": ["adam", "sgd"]}},
                "m": {{"type": "float", "low": 0, "high": 1, "when": {when}}}"#
            ))
        };
        assert_eq!(
            momentum(r#"{"rulle": ["sgd"]}"#),
            r#"s.json: parameters.m.when: unknown parameter "rulle"; did you mean "rule"?"#
        );
        assert_eq!(
            momentum(r#"{"rule": ["sdg"]}"#),
            "s.json: parameters.m.when: rule = sdg: rule must be one of adam, sgd"
        );
        assert!(momentum(r#"{"rule": []}"#).contains("needs at least one value"));
    }

    #[test]
    fn a_cycle_of_conditions_is_named() {
        let parameters = r#"
            "a": {"type": "int", "low": 0, "high": 1, "when": {"c": [1]}},
            "b": {"type": "int", "low": 0, "high": 1, "when": {"a": [1]}},
            "c": {"type": "int", "low": 0, "high": 1, "when": {"b": [1]}}"#;
        assert_eq!(
            problem(parameters),
            "s.json: parameters.a.when: a cycle of conditions: a -> c -> b -> a: drop one of them"
        );
        assert!(
            problem(r#""a": {"type": "int", "low": 0, "high": 1, "when": {"a": [1]}}"#).contains("a -> a")
        );
    }

    #[test]
    fn a_starting_point_gets_defaults_and_must_be_of_the_space() {
        let space = |start: &str| {
            let text = format!(
                r#"{{"name": "t", "start": [{start}], "parameters": {{
                "rule": {{"type": "categorical", "choices": ["adam", "sgd"]}},
                "momentum": {{"type": "float", "low": 0, "high": 1, "default": 0.5, "when": {{"rule": ["sgd"]}}}},
                "width": {{"type": "int", "low": 1, "high": 9, "default": 3}}}}}}"#
            );
            Space::from_json(&text, "s.json").map_err(|error| error.to_string())
        };
        let points = space(r#"{"rule": "sgd", "width": 7}"#).expect("right").starting_points();
        assert_eq!(points.len(), 2);
        assert_eq!(points[0].get("width"), Some(&Value::Int(3)));
        assert_eq!(points[1].get("width"), Some(&Value::Int(7)));
        assert_eq!(points[1].get("momentum"), Some(&Value::Float(0.5)));
        let problem = |start: &str| space(start).expect_err("breaks a rule");
        assert_eq!(
            problem(r#"{"widht": 1}"#),
            r#"s.json: start.0: unknown parameter "widht"; did you mean "width"?"#
        );
        assert_eq!(
            problem(r#"{"width": 70}"#),
            "s.json: start.0: width = 70: must be a whole number from 1 to 9"
        );
        assert_eq!(
            problem(r#"{"momentum": 0.9}"#),
            "s.json: start.0: momentum = 0.9: is not active at this point: drop it"
        );
    }
}

//! Spaces with fewer choices: data or chip may rule some out before the search begins. Spaces with
//! more parameters than before: a study may go on with them.

use super::{Domain, Point, Space, Value};

impl Space {
    /// The space with fewer choices of the categorical parameter `name`: only those for which
    /// `keep` is true. Parameters that can then never be active are dropped too.
    ///
    /// A default that is dropped is replaced by the first choice that is kept, and so are values of
    /// starting points. The space stays as it is if it has no such parameter, or if no choice would
    /// be left.
    pub fn restrict(mut self, name: &str, keep: impl Fn(&Value) -> bool) -> Self {
        let Some(index) = self.parameters.iter().position(|parameter| parameter.name == name) else {
            return self;
        };
        let parameter = &mut self.parameters[index];
        let Domain::Categorical { choices } = &mut parameter.domain else { return self };
        if !choices.iter().any(&keep) {
            return self;
        }
        choices.retain(&keep);
        if !keep(&parameter.default) {
            parameter.default = choices[0].clone();
        }
        self.drop_impossible()
    }

    /// Drops what has become impossible. A condition lists values of a parent parameter: those that
    /// the parent can no longer take are dropped. Then parameters that can never be active are.
    fn drop_impossible(mut self) -> Self {
        let domains: Vec<Domain> = self.parameters.iter().map(|parameter| parameter.domain.clone()).collect();
        let mut possible = vec![true; domains.len()];
        for &index in &self.order {
            for condition in &mut self.parameters[index].conditions {
                condition.values.retain(|value| domains[condition.parent].contains(value));
                possible[index] &= possible[condition.parent] && !condition.values.is_empty();
            }
        }
        let names: Vec<&str> = (0..domains.len())
            .filter(|&index| possible[index])
            .map(|index| self.parameters[index].name.as_str())
            .collect();
        self.relations
            .retain(|relation| relation.terms.iter().all(|(name, _)| names.contains(&name.as_str())));
        self.keep(&possible)
    }

    /// Keeps the parameters whose flag is set. No condition of theirs is on another one.
    fn keep(mut self, flags: &[bool]) -> Self {
        let place: Vec<usize> = flags
            .iter()
            .scan(0, |next, &is_kept| {
                *next += usize::from(is_kept);
                Some(*next - usize::from(is_kept))
            })
            .collect();
        let mut kept = flags.iter();
        self.parameters.retain(|_| *kept.next().expect("one flag per parameter"));
        for condition in self.parameters.iter_mut().flat_map(|parameter| &mut parameter.conditions) {
            condition.parent = place[condition.parent];
        }
        self.order = self.order.iter().filter(|&&index| flags[index]).map(|&index| place[index]).collect();
        self.start = self.start.iter().map(|point| self.completed(point)).collect();
        self
    }

    /// The parameters that this space has and `older` lacks, each with its default; `None` if there
    /// are none, or if the two spaces differ in anything else.
    pub fn added_to(&self, older: &Space) -> Option<Point> {
        let is_old: Vec<bool> =
            self.parameters.iter().map(|parameter| older.parameter(&parameter.name).is_some()).collect();
        let old = self.parameters.iter().zip(&is_old).filter(|(_, is_old)| **is_old);
        let is_above =
            old.clone().any(|(parameter, _)| parameter.conditions.iter().any(|on| !is_old[on.parent]));
        if is_above || is_old.iter().all(|&is_old| is_old) {
            return None;
        }
        let added = self.parameters.iter().zip(&is_old).filter(|(_, is_old)| !**is_old);
        let added = added.map(|(parameter, _)| (parameter.name.clone(), parameter.default.clone())).collect();
        let common = self.clone().keep(&is_old);
        let is_same = common.name == older.name
            && common.parameters == older.parameters
            && common.start == older.start
            && common.relations == older.relations;
        is_same.then_some(added)
    }

    /// `point` with those of the parameters `added` that it lacks and that are active at it. A point
    /// that is not in the space either way stays as it is.
    pub fn with_added(&self, point: &Point, added: &Point) -> Point {
        let mut whole = point.clone();
        for (name, value) in added.iter().filter(|(name, _)| point.get(name).is_none()) {
            whole.set(name, value.clone());
        }
        let complete = self.with_defaults(&whole);
        let has_same =
            |of: &Point, other: &Point| of.iter().all(|(name, value)| other.get(name) == Some(value));
        if has_same(&complete, &whole) && has_same(point, &complete) { complete } else { point.clone() }
    }
}

#[cfg(test)]
mod tests {
    use crate::space::{Point, Space, Value};

    const CODED: &str = r#"{"name": "coded", "parameters": {
        "gain": {"type": "float", "low": 0, "high": 1, "when": {"coding": ["graded"]}},
        "coding": {"type": "categorical", "choices": ["graded", "threshold", "thermometer"]},
        "levels": {"type": "int", "low": 2, "high": 8, "when": {"coding": ["graded", "thermometer"]}},
        "odd": {"type": "int", "low": 0, "high": 1, "when": {"levels": [3, 5]}}
    }}"#;

    #[test]
    fn what_can_no_longer_be_active_goes_and_the_rest_keeps_its_parents() {
        let space = Space::from_json(CODED, "coded.json").expect("right");
        let space = space.restrict("coding", |value| value != &Value::from("graded"));
        let names: Vec<&str> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(names, ["coding", "levels", "odd"]);
        assert_eq!(space.default_point().get("coding"), Some(&Value::from("threshold")));
        assert_eq!(space.decode(&[0.9, 0.2, 0.9]).len(), 3);
        assert_eq!(space.decode(&[0.1, 0.3, 0.9]).len(), 1);
    }

    #[test]
    fn a_space_without_the_parameter_or_that_would_lose_it_stays() {
        let space = Space::from_json(CODED, "coded.json").expect("right");
        assert_eq!(space.clone().restrict("nothing", |_| false), space);
        assert_eq!(space.clone().restrict("coding", |_| false), space);
    }

    const OLD: &str = r#"{"name": "s", "start": [{"rule": "sgd"}], "parameters": {
        "rule": {"type": "categorical", "choices": ["adam", "sgd"]},
        "a": {"type": "float", "low": 0, "high": 1}, "b": {"type": "float", "low": 0, "high": 1}},
        "relations": ["a >= b"]}"#;

    #[test]
    fn parameters_that_were_added_are_found_and_any_other_change_is_not_taken_for_that() {
        let read = |text: &str| Space::from_json(text, "s.json").expect("right");
        let old = read(OLD);
        let added = |text: &str| {
            Some(read(text).added_to(&old)?.iter().map(|(_, value)| value.to_string()).collect())
        };
        let with = |parameters: &str| OLD.replace(r#""a": "#, &format!(r#"{parameters}, "a": "#));
        let momentum = r#""momentum": {"type": "float", "low": 0, "high": 1, "default": 0.25, "when": {"rule": ["sgd"]}}"#;
        let layers = r#""layers": {"type": "int", "low": 1, "high": 3}"#;
        assert_eq!(added(&with(momentum)), Some(vec!["0.25".to_owned()]));
        assert_eq!(
            added(&with(&format!("{layers}, {momentum}"))),
            Some(vec!["2".to_owned(), "0.25".to_owned()])
        );
        assert_eq!(added(OLD), None);
        for (here, there) in [
            (r#""high": 1}, "b""#, r#""high": 2}, "b""#),
            (r#""name": "s""#, r#""name": "t""#),
            (r#"["a >= b"]"#, r#"["a >= b", "a + layers >= 1"]"#),
            (r#""rule": "sgd""#, r#""rule": "adam""#),
            (r#""low": 0, "high": 1}}"#, r#""low": 0, "high": 1, "when": {"layers": [1]}}}"#),
        ] {
            let text = with(layers);
            assert!(text.contains(here), "{here}");
            assert_eq!(added(&text.replace(here, there)), None, "{there}");
        }
        assert_eq!(old.added_to(&read(&with(layers))), None, "a parameter went");
    }

    #[test]
    fn an_older_point_gets_the_parameters_that_are_active_at_it() {
        let text = OLD.replace(
            r#""a": "#,
            r#""momentum": {"type": "float", "low": 0, "high": 1, "when": {"rule": ["sgd"]}}, "a": "#,
        );
        let space = Space::from_json(&text, "s.json").expect("right");
        let added: Point = [("momentum", 0.9)].into_iter().collect();
        let with = |text: &str| {
            let point = space.with_added(&serde_json::from_str(text).expect("a point"), &added);
            serde_json::to_string(&point).expect("JSON")
        };
        let old = r#"{"rule":"sgd","a":0.5,"b":0.1}"#;
        assert_eq!(with(old), r#"{"rule":"sgd","momentum":0.9,"a":0.5,"b":0.1}"#);
        for same in [
            r#"{"rule":"adam","a":0.5,"b":0.1}"#,
            r#"{"rule":"sgd","momentum":0.1,"a":0.5,"b":0.1}"#,
            "{}",
            r#"{"rule":"sgd","c":1}"#,
        ] {
            assert_eq!(with(same), same);
        }
    }
}

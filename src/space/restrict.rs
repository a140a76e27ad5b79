//! Spaces with fewer choices: data or chip may rule some out before the search begins.

use super::{Domain, Space, Value};

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
        let place: Vec<usize> = possible
            .iter()
            .scan(0, |next, &possible| {
                *next += usize::from(possible);
                Some(*next - usize::from(possible))
            })
            .collect();
        let mut kept = possible.iter();
        self.parameters.retain(|_| *kept.next().expect("one flag per parameter"));
        for condition in self.parameters.iter_mut().flat_map(|parameter| &mut parameter.conditions) {
            condition.parent = place[condition.parent];
        }
        self.order = self.order.iter().filter(|&&index| possible[index]).map(|&index| place[index]).collect();
        let names: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        self.relations
            .retain(|relation| relation.terms.iter().all(|(name, _)| names.contains(&name.as_str())));
        self.start = self.start.iter().map(|point| self.completed(point)).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::space::{Space, Value};

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
}

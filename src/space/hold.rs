//! Spaces in which some parameters hold one value in every point that is proposed.
//!
//! The domains stay as they are. So points with other values are still points of the space, and a
//! search still learns from them.

use super::related::{Unsatisfied, anchor};
use super::relation::Relation;
use super::{Domain, Parameter, Point, Space, SpaceError, Value};

impl Space {
    /// The space in which each parameter of `values` holds its value wherever it is active:
    /// [`Space::decode`], [`Space::enumerate`], [`Space::proposed`] and [`Space::starting_points`]
    /// return no other points. It replaces the values that were held before.
    ///
    /// ```
    /// use spiketune::space::{Point, Space, Value};
    ///
    /// let text = r#"{"name": "s", "parameters": {"n": {"type": "int", "low": 1, "high": 9},
    ///     "x": {"type": "float", "low": 0, "high": 1}}}"#;
    /// let space = Space::from_json(text, "s.json")?;
    /// let held = space.holding(&[("n", 7)].into_iter().collect())?;
    /// assert_eq!(held.decode(&[0.0, 0.5]).get("n"), Some(&Value::Int(7)));
    /// assert_eq!(held.check(&[("n", Value::Int(3)), ("x", 0.5.into())].into_iter().collect()), Ok(()));
    /// # Ok::<(), spiketune::space::SpaceError>(())
    /// ```
    ///
    /// # Errors
    /// A parameter is not in the space or can never be active with these values, a value is outside
    /// its domain, or no point with these values keeps the relations.
    pub fn holding(mut self, values: &Point) -> Result<Self, SpaceError> {
        let values = self.adopt(values);
        for (name, value) in values.iter() {
            let (name, value, space) = (name.to_owned(), value.clone(), self.name.clone());
            match self.parameter(&name) {
                None => return Err(self.unknown(name)),
                Some(parameter) if !parameter.domain.contains(&value) => {
                    let rule = parameter.domain.to_string();
                    return Err(SpaceError::Outside { name, value, space, rule });
                }
                Some(_) => {}
            }
        }
        self.held = values;
        let possible = self.check_held_are_possible()?;
        self.anchor = self.held_anchor(&possible)?;
        Ok(self)
    }

    /// The values that are held.
    pub fn held(&self) -> &Point {
        &self.held
    }

    /// `point` as a complete point of this space, see [`Space::completed`], with the values that are
    /// held.
    pub fn proposed(&self, point: &Point) -> Point {
        if self.held.is_empty() {
            return self.completed(point);
        }
        let mut point = point.clone();
        self.held.iter().for_each(|(name, value)| point.set(name, value.clone()));
        self.completed(&point)
    }

    /// For each searched parameter the coordinate that is held; `None` where none is.
    pub fn held_coordinates(&self) -> Vec<Option<f64>> {
        let coordinate = |parameter: &Parameter| parameter.domain.encode(self.held.get(&parameter.name)?);
        self.searched().map(coordinate).collect()
    }

    /// For each parameter whether it can be active with the held values.
    ///
    /// # Errors
    /// A held value is that of a parameter that can never be active with the others.
    fn check_held_are_possible(&self) -> Result<Vec<bool>, SpaceError> {
        let mut possible = vec![true; self.parameters.len()];
        for &index in &self.order {
            let parameter = &self.parameters[index];
            let broken = parameter.conditions.iter().find(|condition| {
                let held = self.held.get(&self.parameters[condition.parent].name);
                !possible[condition.parent] || held.is_some_and(|value| !condition.values.contains(value))
            });
            possible[index] = broken.is_none();
            if let (Some(condition), Some(value)) = (broken, self.held.get(&parameter.name)) {
                let parent = &self.parameters[condition.parent].name;
                let values: Vec<String> = condition.values.iter().map(Value::to_string).collect();
                let (name, needs) = (parameter.name.clone(), format!("{parent} = {}", values.join(" or ")));
                return Err(SpaceError::NeverActive { name, value: value.clone(), needs });
            }
        }
        Ok(possible)
    }

    /// The anchor of the relations between `possible` parameters, with the values that are held. A
    /// relation of another one holds everywhere.
    fn held_anchor(&self, possible: &[bool]) -> Result<Vec<(String, Value)>, SpaceError> {
        let mut parameters = self.parameters.clone();
        for parameter in &mut parameters {
            if let Some(value) = self.held.get(&parameter.name) {
                parameter.domain = Domain::Fixed { value: value.clone() };
            }
        }
        let is_possible = |name: &str| {
            parameters.iter().zip(possible).any(|(parameter, &possible)| possible && parameter.name == name)
        };
        let matter = |relation: &&Relation| relation.terms.iter().all(|(name, _)| is_possible(name));
        let relations: Vec<Relation> = self.relations.iter().filter(matter).cloned().collect();
        anchor(&relations, &parameters).map_err(|reason| SpaceError::Contradiction {
            relations: match reason {
                Unsatisfied::Contradiction(relations) => relations.join(" and "),
                Unsatisfied::Unsolved(reason) => reason,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::seed::Seed;

    const NET: &str = r#"{"name": "net", "start": [{"wide": 9, "layers": 1}, {"wide": 2, "layers": 1}], "parameters": {
        "layers": {"type": "int", "low": 0, "high": 2},
        "wide": {"type": "int", "low": 1, "high": 9, "when": {"layers": [1, 2]}},
        "narrow": {"type": "int", "low": 1, "high": 9, "when": {"layers": [2]}},
        "rule": {"type": "categorical", "choices": ["a", "b"]},
        "kind": {"type": "fixed", "value": "dense"}},
        "relations": ["wide >= narrow"]}"#;

    fn held(values: &str) -> Result<Space, SpaceError> {
        Space::from_json(NET, "net.json")?.holding(&serde_json::from_str(values).expect("a point"))
    }

    #[test]
    fn every_proposed_point_has_the_values_where_they_are_active_and_keeps_the_relations() {
        let space = held(r#"{"wide": 4, "rule": "b"}"#).expect("right");
        let mut stream = Seed::root(1).stream();
        let mut deep = 0;
        for _ in 0..500 {
            let unit: Vec<f64> = (0..space.dimension()).map(|_| stream.random()).collect();
            let point = space.decode(&unit);
            assert_eq!(space.check(&point), Ok(()));
            assert_eq!(point.get("rule"), Some(&"b".into()));
            assert!([None, Some(&Value::Int(4))].contains(&point.get("wide")), "{point:?}");
            deep += usize::from(point.get("narrow").is_some());
        }
        assert!(deep > 100, "{deep}");
        // No layer, one layer, or two with a second one of 1 to 4.
        assert_eq!(space.enumerate(100).expect("a small space").len(), 6);
        assert_eq!(space.held_coordinates(), [None, Some(3.5 / 9.0), None, Some(0.75)]);
    }

    #[test]
    fn starting_points_hold_the_values_and_come_once_and_other_points_stay_in_the_space() {
        let space = held(r#"{"wide": 4.0, "layers": 1, "kind": "dense"}"#).expect("right");
        let expected: Point =
            serde_json::from_str(r#"{"layers": 1, "wide": 4, "rule": "a", "kind": "dense"}"#)
                .expect("a point");
        assert_eq!(space.starting_points(), std::slice::from_ref(&expected));
        let other: Point =
            serde_json::from_str(r#"{"layers": 0, "rule": "b", "kind": "dense"}"#).expect("a point");
        assert!(space.encode(&other).is_ok());
        assert_eq!(space.completed(&other), other);
        assert_eq!(space.proposed(&other).get("wide"), Some(&Value::Int(4)));
        let free = space.holding(&Point::default()).expect("right");
        assert_eq!(free.starting_points().len(), 3);
        assert_eq!(free, Space::from_json(NET, "net.json").expect("right"));
    }

    #[test]
    fn values_that_no_point_can_hold_are_refused() {
        let error = |values: &str| held(values).expect_err("wrong").to_string();
        assert_eq!(
            error(r#"{"widt": 3}"#),
            "unknown parameter \"widt\" in the space net; did you mean \"wide\"?"
        );
        assert_eq!(
            error(r#"{"wide": 10}"#),
            "wide = 10 is outside the space net: must be a whole number from 1 to 9"
        );
        assert_eq!(
            error(r#"{"narrow": 3, "layers": 1}"#),
            "narrow = 3 can never be active with these values: it needs layers = 2"
        );
        assert_eq!(
            error(r#"{"narrow": 3, "wide": 2}"#),
            "no point with these values keeps the relation wide >= narrow: choose other values"
        );
        assert!(held(r#"{"kind": "sparse"}"#).is_err());
    }

    #[test]
    fn a_relation_of_a_parameter_that_cannot_be_active_refuses_no_value() {
        let text = r#"{"name": "s", "parameters": {"o": {"type": "categorical", "choices": ["x", "y"]},
            "k": {"type": "int", "low": 1, "high": 20},
            "z": {"type": "int", "low": 0, "high": 10, "when": {"o": ["y"]}}}, "relations": ["z + k >= 12"]}"#;
        let space = Space::from_json(text, "s.json").expect("right");
        let held = |text: &str| space.clone().holding(&serde_json::from_str(text).expect("a point"));
        assert!(held(r#"{"o": "x", "k": 1}"#).is_ok());
        assert!(held(r#"{"o": "y", "k": 1}"#).is_err());
    }
}

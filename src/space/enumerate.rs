//! All points of a small space.

use super::{Point, Space, Value};

impl Space {
    /// Every point of the space with the values that are held, each once; `None` if there are more
    /// than `limit`.
    pub fn enumerate(&self, limit: usize) -> Option<Vec<Point>> {
        let mut points = Vec::new();
        let defaults = self.parameters.iter().map(|parameter| parameter.default.clone()).collect();
        self.extend(0, defaults, limit, &mut points).then_some(points)
    }

    /// Adds all points whose first `depth` parameters, in the space's order, have the values in
    /// `values`. Returns `false` if there are more than `limit`.
    ///
    /// Parents come first in the order, so earlier values decide whether a parameter is active. An
    /// inactive parameter is skipped, so no point comes twice.
    fn extend(&self, depth: usize, values: Vec<Value>, limit: usize, points: &mut Vec<Point>) -> bool {
        let Some(&index) = self.order.get(depth) else {
            let point = self.keep_active(values);
            if self.broken(&point).is_none() {
                points.push(point);
            }
            return points.len() <= limit;
        };
        let parameter = &self.parameters[index];
        if self.keep_active(values.clone()).get(&parameter.name).is_none() {
            return self.extend(depth + 1, values, limit, points);
        }
        let mut with = |value: Value| {
            let mut values = values.clone();
            values[index] = value;
            self.extend(depth + 1, values, limit, points)
        };
        match (self.held.get(&parameter.name), parameter.domain.size()) {
            (Some(held), _) => with(held.clone()),
            (None, Some(size)) => (0..size).all(|k| with(parameter.domain.value_at(k))),
            (None, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"name": "small", "parameters": {
        "b": {"type": "int", "low": 0, "high": 2, "when": {"a": ["x"]}},
        "a": {"type": "categorical", "choices": ["x", "y"]},
        "c": {"type": "float", "low": 0, "high": 1, "step": 0.5, "when": {"b": [1, 2]}},
        "d": {"type": "fixed", "value": 7}
    }}"#;

    #[test]
    fn every_point_comes_once_and_a_limit_holds() {
        let space = Space::from_json(SMALL, "small.json").expect("right");
        // a = y: 1 point; a = x: b = 0: 1, b = 1: 3, b = 2: 3.
        let points = space.enumerate(8).expect("there are eight");
        assert_eq!(points.len(), 8);
        for (index, point) in points.iter().enumerate() {
            assert_eq!(space.check(point), Ok(()));
            assert!(!points[..index].contains(point), "{point:?} came twice");
        }
        assert_eq!(space.enumerate(7), None);
    }

    #[test]
    fn a_continuous_domain_cannot_be_enumerated() {
        let text = r#"{"name": "t", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
        assert_eq!(Space::from_json(text, "t.json").expect("right").enumerate(usize::MAX), None);
    }
}

//! The map between points and the unit cube, in which searches work.
//!
//! The cube has one coordinate for each parameter that is not fixed, in the space's order. A domain
//! of n values divides [0, 1] into n cells, and a value lies at the centre of its cell. On a
//! logarithmic scale the cell of a whole number reaches half a step to either side, so small
//! numbers have wide cells. A continuous domain maps linearly or logarithmically onto the whole of
//! [0, 1].

use super::{Domain, Parameter, Point, Space, SpaceError, Value};

/// The coordinate of a parameter that is not active.
pub const INACTIVE: f64 = 0.5;

impl Domain {
    /// The coordinate of `value` in [0, 1]; `None` if the value is not in the domain.
    pub fn encode(&self, value: &Value) -> Option<f64> {
        if !self.contains(value) {
            return None;
        }
        match (self, value) {
            (&Domain::Float { low, high, log, step: None }, &Value::Float(x)) => {
                Some(Scale::new(low, high, log).position(x))
            }
            (&Domain::Int { low, high, log: true, .. }, &Value::Int(n)) => {
                let (floor, ratio) = padded(low, high);
                Some((n as f64 / floor).ln() / ratio)
            }
            _ => {
                let (index, size) = (self.index_of(value)?, self.size()?);
                Some((index as f64 + 0.5) / size as f64)
            }
        }
    }

    /// The value at the coordinate `u`, which is first clamped to [0, 1].
    pub fn decode(&self, u: f64) -> Value {
        let u = u.clamp(0.0, 1.0);
        match *self {
            // Returns exactly the number in the space file, which the formulas would miss by
            // rounding.
            Domain::Float { high, step: None, .. } if u == 1.0 => Value::Float(high),
            Domain::Float { low, high, log, step: None } => {
                Value::Float(Scale::new(low, high, log).at(u).clamp(low, high))
            }
            Domain::Int { low, high, log: true, .. } => {
                let (floor, ratio) = padded(low, high);
                Value::Int(((floor * (u * ratio).exp()).round() as i64).clamp(low, high))
            }
            _ => {
                let size = self.size().expect("a continuous domain was decoded above");
                self.value_at(index_at(u, size))
            }
        }
    }

    /// The coordinate of the value at the coordinate `u`: that of [`Self::encode`], without the value
    /// where all cells are equally wide.
    pub(crate) fn snap(&self, u: f64) -> f64 {
        match (self, self.size()) {
            (_, None) => u.clamp(0.0, 1.0),
            (Domain::Categorical { .. } | Domain::Int { log: false, .. }, Some(size)) => {
                (index_at(u.clamp(0.0, 1.0), size) as f64 + 0.5) / size as f64
            }
            _ => self.encode(&self.decode(u)).unwrap_or(u),
        }
    }

    /// The cell of the coordinate `u`: the lowest and the highest coordinate that stand for the
    /// same value. In a continuous domain both are `u`.
    ///
    /// ```
    /// use spiketune::space::{Domain, Value};
    ///
    /// let domain = Domain::Categorical { choices: ["a", "b", "c", "d"].map(Value::from).to_vec() };
    /// assert_eq!(domain.cell(0.3), (0.25, 0.5));
    /// ```
    pub fn cell(&self, u: f64) -> (f64, f64) {
        match (self, self.decode(u)) {
            (&Domain::Int { low, high, log: true, .. }, Value::Int(n)) => {
                let (floor, ratio) = padded(low, high);
                let edge = |x: f64| ((x / floor).ln() / ratio).clamp(0.0, 1.0);
                (edge(n as f64 - 0.5), edge(n as f64 + 0.5))
            }
            (domain, value) => match (domain.index_of(&value), domain.size()) {
                (Some(index), Some(size)) => (index as f64 / size as f64, (index + 1) as f64 / size as f64),
                _ => (u, u),
            },
        }
    }

    /// The value in the middle of the scale, at the coordinate 1/2.
    pub(super) fn middle(&self) -> Value {
        self.decode(0.5)
    }
}

/// The map between the numbers of a continuous domain and [0, 1].
#[derive(Clone, Copy)]
enum Scale {
    /// A linear scale that begins at `low`; `width` is a finite number.
    Linear { low: f64, width: f64 },
    /// A linear scale whose width is too large for a number, so half of it is used.
    LinearWide { low: f64, high: f64 },
    /// A logarithmic scale that begins at `low`. `ln_ratio` is the logarithm of high / low, finite
    /// and positive.
    Log { low: f64, ln_ratio: f64 },
    /// A logarithmic scale with a ratio that is too large for a number. The logarithms of both ends
    /// are used instead.
    LogWide { low: f64, high: f64 },
}

impl Scale {
    /// The scale from `low` to `high`, which are finite numbers with `low` below `high`. If `log`,
    /// the scale is logarithmic, and both are positive.
    fn new(low: f64, high: f64, log: bool) -> Self {
        let (width, ln_ratio) = (high - low, (high / low).ln());
        match log {
            true if ln_ratio.is_infinite() => Scale::LogWide { low, high },
            true if ln_ratio > 0.0 => Scale::Log { low, ln_ratio },
            // The ends are neighbouring numbers, whose ratio is rounded to 1. No number lies
            // between them.
            _ if width.is_finite() => Scale::Linear { low, width },
            _ => Scale::LinearWide { low, high },
        }
    }

    /// The coordinate in [0, 1] of `x`, a number of the domain.
    fn position(self, x: f64) -> f64 {
        match self {
            Scale::Linear { low, width } => (x - low) / width,
            Scale::LinearWide { low, high } => (0.5 * x - 0.5 * low) / (0.5 * high - 0.5 * low),
            Scale::Log { low, ln_ratio } => (x / low).ln() / ln_ratio,
            Scale::LogWide { low, high } => (x.ln() - low.ln()) / (high.ln() - low.ln()),
        }
    }

    /// The number at the coordinate `u` in [0, 1], up to rounding.
    fn at(self, u: f64) -> f64 {
        match self {
            Scale::Linear { low, width } => low + u * width,
            Scale::LinearWide { low, high } => (1.0 - u) * low + u * high,
            Scale::Log { low, ln_ratio } => low * (u * ln_ratio).exp(),
            Scale::LogWide { low, .. } if u == 0.0 => low,
            Scale::LogWide { low, high } => ((1.0 - u) * low.ln() + u * high.ln()).exp(),
        }
    }
}

/// The index of the value at `u` in [0, 1] among `size` values with equally wide cells.
fn index_at(u: f64, size: u64) -> u64 {
    ((u * size as f64) as u64).min(size - 1)
}

/// The range from `low - 1/2` to `high + 1/2`: its lower end, and the logarithm of the ratio of its
/// ends.
fn padded(low: i64, high: i64) -> (f64, f64) {
    let floor = low as f64 - 0.5;
    (floor, ((high as f64 + 0.5) / floor).ln())
}

impl Space {
    /// The coordinates of `point`, one for each of the [`Space::dimension`] searched parameters. A
    /// parameter without a value gets [`INACTIVE`].
    ///
    /// # Errors
    /// The point is not in this space.
    pub fn encode(&self, point: &Point) -> Result<Vec<f64>, SpaceError> {
        self.check(point)?;
        let coordinate = |parameter: &Parameter| {
            point.get(&parameter.name).and_then(|value| parameter.domain.encode(value)).unwrap_or(INACTIVE)
        };
        Ok(self.searched().map(coordinate).collect())
    }

    /// The point at the coordinates `unit` of the unit cube, one for each searched parameter. If
    /// they break a relation, its numbers are moved until they do not. Held values take the place of
    /// their coordinates, see [`Space::holding`].
    ///
    /// # Panics
    /// If `unit` is shorter than [`Space::dimension`].
    pub fn decode(&self, unit: &[f64]) -> Point {
        self.related(self.values_at(unit))
    }

    /// The values of all parameters, active or not, at the coordinates `unit`; held ones as they are
    /// held.
    pub(super) fn values_at(&self, unit: &[f64]) -> Vec<Value> {
        let mut coordinates = unit.iter();
        let value = |parameter: &Parameter| match &parameter.domain {
            Domain::Fixed { value } => value.clone(),
            domain => {
                let u = *coordinates.next().expect("one coordinate per searched parameter");
                self.held.get(&parameter.name).cloned().unwrap_or_else(|| domain.decode(u))
            }
        };
        self.parameters.iter().map(value).collect()
    }

    /// Whether each searched parameter is active at `unit`, in the order of the coordinates.
    pub fn active(&self, unit: &[f64]) -> Vec<bool> {
        let point = self.decode(unit);
        self.searched().map(|parameter| point.get(&parameter.name).is_some()).collect()
    }

    /// The point that has those of `values` whose conditions hold. `values` has one value per
    /// parameter.
    pub(super) fn keep_active(&self, values: Vec<Value>) -> Point {
        let mut active = vec![false; values.len()];
        for &index in &self.order {
            active[index] = self.parameters[index].conditions.iter().all(|condition| {
                active[condition.parent] && condition.values.contains(&values[condition.parent])
            });
        }
        let pairs = self.parameters.iter().zip(values).zip(active);
        pairs
            .filter(|&(_, active)| active)
            .map(|((parameter, value), _)| (parameter.name.clone(), value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NESTED: &str = r#"{"name": "nested", "parameters": {
        "momentum": {"type": "float", "low": 0.0, "high": 0.9, "step": 0.1, "when": {"rule": ["sgd"]}},
        "nesterov": {"type": "categorical", "choices": [true, false, null, 3, 0.5, "3"],
                     "when": {"momentum_on": [1], "rule": ["sgd"]}},
        "momentum_on": {"type": "int", "low": 0, "high": 1, "when": {"rule": ["sgd"]}},
        "rule": {"type": "categorical", "choices": ["adam", "sgd"]},
        "rate": {"type": "float", "low": 1e-5, "high": 10.0, "log": true},
        "width": {"type": "int", "low": 1, "high": 5000, "log": true},
        "epochs": {"type": "int", "low": -6, "high": 60, "step": 3},
        "kind": {"type": "fixed", "value": "dense"}
    }}"#;

    fn nested() -> Space {
        Space::from_json(NESTED, "nested.json").expect("right")
    }

    fn cube() -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec(0.0..=1.0, nested().dimension())
    }

    proptest! {
        #[test]
        fn a_decoded_point_is_in_the_space_and_encodes_to_itself(unit in cube()) {
            let space = nested();
            let point = space.decode(&unit);
            prop_assert_eq!(space.check(&point), Ok(()));
            let back = space.decode(&space.encode(&point).expect("in the space"));
            for (name, value) in point.iter() {
                match (value, back.get(name)) {
                    // A continuous coordinate comes back up to rounding, any other exactly.
                    (Value::Float(x), Some(Value::Float(y))) if name == "rate" => {
                        prop_assert!((x - y).abs() <= 1e-13 * x.abs());
                    }
                    (value, same) => prop_assert_eq!(Some(value), same),
                }
            }
            prop_assert_eq!(point.len(), back.len());
        }

        #[test]
        fn every_whole_number_survives_the_cube(low in 1i64..50, extra in 1i64..100_000, k in 0u64..100_000) {
            for log in [false, true] {
                let domain = Domain::Int { low, high: low + extra, log, step: 1 };
                let value = domain.value_at(k % domain.size().expect("finite"));
                let u = domain.encode(&value).expect("of the domain");
                prop_assert!((0.0..=1.0).contains(&u));
                prop_assert_eq!(domain.decode(u), value);
            }
        }

        #[test]
        fn the_coordinate_of_a_value_is_found_without_the_value(u in 0.0..=1.0, low in 1i64..50, width in 1i64..200, step in 1i64..4) {
            let whole = |log| Domain::Int { low, high: low + width * step, log, step: if log { 1 } else { step } };
            let choices = (0..width).map(Value::Int).collect();
            let stepped = Domain::Float { low: 0.0, high: 0.1 * width as f64, log: false, step: Some(0.1) };
            for domain in [whole(false), whole(true), Domain::Categorical { choices }, stepped] {
                prop_assert_eq!(Some(domain.snap(u)), domain.encode(&domain.decode(u)), "{}", domain);
            }
        }

        #[test]
        fn a_cell_holds_the_coordinates_of_its_value(u in 0.0..1.0) {
            for parameter in nested().searched() {
                let domain = &parameter.domain;
                let (low, high) = domain.cell(u);
                prop_assert!((0.0..=u).contains(&low) && (u..=1.0).contains(&high), "{}: {} {}", domain, low, high);
                prop_assert_eq!(domain.decode(0.5 * (low + high)), domain.decode(u));
                prop_assert_eq!(low == high, domain.size().is_none());
            }
        }

        #[test]
        fn the_ends_of_a_continuous_domain_are_the_numbers_of_the_space(low in 1e-6..1.0, extra in 1e-6..10.0) {
            for log in [false, true] {
                let high = low + extra;
                let domain = Domain::Float { low, high, log, step: None };
                prop_assert_eq!(domain.decode(0.0), Value::Float(low));
                prop_assert_eq!(domain.decode(1.0), Value::Float(high));
                prop_assert_eq!(domain.encode(&Value::Float(high)), Some(1.0));
            }
        }

        #[test]
        fn every_step_survives_the_cube(low in -5.0..5.0, step in 1e-6..3.0, size in 2u32..500, k in 0u64..500) {
            let high = low + step * f64::from(size);
            let domain = Domain::Float { low, high, log: false, step: Some(step) };
            let value = domain.value_at(k % domain.size().expect("finite"));
            prop_assert_eq!(domain.decode(domain.encode(&value).expect("of the domain")), value);
        }
    }

    /// Ranges whose width or ratio is no finite number, or is rounded to nothing.
    const EXTREME: [(f64, f64, bool); 9] = [
        (-1e308, 1e308, false),
        (f64::MIN, f64::MAX, false),
        (-1.7e308, 2e307, false),
        (1e-308, 1e308, true),
        (f64::MIN_POSITIVE, f64::MAX, true),
        (5e-324, 1.0, true),
        (5e-324, f64::MAX, true),
        (1.9999999999999998, 2.0, true),
        (0.0, 1e-323, false),
    ];

    #[test]
    fn the_cube_fills_a_range_whose_width_or_ratio_is_no_number() {
        for (low, high, log) in EXTREME {
            let domain = Domain::Float { low, high, log, step: None };
            let at = |u: f64| domain.decode(u).as_f64().expect("a number");
            assert_eq!((at(0.0), at(1.0)), (low, high), "{domain}");
            let numbers: Vec<f64> = (0..=100).map(|k| at(f64::from(k) / 100.0)).collect();
            assert!(numbers.is_sorted(), "{domain}: {numbers:?}");
            for &x in &numbers {
                let u = domain.encode(&Value::Float(x)).expect("of the domain");
                assert!((0.0..=1.0).contains(&u), "{domain}: {x:?} lies at {u}");
                let (same, slack) = (at(u), 1e-12 * x.abs());
                assert!((same - x).abs() <= slack.max(f64::MIN_POSITIVE), "{domain}: {x:?} becomes {same:?}");
            }
        }
        for (low, high, log) in EXTREME.into_iter().take(7) {
            let domain = Domain::Float { low, high, log, step: None };
            let different: std::collections::BTreeSet<u64> = (0..100)
                .filter_map(|k| domain.decode(f64::from(k) / 100.0).as_f64())
                .map(f64::to_bits)
                .collect();
            assert_eq!(different.len(), 100, "{domain}");
        }
    }

    #[test]
    fn a_parameter_is_active_only_below_active_parents() {
        let space = nested();
        let names =
            |unit: &[f64]| space.decode(unit).iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        // momentum, nesterov, momentum_on, rule, rate, width, epochs
        assert_eq!(names(&[0.0, 0.0, 0.9, 0.0, 0.5, 0.5, 0.5]), ["rule", "rate", "width", "epochs", "kind"]);
        assert_eq!(names(&[0.0, 0.0, 0.9, 0.9, 0.5, 0.5, 0.5]).len(), 8);
        assert_eq!(names(&[0.0, 0.0, 0.1, 0.9, 0.5, 0.5, 0.5]).len(), 7);
        assert_eq!(
            space.active(&[0.0, 0.0, 0.1, 0.9, 0.5, 0.5, 0.5]),
            [true, false, true, true, true, true, true]
        );
    }

    #[test]
    fn the_smallest_whole_number_on_a_logarithmic_scale_has_the_widest_cell() {
        // The cells of 1 to 3 have the widths ln 3, ln 5/3, ln 7/5 of ln 7; so 1 lies at (ln 2)/(ln
        // 7).
        let domain = Domain::Int { low: 1, high: 3, log: true, step: 1 };
        let u = domain.encode(&Value::Int(1)).expect("of the domain");
        assert!((u - 2f64.ln() / 7f64.ln()).abs() < 1e-15);
        assert_eq!(domain.decode(3f64.ln() / 7f64.ln() - 1e-9), Value::Int(1));
        assert_eq!(domain.decode(3f64.ln() / 7f64.ln() + 1e-9), Value::Int(2));
    }

    #[test]
    fn a_point_outside_the_space_is_refused_with_the_name_of_the_parameter() {
        let space = nested();
        let mut point = space.default_point();
        point.set("width", 0i64);
        let message = space.encode(&point).expect_err("outside").to_string();
        assert_eq!(message, "width = 0 is outside the space nested: must be a whole number from 1 to 5000");
        let mut point = space.default_point();
        point.set("momentum", 0.1);
        assert!(
            space.encode(&point).expect_err("inactive").to_string().contains("momentum = 0.1 is not active")
        );
        assert!(space.check(&Point::default()).expect_err("empty").to_string().contains("rule is missing"));
    }
}

//! Points that keep the relations of their space.
//!
//! Numbers that satisfy linear inequalities are a convex set. One of its points, far from the
//! borders, is computed when a space is read. A point that breaks a relation is moved towards it.
//! Where relations leave a narrow band, all points would crowd around that one: there a point is
//! first moved to the nearest borders.

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOptions, Variable};

use super::relation::Relation;
use super::{Domain, Parameter, Point, Space, SpaceError, Value};

/// Half of the distance of the two coordinates between which the slope of a relation is taken: whole
/// numbers have steps.
const REACH: f64 = 0.05;
/// A point is first moved to the nearest borders if less than this share of its way to the anchor
/// keeps the relations.
const NARROW: f64 = 0.1;
/// How often it is moved onto the border of each relation that it breaks.
const PROJECTIONS: usize = 200;
/// How often a point is moved half of the rest of its way.
const HALVINGS: usize = 50;
/// The most steps of the search for whole numbers: a narrow band of large ones could take days.
const MOST_NODES: u64 = 2_000;
/// The largest number that the solver takes as a bound of a whole number.
const LARGEST_WHOLE: u64 = 1 << 30;

/// The border of a relation near a place of the unit cube, as if it were a plane.
pub struct Border {
    /// The distance from the place, negative if the relation is broken there.
    pub distance: f64,
    /// The direction away from the border, of length 1, into the side where the relation holds: one
    /// number for each searched parameter.
    pub normal: Vec<f64>,
}

impl Space {
    /// The relations between parameters, as the file has them.
    pub fn relations(&self) -> impl Iterator<Item = &str> {
        self.relations.iter().map(|relation| relation.text.as_str())
    }

    /// Whether the values at `unit`, one coordinate for each searched parameter, keep all relations
    /// as they are. If not, [`Space::decode`] moves them.
    pub fn keeps_relations(&self, unit: &[f64]) -> bool {
        self.relations.is_empty() || self.broken(&self.keep_active(self.values_at(unit))).is_none()
    }

    /// The borders of the relations between active numbers, as planes near `unit`.
    pub fn borders(&self, unit: &[f64]) -> Vec<Border> {
        let point = self.keep_active(self.values_at(unit));
        let border = |relation: &Relation| {
            let room = relation.room(&point)?;
            let slopes: Vec<f64> =
                self.searched().zip(unit).map(|(parameter, &u)| self.slope(relation, parameter, u)).collect();
            let length = slopes.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
            (length > 0.0 && length.is_finite()).then(|| Border {
                distance: room / length,
                normal: slopes.iter().map(|slope| slope / length).collect(),
            })
        };
        self.relations.iter().filter_map(border).collect()
    }

    /// By how much the room of `relation` grows with the coordinate of `parameter` around `u`.
    fn slope(&self, relation: &Relation, parameter: &Parameter, u: f64) -> f64 {
        let factor = relation.terms.iter().find(|(name, _)| *name == parameter.name).map(|term| term.1);
        let (Some(factor), false) = (factor, self.held.get(&parameter.name).is_some()) else { return 0.0 };
        let ends = [(u - REACH).max(0.0), (u + REACH).min(1.0)];
        let [low, high] = ends.map(|u| parameter.domain.decode(u).as_f64().unwrap_or(0.0));
        -factor * (high - low) / (ends[1] - ends[0])
    }

    /// The first relation that `point` breaks.
    pub(super) fn broken(&self, point: &Point) -> Option<&Relation> {
        self.relations.iter().find(|relation| !relation.holds(point))
    }

    /// Refuses a point that breaks a relation.
    pub(super) fn check_relations(&self, point: &Point) -> Result<(), SpaceError> {
        match self.broken(point) {
            None => Ok(()),
            Some(relation) => {
                Err(SpaceError::Relation { relation: relation.text.clone(), space: self.name.clone() })
            }
        }
    }

    /// The point of `values`, one for each parameter, active or not, moved until it keeps all relations.
    /// Only numbers of relations move, on the straight line towards [`anchor`]. Points beyond the border
    /// are mirrored at it, so that they do not crowd there. A number that moves may make others active.
    pub(super) fn related(&self, mut values: Vec<Value>) -> Point {
        if self.relations.is_empty() {
            return self.keep_active(values);
        }
        let point = self.keep_active(values.clone());
        if self.broken(&point).is_none() {
            return point;
        }
        let mut border = self.border(&point, &values);
        if border < NARROW {
            values = self.projected(&point, values);
            border = self.border(&self.keep_active(values.clone()), &values);
        }
        let mut share = mirrored(border);
        for _ in 0..HALVINGS {
            let moved = self.keep_active(self.towards_anchor(&values, share));
            if self.broken(&moved).is_none() {
                return moved;
            }
            share *= 0.5;
        }
        self.keep_active(self.towards_anchor(&values, 0.0))
    }

    /// `values`, which are those of `point`, with the numbers of broken relations moved near the nearest
    /// place that keeps all: first all numbers, then, between the steps of some, the others.
    fn projected(&self, point: &Point, values: Vec<Value>) -> Vec<Value> {
        let is_free = |parameter: &&Parameter| {
            let is_related = self.anchor.iter().any(|(name, _)| *name == parameter.name);
            is_related && self.held.get(&parameter.name).is_none() && point.get(&parameter.name).is_some()
        };
        let free: Vec<&Parameter> = self.parameters.iter().filter(is_free).collect();
        let mut moved = point.clone();
        self.project(&mut moved, &free);
        for parameter in &free {
            if let Some(number) = moved.get(&parameter.name).map(|number| on_grid(&parameter.domain, number))
            {
                moved.set(parameter.name.clone(), number);
            }
        }
        let continuous: Vec<&Parameter> =
            free.into_iter().filter(|parameter| parameter.domain.size().is_none()).collect();
        self.project(&mut moved, &continuous);
        let value =
            |(parameter, value): (&Parameter, Value)| moved.get(&parameter.name).cloned().unwrap_or(value);
        self.parameters.iter().zip(values).map(value).collect()
    }

    /// Moves the numbers `free` of `point` onto the border of each relation that it breaks, one after the
    /// other, until it breaks none: projections onto convex sets, Bregman 1967.
    fn project(&self, point: &mut Point, free: &[&Parameter]) {
        let free: Vec<(&str, f64, f64)> = free.iter().map(|parameter| bounds(parameter)).collect();
        for _ in 0..PROJECTIONS {
            if self.broken(point).is_none() {
                return;
            }
            self.relations.iter().for_each(|relation| relation.project(point, &free));
        }
    }

    /// The share of the way from the anchor to `point`, which is that of `values`, on which all relations
    /// between its numbers hold.
    fn border(&self, point: &Point, values: &[Value]) -> f64 {
        let anchored = self.parameters.iter().zip(self.towards_anchor(values, 0.0));
        let anchored = anchored.filter(|(parameter, _)| point.get(&parameter.name).is_some());
        let anchored: Point = anchored.map(|(parameter, value)| (parameter.name.clone(), value)).collect();
        let shares = self.relations.iter().filter_map(|relation| {
            let (here, there) = (relation.room(point)?, relation.room(&anchored)?);
            (here < 0.0).then(|| (there / (there - here)).clamp(0.0, 1.0))
        });
        shares.fold(1.0, f64::min)
    }

    /// `values` with the numbers of relations at `share` of the way from the anchor to them, on the
    /// grids of their domains, rounded towards the anchor. All of them at the anchor keep all relations,
    /// whichever are active.
    fn towards_anchor(&self, values: &[Value], share: f64) -> Vec<Value> {
        let moved = self.parameters.iter().zip(values).map(|(parameter, value)| {
            let anchor = self.anchor.iter().find(|(name, _)| *name == parameter.name);
            anchor
                .map_or_else(|| value.clone(), |(_, anchor)| between(&parameter.domain, anchor, value, share))
        });
        moved.collect()
    }
}

/// The place in [0, `border`] of a point at 1 that is mirrored at both ends.
fn mirrored(border: f64) -> f64 {
    if border <= 0.0 {
        return 0.0;
    }
    let place = 1.0 % (2.0 * border);
    if place <= border { place } else { 2.0 * border - place }
}

/// The name of `parameter`, its lowest and its highest number.
fn bounds(parameter: &Parameter) -> (&str, f64, f64) {
    let [low, high] = [0.0, 1.0].map(|unit| parameter.domain.decode(unit).as_f64().unwrap_or(0.0));
    (&parameter.name, low, high)
}

/// The value of `domain` that is nearest to `number`, which lies within its bounds.
fn on_grid(domain: &Domain, number: &Value) -> Value {
    let (Some(size), Some(x)) = (domain.size(), number.as_f64()) else { return number.clone() };
    let last = size - 1;
    let [low, high] = [0, last].map(|index| domain.value_at(index).as_f64().unwrap_or(0.0));
    let share = if high > low { (x - low) / (high - low) } else { 0.0 };
    domain.value_at(((share * last as f64).round().max(0.0) as u64).min(last))
}

/// The value at `share` of the way from `anchor` to `value`, rounded towards `anchor`.
fn between(domain: &Domain, anchor: &Value, value: &Value, share: f64) -> Value {
    match (domain, anchor, value) {
        (&Domain::Float { low, high, step: None, .. }, Value::Float(from), Value::Float(to)) => match share {
            0.0 => Value::Float(*from),
            _ => Value::Float((from + share * (to - from)).clamp(low, high)),
        },
        (Domain::Float { .. } | Domain::Int { .. }, from, to) => {
            let (Some(from), Some(to)) = (domain.index_of(from), domain.index_of(to)) else {
                return anchor.clone();
            };
            let steps = (share * (to as f64 - from as f64)).trunc() as i64;
            domain.value_at(from.saturating_add_signed(steps))
        }
        _ => value.clone(),
    }
}

/// Why relations are refused.
#[derive(Debug)]
pub(super) enum Unsatisfied<'a> {
    /// No point satisfies these together, the fewest such relations.
    Contradiction(Vec<&'a str>),
    /// The linear program could not be solved, for this reason.
    Unsolved(String),
}

/// For each parameter of `relations` a value, such that all relations hold with the most room on
/// all sides, relative to the ranges.
///
/// # Errors
/// See [`Unsatisfied`].
pub(super) fn anchor<'a>(
    relations: &'a [Relation],
    parameters: &[Parameter],
) -> Result<Vec<(String, Value)>, Unsatisfied<'a>> {
    let all: Vec<&Relation> = relations.iter().collect();
    if let Some(found) = solution(&all, parameters).map_err(Unsatisfied::Unsolved)? {
        return Ok(found);
    }
    // Whatever can be left out without making the rest possible is no part of the contradiction.
    let mut left = all;
    let mut at = 0;
    while at < left.len() {
        let relation = left.remove(at);
        if solution(&left, parameters).map_err(Unsatisfied::Unsolved)?.is_some() {
            left.insert(at, relation);
            at += 1;
        }
    }
    Err(Unsatisfied::Contradiction(left.into_iter().map(|relation| relation.text.as_str()).collect()))
}

/// Values that satisfy `relations`; `None` if there are none.
///
/// # Errors
/// Why none was found.
fn solution(
    relations: &[&Relation],
    parameters: &[Parameter],
) -> Result<Option<Vec<(String, Value)>>, String> {
    match program(relations, parameters, true)? {
        Found::Values(values) => Ok(Some(values)),
        Found::Nothing => Ok(None),
        // Numbers between the steps, rounded, may do.
        Found::TooManyNodes => match program(relations, parameters, false)? {
            Found::Values(values) => Ok(Some(values)),
            Found::Nothing => Ok(None),
            Found::TooManyNodes => Err("the search for whole numbers is too long".to_owned()),
        },
    }
}

/// What a linear program comes to.
enum Found {
    Values(Vec<(String, Value)>),
    Nothing,
    TooManyNodes,
}

/// Solves a linear program for `relations`: for numbers on their steps, or, unless `is_stepped`, for
/// any numbers, which are rounded then.
///
/// # Errors
/// The program could not be solved, or rounding breaks a relation.
fn program(relations: &[&Relation], parameters: &[Parameter], is_stepped: bool) -> Result<Found, String> {
    let is_named = |parameter: &&Parameter| {
        relations.iter().any(|relation| relation.terms.iter().any(|(name, _)| *name == parameter.name))
    };
    let named: Vec<&Parameter> = parameters.iter().filter(is_named).collect();
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let room = problem.add_var(1.0, (0.0, 1.0));
    let places: Vec<(Axis, Variable)> =
        named.iter().map(|parameter| place(&mut problem, parameter, is_stepped)).collect();
    for (axis, variable) in &places {
        if !axis.is_whole && axis.range > 0.0 {
            problem.add_constraint([(*variable, 1.0), (room, -1.0)], ComparisonOp::Ge, 0.0);
            problem.add_constraint([(*variable, 1.0), (room, 1.0)], ComparisonOp::Le, 1.0);
        }
    }
    for relation in relations {
        let factor =
            |name: &str| relation.terms.iter().find(|(known, _)| known == name).map_or(0.0, |term| term.1);
        let factors: Vec<f64> = named.iter().map(|parameter| factor(&parameter.name)).collect();
        let of = |at: usize| factors[at] * places[at].0.unit;
        let bound = relation.bound - (0..named.len()).map(|at| factors[at] * places[at].0.low).sum::<f64>();
        let ranges: f64 = (0..named.len()).map(|at| (factors[at] * places[at].0.range).abs()).sum();
        let scale =
            (0..named.len()).map(|at| of(at).abs()).fold(bound.abs(), f64::max).max(f64::MIN_POSITIVE);
        let mut terms: Vec<(Variable, f64)> =
            (0..named.len()).map(|at| (places[at].1, of(at) / scale)).filter(|term| term.1 != 0.0).collect();
        terms.push((room, ranges / scale));
        problem.add_constraint(terms, ComparisonOp::Le, bound / scale);
    }
    let mut options = SolveOptions::default();
    options.node_limit = Some(MOST_NODES);
    let found = match problem.solve_with(options) {
        Err(microlp::Error::Infeasible) => return Ok(Found::Nothing),
        Err(error) => return Err(error.to_string()),
        Ok(outcome) => match outcome.into_solution() {
            Ok(found) => found,
            Err(_) => return Ok(Found::TooManyNodes),
        },
    };
    let value = |(parameter, (axis, variable)): (&&Parameter, &(Axis, Variable))| {
        (parameter.name.clone(), axis.value(&parameter.domain, found.var_value(*variable)))
    };
    let values: Vec<(String, Value)> = named.iter().zip(&places).map(value).collect();
    let point: Point = values.iter().cloned().collect();
    match relations.iter().all(|relation| relation.holds(&point)) {
        true => Ok(Found::Values(values)),
        false => Err("rounding breaks a relation".to_owned()),
    }
}

/// The numbers of a domain as a variable of the solver: `low` plus the variable times `unit`.
struct Axis {
    low: f64,
    unit: f64,
    /// The distance of the largest and the smallest number.
    range: f64,
    /// The variable counts steps.
    is_whole: bool,
}

/// Adds the variable of `parameter` to `problem`, which takes whole steps alone if `is_stepped`.
fn place(problem: &mut Problem, parameter: &Parameter, is_stepped: bool) -> (Axis, Variable) {
    let number = |value: Value| value.as_f64().unwrap_or(0.0);
    match (&parameter.domain, parameter.domain.size()) {
        (Domain::Fixed { value }, _) => {
            let axis = Axis { low: number(value.clone()), unit: 0.0, range: 0.0, is_whole: false };
            (axis, problem.add_var(0.0, (0.0, 1.0)))
        }
        (domain, Some(size)) => {
            let (low, high) = (number(domain.value_at(0)), number(domain.value_at(size - 1)));
            let last = (size - 1).min(LARGEST_WHOLE);
            let axis = Axis { low, unit: (high - low) / last as f64, range: high - low, is_whole: true };
            let variable = match is_stepped {
                true => problem.add_integer_var(0.0, (0, last as i32)),
                false => problem.add_var(0.0, (0.0, last as f64)),
            };
            (axis, variable)
        }
        (domain, None) => {
            let (low, high) = (number(domain.decode(0.0)), number(domain.decode(1.0)));
            (
                Axis { low, unit: high - low, range: high - low, is_whole: false },
                problem.add_var(0.0, (0.0, 1.0)),
            )
        }
    }
}

impl Axis {
    /// The value of `domain` at `variable`.
    fn value(&self, domain: &Domain, variable: f64) -> Value {
        match (domain, domain.size()) {
            (Domain::Fixed { value }, _) => value.clone(),
            (&Domain::Float { low, high, .. }, None) => {
                Value::Float((self.low + variable * self.unit).clamp(low, high))
            }
            (domain, Some(size)) => {
                let index = (variable.round() * self.unit / self.range * (size - 1) as f64).round();
                domain.value_at((index.max(0.0) as u64).min(size - 1))
            }
            (domain, None) => domain.decode(0.5),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::seed::{Seed, Stream};

    /// A random space of two to five numbers and a choice, with up to three random relations. The choice, or
    /// the first number, makes others active.
    fn random_space(stream: &mut Stream) -> String {
        let count = stream.random_range(2..6);
        let mut parameters = vec![r#""rule": {"type": "categorical", "choices": ["a", "b"]}"#.to_owned()];
        for k in 0..count {
            let when = match stream.random_range(0..5) {
                0 => WHEN[0],
                1 if k > 0 => WHEN[1],
                _ => "",
            };
            let domain = match stream.random_range(0..4) {
                _ if k == 0 => r#""int", "low": 1, "high": 8"#,
                0 => r#""float", "low": 0.001, "high": 1, "log": true"#,
                1 => r#""float", "low": -1, "high": 1, "step": 0.25"#,
                2 => r#""int", "low": 1, "high": 40, "log": true"#,
                _ => r#""float", "low": -2, "high": 3"#,
            };
            parameters.push(format!(r#""x_{k}": {{"type": {domain}{when}}}"#));
        }
        let mut relation = |_| {
            let first = stream.random_range(0..count);
            let mut term = |k: usize| format!("{:.2} * x_{k}", stream.random_range(-2.0..2.0) + 0.001);
            let (one, other) = (term(first), term((first + 1) % count));
            let sign = if stream.random_bool(0.5) { "<=" } else { ">=" };
            let bound = stream.random_range(-1.0..6.0);
            format!(r#""{one} + {other} {sign} {bound:.2}""#).replace("+ -", "- ")
        };
        let relations: Vec<String> = (0..3).map(&mut relation).collect();
        format!(
            r#"{{"name": "s", "parameters": {{{}}}, "relations": [{}]}}"#,
            parameters.join(", "),
            relations.join(", ")
        )
    }

    /// Conditions of a random space.
    const WHEN: [&str; 2] = [r#", "when": {"rule": ["b"]}"#, r#", "when": {"x_0": [2, 3, 7]}"#];

    #[test]
    fn every_point_of_a_random_space_keeps_its_relations_or_none_can() {
        let count = std::env::var("TUNE_SPACES").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
        let mut stream = Seed::root(3).stream();
        let (mut possible, mut moved) = (0, 0);
        for _ in 0..count {
            let text = random_space(&mut stream);
            let unit = |stream: &mut Stream| -> Vec<f64> { (0..6).map(|_| stream.random()).collect() };
            match Space::from_json(&text, "s.json") {
                Ok(space) => {
                    possible += 1;
                    assert_eq!(space.check(&space.default_point()), Ok(()), "{text}");
                    for _ in 0..20 {
                        let unit = unit(&mut stream);
                        moved += usize::from(!space.keeps_relations(&unit));
                        assert_eq!(space.check(&space.decode(&unit)), Ok(()), "{text} at {unit:?}");
                    }
                }
                Err(error) => {
                    assert!(error.to_string().contains("no values within the bounds"), "{error}: {text}");
                    // With every parameter active, no random point keeps all.
                    let always = text.replace(WHEN[0], "").replace(WHEN[1], "");
                    let free = always.split(r#", "relations""#).next().expect("a part").to_owned() + "}";
                    let space = Space::from_json(&free, "s.json").expect("right");
                    let list = serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
                    let relations: Vec<Relation> = list["relations"]
                        .as_array()
                        .expect("a list")
                        .iter()
                        .map(|text| {
                            Relation::read(text.as_str().expect("a text"), space.parameters()).expect("right")
                        })
                        .collect();
                    for _ in 0..200 {
                        let point = space.decode(&unit(&mut stream));
                        assert!(
                            relations.iter().any(|relation| !relation.holds(&point)),
                            "{text}: {point:?}"
                        );
                    }
                }
            }
        }
        assert!(
            possible > count / 4 && possible < count && moved > count,
            "{possible} of {count}, {moved} moved"
        );
    }

    #[test]
    fn a_number_that_is_moved_takes_the_numbers_with_it_that_it_makes_active() {
        let text = r#"{"name": "s", "parameters": {"n": {"type": "int", "low": 1, "high": 8, "default": 3},
            "m": {"type": "int", "low": 1, "high": 8, "default": 8},
            "k": {"type": "float", "low": 0, "high": 1, "when": {"n": [3]}}}, "relations": ["n >= m"]}"#;
        let space = Space::from_json(text, "s.json").expect("right");
        let default = space.default_point();
        assert!(space.check(&default).is_ok() && default.get("k").is_none(), "{default:?}");
        let mut has_k = [false, false];
        for place in 0..64 {
            let unit = [f64::from(place / 8), f64::from(place % 8)].map(|k| (k + 0.5) / 8.0);
            let point = space.decode(&[unit[0], unit[1], 0.25]);
            assert_eq!(space.check(&point), Ok(()), "{unit:?}");
            let moved = !space.keeps_relations(&[unit[0], unit[1], 0.25]);
            has_k[usize::from(moved)] |= point.get("k").is_some();
        }
        assert_eq!(has_k, [true, true], "k is active where n is 3, also if n was moved there");
    }

    #[test]
    fn narrow_bands_of_wide_whole_numbers_are_read_at_once() {
        for (domain, relations) in [
            (r#""int", "low": 0, "high": 1000000"#, r#""x >= y", "x <= y + 1""#),
            (r#""int", "low": 0, "high": 1000000"#, r#""x >= y + 1", "x <= y + 2""#),
            (r#""int", "low": 1, "high": 1000000, "log": true"#, r#""x >= y", "x <= y + 1""#),
            (r#""float", "low": 0, "high": 1, "step": 1e-6"#, r#""x >= y", "x <= y + 2e-6""#),
        ] {
            let text = format!(
                r#"{{"name": "s", "parameters": {{"x": {{"type": {domain}}}, "y": {{"type": {domain}}}}},
                "relations": [{relations}]}}"#
            );
            let space = Space::from_json(&text, "s.json").expect("it has points");
            let mut stream = Seed::root(2).stream();
            for _ in 0..50 {
                let unit = [stream.random(), stream.random()];
                assert_eq!(space.check(&space.decode(&unit)), Ok(()), "{text}");
            }
        }
        let odd = r#"{"name": "s", "parameters": {"x": {"type": "int", "low": 0, "high": 1000000},
            "y": {"type": "int", "low": 0, "high": 1000000}}, "relations": ["2*x - 2*y <= 1", "2*x - 2*y >= 1"]}"#;
        let error =
            Space::from_json(odd, "s.json").expect_err("no whole numbers differ by a half").to_string();
        assert!(error.contains("no point was found that satisfies all of them"), "{error}");
    }

    #[test]
    fn a_contradiction_names_the_relations_that_make_it() {
        let text = r#"{"name": "s", "parameters": {"a": {"type": "float", "low": 0, "high": 1},
            "b": {"type": "int", "low": 0, "high": 5}, "c": {"type": "float", "low": 0, "high": 1}},
            "relations": ["a + c <= 1", "b >= 4 + a", "b <= 3"]}"#;
        let error = Space::from_json(text, "s.json").expect_err("a contradiction").to_string();
        assert_eq!(
            error,
            "s.json: relations: \"b >= 4 + a\" and \"b <= 3\": no values within the bounds of the parameters \
             satisfy all of them: drop one or widen a bound"
        );
    }

    #[test]
    fn points_beyond_a_border_are_mirrored_and_do_not_crowd_there() {
        let text = r#"{"name": "s", "parameters": {"a": {"type": "float", "low": 0, "high": 1},
            "b": {"type": "float", "low": 0, "high": 1}}, "relations": ["a + b <= 1"]}"#;
        let space = Space::from_json(text, "s.json").expect("right");
        let mut stream = Seed::root(4).stream();
        let sums = (0..1000).map(|_| {
            let point = space.decode(&[stream.random(), stream.random()]);
            point.iter().filter_map(|(_, value)| value.as_f64()).sum::<f64>()
        });
        let near = sums.filter(|&sum| sum > 0.9).count();
        // Uniform points would be 190.
        assert!((100..350).contains(&near), "{near} of 1000");
    }

    #[test]
    fn points_of_a_narrow_band_or_an_equation_are_spread_along_it() {
        let relations = [
            r#""a <= b + 0.01", "b <= a + 0.01""#,
            r#""a <= b", "b <= a""#,
            r#""a + b + c <= 1", "1 <= a + b + c""#,
            r#""a + k <= 9", "9 <= a + k""#,
        ];
        for relations in relations {
            let text = format!(
                r#"{{"name": "s", "parameters": {{"a": {{"type": "float", "low": 0, "high": 1}}, "k": {{"type":
                "int", "low": 0, "high": 9}}, "b": {{"type": "float", "low": 0, "high": 1}}, "c": {{"type":
                "float", "low": 0, "high": 1}}}}, "relations": [{relations}]}}"#
            );
            let space = Space::from_json(&text, "s.json").expect("right");
            let mut stream = Seed::root(5).stream();
            let mut places = [0; 5];
            for _ in 0..1000 {
                let unit: Vec<f64> = (0..4).map(|_| stream.random()).collect();
                let point = space.decode(&unit);
                assert_eq!(space.check(&point), Ok(()), "{relations}: {point:?}");
                let a = point.get("a").and_then(Value::as_f64).expect("a number");
                places[((a * 5.0) as usize).min(4)] += 1;
            }
            assert!(places.iter().filter(|&&place| place > 40).count() >= 2, "{relations}: {places:?}");
        }
    }

    #[test]
    fn a_space_with_relations_reads_back_and_loses_those_of_dropped_parameters() {
        let text = r#"{"name": "s", "parameters": {"rule": {"type": "categorical", "choices": ["x", "y"]},
            "a": {"type": "int", "low": 1, "high": 9}, "b": {"type": "int", "low": 1, "high": 9, "when": {"rule": ["y"]}}},
            "relations": ["a >= b"]}"#;
        let space = Space::from_json(text, "s.json").expect("right");
        assert_eq!(Space::from_json(&space.to_json().to_string(), "again").expect("right"), space);
        let without = space.restrict("rule", |value| value == &Value::from("x"));
        assert_eq!(without.relations().count(), 0);
    }
}

//! Relations between parameters: linear inequalities such as `width_1 >= width_2`.
//!
//! A relation holds wherever one of its parameters is not active.

use super::{Domain, Parameter, Point, Value};
use crate::input;

/// How far a sum may lie beyond its bound by rounding, relative to the size of its terms. Sums of whole
/// numbers up to [`EXACT`] are not rounded.
const SLACK: f64 = 1e-9;
/// The size of the terms up to which sums of whole numbers are exact.
const EXACT: f64 = (1_u64 << 53) as f64;

/// A linear inequality between numbers: the sum of terms is at most a bound.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Relation {
    /// The inequality, as the file has it.
    pub(super) text: String,
    /// Parameters by name, each with its factor; no name comes twice.
    pub(super) terms: Vec<(String, f64)>,
    /// The largest sum of the terms that is allowed.
    pub(super) bound: f64,
}

impl Relation {
    /// Reads `text`: sums of numbers, names and products of a number and a name, with `>=` or `<=`
    /// between them. Names are those of `parameters`, which are numbers.
    ///
    /// # Errors
    /// What is wrong with the text, and the way out.
    pub(super) fn read(text: &str, parameters: &[Parameter]) -> Result<Self, String> {
        let sides = text.split_once(">=").map(|(left, right)| (right, left));
        let Some((low, high)) = sides.or_else(|| text.split_once("<=")) else {
            return Err(format!(
                "\"{text}\": must have >= or <= between two sums, such as \"width_1 >= width_2\"; of whole \
                 numbers a > b is \"a >= b + 1\""
            ));
        };
        let mut relation = Self { text: text.to_owned(), terms: Vec::new(), bound: 0.0 };
        relation.add(low, 1.0, parameters)?;
        relation.add(high, -1.0, parameters)?;
        relation.terms.retain(|&(_, factor)| factor != 0.0);
        match relation.terms.is_empty() {
            true => Err(format!("\"{text}\": has no parameter that matters: drop it")),
            false => Ok(relation),
        }
    }

    /// Adds the sum `side` times `sign` to the terms.
    fn add(&mut self, side: &str, sign: f64, parameters: &[Parameter]) -> Result<(), String> {
        let mut reader = Reader { rest: side.trim_start(), parameters };
        let mut sign_of_term = if reader.take('-') { -sign } else { sign };
        loop {
            let (factor, name) = reader.term().map_err(|problem| format!("\"{}\": {problem}", self.text))?;
            let factor = factor * sign_of_term;
            match name {
                None => self.bound -= factor,
                Some(name) => match self.terms.iter_mut().find(|(known, _)| known == name) {
                    Some((_, sum)) => *sum += factor,
                    None => self.terms.push((name.to_owned(), factor)),
                },
            }
            sign_of_term = match (reader.take('+'), reader.take('-')) {
                (true, _) => sign,
                (_, true) => -sign,
                _ if reader.rest.is_empty() => return Ok(()),
                _ => {
                    return Err(format!(
                        "\"{}\": no + or - before \"{}\": only sums are read, such as \"2 * a + b\"",
                        self.text, reader.rest
                    ));
                }
            };
        }
    }

    /// By how much the sum of the terms at `point` is below the bound, negative if the relation is
    /// broken; `None` if a parameter is not active.
    pub(super) fn room(&self, point: &Point) -> Option<f64> {
        let (mut sum, mut size) = (0.0, self.bound.abs());
        let mut is_whole = self.bound.fract() == 0.0;
        for (name, factor) in &self.terms {
            let value = point.get(name)?;
            let term = factor * value.as_f64()?;
            sum += term;
            size += term.abs();
            is_whole &= matches!(value, Value::Int(_)) && factor.fract() == 0.0;
        }
        let room = self.bound - sum;
        let is_exact = is_whole && size <= EXACT;
        Some(if !is_exact && room.abs() <= SLACK * size { 0.0 } else { room })
    }

    /// Moves `point` onto the border of the relation, if it is broken there. Of all ways that change only
    /// the numbers of `free`, each with its bounds, the shortest is taken, relative to their ranges. A
    /// number stops at its bounds.
    pub(super) fn project(&self, point: &mut Point, free: &[(&str, f64, f64)]) {
        let Some(lack) = self.room(point).filter(|room| *room < 0.0) else { return };
        let moves = || {
            self.terms.iter().filter_map(|(name, factor)| {
                let &(name, low, high) = free.iter().find(|(known, ..)| known == name)?;
                Some((name, low, high, factor * (high - low) * (high - low), *factor))
            })
        };
        let length: f64 = moves().map(|(.., slope, factor)| slope * factor).sum();
        if length <= 0.0 || !length.is_finite() {
            return;
        }
        for (name, low, high, slope, _) in moves() {
            let number = point.get(name).and_then(Value::as_f64).unwrap_or(low);
            point.set(name, Value::Float((number + lack / length * slope).clamp(low, high)));
        }
    }

    /// Whether the relation holds at `point`.
    pub(super) fn holds(&self, point: &Point) -> bool {
        self.room(point).is_none_or(|room| room >= 0.0)
    }
}

/// Reads a sum, term by term.
struct Reader<'a> {
    rest: &'a str,
    parameters: &'a [Parameter],
}

impl<'a> Reader<'a> {
    /// Whether `sign` comes next, which is then read.
    fn take(&mut self, sign: char) -> bool {
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest).trim_start();
        after.is_some()
    }

    /// A number, a name, or their product.
    fn term(&mut self) -> Result<(f64, Option<&'a str>), String> {
        if let Some(name) = self.name()? {
            let factor = if self.take('*') { self.number()? } else { 1.0 };
            return Ok((factor, Some(name)));
        }
        let factor = self.number()?;
        match self.take('*') {
            false => Ok((factor, None)),
            true => match self.name()? {
                Some(name) => Ok((factor, Some(name))),
                None => Err(format!("a name must follow *, not \"{}\"", self.rest)),
            },
        }
    }

    /// The longest name of a parameter that comes next, if a name does.
    fn name(&mut self) -> Result<Option<&'a str>, String> {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let fits = |name: &&str| {
            let after = self.rest.strip_prefix(*name);
            after.is_some_and(|after| !after.starts_with(is_part))
        };
        let names = || self.parameters.iter().map(|parameter| parameter.name.as_str());
        if let Some(name) = names().filter(fits).max_by_key(|name| name.len()) {
            let domain = self.parameters.iter().find(|parameter| parameter.name == name);
            let is_number = domain.is_some_and(|parameter| is_number(&parameter.domain));
            self.rest = self.rest[name.len()..].trim_start();
            return match is_number {
                true => Ok(Some(name)),
                false => Err(format!("{name} has choices: only parameters that are numbers have relations")),
            };
        }
        match self.rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            false => Ok(None),
            true => {
                let word = self.rest.split(|c| !is_part(c)).next().unwrap_or_default();
                Err(format!("unknown parameter \"{word}\"{}", input::suggestion(word, names())))
            }
        }
    }

    /// A number.
    fn number(&mut self) -> Result<f64, String> {
        let is_exponent_sign =
            |at: usize| matches!(self.rest.as_bytes().get(at.wrapping_sub(1)), Some(b'e' | b'E'));
        let is_part = |(at, c): (usize, char)| {
            c.is_ascii_digit()
                || matches!(c, '.' | 'e' | 'E')
                || (matches!(c, '+' | '-') && is_exponent_sign(at))
        };
        let end =
            self.rest.char_indices().find(|&place| !is_part(place)).map_or(self.rest.len(), |(at, _)| at);
        let (number, rest) = self.rest.split_at(end);
        let found = number.parse::<f64>().ok().filter(|number| number.is_finite());
        match found {
            Some(found) => {
                self.rest = rest.trim_start();
                Ok(found)
            }
            None => Err(format!("a number or a parameter must come before \"{}\"", self.rest)),
        }
    }
}

/// Whether the values of `domain` are numbers.
pub(super) fn is_number(domain: &Domain) -> bool {
    match domain {
        Domain::Float { .. } | Domain::Int { .. } => true,
        Domain::Fixed { value } => value.as_f64().is_some(),
        Domain::Categorical { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;

    fn read(text: &str) -> Result<Relation, String> {
        let space = r#"{"name": "s", "parameters": {
            "a": {"type": "float", "low": 0, "high": 1}, "a.b": {"type": "float", "low": 0, "high": 1},
            "n": {"type": "int", "low": 1, "high": 9}, "rule": {"type": "categorical", "choices": ["x"]}}}"#;
        Relation::read(text, Space::from_json(space, "s.json").expect("right").parameters())
    }

    #[test]
    fn sums_on_both_sides_become_one_sum_and_a_bound() {
        let found = |text: &str| {
            let Relation { terms, bound, .. } = read(text).expect("right");
            (terms, bound)
        };
        let terms = |terms: &[(&str, f64)]| -> Vec<(String, f64)> {
            terms.iter().map(|&(name, factor)| (name.to_owned(), factor)).collect()
        };
        assert_eq!(found("a + a.b <= 1"), (terms(&[("a", 1.0), ("a.b", 1.0)]), 1.0));
        assert_eq!(found("n>=2*a+3"), (terms(&[("a", 2.0), ("n", -1.0)]), -3.0));
        assert_eq!(found("-a * 1e-2 + n - n <= - 4 + a"), (terms(&[("a", -1.01)]), -4.0));
    }

    #[test]
    fn what_is_no_relation_is_refused_with_the_way_out() {
        let problem = |text: &str| read(text).expect_err("wrong");
        assert!(problem("a > n").contains("\"a >= b + 1\""));
        assert!(problem("a <= bb").contains("unknown parameter \"bb\""));
        assert!(problem("a <= rule").contains("rule has choices"));
        assert!(problem("a * n <= 1").contains("a number"));
        assert!(problem("a n <= 1").contains("no + or -"));
        assert!(problem("n - n <= 1").contains("drop it"));
        assert!(problem("a <=").contains("a number or a parameter"));
    }

    #[test]
    fn sums_of_large_whole_numbers_are_exact() {
        let text = r#"{"name": "s", "parameters": {"x": {"type": "int", "low": 0, "high": 2000000000},
            "y": {"type": "int", "low": 0, "high": 2000000000}}, "relations": ["x >= y + 1"]}"#;
        let space = Space::from_json(text, "s.json").expect("right");
        let at = |x: i64, y: i64| -> Point { [("x", x), ("y", y)].into_iter().collect() };
        assert!(space.check(&at(2_000_000_000, 1_999_999_999)).is_ok());
        assert!(space.check(&at(2_000_000_000, 2_000_000_000)).is_err());
        assert!(space.check(&space.default_point()).is_ok());
    }

    #[test]
    fn a_relation_holds_where_a_parameter_is_not_active() {
        let relation = read("a + n <= 2").expect("right");
        let point = |a: f64, n: i64| -> Point {
            let mut point: Point = [("a", a)].into_iter().collect();
            point.set("n", n);
            point
        };
        assert!(relation.holds(&point(1.0, 1)) && relation.holds(&point(1.0 + 1e-12, 1)));
        assert!(!relation.holds(&point(0.5, 2)));
        assert!(relation.holds(&[("a", 9.0)].into_iter().collect()));
    }
}

//! The values of each parameter that are as good as the best, as far as a study can tell.

use schemars::JsonSchema;
use serde::Serialize;

use crate::space::Value;
use crate::study::{Direction, Slice};
use crate::units::digits;

/// The values of a parameter at which the metric is expected to be as good as at the best of them,
/// within one standard deviation of that expectation. All other parameters are those of the winner.
/// Values that break a relation, or are expected to break a constraint, are not good.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GoodValues {
    /// The name of the parameter.
    pub name: String,
    /// The smallest and the largest good number, without a gap between them; or all good choices,
    /// in the order of the space.
    pub values: Vec<Value>,
    /// Whether every value of the parameter is good.
    pub is_any: bool,
    /// Whether `values` are the ends of a range.
    #[serde(skip)]
    is_range: bool,
}

impl GoodValues {
    /// The good values along each of `slices`, of a metric with this direction.
    pub fn of(slices: &[Slice], direction: Direction) -> Vec<Self> {
        slices.iter().filter_map(|slice| Self::along(slice, direction)).collect()
    }

    fn along(slice: &Slice, direction: Direction) -> Option<Self> {
        let losses: Vec<f64> = slice.mean.iter().map(|&mean| direction.loss(mean)).collect();
        let allowed = (0..losses.len()).filter(|&at| slice.is_allowed[at]);
        let best = allowed.min_by(|&a, &b| losses[a].total_cmp(&losses[b]))?;
        let is_good = |at: usize| slice.is_allowed[at] && losses[at] <= losses[best] + slice.sd[best];
        let good: Vec<usize> = match slice.is_number {
            true => {
                let first = (0..=best).rev().take_while(|&at| is_good(at)).last()?;
                let last = (best..losses.len()).take_while(|&at| is_good(at)).last()?;
                if first == last { vec![first] } else { vec![first, last] }
            }
            false => (0..losses.len()).filter(|&at| is_good(at)).collect(),
        };
        Some(Self {
            name: slice.name.clone(),
            is_any: (0..losses.len()).all(is_good),
            is_range: slice.is_number && good.len() == 2,
            values: good.into_iter().map(|at| slice.at[at].clone()).collect(),
        })
    }

    /// The values as people read them, such as `0.001 to 0.02`.
    pub fn text(&self) -> String {
        let short = |value: &Value| match value {
            Value::Float(number) => digits(*number),
            other => other.to_string(),
        };
        let joint = if self.is_range { " to " } else { ", " };
        let list = self.values.iter().map(short).collect::<Vec<String>>().join(joint);
        if self.is_any { format!("any ({list})") } else { list }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(at: Vec<Value>, mean: &[f64], sd: f64) -> Slice {
        let (sd, is_allowed) = (vec![sd; mean.len()], vec![true; mean.len()]);
        let is_number = at.iter().all(|value| value.as_f64().is_some());
        Slice { name: "x".to_owned(), at, is_number, mean: mean.to_vec(), sd, is_allowed }
    }

    #[test]
    fn numbers_around_the_best_without_a_gap_are_good_and_all_such_choices() {
        let numbers = |count: i32| (0..count).map(|k| Value::Float(f64::from(k))).collect::<Vec<Value>>();
        let along = slice(numbers(6), &[0.9, 0.5, 0.88, 0.91, 0.89, 0.2], 0.05);
        let texts =
            |slice: &Slice, direction| GoodValues::of(std::slice::from_ref(slice), direction)[0].text();
        assert_eq!(texts(&along, Direction::Maximize), "2.000 to 4.000");
        assert_eq!(texts(&along, Direction::Minimize), "5.000");
        let flat = slice(numbers(3), &[0.9, 0.9, 0.9], 0.01);
        assert_eq!(texts(&flat, Direction::Maximize), "any (0 to 2.000)");
        let choices = Slice { is_number: false, ..along.clone() };
        assert_eq!(texts(&choices, Direction::Maximize), "0, 2.000, 3.000, 4.000");
        let bounded = Slice { is_allowed: vec![false, true, true], ..flat };
        assert_eq!(texts(&bounded, Direction::Maximize), "1.000 to 2.000");
        let choices = slice(["adam", "sgd", "rmsprop"].map(Value::from).to_vec(), &[0.9, 0.5, 0.88], 0.05);
        assert_eq!(texts(&choices, Direction::Maximize), "adam, rmsprop");
    }
}

//! The local search of the acquisition: ascent along the gradient in the continuous axes, in turns
//! with a sweep over the values of each discrete axis.

use std::collections::BTreeSet;

use super::borders::{self, Borders};
use super::maximize::{Maximizer, Scored, bits};
use crate::search::bayes::input::cube::{AxisKind, Cell};
use crate::search::gp::lbfgs::{self, Stopping};

/// An axis with at most this number of values is swept: all its values are tried. On a longer axis
/// of numbers the ascent follows the gradient, then rounds to a value.
const SWEPT: u64 = 32;
/// The most rounds of ascent and sweeps in one local search, and the most cells that its sweeps try. In
/// a space of a few dozen axes there are fewer.
const ROUNDS: usize = 10;
const CELLS: usize = 8192;
/// Tolerances of the log acquisition, beyond which the model is not exact. Where the acquisition is
/// tiny, rounding errors keep the gradient above its tolerance. There the ascent ends at the
/// tolerance of the decrease.
const ASCENT: Stopping = Stopping { iterations: 40, gradient: 1e-3, decrease: 1e-3 };

impl Maximizer<'_> {
    /// The end of a local search from `start`; never a cell that is taken.
    pub(super) fn improve(&self, start: Scored) -> Scored {
        let mut best = start;
        if self.taken.contains(&bits(&best.cell)) {
            (best.value, best.modelled) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        }
        let mut left = CELLS;
        for _ in 0..ROUNDS {
            let before = best.value;
            best = self.climb(best);
            for axis in 0..self.cube.dimension() {
                let others = self.others_along(&best.cell, axis);
                left = left.saturating_sub(others.len());
                best = self.better(best, others);
            }
            if left == 0 || best.value <= before + ASCENT.gradient {
                break;
            }
        }
        best
    }

    /// The better of `from` and the end of an ascent along the gradient, rounded to a cell. Axes
    /// without a gradient keep their values.
    fn climb(&self, from: Scored) -> Scored {
        let axes: Vec<(usize, usize)> = (0..self.cube.dimension())
            .filter(|&axis| from.cell.active[axis] && self.is_climbed(axis))
            .filter_map(|axis| Some((axis, self.features.number_column(axis)?)))
            .collect();
        let mut input = self.features.row(&from.cell);
        let mut slopes = vec![0.0; input.len()];
        // A column is its coordinate less a constant, so the ascent is in columns.
        let start: Vec<f64> = axes.iter().map(|&(_, column)| input[column]).collect();
        let offsets: Vec<f64> =
            axes.iter().map(|&(axis, column)| from.cell.unit[axis] - input[column]).collect();
        let bounds: Vec<(f64, f64)> = offsets.iter().map(|offset| (-offset, 1.0 - offset)).collect();
        let borders = Borders::near(self.space, &from.cell.unit);
        let end = lbfgs::minimize(&start, &bounds, ASCENT, |columns, gradient| {
            axes.iter().zip(columns).for_each(|(&(_, column), value)| input[column] = *value);
            let value = self.acquisition.value_and_gradient(&input, &mut slopes);
            gradient.iter_mut().zip(&axes).for_each(|(slope, &(_, column))| *slope = -slopes[column]);
            let way = columns.iter().zip(&start).map(|(to, from)| to - from);
            borders.loss(axes.iter().map(|&(axis, _)| axis).zip(way), gradient) - value
        });
        let mut unit = from.cell.unit.clone();
        for ((&(axis, _), column), offset) in axes.iter().zip(&end.point).zip(&offsets) {
            unit[axis] = column + offset;
        }
        let end = borders::last_within(self.space, self.cube, &from.cell.unit, &unit);
        self.better(from, vec![end])
    }

    /// The cells of a sweep: they differ from `from` on `axis` alone. On a short axis they have all
    /// other values, on a long axis those at a distance of 1, 2, 4, ... values.
    fn others_along(&self, from: &Cell, axis: usize) -> Vec<Cell> {
        if !from.active[axis] || self.cube.is_held(axis) {
            return Vec::new();
        }
        let here = from.unit[axis];
        let values: Vec<u64> = match self.cube.kind(axis) {
            AxisKind::Continuum => return Vec::new(),
            AxisKind::Choices(size) if size > SWEPT && !self.cube.is_parent(axis) => self.unlike(axis, size),
            AxisKind::Grid(size) if size > SWEPT => surrounding(self.cube.value_at(axis, here), size),
            AxisKind::Choices(size) | AxisKind::Grid(size) => (0..size).collect(),
        };
        let at = |value| {
            let mut unit = from.unit.clone();
            unit[axis] = self.cube.coordinate(axis, value);
            self.cube.proposal(&unit)
        };
        values.into_iter().map(at).filter(|cell| cell != from).collect()
    }

    /// The choices of `axis` that the models tell apart: those of trials, and one that no trial has. All
    /// others have the acquisition of the latter.
    fn unlike(&self, axis: usize, size: u64) -> Vec<u64> {
        let choice = |cell: &Cell| self.cube.value_at(axis, cell.unit[axis]);
        let mut tried: BTreeSet<u64> =
            self.history.cells().filter(|cell| cell.active[axis]).map(choice).collect();
        tried.extend((0..size).find(|value| !tried.contains(value)));
        tried.into_iter().collect()
    }

    /// The best of `from` and of the `others` that are not taken; `from` if the space refuses that
    /// best one, or if what is known of it makes it worse.
    fn better(&self, from: Scored, mut others: Vec<Cell>) -> Scored {
        others.retain(|cell| !self.taken.contains(&bits(cell)) && self.space.keeps_relations(&cell.unit));
        if others.is_empty() {
            return from;
        }
        let better = self.score(others).into_iter().filter(|other| other.modelled > from.modelled);
        // Only the best is asked about: the answer may take long.
        let best = better.reduce(|best, other| if other.modelled > best.modelled { other } else { best });
        let Some(mut best) = best else { return from };
        let is_better = match self.knowledge {
            None => !self.refuses(&best.cell),
            Some(_) => {
                self.ask_about(std::slice::from_mut(&mut best));
                best.value > from.value
            }
        };
        if is_better { best } else { from }
    }

    /// Whether the gradient is followed on `axis`.
    fn is_climbed(&self, axis: usize) -> bool {
        match self.cube.kind(axis) {
            _ if self.cube.is_held(axis) => false,
            AxisKind::Continuum => true,
            AxisKind::Grid(size) => size > SWEPT,
            AxisKind::Choices(_) => false,
        }
    }
}

/// The values at distances of 1, 2, 4, ... on both sides of `value`.
fn surrounding(value: u64, size: u64) -> Vec<u64> {
    let distances = || (0..u64::BITS).map(|power| 1 << power).take_while(|&distance| distance < size);
    let below = distances().filter_map(|distance| value.checked_sub(distance));
    let above = distances().map(|distance| value + distance).filter(|&value| value < size);
    below.chain(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fixtures::{best, with_maximizer};

    const RULES: &str = r#"{"name": "rules", "parameters": {
        "x": {"type": "float", "low": 0, "high": 1},
        "rule": {"type": "categorical", "choices": ["a", "b", "c"]}
    }}"#;
    const HUNDRED: &str = r#"{"name": "hundred", "parameters": {
        "x": {"type": "float", "low": 0, "high": 1},
        "c": {"type": "categorical", "choices": [CHOICES]},
        "child": {"type": "float", "low": 0, "high": 1, "when": {"c": ["c90"]}}
    }}"#;

    /// A valley of each choice; the second choice is the best everywhere.
    fn valleys(unit: &[f64]) -> f64 {
        let (at, depth) = [(0.2, 1.0), (0.8, 0.0), (0.5, 0.8)][((unit[1] * 3.0) as usize).min(2)];
        (unit[0] - at).powi(2) + depth
    }

    #[test]
    fn the_gradient_keeps_a_choice_and_the_sweep_tries_all_choices() {
        with_maximizer(RULES, 18, valleys, |_, maximizer| {
            let start = best(maximizer, vec![maximizer.cube.cell(&[0.75, 0.1])]);
            let climbed = maximizer.climb(start.clone());
            assert_eq!(climbed.cell.unit[1], start.cell.unit[1], "the choice is pinned");
            assert!(climbed.cell.unit[0] != start.cell.unit[0] && climbed.value > start.value);
            let choices = || [0.1, 0.5, 0.9].map(|u| maximizer.cube.cell(&[0.7, u]));
            let expected = best(maximizer, choices().to_vec());
            for cell in choices() {
                let from = best(maximizer, vec![cell]);
                let others = maximizer.others_along(&from.cell, 1);
                assert_eq!(others.len(), 2);
                assert_eq!(maximizer.better(from, others).cell, expected.cell);
            }
            let improved = maximizer.improve(start);
            assert_eq!(improved.cell.unit[1], 0.5, "the second choice is the best");
            assert!(improved.value > climbed.value);
            let places = (-20..=20).map(|step| improved.cell.unit[0] + 0.001 * f64::from(step));
            let around = places.flat_map(|x| [0.1, 0.5, 0.9].map(|u| maximizer.cube.cell(&[x, u])));
            let maximum = best(maximizer, around.collect());
            assert!(improved.value > maximum.value - 1e-2, "{} below {}", improved.value, maximum.value);
        });
    }

    /// The space [`HUNDRED`] of 100 choices, of which one has a child if `has_child`.
    fn hundred(has_child: bool) -> String {
        let choices: Vec<String> = (0..100).map(|k| format!("\"c{k}\"")).collect();
        let text = HUNDRED.replace("CHOICES", &choices.join(","));
        if has_child { text } else { text.replace(r#", "when": {"c": ["c90"]}"#, "") }
    }

    #[test]
    fn of_many_choices_those_of_trials_are_tried_and_one_for_all_others() {
        with_maximizer(
            &hundred(false),
            12,
            |unit| unit[0],
            |_, maximizer| {
                let start = maximizer.cube.cell(&[0.5, 0.995, 0.5]);
                let others = maximizer.others_along(&start, 1);
                let tried: BTreeSet<u64> =
                    maximizer.history.cells().map(|cell| maximizer.cube.value_at(1, cell.unit[1])).collect();
                assert_eq!(others.len(), tried.len() + 1);
                let every =
                    (0..100).map(|k| maximizer.cube.cell(&[0.5, maximizer.cube.coordinate(1, k), 0.5]));
                let every = best(maximizer, every.collect());
                assert!((best(maximizer, others).value - every.value).abs() < 1e-9);
            },
        );
        with_maximizer(
            &hundred(true),
            12,
            |unit| unit[0],
            |_, maximizer| {
                let others = maximizer.others_along(&maximizer.cube.cell(&[0.5, 0.995, 0.5]), 1);
                assert_eq!(others.len(), 99, "the models tell the choice with a child from the others");
            },
        );
    }

    #[test]
    fn a_sweep_of_a_long_axis_doubles_its_steps() {
        assert_eq!(surrounding(5, 12), [4, 3, 1, 6, 7, 9]);
        assert_eq!(surrounding(0, 3), [1, 2]);
    }
}

//! Features: the numbers by which the Gaussian process knows a cell of the unit cube. Their
//! distances are Euclidean for all kinds of parameters.
//!
//! - A number has one column: its coordinate u less ½.
//! - A categorical parameter of k values has a group of k columns. Only the column of its value is
//!   not zero. So any two different values have the same distance (a Hamming distance). The columns
//!   of a group share a length-scale.
//! - The columns of a conditional parameter are zero while it is inactive. One more column says
//!   whether it is active; parameters with the same conditions share that column.
//!
//! Since distances are Euclidean, the kernel is positive definite on mixed and conditional spaces
//! too.

use ndarray::Array2;

use super::cube::{AxisKind, Cell, Cube};
use crate::space::INACTIVE;

/// The content of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    /// The coordinate of a number, relative to the middle of its range.
    Number { axis: usize },
    /// Whether the axis has one certain choice of its `of` choices, whose columns are in their order.
    Choice { axis: usize, of: u64 },
    /// Whether the axis is active.
    Activity { axis: usize },
}

/// The map from cells to inputs of the Gaussian process.
#[derive(Clone, Debug)]
pub(crate) struct Features {
    columns: Vec<Column>,
    groups: Vec<usize>,
    kinds: Vec<usize>,
}

impl Features {
    /// The features of the cells of `cube`.
    pub fn new(cube: &Cube) -> Self {
        let mut features = Self { columns: Vec::new(), groups: Vec::new(), kinds: Vec::new() };
        for axis in 0..cube.dimension() {
            match cube.kind(axis) {
                // A single value has no information.
                AxisKind::Grid(1) | AxisKind::Choices(1) => {}
                AxisKind::Continuum | AxisKind::Grid(_) => features.add_group([Column::Number { axis }]),
                AxisKind::Choices(of) => {
                    features.add_group((0..of).map(|_| Column::Choice { axis, of }));
                }
            }
            let is_repeated = (0..axis).any(|other| cube.are_active_together(other, axis));
            if cube.is_conditional(axis) && !is_repeated {
                features.add_group([Column::Activity { axis }]);
            }
        }
        features.kinds = features.kinds_by(cube);
        features
    }

    /// The kind of each group: see [`Self::kinds`].
    fn kinds_by(&self, cube: &Cube) -> Vec<usize> {
        let firsts = (0..self.columns.len()).filter(|&at| at == 0 || self.groups[at] != self.groups[at - 1]);
        let kind = |first: usize| match self.columns[first] {
            Column::Number { axis } => {
                let is_alike = |column: &Column| matches!(*column, Column::Number { axis: other } if cube.are_active_together(axis, other));
                self.columns.iter().position(is_alike).map_or(first, |alike| self.groups[alike])
            }
            _ => self.groups[first],
        };
        firsts.map(kind).collect()
    }

    /// Adds columns that share a length-scale.
    fn add_group(&mut self, columns: impl IntoIterator<Item = Column>) {
        let group = self.groups.last().map_or(0, |last| last + 1);
        self.columns.extend(columns);
        self.groups.resize(self.columns.len(), group);
    }

    /// The group of each column, counted from 0. Columns of a group share a length-scale.
    pub fn groups(&self) -> &[usize] {
        &self.groups
    }

    /// The kind of each group. Numbers that are active together are of one kind; choices and activities are each
    /// of their own.
    pub fn kinds(&self) -> &[usize] {
        &self.kinds
    }

    /// The columns of numbers.
    pub fn numbers(&self) -> Vec<usize> {
        (0..self.columns.len()).filter(|&at| matches!(self.columns[at], Column::Number { .. })).collect()
    }

    /// The column of the number on `axis`: its value is the coordinate less ½.
    pub fn number_column(&self, axis: usize) -> Option<usize> {
        self.columns.iter().position(|&column| column == Column::Number { axis })
    }

    /// The input of one cell.
    pub fn row(&self, cell: &Cell) -> Vec<f64> {
        let mut row = vec![0.0; self.columns.len()];
        self.write(cell, &mut row);
        row
    }

    /// Writes the input of `cell` to `row`, whose numbers are 0.
    fn write(&self, cell: &Cell, row: &mut [f64]) {
        let mut at = 0;
        while let Some(&column) = self.columns.get(at) {
            match column {
                Column::Number { axis } => row[at] = cell.unit[axis] - INACTIVE,
                Column::Activity { axis } => row[at] = f64::from(u8::from(cell.active[axis])),
                // The columns of all choices are side by side.
                Column::Choice { axis, of } if cell.active[axis] => {
                    row[at + (cell.unit[axis] * of as f64) as usize] = share_of_choice(of);
                }
                Column::Choice { .. } => {}
            }
            at += column.together();
        }
    }

    /// The inputs of some cells, one per row.
    pub fn rows<'a>(&self, cells: impl IntoIterator<Item = &'a Cell>) -> Array2<f64> {
        let mut cells: Vec<&Cell> = cells.into_iter().collect();
        if self.columns.is_empty() {
            // There is nothing to learn from a row without columns.
            cells.clear();
        }
        let mut rows = Array2::zeros((cells.len(), self.columns.len()));
        for (cell, mut row) in cells.into_iter().zip(rows.rows_mut()) {
            self.write(cell, row.as_slice_mut().expect("rows of a new array are contiguous"));
        }
        rows
    }
}

impl Column {
    /// The number of columns, from the first of them on, that stand for one axis.
    fn together(self) -> usize {
        match self {
            Column::Choice { of, .. } => of as usize,
            Column::Number { .. } | Column::Activity { .. } => 1,
        }
    }
}

/// The number in the column of a choice among `of` choices.
///
/// With it the mean squared distance of two random choices is 1/6, as for two random numbers from 0
/// to 1. All length-scales have the same prior, so a larger distance would suggest a rougher
/// function: `benches/README.md#distance-of-choices`.
fn share_of_choice(of: u64) -> f64 {
    let of = of as f64;
    (of / (12.0 * (of - 1.0))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;

    const SPACE: &str = r#"{"name": "mixed", "parameters": {
        "rate": {"type": "float", "low": 0, "high": 1},
        "rule": {"type": "categorical", "choices": ["adam", "sgd", "none"]},
        "momentum": {"type": "float", "low": 0, "high": 1, "when": {"rule": ["sgd"]}},
        "nesterov": {"type": "categorical", "choices": [true, false], "when": {"rule": ["sgd"]}},
        "only": {"type": "categorical", "choices": [1]}
    }}"#;

    /// Squared distance of two points of the cube.
    fn distance(a: [f64; 5], b: [f64; 5]) -> f64 {
        let space = Space::from_json(SPACE, "mixed.json").unwrap();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let (a, b) = (features.row(&cube.cell(&a)), features.row(&cube.cell(&b)));
        a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum()
    }

    #[test]
    fn there_is_a_group_per_parameter_and_one_per_condition() {
        let space = Space::from_json(SPACE, "mixed.json").unwrap();
        // rate | adam sgd none | momentum | both active | true false
        let features = Features::new(&Cube::new(&space));
        assert_eq!(features.groups(), [0, 1, 1, 1, 2, 3, 4, 4]);
    }

    #[test]
    fn numbers_that_are_active_together_are_of_one_kind() {
        let number = |when: &str| format!(r#"{{"type": "float", "low": 0, "high": 1{when}}}"#);
        let (always, sgd) = (number(""), number(r#", "when": {"rule": ["sgd"]}"#));
        let text = format!(
            r#"{{"name": "kinds", "parameters": {{"a": {always}, "rule": {{"type": "categorical", "choices": ["sgd", "adam"]}},
            "b": {sgd}, "c": {always}, "d": {sgd}}}}}"#
        );
        let space = Space::from_json(&text, "kinds.json").unwrap();
        // a | sgd adam | b | sgd active | c | d
        let features = Features::new(&Cube::new(&space));
        assert_eq!(features.groups(), [0, 1, 1, 2, 3, 4, 5]);
        assert_eq!(features.kinds(), [0, 1, 2, 3, 0, 2]);
    }

    #[test]
    fn random_choices_have_the_mean_distance_of_random_numbers() {
        for of in [2, 3, 10] {
            let choices: Vec<String> = (0..of).map(|choice| choice.to_string()).collect();
            let text = format!(
                r#"{{"name": "choices", "parameters": {{"x": {{"type": "categorical", "choices": [{}]}}}}}}"#,
                choices.join(", ")
            );
            let space = Space::from_json(&text, "choices.json").unwrap();
            let cube = Cube::new(&space);
            let row = |choice: u32| {
                Features::new(&cube).row(&cube.cell(&[(f64::from(choice) + 0.5) / f64::from(of)]))
            };
            let squared = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
            let pairs = (0..of).flat_map(|a| (0..of).map(move |b| (a, b)));
            let sum: f64 = pairs.map(|(a, b)| squared(&row(a), &row(b))).sum();
            let mean = sum / f64::from(of * of);
            assert!((mean - 1.0 / 6.0).abs() < 1e-12, "{of}: {mean}");
        }
    }

    #[test]
    fn inactive_parameters_do_not_count_in_distances() {
        let sgd = 0.5;
        let squared = distance([0.2, sgd, 0.1, 0.0, 0.5], [0.2, sgd, 0.4, 0.9, 0.5]);
        assert!((squared - (0.09 + 1.0 / 3.0)).abs() < 1e-15, "{squared}");
        // The other point has neither: the rule, the activity, momentum from its middle, half a
        // choice.
        let squared = distance([0.2, sgd, 0.1, 0.0, 0.5], [0.2, 0.1, 0.4, 0.9, 0.5]);
        assert!((squared - (0.25 + 1.0 + 0.16 + 1.0 / 6.0)).abs() < 1e-15, "{squared}");
    }
}

//! The borders of the relations of a space, which local searches do not cross.
//!
//! An ascent sees each border as a plane near its start, and loses the square of its distance beyond
//! it. So it slides along the border. What is left of its way beyond is cut.

use crate::search::bayes::input::cube::{Cell, Cube};
use crate::space::{Border, Space};

/// What the square of the distance beyond a border, in units of the cube, takes from the log
/// acquisition.
const BEYOND: f64 = 1e5;
/// How often the way beyond a border is halved.
const HALVINGS: usize = 30;

/// The borders near the start of an ascent.
pub(super) struct Borders(Vec<Border>);

impl Borders {
    /// The borders near `unit`, one coordinate for each searched parameter.
    pub fn near(space: &Space, unit: &[f64]) -> Self {
        Self(space.borders(unit))
    }

    /// What an ascent loses that has made the `steps`, pairs of an axis and the change of its
    /// coordinate; adds the derivatives by the steps to `gradient`.
    pub fn loss(&self, steps: impl Iterator<Item = (usize, f64)> + Clone, gradient: &mut [f64]) -> f64 {
        let of_border = |border: &Border| {
            let way: f64 = steps.clone().map(|(axis, step)| border.normal[axis] * step).sum();
            let beyond = (border.distance + way).min(0.0);
            for (slope, (axis, _)) in gradient.iter_mut().zip(steps.clone()) {
                *slope += 2.0 * BEYOND * beyond * border.normal[axis];
            }
            BEYOND * beyond * beyond
        };
        self.0.iter().map(of_border).sum()
    }
}

/// The cell of `unit`. If it breaks a relation, that of the point that a trial would get in its place.
pub(super) fn moved_within(space: &Space, cube: &Cube<'_>, unit: &[f64]) -> Cell {
    let cell = cube.proposal(unit);
    if space.keeps_relations(&cell.unit) {
        return cell;
    }
    match space.encode(&space.decode(&cell.unit)) {
        Ok(moved) => cube.proposal(&moved),
        Err(_) => cell,
    }
}

/// The last cell on the straight way from `from`, which keeps the relations, to `to` that keeps them.
pub(super) fn last_within(space: &Space, cube: &Cube<'_>, from: &[f64], to: &[f64]) -> Cell {
    let end = cube.proposal(to);
    let keeps = |cell: &Cell| space.keeps_relations(&cell.unit);
    if keeps(&end) {
        return end;
    }
    let at = |share: f64| {
        let unit: Vec<f64> = from.iter().zip(to).map(|(from, to)| from + share * (to - from)).collect();
        cube.proposal(&unit)
    };
    let (mut within, mut beyond) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (within + beyond);
        match keeps(&at(middle)) {
            true => within = middle,
            false => beyond = middle,
        }
    }
    at(within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::gp::fixtures::assert_slopes;

    const SUM: &str = r#"{"name": "sum", "relations": ["a + b <= 0.6"], "parameters": {
        "a": {"type": "float", "low": 0, "high": 1},
        "b": {"type": "float", "low": 0, "high": 1}
    }}"#;

    #[test]
    fn the_loss_begins_at_the_border_and_its_gradient_matches_differences() {
        let space = Space::from_json(SUM, "space.json").unwrap();
        let borders = Borders::near(&space, &[0.1, 0.2]);
        let loss = |steps: [f64; 2]| borders.loss(steps.into_iter().enumerate(), &mut [0.0; 2]);
        assert_eq!(loss([0.1, 0.19]), 0.0);
        assert!((loss([0.2, 0.3]) - BEYOND * 0.02).abs() < 1e-6, "0.2 / √2 beyond");
        let mut gradient = [0.0; 2];
        borders.loss([0.2, 0.3].into_iter().enumerate(), &mut gradient);
        assert_slopes(gradient, loss, [0.2, 0.3], 1e-5);
    }

    #[test]
    fn a_way_ends_at_the_border() {
        let space = Space::from_json(SUM, "space.json").unwrap();
        let cube = Cube::new(&space);
        let end = last_within(&space, &cube, &[0.1, 0.2], &[0.5, 0.6]).unit;
        assert!(end[0] + end[1] <= 0.6 + 1e-9 && end[0] + end[1] > 0.6 - 1e-6, "{end:?}");
        assert_eq!(last_within(&space, &cube, &[0.1, 0.2], &[0.3, 0.2]).unit, [0.3, 0.2]);
        assert!(space.keeps_relations(&moved_within(&space, &cube, &[0.9, 0.8]).unit));
    }
}

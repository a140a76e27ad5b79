//! Helpers that the tests of this search share.

use super::input::cube::Cube;
use super::input::history::Observation;
use crate::space::Space;

/// A space of one number from 0 to 1.
pub(super) fn line() -> Space {
    let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
    Space::from_json(text, "line.json").expect("the text is a space")
}

/// A measurement at the end of a trial at `u` of a [`line`].
pub(super) fn measured(cube: &Cube, u: f64, losses: &[f64], constraints: &[f64]) -> Observation {
    Observation {
        cell: cube.cell(&[u]),
        losses: losses.to_vec(),
        constraints: constraints.to_vec(),
        is_feasible: constraints.iter().all(|&excess| excess <= 0.0),
        is_elsewhere: false,
    }
}

//! Helpers that the tests of this search share.

use super::acquisition::Acquisition;
use super::acquisition::maximize::{Maximizer, Scored};
use super::fit::fit_cache::FitCache;
use super::input::cube::{Cell, Cube};
use super::input::features::Features;
use super::input::history::{History, Observation};
use crate::search::sobol::SobolSequence;
use crate::seed::Seed;
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

/// Runs `test` on the acquisition after `count` trials at points of a Sobol sequence. `loss`
/// maps the coordinates of a point to its loss.
pub(super) fn with_maximizer(
    space: &str,
    count: u64,
    loss: impl Fn(&[f64]) -> f64,
    test: impl Fn(&Space, &Maximizer<'_>),
) {
    let space = Space::from_json(space, "space.json").unwrap();
    let cube = Cube::new(&space);
    let features = Features::new(&cube);
    let sequence = SobolSequence::new(&Seed::root(7));
    let mut history = History::default();
    for index in 0..count {
        let cell = cube.cell(&sequence.point(index, cube.dimension()));
        let losses = vec![loss(&cell.unit)];
        history.ended.push((cell.clone(), true));
        history.measured.push(Observation {
            cell,
            losses,
            constraints: Vec::new(),
            is_feasible: true,
            is_elsewhere: false,
        });
    }
    let fits = FitCache::default();
    let acquisition = Acquisition::fit(&history, &features, None, &fits.fitter(None, Seed::root(0))).unwrap();
    test(&space, &Maximizer::new(&space, &cube, &features, &acquisition, &history));
}

/// The best of `cells`.
pub(super) fn best(maximizer: &Maximizer<'_>, cells: Vec<Cell>) -> Scored {
    maximizer.score(cells).into_iter().max_by(|a, b| a.value.total_cmp(&b.value)).unwrap()
}

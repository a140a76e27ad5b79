//! The expected loss over the space, on the losses' own scale, for numbers that people read.

use super::bounds::Bounds;
use super::fit::untransformed;
use super::input::cube::Cube;
use super::input::features::Features;
use super::input::history::History;
use crate::search::gp::GaussianProcess;
use crate::seed::Seed;
use crate::space::Space;
use crate::study::Study;

/// With fewer measurements a model cannot tell parameters apart.
const LEAST: usize = 10;
/// If there are more measurements, only every second, third, ... is used: shares and curves do not
/// need all of them.
const MOST: usize = 300;

/// A model of the first metric of a study.
pub(super) struct Landscape<'a> {
    pub space: &'a Space,
    pub cube: Cube<'a>,
    pub features: Features,
    /// The process of the losses, less [`mean`](Self::mean) and divided by [`sd`](Self::sd).
    pub process: GaussianProcess,
    pub mean: f64,
    pub sd: f64,
    pub bounds: Bounds,
}

impl<'a> Landscape<'a> {
    /// The model of `study`; `None` if there are fewer than 10 measurements, or no process can be
    /// fitted to them.
    pub fn of(space: &'a Space, study: &Study, seed: &Seed) -> Option<Self> {
        let cube = Cube::new(space);
        let history = thinned(History::new(space, &cube, study, None))?;
        let features = Features::new(&cube);
        let process = untransformed::process(&history, &features, seed).ok()?;
        let (mean, sd) = untransformed::scale(&history);
        let bounds = Bounds::of(&history, &features, seed)?;
        Some(Self { space, cube, features, process, mean, sd, bounds })
    }
}

/// `history` with at most [`MOST`] measurements; `None` if it has fewer than [`LEAST`].
fn thinned(mut history: History) -> Option<History> {
    let every = history.measured.len().div_ceil(MOST).max(1);
    history.measured = history.measured.into_iter().step_by(every).collect();
    (history.measured.len() >= LEAST).then_some(history)
}

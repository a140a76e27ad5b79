//! Random search: the baseline for all other searches.

use rand::RngExt;

use super::Search;
use super::tried::Tried;
use crate::seed::{Seed, Stream};
use crate::space::{Point, Space};
use crate::study::Study;

/// Number of draws that must break a relation before one of them is moved.
const DRAWS: usize = 100;

/// Suggests random points. Every parameter is uniform on its scale, and independent of other
/// parameters and of earlier trials.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomSearch;

impl RandomSearch {
    /// A random search.
    pub fn new() -> Self {
        Self
    }
}

impl Search for RandomSearch {
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point {
        let mut stream = seed.child("random").index(study.trials.len() as u64).stream();
        let uniform = |_, stream: &mut Stream| {
            let mut draw = || -> Vec<f64> { (0..space.dimension()).map(|_| stream.random()).collect() };
            let first = draw();
            let mut drawn = std::iter::once(first.clone()).chain(std::iter::repeat_with(draw).take(DRAWS));
            space.decode(&drawn.find(|unit| space.keeps_relations(unit)).unwrap_or(first))
        };
        Tried::of(study).first_new(space, &mut stream, uniform)
    }
}

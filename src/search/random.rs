//! Random search: the baseline for all other searches.

use rand::RngExt;

use super::Search;
use super::tried::Tried;
use crate::seed::{Seed, Stream};
use crate::space::{Point, Space};
use crate::study::Study;

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
            let unit: Vec<f64> = (0..space.dimension()).map(|_| stream.random()).collect();
            space.decode(&unit)
        };
        Tried::of(study).first_new(space, &mut stream, uniform)
    }
}

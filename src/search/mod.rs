//! What to try next: from a space, what happened so far and a seed to a point.
//!
//! The history is the state: a search keeps nothing between suggestions, so resuming a study is free and
//! suggestion k is the same whoever asks for it.

pub mod bayes;
mod random;
mod sobol;

pub use random::RandomSearch;
pub use sobol::SobolSearch;

use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::Study;

/// A strategy that proposes points.
pub trait Search: Send {
    /// The next point to try: in `space`, and different from every point of `study` unless the whole
    /// space has been tried.
    ///
    /// `seed` is the seed of this one suggestion. Running trials count as pending. The default point of the
    /// space is the business of the tuner, which tries it first.
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point;
}

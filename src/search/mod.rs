//! Searches: each suggests the next point, given the space, the trials so far and a seed.
//!
//! A search keeps no state between suggestions. So a study can be resumed at any time, and
//! suggestion number k is the same in every process.
//!
//! ```
//! use spiketune::search::{Search, SobolSearch};
//! use spiketune::{seed::Seed, space::Space, study::{Metric, Study}};
//!
//! let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
//! let space = Space::from_json(text, "line.json")?;
//! let study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
//! let point = SobolSearch::new().suggest(&space, &study, &Seed::root(1));
//! assert_eq!(space.check(&point), Ok(()));
//! # Ok::<(), spiketune::space::SpaceError>(())
//! ```

pub mod bayes;
mod comparable;
mod evolution;
mod fidelity;
pub mod gp;
mod nearest;
mod nsga2;
mod pareto;
mod random;
mod ranking;
mod rungs;
mod sobol;
mod strategy;
mod tpe;
mod tried;

pub use bayes::BayesSearch;
pub use evolution::{EvolutionParams, EvolutionSearch, RefiningSearch};
pub use fidelity::Fidelity;
pub use nearest::nearest_possible;
pub use nsga2::{Nsga2Params, Nsga2Search};
pub use random::RandomSearch;
pub use rungs::{Decider, Rungs};
pub use sobol::SobolSearch;
pub use strategy::Strategy;
pub use tpe::{TpeParams, TpeSearch};

use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, Study};

/// A point to try, with the fits of the model that suggested it.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The point.
    pub point: Point,
    /// Fits that make later suggestions faster. They are to be stored with the internal attributes
    /// of the trial.
    pub fits: Attributes,
}

impl From<Point> for Suggestion {
    fn from(point: Point) -> Self {
        Self { point, fits: Attributes::new() }
    }
}

/// The training to run next.
#[derive(Clone, Debug, PartialEq)]
pub enum NextSegment {
    /// The paused trial of this number resumes.
    Of(u32),
    /// A new trial begins.
    New(Suggestion),
}

/// A search that suggests points.
pub trait Search: Send {
    /// The next point to try. It is in `space`, and differs from every point of `study` unless all
    /// points have been tried.
    ///
    /// `seed` is the seed of the search, the same for every suggestion of a study. The random draws
    /// of a suggestion also depend on the number of trials so far. Running and waiting trials count
    /// as pending. The tuner tries the default point of the space before it asks the search.
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point;

    /// As [`suggest`](Self::suggest), but also returns the fits of the model that were made for it,
    /// if any. Once they are stored with the trial, later suggestions reuse them, in any process.
    fn suggest_with_fits(&self, space: &Space, study: &Study, seed: &Seed) -> Suggestion {
        self.suggest(space, study, seed).into()
    }

    /// Whether a suggestion takes so long that processes should take turns to suggest.
    fn takes_long(&self) -> bool {
        false
    }

    /// The trial to train next, if trials pause at [`Rungs::MODEL`]. It is the paused or new trial
    /// with the largest expected gain for its cost, or a new trial that explores. `cost` returns
    /// the cost of a whole trial of a point, positive and in any unit.
    ///
    /// `None` while there is no model, and always for a search that has none.
    fn next_segment(
        &self,
        _space: &Space,
        _study: &Study,
        _cost: &dyn Fn(&Point) -> f64,
        _seed: &Seed,
    ) -> Option<NextSegment> {
        None
    }

    /// The largest expected improvement of the first metric, in standard deviations of the losses
    /// so far, with outliers cut. 0 if all points have been tried.
    ///
    /// `None` while there is no model of the loss, and always for a search that has none.
    fn improvement(&self, _space: &Space, _study: &Study, _seed: &Seed) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod contract;

//! What to try next: from a space, what happened so far and a seed to a point.
//!
//! The history is the state: a search keeps nothing between suggestions, so resuming a study is free and
//! suggestion k is the same whoever asks for it.
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
mod fidelity;
pub mod gp;
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
pub use fidelity::Fidelity;
pub use nsga2::{Nsga2Params, Nsga2Search};
pub use random::RandomSearch;
pub use rungs::{Decider, Rungs};
pub use sobol::SobolSearch;
pub use strategy::Strategy;
pub use tpe::{TpeParams, TpeSearch};

use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, Study};

/// A point to try.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Where.
    pub point: Point,
    /// What later suggestions cost less with: to be kept among the internal attributes of its trial.
    pub fits: Attributes,
}

impl From<Point> for Suggestion {
    fn from(point: Point) -> Self {
        Self { point, fits: Attributes::new() }
    }
}

/// What is trained next.
#[derive(Clone, Debug, PartialEq)]
pub enum NextSegment {
    /// The paused trial of this number resumes.
    Of(u32),
    /// A new trial begins.
    New(Suggestion),
}

/// A strategy that proposes points.
pub trait Search: Send {
    /// The next point to try: in `space`, and different from every point of `study` unless the whole
    /// space has been tried.
    ///
    /// `seed` is the seed of the search, the same for every suggestion of a study; what belongs to this one
    /// suggestion is drawn from its child of the number of trials so far. Running and waiting trials count
    /// as pending. The default point of the space is the business of the tuner, which tries it first.
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point;

    /// The point of [`suggest`](Self::suggest) with what the search would find in its trial again, in this process or
    /// another.
    fn suggest_with_fits(&self, space: &Space, study: &Study, seed: &Seed) -> Suggestion {
        self.suggest(space, study, seed).into()
    }

    /// Whether a suggestion takes so long that no two should be worked out of the same trials.
    fn takes_long(&self) -> bool {
        false
    }

    /// What to train next where trials pause at the rungs of [`Fidelity::Bayes`]: of what is paused and what is new,
    /// whatever promises the largest gain for its effort, and now and then what is new elsewhere. `cost` says what a
    /// whole trial of a point takes, positive and in any unit.
    ///
    /// `None` as long as there is no model, and always for a search without one.
    fn next_segment(
        &self,
        _space: &Space,
        _study: &Study,
        _cost: &dyn Fn(&Point) -> f64,
        _seed: &Seed,
    ) -> Option<NextSegment> {
        None
    }

    /// The improvement that the next suggestion promises, in standard deviations of the losses so far, outliers
    /// cut; 0 where nothing is left to try. `None` as long as there is no model of the loss, and always for a
    /// search without one.
    fn improvement(&self, _space: &Space, _study: &Study, _seed: &Seed) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod contract;

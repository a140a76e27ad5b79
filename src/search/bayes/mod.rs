//! Bayesian optimization: a Gaussian process learns the loss from the trials so far. The next trial
//! is where the expected improvement is largest.
//!
//! The trials so far become features (numeric inputs), and a Gaussian process is fitted to them.
//! The acquisition, the worth of a trial, is then maximized over the unit cube.
//!
//! | file | idea |
//! |---|---|
//! | `params` | settings |
//! | `input` | a study as the model sees it: mixed and conditional points as Euclidean inputs |
//! | `fit` | from losses to fitted processes; which fits are kept |
//! | `acquisition` | the value of a trial at some point, and its maximum |
//! | `model` | the inputs and fits that the files below start from |
//! | `explore` | when to leave a place where little is left to gain |
//! | `branch` | another value of a choice, searched for its own sake |
//! | `freeze_thaw` | which trial to train next where trials pause |
//! | `expected_improvement` | the largest expected improvement, which may end a study |
//! | `landscape` | the expected loss on its own scale, for numbers that people read |
//! | `importance` | which parameters matter, alone and together |
//! | `slices` | what is expected along each parameter |
//!
//! Up to four metrics have a Gaussian process each; more become one loss. Each constraint has a
//! Gaussian process too. Up to 1,500 trials enter these, at a cost of O(n³) for n trials. Of more
//! trials only the best and their neighbours enter.

mod acquisition;
mod bounds;
mod branch;
mod expected_improvement;
mod explore;
mod fit;
#[cfg(test)]
mod fixtures;
mod freeze_thaw;
mod importance;
mod input;
mod landscape;
mod model;
mod params;
mod slices;

use std::sync::Arc;

pub use acquisition::MOST_LOSSES;
use fit::fit_cache::FitCache;
pub use importance::importance;
use model::Model;
pub use params::BayesParams;
pub use slices::importance_and_slices;

use super::{NextSegment, Rungs, Search, SobolSearch, Suggestion};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, Study};

/// Trials of the initial design: `benches/README.md#start-of-the-model`.
const DESIGN: usize = 5;
/// The fewest trials by which an expected improvement is judged: one more than the space has dimensions, but no
/// fewer and no more than these numbers.
const JUDGED: (usize, usize) = (5, 20);

/// Suggests the point with the largest expected improvement under a Gaussian process. With several
/// metrics it is the point with the largest expected growth of the volume that their Pareto front
/// dominates. Without a reference point, two of three points are those with the largest expected
/// distance from the nearest member of the front.
///
/// - Complete trials teach the losses and the probability of keeping each constraint. Failed trials
///   teach the probability of success.
/// - The gain is multiplied by the probability of each constraint, and by the fifth power of the
///   probability of success. Once failures have used up their share of the latest trials, unlikely
///   successes are avoided whatever the gain. While no trial keeps all constraints, these probabilities are
///   maximized without a gain.
/// - Running and waiting trials count as if their expected losses had been measured. Before any
///   loss was measured, they count as failed.
/// - What the space knows of a loss before a trial counts in place of the model, for the points that the models
///   value most.
/// - If no model can be fitted (no trial has ended, nothing tells trials apart, or no parameter is
///   searched), the point is that of [`SobolSearch`]. A loss that is the same in all trials does not count.
#[derive(Clone, Debug, Default)]
pub struct BayesSearch {
    params: BayesParams,
    cache: Arc<FitCache>,
}

impl BayesSearch {
    /// A search with the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// A search with other settings.
    pub fn with(params: BayesParams) -> Self {
        Self { params, ..Self::default() }
    }

    /// Number of trials before the first suggestion of the model.
    fn initial(&self) -> usize {
        self.params.initial.unwrap_or(DESIGN)
    }

    /// The model of `study`, which also learns from values at these rungs (steps at which trials
    /// pause).
    fn model<'a>(
        &'a self,
        space: &'a Space,
        study: &'a Study,
        rungs: Option<Rungs>,
        seed: &Seed,
    ) -> Model<'a> {
        Model::of(space, study, rungs, (&self.params, &self.cache), &seed.child("bayes"))
    }
}

impl BayesSearch {
    /// The log acquisition at each of `points` by the models alone, and the fits to store with a trial.
    /// `None` while there is no model, or if a point is not in the space.
    pub(super) fn log_acquisitions(
        &self,
        space: &Space,
        study: &Study,
        points: &[Point],
        seed: &Seed,
    ) -> Option<(Vec<f64>, Attributes)> {
        let mut model = self.model(space, study, None, seed);
        model.knowledge = None;
        if !model.history.tells_apart() {
            return None;
        }
        let acquisition = model.acquisition().ok()?;
        let units: Option<Vec<Vec<f64>>> = points.iter().map(|point| space.encode(point).ok()).collect();
        let cells: Vec<_> = units?.iter().map(|unit| model.cube.cell(unit)).collect();
        let values = acquisition.values(model.features.rows(&cells).view());
        Some((values, model.into_attributes()))
    }
}

/// The new point with the highest acquisition; `None` if there is no model or no new point.
fn suggestion(model: Model<'_>) -> Option<Suggestion> {
    if !model.history.tells_apart() {
        return None;
    }
    let mut acquisition = model.acquisition().ok()?;
    let exploit = model.ranking(&acquisition, model.params, &model.seed);
    let cells = model.explore(&mut acquisition, exploit.first()).unwrap_or(exploit);
    let (_, point) = model.first_new(&cells)?;
    Some(Suggestion { point, fits: model.into_attributes() })
}

impl Search for BayesSearch {
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point {
        self.suggest_with_fits(space, study, seed).point
    }

    fn suggest_with_fits(&self, space: &Space, study: &Study, seed: &Seed) -> Suggestion {
        let design = || Suggestion::from(SobolSearch::new().suggest(space, study, seed));
        if study.trials.len() < self.initial() {
            return design();
        }
        suggestion(self.model(space, study, None, seed)).unwrap_or_else(design)
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn next_segment(
        &self,
        space: &Space,
        study: &Study,
        cost: &dyn Fn(&Point) -> f64,
        seed: &Seed,
    ) -> Option<NextSegment> {
        let model = || self.model(space, study, Some(Rungs::MODEL), seed);
        (study.trials.len() >= self.initial()).then(|| model().freeze_thaw(cost))?
    }

    fn improvement(&self, space: &Space, study: &Study, seed: &Seed) -> Option<f64> {
        let model = || self.model(space, study, None, seed);
        let least = self.initial().max((space.dimension() + 1).clamp(JUDGED.0, JUDGED.1));
        (study.trials.len() >= least).then(|| model().max_expected_improvement())?
    }
}

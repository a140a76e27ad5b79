//! Bayesian optimization: a Gaussian process learns the loss from the trials so far, and the next trial is
//! where it expects the largest improvement.
//!
//! *A history becomes features; a process is fitted to them; its acquisition is maximized over the cube.*
//!
//! | file | idea |
//! |---|---|
//! | `history`, `local` | a study as the model sees it; what of it counts where it is long |
//! | `cube`, `features` | mixed and conditional points as Euclidean inputs |
//! | `kernel`, `warp`, `hyper`, `evidence`, `params`, `process` | the Gaussian process, usable on its own |
//! | `transform`, `fits`, `schedule`, `fits` | the scale of the losses; when hyperparameters are fitted again, and what trials carry of it |
//! | `acquisition`, `success`, `feasibility`, `model`, `max_expected_improvement` | what a point promises |
//! | `hypervolume`, `boxes` | what it promises to several losses |
//! | `maximize`, `lbfgs` | where it promises most |
//! | `explore` | when to look elsewhere |
//! | `cost`, `freeze_thaw` | what a point costs; which trial goes on where they pause |
//! | `plain`, `importance` | which parameters matter, alone and together |
//!
//! Up to four metrics have a process each, more are made one; so has every constraint. Up to 1,500 trials enter the
//! processes, at a cost of O(n³) for n of them; of more the best and those around them.

mod acquisition;
mod expected_improvement;
mod explore;
mod fit;
#[cfg(test)]
mod fixtures;
mod freeze_thaw;
mod importance;
mod input;
mod model;

use std::sync::Arc;

use explore::Candidates;
use fit::fit_cache::FitCache;
use fit::stored_fits::StoredFits;
pub use importance::importance;
use input::cube::Cube;
use input::features::Features;
use input::history::History;
pub use model::MOST_LOSSES;

use super::tried::Tried;
use super::{NextSegment, Search, SobolSearch, Suggestion};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::Study;

/// Fewest and most trials of the initial design.
const DESIGN: (usize, usize) = (5, 20);
/// Where trials pause, the model begins with a part of them, one in so many, but with as many as the fewest: it learns
/// from rungs as well. Studies of `digits`, whose space has a design of 20, came to more by 6 (`benches/README.md`).
const PAUSING_DESIGN: usize = 3;

/// Settings of a [`BayesSearch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BayesParams {
    /// How many trials, the default point and those of others included, precede the first of the model; the
    /// search fills them up with a scrambled Sobol sequence. `None`: one more than the space has dimensions,
    /// but at least 5 and at most 20. More → a surer model, fewer trials that use it.
    pub initial: Option<usize>,
    /// Cells that the acquisition is looked at before local search, fewer from 50 trials on, each of which makes them
    /// dearer; a quarter as many surround the best
    /// trials. More → surer of the maximum, slower; default 2048.
    pub candidates: usize,
    /// Local searches from candidates drawn by their acquisition, beside those from the best candidate and the best
    /// trials; fewer from 50 trials on; default 8. With 0 there is one alone, from the best candidate.
    pub starts: usize,
}

impl Default for BayesParams {
    fn default() -> Self {
        Self { initial: None, candidates: 2048, starts: 8 }
    }
}

/// Suggests the point of the largest expected improvement under a Gaussian process; with several metrics of the
/// largest expected growth of the volume that their front dominates.
///
/// Complete trials teach the losses and the probability of keeping each constraint, failed ones the probability of
/// success; the gain is multiplied by all of these, that of success to the fifth power, for a trial that fails is lost.
/// While no trial keeps all constraints they count alone. Running and waiting ones count as if their expected loss had
/// been measured, or, where no loss was, as if they had failed. Where no model can be fitted (nothing has ended yet,
/// nothing is searched) the point is that of [`SobolSearch`].
#[derive(Clone, Debug, Default)]
pub struct BayesSearch {
    params: BayesParams,
    fits: Arc<FitCache>,
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

    fn initial(&self, space: &Space) -> usize {
        self.params.initial.unwrap_or((space.dimension() + 1).clamp(DESIGN.0, DESIGN.1))
    }

    /// The most promising point that is new; `None` without a model or a new point.
    fn model_point(&self, space: &Space, study: &Study, seed: &Seed) -> Option<Suggestion> {
        let cube = Cube::new(space);
        let history = History::new(space, &cube, study);
        if history.ended.is_empty() {
            return None;
        }
        let features = Features::new(&cube);
        let fits = StoredFits::of(study, &history);
        let fitter = self.fits.fitter(Some(&fits), seed.child("model"));
        let mut acquisition = model::acquisition(&history, &features, &fitter).ok()?;
        let count = study.trials.len();
        let seed = seed.index(count as u64);
        let candidates = Candidates { space, cube: &cube, features: &features, history: &history };
        let exploit = candidates.ranking(&acquisition, &self.params, &seed);
        let cells = candidates
            .explore(&mut acquisition, &self.params, &seed, count, exploit.first())
            .unwrap_or(exploit);
        let tried = Tried::of(study);
        let mut points = cells.iter().map(|scored| space.decode(&scored.cell.unit));
        let point = points.find(|point| !tried.contains(point))?;
        Some(Suggestion { point, fits: fits.into_attributes() })
    }
}

impl Search for BayesSearch {
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point {
        self.suggest_with_fits(space, study, seed).point
    }

    fn suggest_with_fits(&self, space: &Space, study: &Study, seed: &Seed) -> Suggestion {
        let count = study.trials.len();
        let design = || Suggestion::from(SobolSearch::new().suggest(space, study, seed));
        if count < self.initial(space) {
            return design();
        }
        self.model_point(space, study, &seed.child("bayes")).unwrap_or_else(design)
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
        let count = study.trials.len();
        let initial = (self.initial(space) / PAUSING_DESIGN).max(DESIGN.0);
        (count >= initial).then(|| self.freeze_thaw(space, study, cost, &seed.child("bayes")))?
    }

    fn improvement(&self, space: &Space, study: &Study, seed: &Seed) -> Option<f64> {
        let count = study.trials.len();
        (count >= self.initial(space))
            .then(|| self.max_expected_improvement(space, study, &seed.child("bayes")))?
    }
}

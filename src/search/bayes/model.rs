//! The model of a study: inputs, history and fits, from which every suggestion starts.

use super::acquisition::Acquisition;
use super::acquisition::maximize::{Maximizer, Scored};
use super::fit::fit_cache::FitCache;
use super::fit::stored_fits::StoredFits;
use super::input::cube::{Cell, Cube};
use super::input::features::Features;
use super::input::foreseen::{Foreseen, Knowledge};
use super::input::history::History;
use super::params::BayesParams;
use crate::search::Rungs;
use crate::search::gp::GpError;
use crate::search::tried::Tried;
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, Study};

/// A study as inputs of Gaussian processes, with the fits that exist already.
pub(super) struct Model<'a> {
    pub space: &'a Space,
    pub study: &'a Study,
    pub params: &'a BayesParams,
    pub cube: Cube<'a>,
    pub features: Features,
    pub history: History,
    /// What is known of points before a trial; `None` if nothing is.
    pub knowledge: Option<Knowledge<'a>>,
    /// The seed of the draws of this suggestion; it depends on the number of trials.
    pub seed: Seed,
    /// The seed of the points that the log cost is fitted to, the same after any number of trials.
    pub cost_seed: Seed,
    /// The seed of the fits, the same after any number of trials.
    fit_seed: Seed,
    cache: &'a FitCache,
    stored: StoredFits,
    /// Whether losses that are the same in all trials are left out, so that stored fits are of others.
    is_narrowed: bool,
}

impl<'a> Model<'a> {
    /// The model of `study`, which searches `space`. With `rungs` it also learns from the values at
    /// these rungs (steps at which trials pause).
    pub fn of(
        space: &'a Space,
        study: &'a Study,
        rungs: Option<Rungs>,
        (params, cache): (&'a BayesParams, &'a FitCache),
        seed: &Seed,
    ) -> Self {
        let cube = Cube::new(space);
        let features = Features::new(&cube);
        let history = History::new(space, &cube, study, rungs);
        let knowledge = Knowledge::of(space, &study.metrics, &history);
        let stored = StoredFits::of(study, &history);
        let varying: Vec<usize> = (0..history.losses()).filter(|&loss| history.varies(loss)).collect();
        let is_narrowed = knowledge.is_some() && (1..history.losses()).contains(&varying.len());
        // A loss without any extent would leave no gain.
        let (history, knowledge) = match knowledge {
            Some(knowledge) if is_narrowed => {
                (history.of_losses(&varying), Some(knowledge.of_losses(&varying)))
            }
            knowledge => (history, knowledge),
        };
        Self {
            space,
            study,
            params,
            cube,
            features,
            history,
            knowledge,
            seed: seed.index(study.trials.len() as u64),
            cost_seed: seed.child("effort"),
            fit_seed: seed.child("model"),
            cache,
            stored,
            is_narrowed,
        }
    }

    /// The acquisition after all trials of the history.
    ///
    /// # Errors
    /// A Gaussian process cannot be fitted.
    pub fn acquisition(&self) -> Result<Acquisition, GpError> {
        let stored = Some(&self.stored).filter(|_| !self.is_narrowed);
        let fitter = self.cache.fitter(stored, self.fit_seed.clone());
        Acquisition::fit(&self.history, &self.features, self.knowledge.as_ref(), &fitter)
    }

    /// The log acquisition at each of `cells`, by what is known of them.
    pub fn values(&self, acquisition: &Acquisition, cells: &[Cell]) -> Vec<f64> {
        let foreseen = |knowledge: &Knowledge<'_>| -> Vec<Foreseen> {
            cells.iter().map(|cell| knowledge.at(cell).unwrap_or_default()).collect()
        };
        let foreseen = self.knowledge.as_ref().map(foreseen).unwrap_or_default();
        acquisition.foreseen_values(self.features.rows(cells).view(), &foreseen)
    }

    /// Cells that no trial has taken, sorted by their acquisition, highest first.
    pub fn ranking(&self, acquisition: &Acquisition, params: &BayesParams, seed: &Seed) -> Vec<Scored> {
        Maximizer::new(self.space, &self.cube, &self.features, acquisition, &self.history)
            .with_knowledge(self.knowledge.as_ref())
            .ranking(params, seed)
    }

    /// The first of `cells` whose point is new and not refused, with its log acquisition.
    pub fn first_new(&self, cells: &[Scored]) -> Option<(f64, Point)> {
        let tried = Tried::of(self.study);
        let mut points = cells.iter().map(|scored| (scored.value, self.space.decode(&scored.cell.unit)));
        points.find(|(_, point)| tried.admits(self.space, point))
    }

    /// The new fits of this model, as internal attributes of the trial that is suggested.
    pub fn into_attributes(self) -> Attributes {
        self.stored.into_attributes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::search::bayes::fixtures::line;
    use crate::search::{BayesSearch, Search, SobolSearch};
    use crate::space::{Bounds, Foresee, Foresight, Refusals};
    use crate::study::{Metric, Trial, TrialState};

    /// The size of `point`, which no model can learn.
    fn size(point: &Point) -> f64 {
        let kind = point.get("kind").and_then(|kind| kind.as_f64()).expect("a number");
        1.0 + (kind * 7919.0) % 997.0
    }

    /// Knows the size, or an upper bound of it.
    struct Sizes {
        is_exact: bool,
    }

    impl Foresee for Sizes {
        fn foresee(&self, point: &Point) -> Foresight {
            let low = if self.is_exact { size(point) } else { 0.0 };
            Foresight::Possible { bounds: vec![Bounds::UNKNOWN, Bounds { low, high: size(point) }] }
        }

        fn refusals(&self) -> Refusals {
            Refusals::default()
        }
    }

    /// 18 trials by this knowledge.
    fn study(foresight: Option<Arc<dyn Foresee>>, seed: u64) -> Study {
        let text = r#"{"name": "s", "parameters": {"x": {"type": "float", "low": 0, "high": 1},
            "kind": {"type": "int", "low": 1, "high": 900}}}"#;
        let space = Space::from_json(text, "s.json").unwrap().with_foresight(foresight);
        let metrics = vec![Metric::minimize("loss"), Metric::minimize("size")];
        let mut study = Study { metrics, ..Study::default() };
        let search = BayesSearch::with(BayesParams { candidates: 256, starts: 2, ..BayesParams::default() });
        for number in 0..18 {
            let point = search.suggest(&space, &study, &Seed::root(seed));
            let x = point.get("x").and_then(|x| x.as_f64()).expect("a number");
            let values = vec![1.0 + (x - 0.4).powi(2), size(&point)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        study
    }

    #[test]
    fn a_metric_that_is_known_before_a_trial_is_searched_by_its_values() {
        let smallest = |foresight, seed| {
            let trials = study(foresight, seed).trials;
            trials.iter().map(|trial| trial.values[1]).fold(f64::INFINITY, f64::min)
        };
        for seed in 0..2 {
            let exact = smallest(Some(Arc::new(Sizes { is_exact: true })), seed);
            let by_bound = smallest(Some(Arc::new(Sizes { is_exact: false })), seed);
            let unknown = smallest(None, seed);
            assert!(exact < 10.0 && by_bound == exact && unknown > exact, "{exact}, {by_bound}, {unknown}");
        }
    }

    /// A study of `count` trials that `values` evaluates at x in [0, 1].
    fn of_line(count: u32, values: impl Fn(f64) -> Vec<f64>) -> Study {
        of_space(&line(), count, values)
    }

    fn of_space(space: &Space, count: u32, values: impl Fn(f64) -> Vec<f64>) -> Study {
        let metrics = (0..values(0.0).len()).map(|at| Metric::minimize(format!("m{at}")));
        let mut study = Study { metrics: metrics.collect(), ..Study::default() };
        for number in 0..count {
            let point = BayesSearch::new().suggest(space, &study, &Seed::root(2));
            let x = point.get("x").and_then(|x| x.as_f64()).expect("a number");
            let values = values(x);
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        study
    }

    #[test]
    fn while_all_losses_are_equal_the_points_of_sobol_go_on() {
        let study = of_line(20, |_| vec![1.0]);
        for count in 5..20 {
            let before = study.with_trials(study.trials[..count].to_vec());
            let expected = SobolSearch::new().suggest(&line(), &before, &Seed::root(2));
            assert_eq!(study.trials[count].point, expected, "{count}");
            assert_eq!(BayesSearch::new().improvement(&line(), &before, &Seed::root(2)), None);
        }
    }

    #[test]
    fn a_metric_that_is_always_the_same_does_not_decide_where_to_look() {
        let study = of_line(14, |x| vec![(x - 0.37).powi(2), 7.0]);
        let best = study.best().expect("one").values[0];
        assert!(best < 1e-6, "{best}");
    }

    /// Knows that the second metric is 7, or 7 at most.
    struct Seven {
        is_exact: bool,
    }

    impl Foresee for Seven {
        fn foresee(&self, _: &Point) -> Foresight {
            let low = if self.is_exact { 7.0 } else { 0.0 };
            Foresight::Possible { bounds: vec![Bounds::UNKNOWN, Bounds { low, high: 7.0 }] }
        }

        fn refusals(&self) -> Refusals {
            Refusals::default()
        }
    }

    #[test]
    fn nor_does_one_that_is_known_to_be_the_same() {
        for is_exact in [true, false] {
            let space = line().with_foresight(Some(Arc::new(Seven { is_exact })));
            let study = of_space(&space, 16, |x| vec![(x - 0.37).powi(2), 7.0]);
            let best = study.best().expect("one").values[0];
            assert!(best < 1e-6, "{is_exact}: {best}");
        }
    }

    #[test]
    fn what_is_known_is_the_same_on_any_number_of_threads() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| study(Some(Arc::new(Sizes { is_exact: false })), 5))
        };
        assert_eq!(run(1), run(2));
    }
}

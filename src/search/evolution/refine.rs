//! Fine-tuning: at the end of a study the topologies of the best trials stay, and all other
//! hyperparameters are searched.
//!
//! As RAvENNA followed MENNDL (Patton et al. 2019). The Gaussian process knows all trials of the
//! study, so the phase begins with what the search of topologies has learnt.

use rand::RngExt;

use super::most_promising;
use super::variation::Variation;
use crate::search::tried::Tried;
use crate::search::{BayesSearch, NextSegment, Search, Suggestion};
use crate::seed::{Seed, Stream};
use crate::space::{Point, Space};
use crate::study::{Study, Trial};

/// The best trials whose topologies are refined.
const TOPOLOGIES: usize = 3;
/// Points that the Gaussian process compares for one trial.
const COMPARED: usize = 192;

/// A search whose last trials refine the best topologies.
pub struct RefiningSearch {
    base: Box<dyn Search>,
    from: usize,
    model: BayesSearch,
}

impl RefiningSearch {
    /// The search `base` for the first `from` trials of a study. The trials after them keep the lists
    /// of one of the best trials.
    pub fn new(base: Box<dyn Search>, from: u32) -> Self {
        Self { base, from: from as usize, model: BayesSearch::new() }
    }

    /// Different points that can be tried, with the lists of the best trials of `study` and other
    /// values of the rest.
    fn candidates(space: &Space, study: &Study, stream: &mut Stream) -> Vec<Point> {
        /// Attempts for each point that is asked for.
        const ATTEMPTS: usize = 4;
        let (tried, variation) = (Tried::of(study), Variation::of(space));
        let mut best: Vec<&Point> = Vec::with_capacity(TOPOLOGIES);
        for trial in best_first(study).into_iter().filter(|trial| space.check(&trial.point).is_ok()) {
            let point = &trial.point;
            if best.len() < TOPOLOGIES && !best.iter().any(|one| variation.has_same_lists(one, point)) {
                best.push(point);
            }
        }
        let mut candidates = Vec::with_capacity(COMPARED);
        for _ in 0..ATTEMPTS * COMPARED {
            if candidates.len() == COMPARED || best.is_empty() {
                break;
            }
            let parent = best[stream.random_range(0..best.len())];
            let candidate = variation.with_same_lists(parent, stream);
            if !candidates.contains(&candidate) && tried.admits(space, &candidate) {
                candidates.push(candidate);
            }
        }
        candidates
    }
}

/// The trials that may be refined, best in the first metric first: with several metrics those of the
/// Pareto front, else all that have a value.
fn best_first(study: &Study) -> Vec<&Trial> {
    let ranking = study.ranking();
    if study.metrics.len() == 1 {
        return ranking;
    }
    // Not by number: results of a warm start have the numbers of trials.
    let front = study.pareto_front();
    ranking.into_iter().filter(|trial| front.iter().any(|one| std::ptr::eq(*one, *trial))).collect()
}

impl RefiningSearch {
    /// Whether the next new trial of `study` keeps the lists of the best ones.
    fn refines(&self, study: &Study) -> bool {
        study.trials.len() - study.warm_start.results.len() >= self.from
    }
}

impl Search for RefiningSearch {
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point {
        self.suggest_with_fits(space, study, seed).point
    }

    fn suggest_with_fits(&self, space: &Space, study: &Study, seed: &Seed) -> Suggestion {
        if !self.refines(study) {
            return self.base.suggest_with_fits(space, study, seed);
        }
        let own = seed.child("refine");
        let mut stream = own.index(study.trials.len() as u64).stream();
        let candidates = Self::candidates(space, study, &mut stream);
        most_promising(&self.model, space, study, candidates, &own)
            .unwrap_or_else(|| self.base.suggest_with_fits(space, study, seed))
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
        match self.base.next_segment(space, study, cost, seed)? {
            NextSegment::New(_) if self.refines(study) => {
                Some(NextSegment::New(self.suggest_with_fits(space, study, seed)))
            }
            next => Some(next),
        }
    }

    fn improvement(&self, space: &Space, study: &Study, seed: &Seed) -> Option<f64> {
        self.base.improvement(space, study, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::RandomSearch;
    use crate::space::Value;
    use crate::study::{Metric, TrialState};

    fn space() -> Space {
        let text = r#"{"name": "s", "parameters": {
            "rate": {"type": "float", "low": 0, "high": 1},
            "layers": {"type": "list", "length": [0, 4], "default": 1, "of": {
                "width": {"type": "int", "low": 1, "high": 64}}}}}"#;
        Space::from_json(text, "s.json").unwrap()
    }

    /// The loss of a list of two items is least; then that of a rate of 0.7.
    fn loss(point: &Point) -> f64 {
        let number = |name: &str| point.get(name).and_then(Value::as_f64).expect("a number");
        (number("layers") - 2.0).abs() + (number("rate") - 0.7).abs()
    }

    /// Begins a trial with a new list whenever it is asked for the next step.
    struct Beginning(Point);

    impl Search for Beginning {
        fn suggest(&self, _: &Space, _: &Study, _: &Seed) -> Point {
            self.0.clone()
        }

        fn next_segment(
            &self,
            _: &Space,
            _: &Study,
            _: &dyn Fn(&Point) -> f64,
            _: &Seed,
        ) -> Option<NextSegment> {
            Some(NextSegment::New(self.0.clone().into()))
        }
    }

    #[test]
    fn trials_that_pause_are_refined_too() {
        let space = space();
        let (best, new) = (space.default_point(), space.decode(&vec![0.99; space.dimension()]));
        let search = RefiningSearch::new(Box::new(Beginning(new.clone())), 1);
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        let next = |study: &Study| match search.next_segment(&space, study, &|_| 1.0, &Seed::root(5)) {
            Some(NextSegment::New(Suggestion { point, .. })) => point,
            other => panic!("{other:?}"),
        };
        assert_eq!(next(&study), new);
        study.trials.push(Trial {
            state: TrialState::Complete,
            values: vec![1.0],
            ..Trial::waiting(0, best.clone())
        });
        assert!(Variation::of(&space).has_same_lists(&next(&study), &best));
    }

    #[test]
    fn the_last_trials_keep_the_best_topologies_and_tune_the_rest() {
        let space = space();
        let search = RefiningSearch::new(Box::new(RandomSearch::new()), 12);
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        for number in 0..24 {
            let point = search.suggest(&space, &study, &Seed::root(5));
            let values = vec![loss(&point)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        let variation = Variation::of(&space);
        let (before, after) = study.trials.split_at(12);
        let is_known =
            |point: &Point| before.iter().any(|trial| variation.has_same_lists(&trial.point, point));
        assert!(after.iter().all(|trial| is_known(&trial.point)), "a new topology");
        let least =
            |trials: &[Trial]| trials.iter().map(|trial| trial.values[0]).fold(f64::INFINITY, f64::min);
        assert!(least(after) < 0.01 && least(after) < least(before), "{} {}", least(before), least(after));
    }
}

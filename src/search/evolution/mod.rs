//! Evolution: makes children of good trials, and tries the child that a model rates highest.
//!
//! Made for topologies: lists of layers grow, shrink and swap whole layers. It is a steady state
//! without generations (Patton et al. 2019, "Exascale deep learning to accelerate cancer research"):
//! each trial that ends may become a parent at once, so no worker waits. Two stages come before a
//! training, since a training costs more than ten thousand children:
//!
//! 1. Many children are made. Those that are refused, or were tried, are dropped. If a metric of the
//!    study is known before training, those children stay whose values are far from the trials'
//!    (Elsken et al. 2019, "Efficient multi-objective neural architecture search via Lamarckian
//!    evolution"); else the first ones stay.
//! 2. Of those the one is tried that the Gaussian process expects most of. With one metric, every
//!    fourth time they are only those whose lists have the rarest lengths.
//!
//! The first points are random. With several metrics they spread over the lengths of lists.
//!
//! | file | idea |
//! |---|---|
//! | `parents` | which trials may have children |
//! | `variation` | a child of one or two points |
//! | `sparse` | children where few trials are |
//! | `rare` | points whose lists have rare lengths |
//! | `refine` | the end of a study: other hyperparameters of the best topologies |

mod parents;
mod rare;
mod refine;
mod sparse;
mod variation;

pub use refine::RefiningSearch;

use rand::RngExt;

use super::tried::Tried;
use super::{BayesSearch, Search, Suggestion};
use crate::seed::{Seed, Stream};
use crate::space::{Point, Space};
use crate::study::{Attributes, Study};
use variation::Variation;

/// Settings of an [`EvolutionSearch`].
#[derive(Clone, Debug, PartialEq)]
pub struct EvolutionParams {
    /// Number of random points before the first children, at least 2. A larger number starts
    /// broader, but slower. Default 10: `benches/README.md#evolution`.
    pub initial: usize,
    /// Number of best trials that may become parents, at least 2. Default 20.
    pub population: usize,
    /// Children that are made for one trial, at least 1. Default 128.
    pub children: usize,
    /// Children that the Gaussian process compares, at least 1. Default 64.
    pub compared: usize,
    /// Probability of two parents instead of one, from 0 to 1. Default 0.3.
    pub crossover: f64,
}

impl Default for EvolutionParams {
    fn default() -> Self {
        Self { initial: 10, population: 20, children: 128, compared: 64, crossover: 0.3 }
    }
}

/// Suggests a child of the best trials.
///
/// With one metric the parents are the best of the latest trials. With several metrics they are the
/// trials of the first Pareto fronts; within a front, the least crowded come first. Failed, running
/// and waiting trials are no parents.
#[derive(Clone, Debug, Default)]
pub struct EvolutionSearch {
    params: EvolutionParams,
    model: BayesSearch,
}

impl EvolutionSearch {
    /// A search with the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// A search with other settings.
    pub fn with(params: EvolutionParams) -> Self {
        Self { params, ..Self::default() }
    }

    /// Different points that can be tried: children of `parents`, and a few random points.
    fn children(&self, space: &Space, study: &Study, parents: &[&Point], stream: &mut Stream) -> Vec<Point> {
        /// The share of random points, which keeps every part of the space in reach.
        const RANDOM: f64 = 0.1;
        /// Attempts for each child that is asked for.
        const ATTEMPTS: usize = 4;
        let tried = Tried::of(study);
        let variation = Variation::of(space);
        let mut children: Vec<Point> = Vec::with_capacity(self.params.children);
        for _ in 0..ATTEMPTS * self.params.children {
            if children.len() == self.params.children {
                break;
            }
            let child = match parents.len() < 2 || stream.random::<f64>() < RANDOM {
                true => random_point(space, stream),
                false => self.child(&variation, parents, stream),
            };
            if !children.contains(&child) && tried.admits(space, &child) {
                children.push(child);
            }
        }
        children
    }

    /// A child of one or two of `parents`, which are sorted best first.
    fn child(&self, variation: &Variation<'_>, parents: &[&Point], stream: &mut Stream) -> Point {
        let first = parents::tournament(parents, stream);
        let is_crossed = stream.random::<f64>() < self.params.crossover;
        match is_crossed {
            false => variation.mutant(first, stream),
            true => {
                let crossed = variation.crossed(first, parents::tournament(parents, stream), stream);
                let is_new = crossed != *first;
                if is_new && stream.random() { crossed } else { variation.mutant(&crossed, stream) }
            }
        }
    }
}

/// The one of `points` that `model` expects most of, with the fits that led to it; the first one
/// while there is no model, and `None` if there is no point.
fn most_promising(
    model: &BayesSearch,
    space: &Space,
    study: &Study,
    mut points: Vec<Point>,
    seed: &Seed,
) -> Option<Suggestion> {
    if points.is_empty() {
        return None;
    }
    let (best, fits) = match model.log_acquisitions(space, study, &points, seed) {
        None => (0, Attributes::new()),
        Some((values, fits)) => {
            let best = (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]).then(b.cmp(&a)));
            (best.unwrap_or(0), fits)
        }
    };
    Some(Suggestion { point: points.swap_remove(best), fits })
}

impl Search for EvolutionSearch {
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point {
        self.suggest_with_fits(space, study, seed).point
    }

    fn suggest_with_fits(&self, space: &Space, study: &Study, seed: &Seed) -> Suggestion {
        let count = study.trials.len();
        let seed = seed.child("evolution");
        let mut stream = seed.index(count as u64).stream();
        let parents = match count < self.params.initial {
            true => Vec::new(),
            false => parents::of(study, self.params.population, space),
        };
        let children = self.children(space, study, &parents, &mut stream);
        let kept = sparse::kept(space, study, children, self.params.compared, &mut stream);
        let suggestion = match parents.is_empty() {
            true => rare::first(space, study, kept).map(Suggestion::from),
            false => most_promising(&self.model, space, study, rare::kept(space, study, kept), &seed),
        };
        let any = |stream: &mut Stream| {
            Tried::of(study).first_new(space, stream, |_, stream| random_point(space, stream)).into()
        };
        suggestion.unwrap_or_else(|| any(&mut stream))
    }

    fn takes_long(&self) -> bool {
        true
    }
}

/// A point that is uniform in the unit cube.
fn random_point(space: &Space, stream: &mut Stream) -> Point {
    let unit: Vec<f64> = (0..space.dimension()).map(|_| stream.random()).collect();
    space.decode(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Metric, Trial, TrialState};

    #[test]
    fn a_topology_of_known_depth_is_found_by_growing() {
        let text = r#"{"name": "s", "parameters": {"layers": {"type": "list", "length": [0, 6], "default": 0, "of": {
            "kind": {"type": "categorical", "choices": ["a", "b", "c", "d"]}}}}}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        // The loss counts where the kinds differ from a, b, c, d.
        let loss = |point: &Point| {
            let length = point.get("layers").and_then(|value| value.as_i64()).unwrap() as usize;
            let kind = |k: usize| point.get(&format!("layers.{k}.kind")).and_then(|value| value.as_str());
            let right = (1..=4).filter(|&k| kind(k) == Some(["a", "b", "c", "d"][k - 1])).count();
            (4 - right) as f64 + length.abs_diff(4) as f64
        };
        let mut found = 0;
        for seed in 0..5 {
            let search = EvolutionSearch::new();
            let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
            for number in 0..60 {
                let point = search.suggest(&space, &study, &Seed::root(seed));
                let values = vec![loss(&point)];
                study.trials.push(Trial {
                    state: TrialState::Complete,
                    values,
                    ..Trial::waiting(number, point)
                });
            }
            found += usize::from(study.best().unwrap().values[0] == 0.0);
        }
        // Random points find it in 60 of 5,461 points: one study in ninety.
        assert!(found >= 4, "{found} of 5");
    }

    #[test]
    fn layers_that_began_badly_are_tried_again() {
        let text = r#"{"name": "s", "parameters": {
            "rate": {"type": "float", "low": 0, "high": 1},
            "layers": {"type": "list", "length": [0, 2], "default": 0, "of": {
                "width": {"type": "float", "low": 0, "high": 1}}}}}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        let length = |point: &Point| point.get("layers").and_then(|value| value.as_i64()).unwrap();
        // Five trials have two layers and high losses, the others none or one.
        let trial = |number: u32| {
            let layers = [2, 0, 1][usize::from(number > 4) + usize::from(number > 20)];
            let rate = f64::from(number) / 35.0;
            let mut point: Point = [("layers", layers)].into_iter().collect();
            point.set("rate", rate);
            (1..=layers).for_each(|item| point.set(format!("layers.{item}.width"), rate));
            let values = vec![if layers == 2 { 9.0 } else { rate }];
            Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) }
        };
        let metrics = vec![Metric::minimize("loss")];
        let study = Study { metrics, trials: (0..35).map(trial).collect(), ..Study::default() };
        for seed in 0..5 {
            let point = EvolutionSearch::new().suggest(&space, &study, &Seed::root(seed));
            assert_eq!(length(&point), 2);
        }
    }
}

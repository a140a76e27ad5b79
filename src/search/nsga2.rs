//! NSGA-II: evolution towards the Pareto front of all metrics (Deb et al. 2002, "A fast and elitist
//! multiobjective genetic algorithm: NSGA-II").
//!
//! Here a new generation begins after every trial (Durillo et al. 2009, "On the effect of the
//! steady-state selection scheme in multi-objective genetic algorithms"). The population is the
//! best of all trials so far, so no trial waits for a generation. Numbers have simulated binary
//! crossover (Deb & Agrawal 1995) and polynomial mutation. Choices are taken from either parent, or
//! drawn at random.

use rand::RngExt;

use super::ranking::ranking;
use super::tried::Tried;
use super::{Search, SobolSearch};
use crate::seed::{Seed, Stream};
use crate::space::{Domain, Point, Space};
use crate::study::Study;

/// Index of the crossover: with a higher index, children are nearer to their parents. Deb et al.
/// 2002, section IV.
const CROSSOVER_INDEX: f64 = 20.0;
/// Index of the mutation: with a higher index, mutants move less:
/// `benches/README.md#mutation-index`.
const MUTATION_INDEX: f64 = 5.0;

/// Settings of an [`Nsga2Search`].
#[derive(Clone, Debug, PartialEq)]
pub struct Nsga2Params {
    /// The number of best trials that may become parents, at least 2. It is also the number of
    /// trials before the first children; trials of other sources count too. These first points come
    /// from a scrambled Sobol sequence.
    ///
    /// A larger number gives a broader front, but more slowly. Default 20: a study has tens or
    /// hundreds of trials, where Deb's population of 100 had thousands.
    pub population: usize,
    /// Probability of two parents instead of one, from 0 to 1; default 0.9 (Deb et al. 2002).
    pub crossover: f64,
}

impl Default for Nsga2Params {
    fn default() -> Self {
        Self { population: 20, crossover: 0.9 }
    }
}

/// Suggests a child of two of the best trials.
///
/// Trials that break a constraint rank behind all others, those with the largest violation last
/// (constrained domination of Deb). Failed, running and waiting trials are no parents. With one
/// metric the search is a genetic algorithm that selects by rank.
#[derive(Clone, Debug, Default)]
pub struct Nsga2Search {
    params: Nsga2Params,
}

impl Nsga2Search {
    /// A search with the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// A search with other settings.
    pub fn with(params: Nsga2Params) -> Self {
        Self { params }
    }

    /// The genes of the best trials, best first.
    fn population(&self, space: &Space, study: &Study) -> Vec<Genes> {
        let genes = |point: &Point| -> Option<Genes> {
            let unit = space.encode(point).ok()?;
            let is_active = space.searched().map(|parameter| point.get(&parameter.name).is_some());
            Some(is_active.zip(unit).map(|(is_active, u)| is_active.then_some(u)).collect())
        };
        let placed = ranking(study).into_iter().filter_map(|trial| genes(&trial.point));
        placed.take(self.params.population.max(2)).collect()
    }

    /// The coordinates of a child of two of the `parents`, which are sorted best first.
    fn child(&self, domains: &[&Domain], parents: &[Genes], stream: &mut Stream) -> Vec<f64> {
        let (first, second) = (tournament(parents, stream), tournament(parents, stream));
        let is_crossed = stream.random::<f64>() < self.params.crossover;
        let second = if is_crossed { second } else { first };
        let rate = (domains.len().max(1) as f64).recip();
        let genes = domains.iter().zip(first.iter().zip(second)).map(|(domain, (&a, &b))| {
            let inherited = inherit(domain, a, b, stream);
            if stream.random::<f64>() < rate { mutate(domain, inherited, stream) } else { inherited }
        });
        genes.collect()
    }
}

impl Search for Nsga2Search {
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point {
        let count = study.trials.len();
        let parents = self.population(space, study);
        if count < self.params.population || parents.len() < 2 {
            return SobolSearch::new().suggest(space, study, seed);
        }
        let domains: Vec<&Domain> = space.searched().map(|parameter| &parameter.domain).collect();
        let mut stream = seed.child("nsga2").index(count as u64).stream();
        Tried::of(study)
            .first_new(space, &mut stream, |_, stream| space.decode(&self.child(&domains, &parents, stream)))
    }
}

/// Coordinates of a point in the unit cube; `None` where the parameter is inactive.
type Genes = Vec<Option<f64>>;

/// The better of two random members of `parents`, which are sorted best first.
fn tournament<'a>(parents: &'a [Genes], stream: &mut Stream) -> &'a Genes {
    let (a, b) = (stream.random_range(0..parents.len()), stream.random_range(0..parents.len()));
    &parents[a.min(b)]
}

/// A child's gene (coordinate), from the genes `a` and `b` of two parents. Random if the parameter
/// is inactive in both.
fn inherit(domain: &Domain, a: Option<f64>, b: Option<f64>, stream: &mut Stream) -> f64 {
    let is_first: bool = stream.random();
    let uniform: f64 = stream.random();
    match (domain, a, b) {
        (_, None, None) => uniform,
        (_, Some(only), None) | (_, None, Some(only)) => only,
        (_, Some(a), Some(b)) => {
            // As in Deb's code, every second number is not crossed.
            let is_whole = matches!(domain, Domain::Categorical { .. }) || stream.random();
            match (is_whole, is_first) {
                (true, true) => a,
                (true, false) => b,
                (false, _) => crossed(a, b, is_first, uniform),
            }
        }
    }
}

/// One of the two children of simulated binary crossover: the one nearer to `a` if `is_first`, else
/// the one nearer to `b`.
fn crossed(a: f64, b: f64, is_first: bool, uniform: f64) -> f64 {
    let base = if uniform <= 0.5 { 2.0 * uniform } else { (2.0 * (1.0 - uniform)).recip() };
    let spread = base.powf((CROSSOVER_INDEX + 1.0).recip());
    let (near, far) = if is_first { (a, b) } else { (b, a) };
    (0.5 * ((1.0 + spread) * near + (1.0 - spread) * far)).clamp(0.0, 1.0)
}

/// Another coordinate near `u`. A choice becomes random. A number on a grid moves by at least one
/// value.
pub(super) fn mutate(domain: &Domain, u: f64, stream: &mut Stream) -> f64 {
    let uniform: f64 = stream.random();
    if matches!(domain, Domain::Categorical { .. }) {
        return uniform;
    }
    let tail = |part: f64| part.powf((MUTATION_INDEX + 1.0).recip());
    let step = if uniform < 0.5 { tail(2.0 * uniform) - 1.0 } else { 1.0 - tail(2.0 * (1.0 - uniform)) };
    let mutant = (u + step).clamp(0.0, 1.0);
    let (low, high) = domain.cell(u);
    let is_unchanged = low < high && (low..=high).contains(&mutant);
    if is_unchanged { neighbour((low, high), step < 0.0) } else { mutant }
}

/// A coordinate just outside of a cell, below it if `is_below`. If the cell is at the end of the
/// axis, on its other side.
fn neighbour((low, high): (f64, f64), is_below: bool) -> f64 {
    const BEYOND: f64 = 1e-9;
    match (low <= BEYOND, high >= 1.0 - BEYOND) {
        (true, true) => low,
        (false, _) if is_below => low - BEYOND,
        (false, true) => low - BEYOND,
        _ => high + BEYOND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::RandomSearch;
    use crate::study::{Metric, Trial, TrialState};

    /// ZDT1 of Zitzler, Deb & Thiele 2000 in six dimensions; its front is g = 1.
    fn zdt1(point: &Point) -> [f64; 2] {
        let x: Vec<f64> = point.iter().filter_map(|(_, value)| value.as_f64()).collect();
        let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / (x.len() - 1) as f64;
        [x[0], g * (1.0 - (x[0] / g).sqrt())]
    }

    fn six() -> Space {
        let parameters: Vec<String> =
            (0..6).map(|i| format!(r#""x{i}": {{"type": "float", "low": 0, "high": 1}}"#)).collect();
        let text = format!(r#"{{"name": "six", "parameters": {{{}}}}}"#, parameters.join(", "));
        Space::from_json(&text, "six.json").unwrap()
    }

    /// The area that the front of `count` trials dominates below (1.1, 11).
    fn hypervolume(search: &dyn Search, count: u32, seed: u64) -> f64 {
        let space = six();
        let metrics = vec![Metric::minimize("first"), Metric::minimize("second")];
        let mut study = Study { metrics, ..Study::default() };
        for number in 0..count {
            let point = search.suggest(&space, &study, &Seed::root(seed));
            let values = zdt1(&point).to_vec();
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        let mut front: Vec<&Trial> = study.pareto_front();
        front.sort_by(|a, b| b.values[0].total_cmp(&a.values[0]));
        let (mut area, mut right) = (0.0, 1.1);
        for trial in front {
            area += (right - trial.values[0]).max(0.0) * (11.0 - trial.values[1]).max(0.0);
            right = trial.values[0];
        }
        area
    }

    #[test]
    fn the_front_of_zdt1_is_far_better_than_that_of_random_search() {
        // The whole front dominates 1.1 · 11 - ∫ (1 - √x) dx - 0 = 12.1 - 1/3.
        let best = 12.1 - 1.0 / 3.0;
        for seed in 0..3 {
            let evolved = best - hypervolume(&Nsga2Search::new(), 200, seed);
            let random = best - hypervolume(&RandomSearch::new(), 200, seed);
            assert!(
                evolved > 0.0 && evolved < 0.4 * random,
                "{evolved} of {random} of the volume are missing"
            );
        }
    }

    #[test]
    fn a_mutant_on_a_grid_has_another_value() {
        let mut stream = Seed::root(0).stream();
        for domain in [
            Domain::Int { low: 0, high: 2, log: false, step: 1 },
            Domain::Int { low: 1, high: 300, log: true, step: 1 },
            Domain::Float { low: 0.0, high: 0.9, log: false, step: Some(0.1) },
        ] {
            for k in 0..domain.size().unwrap() {
                let u = domain.encode(&domain.value_at(k)).unwrap();
                let mutant = mutate(&domain, u, &mut stream);
                assert!((0.0..=1.0).contains(&mutant));
                assert_ne!(domain.decode(mutant), domain.decode(u), "{domain}");
            }
        }
    }

    #[test]
    fn children_of_a_crossover_lie_evenly_around_their_parents() {
        let uniform = |k: u32| (f64::from(k) + 0.5) / 1000.0;
        let children: Vec<f64> =
            (0..1000).flat_map(|k| [true, false].map(|first| crossed(0.4, 0.6, first, uniform(k)))).collect();
        let mean = children.iter().sum::<f64>() / 2000.0;
        assert!((mean - 0.5).abs() < 1e-12, "{mean}");
        let near = children.iter().filter(|&&u| (u - 0.4).abs() < 0.02 || (u - 0.6).abs() < 0.02).count();
        assert!(near > 1600, "{near} of 2000 within a tenth of the parents' distance");
        assert_eq!(crossed(0.3, 0.3, true, 0.9), 0.3);
    }
}

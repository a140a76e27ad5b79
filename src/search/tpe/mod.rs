//! Tree-structured Parzen estimator (TPE): the next point is where good trials are dense and bad
//! trials are not.
//!
//! Let l be the density of the best few trials, and g the density of the others. The expected
//! improvement of a point x rises with l(x) / g(x) (Bergstra et al. 2011, "Algorithms for
//! hyper-parameter optimization"). Both densities are multivariate (Falkner et al. 2018, "BOHB:
//! robust and efficient hyperparameter optimization at scale"). So parameters that are good only
//! together are found together. The share of good trials, the number of candidates and the number
//! of trials before the first estimate are the defaults of Optuna.

mod parzen;

use parzen::{Parzen, Place};

use super::ranking::ranking;
use super::tried::Tried;
use super::{Search, SobolSearch};
use crate::seed::{Seed, Stream};
use crate::space::{Domain, Point, Space};
use crate::study::{Study, Trial};

/// The share of ended trials that count as good, rounded up, and their largest number.
const GOOD: (f64, usize) = (0.1, 25);

/// Settings of a [`TpeSearch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpeParams {
    /// Number of trials before the first estimate; default 10. The default point of the space and
    /// trials of other sources count too. The other points come from a scrambled Sobol sequence.
    pub initial: usize,
    /// Number of draws from the density of good trials; the draw with the largest ratio is
    /// suggested. A larger number is greedier and slower. Default 24.
    pub candidates: usize,
}

impl Default for TpeParams {
    fn default() -> Self {
        Self { initial: 10, candidates: 24 }
    }
}

/// Suggests the point with the largest ratio of two densities: that of the best trials to that of
/// all others.
///
/// With several metrics the best trials are the members of the first Pareto front, the least
/// crowded first. Failed trials count as bad. So do running and waiting trials ("constant liar"),
/// which keeps simultaneous trials apart. Before the first result the point is that of
/// [`SobolSearch`].
#[derive(Clone, Debug, Default)]
pub struct TpeSearch {
    params: TpeParams,
}

impl TpeSearch {
    /// A search with the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// A search with other settings.
    pub fn with(params: TpeParams) -> Self {
        Self { params }
    }
}

impl Search for TpeSearch {
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point {
        let count = study.trials.len();
        let (good, bad) = split(space, study);
        if count < self.params.initial || good.is_empty() {
            return SobolSearch::new().suggest(space, study, seed);
        }
        let domains: Vec<&Domain> = space.searched().map(|parameter| &parameter.domain).collect();
        let (good, bad) = (Parzen::new(&domains, good), Parzen::new(&domains, bad));
        let mut stream = seed.child("tpe").index(count as u64).stream();
        let tried = Tried::of(study);
        tried.first_new(space, &mut stream, |_, stream| {
            let candidates = (0..self.params.candidates.max(1)).map(|_| draw(space, &good, stream));
            let mut candidates: Vec<(f64, Point)> = candidates
                .map(|(place, point)| (good.ln_density(&place) - bad.ln_density(&place), point))
                .collect();
            candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
            let new = candidates.iter().position(|(_, point)| tried.admits(space, point)).unwrap_or(0);
            candidates.swap_remove(new).1
        })
    }
}

/// The coordinates of the good trials and of the others, oldest first.
fn split(space: &Space, study: &Study) -> (Vec<Place>, Vec<Place>) {
    let placed = |trial: &&Trial| space.check(&trial.point).is_ok();
    let ended = study.trials.iter().filter(|trial| trial.state.is_finished()).filter(placed).count();
    let most = ((GOOD.0 * ended as f64).ceil() as usize).min(GOOD.1);
    let good: Vec<&Trial> = ranking(study).into_iter().filter(placed).take(most).collect();
    // Not by number: results of a warm start have the numbers of trials.
    let is_good = |trial: &Trial| good.iter().any(|one| std::ptr::eq(*one, trial));
    let places = |wanted: bool| {
        let chosen = study.trials.iter().filter(|trial| is_good(trial) == wanted);
        chosen.filter_map(|trial| place_of(space, &trial.point)).collect()
    };
    (places(true), places(false))
}

/// The coordinates of the active parameters of `point`; `None` if it is not in `space`.
fn place_of(space: &Space, point: &Point) -> Option<Place> {
    let unit = space.encode(point).ok()?;
    Some(only_active(space, point, &unit))
}

/// `unit`, without the coordinates of parameters that are inactive at `point`.
fn only_active(space: &Space, point: &Point, unit: &[f64]) -> Place {
    let is_active = space.searched().map(|parameter| point.get(&parameter.name).is_some());
    is_active.zip(unit).map(|(is_active, &u)| is_active.then_some(u)).collect()
}

/// A draw from a density, with its point.
fn draw(space: &Space, density: &Parzen<'_>, stream: &mut Stream) -> (Place, Point) {
    let mut unit = density.draw(stream);
    let held = space.held_coordinates();
    unit.iter_mut().zip(held).for_each(|(u, held)| *u = held.unwrap_or(*u));
    let point = space.decode(&unit);
    (only_active(space, &point, &unit), point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Metric, TrialState};

    fn study(space: &Space, losses: &[Option<f64>]) -> Study {
        let points = (0..losses.len()).map(|k| space.decode(&[(k as f64 + 0.5) / losses.len() as f64]));
        let trials = points.zip(losses).zip(0..).map(|((point, loss), number)| Trial {
            state: if loss.is_some() { TrialState::Complete } else { TrialState::Fail },
            values: loss.iter().copied().collect(),
            ..Trial::waiting(number, point)
        });
        Study { metrics: vec![Metric::minimize("loss")], trials: trials.collect(), ..Study::default() }
    }

    fn line() -> Space {
        let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
        Space::from_json(text, "line.json").unwrap()
    }

    #[test]
    fn a_tenth_of_the_trials_is_good_and_failures_never_are() {
        let losses: Vec<Option<f64>> = (0..40).map(|k| (k % 2 == 0).then_some(f64::from(k))).collect();
        let (good, bad) = split(&line(), &study(&line(), &losses));
        assert_eq!((good.len(), bad.len()), (4, 36));
        let mut warm = study(&line(), &losses);
        warm.trials.iter_mut().for_each(|trial| trial.number %= 20);
        let (good, bad) = split(&line(), &warm);
        assert_eq!((good.len(), bad.len()), (4, 36), "results of a warm start have numbers of trials");
        let (good, bad) = split(&line(), &study(&line(), &[None; 12]));
        assert_eq!((good.len(), bad.len()), (0, 12));
    }

    #[test]
    fn most_suggestions_are_near_the_lowest_loss() {
        let (space, lowest) = (line(), 0.7);
        let losses: Vec<Option<f64>> =
            (0..60).map(|k| Some(((f64::from(k) + 0.5) / 60.0 - lowest).abs())).collect();
        let study = study(&space, &losses);
        let mut near = 0;
        for seed in 0..20 {
            let point = TpeSearch::new().suggest(&space, &study, &Seed::root(seed));
            let x = point.get("x").and_then(|x| x.as_f64()).unwrap();
            near += u32::from((x - lowest).abs() < 0.15);
        }
        assert!(near >= 16, "{near} of 20 within 0.15");
    }
}

//! Which trial is trained next where trials pause: of those that pause and the best new one, the one that promises
//! the largest gain for its effort.
//!
//! The idea is freeze-thaw's (Swersky, Snoek & Adams 2014, "Freeze-thaw Bayesian optimization"), the model simpler:
//! one process of what comes out at the end, of which what was measured at a rung differs by a process of its own and
//! has noise of its own, so that it tells as much of this trial and of others as the data say. A trial whose rung
//! disappoints promises less than a new one and stays where it is. Efforts are known, so they are a function and have no
//! model.
//!
//! What is to be bettered is the best mean, as in studies of whole trials. To better the best measurement by another as
//! noisy is no shorter way to it, and ends with worse networks: with rungs at a ninth and a third, after a quarter of the
//! time of 100 whole trials, in five studies of `digits`, the winners' means of 16 fresh seeds were 280.6 of 288 right
//! instead of 281.3, the latter ahead in all five, and 9 trials instead of 13 were within one of the best of the hundred.

use super::acquisition::Acquisition;
use super::acquisition::cost::{self, LogCost};
use super::acquisition::maximize::Scored;
use super::explore::Candidates;
use super::fit::stored_fits::StoredFits;
use super::input::cube::{Cell, Cube};
use super::input::features::Features;
use super::input::history::History;
use super::{BayesSearch, model};
use crate::search::tried::Tried;
use crate::search::{NextSegment, Rungs, Suggestion};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Study, Trial};

/// The part of those at a rung that goes on at least: one in so many. With a third, or none, studies of `digits` came to
/// less in the same time (`benches/README.md`).
const REDUCTION: usize = 2;
/// What takes less than this part of the effort of the best trial so far is cheap enough: beside it a suggestion takes
/// long, and where gains are small the cheapest corner of a space would be searched for nothing but its price.
const CHEAP: f64 = 0.3;

impl BayesSearch {
    /// What to train next; `None` without a model.
    pub(super) fn freeze_thaw(
        &self,
        space: &Space,
        study: &Study,
        cost_of: &dyn Fn(&Point) -> f64,
        seed: &Seed,
    ) -> Option<NextSegment> {
        let cube = Cube::new(space);
        let history = History::with_rungs(space, &cube, study);
        let features = Features::new(&cube);
        let fits = StoredFits::of(study, &history);
        let fitter = self.fits.fitter(Some(&fits), seed.child("model"));
        let mut acquisition = model::acquisition(&history, &features, &fitter).ok()?;
        acquisition.gain.as_ref()?;
        let best = space.decode(&history.ranking().first()?.cell.unit);
        let least = cost_of(&best) * CHEAP;
        let cost_of = |point: &Point| cost_of(point).max(least);
        let paused = rates(space, study, &cube, &features, &acquisition, &cost_of);
        let best = |rung: Option<usize>| {
            let of_rung = paused.iter().filter(|paused| rung.is_none_or(|rung| paused.rung == rung));
            of_rung.max_by(|a, b| a.rate.total_cmp(&b.rate).then(b.trial.cmp(&a.trial)))
        };
        if let Some(due) = due(study).and_then(|rung| best(Some(rung))) {
            return Some(NextSegment::Of(due.trial));
        }
        acquisition.cost =
            LogCost::fit(space, &cube, &features, &cost_of, cost::log_cost(least), &seed.child("effort"));
        let count = study.trials.len();
        let seed = seed.index(count as u64);
        let tried = Tried::of(study);
        let fresh = |cells: &[Scored]| first_new(space, &tried, cells);
        let candidates = Candidates { space, cube: &cube, features: &features, history: &history };
        let exploit = candidates.ranking(&acquisition, &self.params, &seed);
        let explore = candidates.explore(&mut acquisition, &self.params, &seed, count, exploit.first());
        let explore = explore.and_then(|cells| fresh(&cells));
        let paused = best(None).map(|paused| (paused.rate, paused.trial));
        let mut segment = choose(explore, paused, fresh(&exploit))?;
        if let NextSegment::New(suggestion) = &mut segment {
            suggestion.fits = fits.into_attributes();
        }
        Some(segment)
    }
}

/// Of what is worth a look elsewhere, the best paused trial and the best new point, each with what it promises for its
/// price. A look elsewhere comes before all: it promises less than what is near, or nobody would have to insist on it.
fn choose(
    explore: Option<(f64, Point)>,
    paused: Option<(f64, u32)>,
    exploit: Option<(f64, Point)>,
) -> Option<NextSegment> {
    let new = |point: Point| Some(NextSegment::New(Suggestion::from(point)));
    match (explore, paused, exploit) {
        (Some((_, point)), ..) => new(point),
        (None, Some((rate, trial)), Some((of_new, _))) if rate >= of_new => Some(NextSegment::Of(trial)),
        (None, _, Some((_, point))) => new(point),
        (None, paused, None) => paused.map(|(_, trial)| NextSegment::Of(trial)),
    }
}

/// The first of `cells` whose point is new, with what it promises.
fn first_new(space: &Space, tried: &Tried, cells: &[Scored]) -> Option<(f64, Point)> {
    let mut points = cells.iter().map(|scored| (scored.value, space.decode(&scored.cell.unit)));
    points.find(|(_, point)| !tried.contains(point))
}

/// A paused trial.
struct Paused {
    trial: u32,
    /// Its last.
    rung: usize,
    /// The logarithm of its gain for the price of what is left of it.
    rate: f64,
}

/// All paused trials of `study`.
fn rates(
    space: &Space,
    study: &Study,
    cube: &Cube<'_>,
    features: &Features,
    acquisition: &Acquisition,
    cost_of: &dyn Fn(&Point) -> f64,
) -> Vec<Paused> {
    let cell = |trial: &Trial| Some(cube.cell(&space.encode(&trial.point).ok()?));
    let paused: Vec<(&Trial, usize, Cell)> = study
        .trials
        .iter()
        .filter(|trial| trial.is_paused())
        .filter_map(|trial| Some((trial, measured_rung(trial)?, cell(trial)?)))
        .collect();
    let gains = acquisition.values(features.rows(paused.iter().map(|(.., cell)| cell)).view());
    let rated = paused.iter().zip(gains).map(|((trial, rung, _), gain)| {
        let left = 1.0 - 1.0 / f64::from(Rungs::MODEL.divisors()[*rung]);
        let rate = gain - cost::log_cost(cost_of(&trial.point)) - left.ln();
        Paused { trial: trial.number, rung: *rung, rate }
    });
    rated.collect()
}

/// The last rung of `trial`; `None` where it could not be measured there, or paused where this version never does: nobody
/// knows what it will come to.
fn measured_rung(trial: &Trial) -> Option<usize> {
    let rungs = &trial.rung_history.rungs;
    let is_known = |&last: &usize| last < Rungs::MODEL.count() && !rungs[last].values.is_empty();
    rungs.len().checked_sub(1).filter(is_known)
}

/// The highest rung from which fewer trials have gone on than should.
fn due(study: &Study) -> Option<usize> {
    let rung_history: Vec<(usize, bool)> =
        study.trials.iter().map(|trial| (trial.rung_history.rungs.len(), trial.is_paused())).collect();
    (0..Rungs::MODEL.count()).rev().find(|&rung| {
        let reached = rung_history.iter().filter(|(rungs, _)| *rungs > rung);
        let stayed = reached.clone().filter(|(rungs, is_paused)| *rungs == rung + 1 && *is_paused).count();
        let all = reached.count();
        all - stayed < all / REDUCTION
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Search;
    use crate::search::bayes::fixtures::line;
    use crate::study::{Metric, Rung, RungHistory, TrialState};

    /// A trial at `x` that had come to `rungs`, and to `value` if it is complete.
    fn trial(number: u32, x: f64, rungs: &[f64], value: Option<f64>) -> Trial {
        let rung = |(&value, steps)| Rung { steps, values: vec![value], seconds: 0.0 };
        let rung_history = RungHistory { rungs: rungs.iter().zip([1]).map(rung).collect() };
        let state = if value.is_some() { TrialState::Complete } else { TrialState::Pruned };
        let values = value.into_iter().collect();
        Trial { state, values, rung_history, ..Trial::waiting(number, [("x", x)].into_iter().collect()) }
    }

    /// Trials whose losses halve from the rung to the end, to which `to_the_end` of them come; the others stay there.
    fn study(losses: &[(f64, f64)], to_the_end: usize) -> Study {
        let trials = losses.iter().enumerate().map(|(index, &(x, loss))| match index < to_the_end {
            true => trial(index as u32, x, &[2.0 * loss], Some(loss)),
            false => trial(index as u32, x, &[2.0 * loss], None),
        });
        Study { metrics: vec![Metric::minimize("loss")], trials: trials.collect(), ..Study::default() }
    }

    fn next(study: &Study, cost: impl Fn(f64) -> f64) -> Option<NextSegment> {
        let cost = |point: &Point| cost(point.get("x").and_then(|x| x.as_f64()).unwrap());
        BayesSearch::new().next_segment(&line(), study, &cost, &Seed::root(0))
    }

    const SPREAD: [(f64, f64); 6] = [(0.0, 2.0), (0.2, 1.2), (0.4, 0.9), (0.6, 1.1), (0.8, 1.5), (1.0, 2.1)];

    #[test]
    fn a_paused_trial_far_better_than_all_goes_on_and_one_far_worse_stays() {
        let mut losses = SPREAD.to_vec();
        losses.push((0.5, 0.1));
        assert_eq!(next(&study(&losses, 6), |_| 1.0), Some(NextSegment::Of(6)));
        losses[6].1 = 4.0;
        assert!(matches!(next(&study(&losses, 6), |_| 1.0), Some(NextSegment::New(_))));
    }

    #[test]
    fn where_too_few_went_on_the_most_promising_does() {
        let losses: Vec<(f64, f64)> = (0..9).map(|at| (f64::from(at) / 8.0, 1.0 + f64::from(at))).collect();
        // Three of nine went on; four would.
        let study = study(&losses, 3);
        assert_eq!(due(&study), Some(0));
        assert!(matches!(next(&study, |_| 1.0), Some(NextSegment::Of(trial)) if trial >= 3));
        assert_eq!(due(&super::tests::study(&losses, 4)), None);
    }

    #[test]
    fn new_trials_are_where_they_cost_little() {
        // As good on the left as on the right, but a hundred times as dear there.
        let losses: Vec<(f64, f64)> =
            SPREAD.iter().map(|&(x, _)| (x, 1.0 + (x - 0.5f64).powi(2) * (x - 0.1f64).cos().abs())).collect();
        let Some(NextSegment::New(Suggestion { point, .. })) = next(&study(&losses, 6), |x| 100f64.powf(x))
        else {
            panic!("a new one")
        };
        let Some(NextSegment::New(Suggestion { point: dear, .. })) =
            next(&study(&losses, 6), |x| 100f64.powf(1.0 - x))
        else {
            panic!("a new one")
        };
        let x = |point: &Point| point.get("x").and_then(|x| x.as_f64()).unwrap();
        assert!(x(&point) < x(&dear), "{} and {}", x(&point), x(&dear));
    }

    #[test]
    fn a_look_elsewhere_comes_first_then_whatever_promises_more() {
        let at = |x: f64| -> Point { [("x", x)].into_iter().collect() };
        let new = |x| Some(NextSegment::New(Suggestion::from(at(x))));
        let (paused, exploit) = (|rate| Some((rate, 3)), Some((2.0, at(0.1))));
        assert_eq!(choose(Some((-9.0, at(0.9))), paused(3.0), exploit.clone()), new(0.9));
        assert_eq!(choose(None, paused(1.0), exploit.clone()), new(0.1));
        assert_eq!(choose(None, paused(2.0), exploit), Some(NextSegment::Of(3)));
        assert_eq!(choose(None, paused(-9.0), None), Some(NextSegment::Of(3)));
        assert_eq!(choose(None, None, None), None);
    }

    #[test]
    fn the_model_begins_with_a_third_of_the_design() {
        let parameters: Vec<String> =
            (0..19).map(|axis| format!(r#""x{axis}": {{"type": "float", "low": 0, "high": 1}}"#)).collect();
        let text = format!(r#"{{"name": "wide", "parameters": {{{}}}}}"#, parameters.join(", "));
        let space = Space::from_json(&text, "wide.json").unwrap();
        let trials = (0..6).map(|number| {
            let x = |axis: u32| (format!("x{axis}"), f64::from((number * 7 + axis * 5) % 11) / 11.0);
            Trial {
                state: TrialState::Complete,
                values: vec![f64::from(number * 3 % 5)],
                ..Trial::waiting(number, (0..19).map(x).collect())
            }
        });
        let mut study =
            Study { metrics: vec![Metric::minimize("loss")], trials: trials.collect(), ..Study::default() };
        let next = |study: &Study| BayesSearch::new().next_segment(&space, study, &|_| 1.0, &Seed::root(0));
        assert!(matches!(next(&study), Some(NextSegment::New(_))));
        study.trials.pop();
        assert_eq!(next(&study), None);
    }

    #[test]
    fn what_is_cheap_enough_is_not_preferred_for_costing_still_less() {
        let study = study(&SPREAD, 6);
        let with = |cheap: f64| next(&study, |x| if x > 0.5 { cheap } else { 1.0 });
        assert_eq!(with(0.3), with(1e-6));
        assert_ne!(with(0.3), with(1.0));
    }

    #[test]
    fn what_could_not_be_measured_and_what_has_no_model_waits() {
        let mut losses = study(&SPREAD, 6);
        let unmeasured = RungHistory { rungs: vec![Rung { steps: 1, values: Vec::new(), seconds: 0.0 }] };
        losses.trials.push(trial(6, 0.45, &[1.0], None));
        losses.trials[6].rung_history = unmeasured;
        assert!(matches!(next(&losses, |_| 1.0), Some(NextSegment::New(_))));
        let rung = |steps| Rung { steps, values: vec![0.1], seconds: 0.0 };
        let too_far = RungHistory { rungs: vec![rung(1), rung(3)] };
        losses.trials[6].rung_history = too_far;
        assert!(matches!(next(&losses, |_| 1.0), Some(NextSegment::New(_))), "no rung of this version");
        assert_eq!(next(&study(&SPREAD[..3], 3), |_| 1.0), None, "three are too few");
    }
}

//! Which trial is trained next, if trials pause: the paused or new trial with the largest expected
//! gain for its cost.
//!
//! The idea is that of freeze-thaw (Swersky, Snoek & Adams 2014, "Freeze-thaw Bayesian
//! optimization"), with a simpler model. A trial pauses at a rung, a certain step of its training.
//! One Gaussian process models the final losses. The loss at a rung differs from the final loss by
//! a discrepancy, a Gaussian process of its own, and has noise of its own. So the model learns from
//! the data how much the loss at a rung tells of final losses. A trial with a disappointing loss at
//! its rung has a lower expected gain than a new trial, and stays paused. Costs are known before
//! training and need no Gaussian process.
//!
//! The gain is the improvement on the lowest posterior mean:
//! `benches/README.md#incumbent-of-freeze-thaw`.

use super::acquisition::Acquisition;
use super::acquisition::cost::{self, LogCost};
use super::input::cube::Cell;
use super::model::Model;
use crate::search::{NextSegment, Rungs, Suggestion};
use crate::space::Point;
use crate::study::{Study, Trial};

/// Of the trials that reach a rung, at least one in this number resumes, rounded down:
/// `benches/README.md#rungs-and-promotion`.
const LEAST_RESUMED: usize = 2;
/// A trial never counts as cheaper than this share of the cost of the best trial:
/// `benches/README.md#cost`.
const LEAST_COST: f64 = 0.3;

impl Model<'_> {
    /// The trial to train next. `cost_of` returns the cost of a whole trial of a point, positive
    /// and in any unit. `None` if there is no model of a loss, nothing tells trials
    /// apart, or nothing is left to train.
    pub fn freeze_thaw(self, cost_of: &dyn Fn(&Point) -> f64) -> Option<NextSegment> {
        if !self.history.tells_apart() {
            return None;
        }
        let mut acquisition = self.acquisition().ok()?;
        acquisition.gain.as_ref()?;
        let best = self.space.decode(&self.history.ranking().first()?.cell.unit);
        let least = cost_of(&best) * LEAST_COST;
        let cost_of = |point: &Point| cost_of(point).max(least);
        let paused = self.paused(&acquisition, &cost_of);
        let best = |rung: Option<usize>| {
            let of_rung = paused.iter().filter(|paused| rung.is_none_or(|rung| paused.rung == rung));
            of_rung.max_by(|a, b| a.value.total_cmp(&b.value).then(b.trial.cmp(&a.trial)))
        };
        if let Some(due) = due(self.study).and_then(|rung| best(Some(rung))) {
            return Some(NextSegment::Of(due.trial));
        }
        let least = cost::log_cost(least);
        acquisition.cost =
            LogCost::fit(self.space, &self.cube, &self.features, &cost_of, least, &self.cost_seed);
        let exploit = self.ranking(&acquisition, self.params, &self.seed);
        let explore = self.explore(&mut acquisition, exploit.first());
        let explore = explore.and_then(|cells| self.first_new(&cells));
        let paused = best(None).map(|paused| (paused.value, paused.trial));
        let mut segment = choose(explore, paused, self.first_new(&exploit))?;
        if let NextSegment::New(suggestion) = &mut segment {
            suggestion.fits = self.into_attributes();
        }
        Some(segment)
    }

    /// All paused trials whose rung is known, with their expected gain for its cost.
    fn paused(&self, acquisition: &Acquisition, cost_of: &dyn Fn(&Point) -> f64) -> Vec<Paused> {
        let cell = |trial: &Trial| Some(self.cube.cell(&self.space.encode(&trial.point).ok()?));
        let paused: Vec<(&Trial, usize, Cell)> = self
            .study
            .trials
            .iter()
            .filter(|trial| trial.is_paused())
            .filter_map(|trial| Some((trial, measured_rung(trial)?, cell(trial)?)))
            .collect();
        let cells: Vec<Cell> = paused.iter().map(|(.., cell)| cell.clone()).collect();
        let gains = self.values(acquisition, &cells);
        let valued = paused.iter().zip(gains).map(|((trial, rung, _), gain)| {
            let left = 1.0 - 1.0 / f64::from(Rungs::MODEL.divisors()[*rung]);
            let value = gain - cost::log_cost(cost_of(&trial.point)) - left.ln();
            Paused { trial: trial.number, rung: *rung, value }
        });
        valued.collect()
    }
}

/// Chooses the segment (a part of a training) to run next. Each option comes with its log
/// acquisition:
///
/// - `explore`, the new point that exploration asks for, is always taken if it is there. Its
///   acquisition counts only gains beyond a margin, so it cannot be compared with the others.
/// - Else `paused`, the best paused trial, or `exploit`, the best new point, whichever has the
///   higher acquisition.
fn choose(
    explore: Option<(f64, Point)>,
    paused: Option<(f64, u32)>,
    exploit: Option<(f64, Point)>,
) -> Option<NextSegment> {
    let new = |point: Point| Some(NextSegment::New(Suggestion::from(point)));
    match (explore, paused, exploit) {
        (Some((_, point)), ..) => new(point),
        (None, Some((value, trial)), Some((of_new, _))) if value >= of_new => Some(NextSegment::Of(trial)),
        (None, _, Some((_, point))) => new(point),
        (None, paused, None) => paused.map(|(_, trial)| NextSegment::Of(trial)),
    }
}

/// A paused trial.
struct Paused {
    trial: u32,
    /// The rung where it is paused.
    rung: usize,
    /// The logarithm of its expected gain over the cost of the rest of its training.
    value: f64,
}

/// The rung where `trial` is paused, counted from 0. `None` if it could not be measured there, or
/// if this version of the program has no such rung.
fn measured_rung(trial: &Trial) -> Option<usize> {
    let rungs = &trial.rung_history.rungs;
    let is_known = |&last: &usize| last < Rungs::MODEL.count() && !rungs[last].values.is_empty();
    rungs.len().checked_sub(1).filter(is_known)
}

/// The highest rung from which too few trials have resumed, see [`LEAST_RESUMED`].
fn due(study: &Study) -> Option<usize> {
    let reached: Vec<(usize, bool)> =
        study.trials.iter().map(|trial| (trial.rung_history.rungs.len(), trial.is_paused())).collect();
    (0..Rungs::MODEL.count()).rev().find(|&rung| {
        let reached = reached.iter().filter(|(rungs, _)| *rungs > rung);
        let stayed = reached.clone().filter(|(rungs, is_paused)| *rungs == rung + 1 && *is_paused).count();
        let all = reached.count();
        all - stayed < all / LEAST_RESUMED
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fixtures::line;
    use crate::search::{BayesSearch, Search};
    use crate::seed::Seed;
    use crate::space::Space;
    use crate::study::{Metric, Rung, RungHistory, TrialState};

    /// A trial at `x` with these losses at its rungs, complete with `value` or else paused.
    fn trial(number: u32, x: f64, rungs: &[f64], value: Option<f64>) -> Trial {
        let rung = |(&value, steps)| Rung { steps, values: vec![value], seconds: 0.0 };
        let rung_history = RungHistory { rungs: rungs.iter().zip([1]).map(rung).collect() };
        let state = if value.is_some() { TrialState::Complete } else { TrialState::Pruned };
        let values = value.into_iter().collect();
        Trial { state, values, rung_history, ..Trial::waiting(number, [("x", x)].into_iter().collect()) }
    }

    /// Trials whose final loss is half their loss at the rung. The first `complete` of them are
    /// complete, the others paused.
    fn study(losses: &[(f64, f64)], complete: usize) -> Study {
        let trials = losses.iter().enumerate().map(|(index, &(x, loss))| match index < complete {
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
    fn while_all_losses_are_equal_no_model_proposes_a_point() {
        let equal = SPREAD.map(|(x, _)| (x, 0.5));
        let study = study(&equal, 6);
        let flat =
            study.trials.iter().map(|one| Trial { rung_history: RungHistory::default(), ..one.clone() });
        assert!(next(&study.with_trials(flat.collect()), |_| 1.0).is_none());
    }

    #[test]
    fn a_paused_trial_that_is_far_better_resumes_and_one_far_worse_stays() {
        let mut losses = SPREAD.to_vec();
        losses.push((0.5, 0.1));
        assert_eq!(next(&study(&losses, 6), |_| 1.0), Some(NextSegment::Of(6)));
        losses[6].1 = 4.0;
        assert!(matches!(next(&study(&losses, 6), |_| 1.0), Some(NextSegment::New(_))));
    }

    #[test]
    fn where_too_few_trials_have_resumed_a_paused_one_does() {
        let losses: Vec<(f64, f64)> = (0..9).map(|at| (f64::from(at) / 8.0, 1.0 + f64::from(at))).collect();
        // Three of nine have resumed; four should.
        let study = study(&losses, 3);
        assert_eq!(due(&study), Some(0));
        assert!(matches!(next(&study, |_| 1.0), Some(NextSegment::Of(trial)) if trial >= 3));
        assert_eq!(due(&super::tests::study(&losses, 4)), None);
    }

    #[test]
    fn new_trials_are_where_they_cost_little() {
        // As good on the left as on the right, at a hundredth of the cost.
        let losses: Vec<(f64, f64)> =
            SPREAD.iter().map(|&(x, _)| (x, 1.0 + (x - 0.5f64).powi(2) * (x - 0.1f64).cos().abs())).collect();
        let Some(NextSegment::New(Suggestion { point, .. })) = next(&study(&losses, 6), |x| 100f64.powf(x))
        else {
            panic!("a new trial")
        };
        let Some(NextSegment::New(Suggestion { point: dear, .. })) =
            next(&study(&losses, 6), |x| 100f64.powf(1.0 - x))
        else {
            panic!("a new trial")
        };
        let x = |point: &Point| point.get("x").and_then(|x| x.as_f64()).unwrap();
        assert!(x(&point) < x(&dear), "{} and {}", x(&point), x(&dear));
    }

    #[test]
    fn exploration_comes_first_then_the_higher_acquisition() {
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
    fn the_model_begins_after_five_trials_in_many_dimensions_too() {
        let parameters: Vec<String> =
            (0..19).map(|axis| format!(r#""x{axis}": {{"type": "float", "low": 0, "high": 1}}"#)).collect();
        let text = format!(r#"{{"name": "wide", "parameters": {{{}}}}}"#, parameters.join(", "));
        let space = Space::from_json(&text, "wide.json").unwrap();
        let trials = (0..5).map(|number| {
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
    fn below_the_least_cost_cheaper_points_are_not_preferred() {
        let study = study(&SPREAD, 6);
        let with = |cheap: f64| next(&study, |x| if x > 0.5 { cheap } else { 1.0 });
        assert_eq!(with(0.3), with(1e-6));
        assert_ne!(with(0.3), with(1.0));
    }

    #[test]
    fn a_trial_that_could_not_be_measured_stays_and_three_trials_make_no_model() {
        let mut losses = study(&SPREAD, 6);
        let unmeasured = RungHistory { rungs: vec![Rung { steps: 1, values: Vec::new(), seconds: 0.0 }] };
        losses.trials.push(trial(6, 0.45, &[1.0], None));
        losses.trials[6].rung_history = unmeasured;
        assert!(matches!(next(&losses, |_| 1.0), Some(NextSegment::New(_))));
        let rung = |steps| Rung { steps, values: vec![0.1], seconds: 0.0 };
        let too_far = RungHistory { rungs: vec![rung(1), rung(3)] };
        losses.trials[6].rung_history = too_far;
        assert!(matches!(next(&losses, |_| 1.0), Some(NextSegment::New(_))), "this version has one rung");
        assert_eq!(next(&study(&SPREAD[..3], 3), |_| 1.0), None, "three are too few");
    }
}

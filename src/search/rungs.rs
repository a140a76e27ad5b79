//! Rungs are the steps of a training at which a trial pauses. This file also decides which paused
//! trials resume.
//!
//! This is asynchronous successive halving (ASHA) in the form that promotes: Li et al. 2020, "A
//! system for massively parallel hyperparameter tuning". A trial pauses at every rung. It resumes
//! while it is among the best third of all trials that have reached the rung. With several metrics
//! the order is that of NSGA-II: by Pareto fronts, within a front the least crowded first. The
//! decision depends on the study alone.

use super::pareto;
use crate::study::{Study, Trial};

/// Successive halving resumes one in this number of the trials at a rung.
const REDUCTION: usize = 3;

/// Where trials pause, and what decides which of them resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rungs {
    divisors: &'static [u32],
    decider: Decider,
}

/// What decides which paused trials resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// Successive halving.
    Halving,
    /// A search with a model of the final losses; halving as long as there is no model.
    Model,
}

/// A trial with its losses at one rung.
struct Member<'s> {
    trial: &'s Trial,
    losses: Vec<f64>,
}

impl Rungs {
    /// The rungs of successive halving: after a ninth and a third of the steps of a training.
    pub const HALVING: Self = Self { divisors: &[9, 3], decider: Decider::Halving };
    /// The rung of freeze-thaw: `benches/README.md#rungs-and-promotion`.
    pub const MODEL: Self = Self { divisors: &[4], decider: Decider::Model };

    /// A trial pauses at its steps divided by each of these, rounded up; lowest rung first.
    pub fn divisors(self) -> &'static [u32] {
        self.divisors
    }

    /// The number of rungs.
    pub fn count(self) -> usize {
        self.divisors.len()
    }

    /// What decides which paused trials resume.
    pub fn decider(self) -> Decider {
        self.decider
    }

    /// The paused trial of `study` that successive halving resumes next. It looks at the highest
    /// rung first: the best trial paused there resumes if it is among the best third of that rung.
    /// Else it looks at the rung below. `None` if no rung has such a trial.
    pub fn promotion(self, study: &Study) -> Option<&Trial> {
        (0..self.count()).rev().find_map(|rung| {
            let members = members(study, rung);
            let best = members.len() / REDUCTION;
            let mut measured = ranked(members).into_iter().take(best);
            measured.find(|&trial| waits_at(trial, rung))
        })
    }

    /// Of the trials that are paused at the highest rung reached, the best. It stands in for the
    /// winner of a study without a complete trial.
    pub fn farthest(self, study: &Study) -> Option<&Trial> {
        (0..self.count())
            .rev()
            .find_map(|rung| ranked(members(study, rung)).into_iter().find(|&trial| waits_at(trial, rung)))
    }
}

/// The values of `trial` at a rung, counted from 0; `None` if it has not reached the rung, or could
/// not be measured there.
pub(super) fn value_at(trial: &Trial, rung: usize) -> Option<Vec<f64>> {
    trial.rung_history.rungs.get(rung).map(|rung| rung.values.clone()).filter(|values| !values.is_empty())
}

/// Whether `trial` is paused at this rung.
fn waits_at(trial: &Trial, rung: usize) -> bool {
    trial.is_paused() && trial.rung_history.rungs.len() == rung + 1
}

/// All trials that have reached `rung` (counted from 0), in the order of their numbers. Trials that
/// could not be measured there have infinite losses.
fn members(study: &Study, rung: usize) -> Vec<Member<'_>> {
    let reached =
        study.trials.iter().filter_map(|trial| Some((trial, &trial.rung_history.rungs.get(rung)?.values)));
    reached
        .map(|(trial, values)| Member {
            trial,
            losses: match values.len() == study.metrics.len() {
                true => std::iter::zip(&study.metrics, values)
                    .map(|(metric, &value)| metric.direction.loss(value))
                    .collect(),
                false => vec![f64::INFINITY; study.metrics.len()],
            },
        })
        .collect()
}

/// The trials of `members`, best first; of equal trials the earlier first.
fn ranked(members: Vec<Member<'_>>) -> Vec<&Trial> {
    let losses: Vec<Vec<f64>> = members.iter().map(|member| member.losses.clone()).collect();
    let front_of = pareto::fronts(&losses);
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&index| front_of[index]);
    let ranked = order.chunk_by(|&a, &b| front_of[a] == front_of[b]).flat_map(|front| {
        let of_front: Vec<&[f64]> = front.iter().map(|&index| losses[index].as_slice()).collect();
        let mut order: Vec<(f64, usize)> =
            pareto::crowding(&of_front).into_iter().zip(front.iter().copied()).collect();
        // With one metric all members of a front are equal: the number decides.
        if losses[front[0]].len() > 1 {
            order.sort_by(|a, b| b.0.total_cmp(&a.0));
        }
        order
    });
    ranked.map(|(_, index)| members[index].trial).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, Rung, RungHistory, TrialState};

    /// Trials that are paused at the last of their rungs, each with its values by rung and metric.
    fn study(metrics: Vec<Metric>, rung_history: &[&[&[f64]]]) -> Study {
        let trials = rung_history.iter().enumerate().map(|(number, rungs)| {
            let rungs = rungs.iter().zip([1, 3]);
            let rungs = rungs.map(|(values, steps)| Rung { steps, values: values.to_vec(), seconds: 0.0 });
            let rung_history = RungHistory { rungs: rungs.collect() };
            let waiting = Trial::waiting(number as u32, Point::default());
            Trial { state: TrialState::Pruned, rung_history, ..waiting }
        });
        Study { metrics, trials: trials.collect(), ..Study::default() }
    }

    fn promoted(study: &Study) -> Option<u32> {
        Rungs::HALVING.promotion(study).map(|trial| trial.number)
    }

    #[test]
    fn the_best_third_resumes_each_trial_once() {
        let accuracy = || vec![Metric::maximize("accuracy")];
        assert_eq!(promoted(&study(accuracy(), &[&[&[0.5]], &[&[0.9]]])), None, "a third of two is none");
        let mut six = study(accuracy(), &[&[&[0.5]], &[&[0.9]], &[&[0.7]], &[&[0.9]], &[&[]], &[&[0.1]]]);
        assert_eq!(promoted(&six), Some(1));
        six.trials[1].state = TrialState::Running;
        assert_eq!(promoted(&six), Some(3));
        six.trials[3].state = TrialState::Fail;
        assert_eq!(promoted(&six), None, "trials that have resumed keep their places");
    }

    #[test]
    fn a_trial_at_a_higher_rung_resumes_first() {
        let high: &[&[f64]] = &[&[0.5], &[0.6]];
        let best: &[&[f64]] = &[&[0.5], &[0.8]];
        let study =
            study(vec![Metric::maximize("accuracy")], &[high, best, high, &[&[0.9]], &[&[0.1]], &[&[0.1]]]);
        assert_eq!(promoted(&study), Some(1));
    }

    #[test]
    fn with_several_metrics_a_trial_of_the_front_resumes() {
        let metrics = vec![Metric::maximize("accuracy"), Metric::minimize("energy")];
        let study = study(metrics, &[&[&[0.5, 5.0]], &[&[0.4, 6.0]], &[&[0.9, 4.0]]]);
        assert_eq!(promoted(&study), Some(2));
    }

    #[test]
    fn a_trial_without_a_measurement_resumes_only_if_no_other_is_left() {
        let mut study = study(vec![Metric::minimize("loss")], &[&[&[]], &[&[3.0]]]);
        assert_eq!(Rungs::HALVING.farthest(&study).map(|trial| trial.number), Some(1));
        study.trials[1].state = TrialState::Fail;
        assert_eq!(Rungs::HALVING.farthest(&study).map(|trial| trial.number), Some(0));
    }
}

//! Trials from the best to the worst, for searches that need only their order.

use super::pareto;
use crate::study::{Study, Trial, TrialState};

/// The trials of `study` with a result, best first.
///
/// 1. Complete trials that keep all constraints, by Pareto fronts. Within a front the least crowded
///    comes first (the crowded comparison of Deb et al. 2002). With one metric this is the order of
///    losses.
/// 2. Pruned trials, those with more steps first.
/// 3. Complete trials that break a constraint, the smallest violation first.
///
/// Of equal trials the earlier one comes first. Failed trials, and trials with a value that is not
/// finite, are left out.
pub(super) fn ranking(study: &Study) -> Vec<&Trial> {
    let mut ranking = feasible(study);
    ranking.extend(pruned(study));
    ranking.extend(infeasible(study));
    ranking
}

/// Complete trials that keep all constraints, in their order.
fn feasible(study: &Study) -> Vec<&Trial> {
    let trials: Vec<&Trial> =
        study.trials.iter().filter(|trial| trial.is_feasible() && is_measured(trial)).collect();
    let losses: Vec<Vec<f64>> = trials.iter().map(|trial| study.losses(trial)).collect();
    let front_of = pareto::fronts(&losses);
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by_key(|&index| front_of[index]);
    let by_front = order.chunk_by(|&a, &b| front_of[a] == front_of[b]);
    by_front.flat_map(|front| least_crowded_first(front, &losses)).map(|index| trials[index]).collect()
}

/// The members of one front, indices of `losses`, least crowded first.
fn least_crowded_first(front: &[usize], losses: &[Vec<f64>]) -> Vec<usize> {
    let of_front: Vec<&[f64]> = front.iter().map(|&index| losses[index].as_slice()).collect();
    let mut order: Vec<(f64, usize)> =
        pareto::crowding(&of_front).into_iter().zip(front.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    order.into_iter().map(|(_, index)| index).collect()
}

/// Pruned trials, by steps and last value.
fn pruned(study: &Study) -> Vec<&Trial> {
    let mut trials: Vec<&Trial> = study.in_state(TrialState::Pruned).collect();
    let last = |trial: &Trial| trial.intermediate.last().copied().unwrap_or((0, f64::INFINITY));
    let loss = |trial: &Trial| study.direction().loss(last(trial).1);
    trials.sort_by(|a, b| last(b).0.cmp(&last(a).0).then(loss(a).total_cmp(&loss(b))));
    trials
}

/// Complete trials that break a constraint, by their violation.
fn infeasible(study: &Study) -> Vec<&Trial> {
    let complete = study.in_state(TrialState::Complete);
    let mut trials: Vec<&Trial> =
        complete.filter(|trial| !trial.is_feasible() && is_measured(trial)).collect();
    trials.sort_by(|a, b| excess(a).total_cmp(&excess(b)));
    trials
}

fn is_measured(trial: &Trial) -> bool {
    trial.values.iter().all(|value| value.is_finite())
}

/// The sum of the violations of all constraints.
fn excess(trial: &Trial) -> f64 {
    trial.constraints.iter().filter(|&&excess| excess > 0.0).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::Metric;

    fn complete(values: &[f64], constraints: &[f64]) -> Trial {
        let (values, constraints) = (values.to_vec(), constraints.to_vec());
        Trial { state: TrialState::Complete, values, constraints, ..Trial::waiting(0, Point::default()) }
    }

    fn numbers(metrics: Vec<Metric>, trials: Vec<Trial>) -> Vec<u32> {
        let numbered = trials.into_iter().zip(0..).map(|(trial, number)| Trial { number, ..trial });
        let study = Study { metrics, trials: numbered.collect(), ..Study::default() };
        ranking(&study).into_iter().map(|trial| trial.number).collect()
    }

    #[test]
    fn complete_trials_come_before_pruned_and_infeasible_ones_and_failures_are_left_out() {
        let pruned = |steps: u32, value| Trial {
            state: TrialState::Pruned,
            intermediate: (1..=steps).map(|step| (step, value)).collect(),
            ..Trial::waiting(0, Point::default())
        };
        let trials = vec![
            complete(&[0.9], &[2.0, -5.0]),
            complete(&[0.8], &[1.0, 0.5]),
            pruned(2, 0.9),
            pruned(3, 0.1),
            pruned(3, 0.2),
            complete(&[0.3], &[]),
            complete(&[0.7], &[-1.0]),
            complete(&[f64::INFINITY], &[]),
            Trial { state: TrialState::Fail, ..Trial::waiting(0, Point::default()) },
        ];
        assert_eq!(numbers(vec![Metric::maximize("accuracy")], trials), [6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn trials_are_sorted_by_front_and_the_least_crowded_come_first() {
        let metrics = vec![Metric::minimize("a"), Metric::minimize("b")];
        let at = |values: [f64; 2]| complete(&values, &[]);
        // The first front is 0 to 4; 2 has the nearest neighbours. 5 is behind all of them.
        let trials = vec![
            at([0.0, 10.0]),
            at([4.0, 5.0]),
            at([4.5, 4.0]),
            at([5.0, 3.5]),
            at([10.0, 0.0]),
            at([11.0, 11.0]),
        ];
        assert_eq!(numbers(metrics, trials), [0, 4, 1, 3, 2, 5]);
    }
}

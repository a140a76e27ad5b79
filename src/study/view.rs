//! Views of a study: its finished trials, its best trials, its Pareto front (trials that no other
//! dominates).

use super::{Direction, Study, Trial, TrialState};

impl Study {
    /// The trials in `state`, in order of their numbers.
    pub fn in_state(&self, state: TrialState) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(move |trial| trial.state == state)
    }

    /// The number of finished trials: complete, pruned and failed ones. A paused trial is a pruned
    /// one.
    ///
    /// The budget counts in another way: see [`charged`](Self::charged).
    pub fn finished(&self) -> usize {
        self.trials.iter().filter(|trial| trial.state.is_finished()).count()
    }

    /// The finished trials whose point is not tried again under another number, in order of their numbers.
    pub fn ended(&self) -> impl DoubleEndedIterator<Item = &Trial> {
        self.trials.iter().filter(|trial| trial.state.is_finished() && !trial.is_retried())
    }

    /// The failed trials whose point is not tried again under another number, in order of their numbers.
    pub fn failed(&self) -> impl DoubleEndedIterator<Item = &Trial> {
        self.ended().filter(|trial| trial.state == TrialState::Fail)
    }

    /// The complete trials that keep all constraints, the best in the first metric first. Of equal
    /// ones, the earlier comes first.
    pub fn ranking(&self) -> Vec<&Trial> {
        let mut ranking: Vec<(f64, &Trial)> = self.first_losses().collect();
        ranking.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        ranking.into_iter().map(|(_, trial)| trial).collect()
    }

    /// The best trial: the first of the [`ranking`](Self::ranking).
    pub fn best(&self) -> Option<&Trial> {
        self.first_losses().min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, trial)| trial)
    }

    /// Why no trial is the best, where none is.
    pub fn no_best(&self) -> &'static str {
        match self.in_state(TrialState::Complete).next() {
            Some(_) => "no trial of it keeps all constraints",
            None => "no trial of it has a value",
        }
    }

    /// The complete trials that keep all constraints, in order of their numbers. Each comes with
    /// its loss in the first metric.
    fn first_losses(&self) -> impl Iterator<Item = (f64, &Trial)> {
        let feasible = self.trials.iter().filter(|trial| trial.is_feasible());
        feasible.map(|trial| (self.direction().loss(trial.values[0]), trial))
    }

    /// The values of a complete trial as losses: less is better.
    pub fn losses(&self, trial: &Trial) -> Vec<f64> {
        self.losses_of(&trial.values)
    }

    /// `values`, one per metric, as losses: less is better.
    pub fn losses_of(&self, values: &[f64]) -> Vec<f64> {
        self.metrics.iter().zip(values).map(|(metric, &value)| metric.direction.loss(value)).collect()
    }

    /// The Pareto front, in order of the trials' numbers. It has the complete trials that keep all
    /// constraints and that no other such trial dominates.
    pub fn pareto_front(&self) -> Vec<&Trial> {
        let feasible: Vec<(&Trial, Vec<f64>)> = self
            .trials
            .iter()
            .filter(|trial| trial.is_feasible())
            .map(|trial| (trial, self.losses(trial)))
            .collect();
        let is_beaten = |losses: &[f64]| feasible.iter().any(|(_, others)| dominates(others, losses));
        feasible.iter().filter(|(_, losses)| !is_beaten(losses)).map(|&(trial, _)| trial).collect()
    }

    /// The direction of the first metric.
    pub fn direction(&self) -> Direction {
        self.metrics[0].direction
    }
}

/// Whether the losses `a` dominate `b`: none is larger, and at least one is smaller.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let nowhere_worse = a.iter().zip(b).all(|(x, y)| x <= y);
    nowhere_worse && a.iter().zip(b).any(|(x, y)| x < y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::Metric;

    fn study(values: &[[f64; 2]]) -> Study {
        let trials = values.iter().enumerate().map(|(number, values)| Trial {
            state: TrialState::Complete,
            values: values.to_vec(),
            ..Trial::waiting(number as u32, Point::default())
        });
        Study {
            name: "test".into(),
            metrics: vec![Metric::maximize("accuracy"), Metric::minimize("energy_nj")],
            trials: trials.collect(),
            ..Study::default()
        }
    }

    fn numbers(trials: Vec<&Trial>) -> Vec<u32> {
        trials.into_iter().map(|trial| trial.number).collect()
    }

    #[test]
    fn the_front_keeps_equals_and_drops_the_dominated() {
        let study = study(&[[0.9, 5.0], [0.8, 5.0], [0.95, 9.0], [0.9, 5.0], [0.5, 1.0]]);
        assert_eq!(numbers(study.pareto_front()), [0, 2, 3, 4]);
    }

    #[test]
    fn an_infinite_or_missing_number_is_never_the_best() {
        let study = study(&[[f64::INFINITY, 5.0], [0.5, 7.0], [f64::NAN, 1.0], [0.9, f64::NEG_INFINITY]]);
        assert_eq!(numbers(study.ranking()), [1]);
        assert_eq!(numbers(study.pareto_front()), [1]);
    }

    #[test]
    fn the_earlier_of_two_equals_is_best_and_an_infeasible_one_never_is() {
        let mut study = study(&[[0.9, 5.0], [0.99, 5.0], [0.9, 5.0]]);
        study.trials[1].constraints = vec![0.5];
        assert_eq!(numbers(study.ranking()), [0, 2]);
        assert_eq!(study.best().map(|trial| trial.number), Some(0));
    }
}

//! A study as the model sees it: measurements, ended trials and pending trials, at cells of the
//! unit cube.

use std::cmp::Reverse;

use super::cube::{Cell, Cube};
use crate::search::{Rungs, pareto};
use crate::space::Space;
use crate::study::{Study, Trial, TrialState};

/// A measurement, at the end of a trial or at a rung (a step at which trials pause).
#[derive(Clone)]
pub(crate) struct Observation {
    pub cell: Cell,
    /// One finite loss per metric; lower is better.
    pub losses: Vec<f64>,
    /// The values of the constraints: at most 0 where the trial keeps them; empty if none was
    /// measured.
    pub constraints: Vec<f64>,
    pub is_feasible: bool,
    /// Whether the point has another value than one that the space holds, so that no trial may come near it.
    pub is_elsewhere: bool,
}

impl Observation {
    /// Whether the next trial is to improve on this observation: it is feasible, at the end of its
    /// trial, and has the values that the space holds.
    pub fn is_incumbent(&self) -> bool {
        self.is_feasible && self.cell.level == 0 && !self.is_elsewhere
    }
}

/// The trials whose points are in the space, by what a model can learn from them.
///
/// - A complete trial teaches its losses and constraints. It counts as a success, even if it breaks
///   a constraint.
/// - A complete trial with a value that is not finite counts as failed.
/// - A pruned trial has no final value. It counts as a success, and teaches no loss.
#[derive(Default)]
pub(crate) struct History {
    pub measured: Vec<Observation>,
    /// Cells of ended trials, with whether they succeeded.
    pub ended: Vec<(Cell, bool)>,
    /// Cells of running and waiting trials.
    pub pending: Vec<Cell>,
    /// The reference point: one loss per metric, if only losses below these count.
    pub reference: Option<Vec<f64>>,
}

impl History {
    /// The history of `study`. With `rungs` it also has the measurements at these rungs (steps at
    /// which trials pause), after all final ones.
    pub fn new(space: &Space, cube: &Cube, study: &Study, rungs: Option<Rungs>) -> Self {
        let mut history = Self { reference: study.reference(), ..Self::default() };
        // A point of an older or wider space has no place in the cube of this one.
        let trials: Vec<(&Trial, Cell)> = study
            .trials
            .iter()
            .filter_map(|trial| Some((trial, cube.cell(&space.encode(&trial.point).ok()?))))
            .collect();
        for (trial, cell) in &trials {
            let is_elsewhere =
                space.held().iter().any(|(name, held)| trial.point.get(name).is_some_and(|own| own != held));
            history.add(study, trial, cell.clone(), is_elsewhere);
        }
        if history.incumbents().next().is_none() {
            history.measured.iter_mut().for_each(|measured| measured.is_elsewhere = false);
        }
        let levels = rungs.map_or(0, Rungs::count);
        trials.iter().for_each(|(trial, cell)| history.add_rungs(study, trial, cell, levels));
        history
    }

    /// The cells of all measurements and trials; some come several times.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        let measured = self.measured.iter().map(|measured| &measured.cell);
        measured.chain(self.ended.iter().map(|(cell, _)| cell)).chain(&self.pending)
    }

    /// Adds the measurements at the first `levels` rungs of `trial`.
    fn add_rungs(&mut self, study: &Study, trial: &Trial, cell: &Cell, levels: usize) {
        for (rung, level) in trial.rung_history.rungs.iter().zip(1..=levels) {
            let losses = study.losses_of(&rung.values);
            if losses.len() == study.metrics.len() && losses.iter().all(|loss| loss.is_finite()) {
                let cell = Cell { level, ..cell.clone() };
                let constraints = Vec::new();
                self.measured.push(Observation {
                    cell,
                    losses,
                    constraints,
                    is_feasible: true,
                    is_elsewhere: false,
                });
            }
        }
    }

    /// Adds `trial` by its state.
    fn add(&mut self, study: &Study, trial: &Trial, cell: Cell, is_elsewhere: bool) {
        match trial.state {
            TrialState::Waiting | TrialState::Running => self.pending.push(cell),
            TrialState::Fail => self.ended.push((cell, false)),
            TrialState::Pruned => self.ended.push((cell, true)),
            TrialState::Complete => {
                let losses = study.losses(trial);
                let are_finite = !losses.is_empty() && losses.iter().all(|loss| loss.is_finite());
                self.ended.push((cell.clone(), are_finite));
                if are_finite {
                    let constraints = trial.constraints.clone();
                    let is_feasible = trial.is_feasible();
                    self.measured.push(Observation { cell, losses, constraints, is_feasible, is_elsewhere });
                }
            }
        }
    }

    /// Whether anything tells trials apart: a loss that differs, or before there is an incumbent, a
    /// constraint that differs or a failure beside a success. If nothing does, a model only knows how far
    /// points are from the trials, and proposes the ends of the space.
    pub fn tells_apart(&self) -> bool {
        if self.incumbents().next().is_some() {
            return (0..self.losses()).any(|loss| self.varies(loss));
        }
        let constraints = self.measured.iter().map(|measured| &measured.constraints);
        let ends = self.ended.iter().map(|(_, succeeded)| succeeded);
        differ(constraints) || differ(ends)
    }

    /// Whether loss number `loss` is not the same in all measurements.
    pub fn varies(&self, loss: usize) -> bool {
        differ(self.measured.iter().map(|measured| measured.losses[loss]))
    }

    /// The same history with these `losses` alone, by their numbers.
    pub fn of_losses(&self, losses: &[usize]) -> Self {
        let chosen = |all: &[f64]| losses.iter().map(|&loss| all[loss]).collect::<Vec<f64>>();
        let measured = self.measured.iter();
        let measured = measured.map(|one| Observation { losses: chosen(&one.losses), ..one.clone() });
        Self {
            measured: measured.collect(),
            ended: self.ended.clone(),
            pending: self.pending.clone(),
            reference: self.reference.as_deref().map(chosen),
        }
    }

    /// The observations that the next trial is to improve on: feasible, and at the end of their
    /// trials.
    pub fn incumbents(&self) -> impl Iterator<Item = &Observation> {
        self.measured.iter().filter(|measured| measured.is_incumbent())
    }

    /// The fidelity level of every measurement; empty if all are at the end of their trials.
    pub fn levels(&self) -> Vec<usize> {
        let levels = self.measured.iter().map(|measured| measured.cell.level);
        if levels.clone().all(|level| level == 0) { Vec::new() } else { levels.collect() }
    }

    /// The number of losses of each measurement; 0 without measurements.
    pub fn losses(&self) -> usize {
        self.measured.first().map_or(0, |measured| measured.losses.len())
    }

    /// Loss number `loss` of every measurement.
    pub fn loss(&self, loss: usize) -> Vec<f64> {
        self.measured.iter().map(|measured| measured.losses[loss]).collect()
    }

    /// The measurements, best first. Final ones come before those at rungs, then feasible ones
    /// before others, then low losses before high ones. Several losses are compared by Pareto
    /// fronts.
    pub fn ranking(&self) -> Vec<&Observation> {
        let losses: Vec<Vec<f64>> = self.measured.iter().map(|measured| measured.losses.clone()).collect();
        let front_of = pareto::fronts(&losses);
        let mut ranking: Vec<(usize, &Observation)> = front_of.into_iter().zip(&self.measured).collect();
        ranking.sort_by_key(|&(front, measured)| (!measured.is_feasible, front));
        // Level 0 is the end; the rungs before it are 1, 2, ... from the lowest.
        ranking.sort_by_key(|(_, measured)| (measured.cell.level > 0, Reverse(measured.cell.level)));
        ranking.into_iter().map(|(_, measured)| measured).collect()
    }
}

/// Whether two of `values` differ.
fn differ<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    let first = values.next();
    values.any(|value| Some(value) != first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::bayes::fixtures::line;
    use crate::space::Point;
    use crate::study::{Metric, Rung, RungHistory};

    /// A trial at `x`.
    fn trial(x: f64, state: TrialState, values: &[f64]) -> Trial {
        let point = [("x", x)].into_iter().collect();
        Trial { state, values: values.to_vec(), ..Trial::waiting(0, point) }
    }

    /// `trial` with these values at its rungs.
    fn with_rungs(trial: Trial, values: &[&[f64]]) -> Trial {
        let rungs = values.iter().zip(1..);
        let rungs = rungs.map(|(values, steps)| Rung { steps, values: values.to_vec(), seconds: 0.0 });
        Trial { rung_history: RungHistory { rungs: rungs.collect() }, ..trial }
    }

    fn history(metric: Metric, trials: Vec<Trial>, rungs: Option<Rungs>) -> History {
        let space = line();
        let study = Study { metrics: vec![metric], trials, ..Study::default() };
        History::new(&space, &Cube::new(&space), &study, rungs)
    }

    /// Place, level and losses of every measurement.
    fn places(measured: &[&Observation]) -> Vec<(f64, usize, Vec<f64>)> {
        let place =
            |measured: &&Observation| (measured.cell.unit[0], measured.cell.level, measured.losses.clone());
        measured.iter().map(place).collect()
    }

    #[test]
    fn each_state_of_a_trial_teaches_what_it_can() {
        let broken = Trial { constraints: vec![-1.0, 0.5], ..trial(0.2, TrialState::Complete, &[0.7]) };
        let elsewhere = Trial::waiting(0, [("y", 0.5)].into_iter().collect());
        let trials = vec![
            trial(0.1, TrialState::Complete, &[0.9]),
            broken,
            trial(0.3, TrialState::Complete, &[f64::NAN]),
            trial(0.4, TrialState::Fail, &[]),
            trial(0.5, TrialState::Pruned, &[]),
            trial(0.6, TrialState::Running, &[]),
            trial(0.7, TrialState::Waiting, &[]),
            elsewhere,
        ];
        let history = history(Metric::maximize("accuracy"), trials, None);
        let ended: Vec<(f64, bool)> =
            history.ended.iter().map(|(cell, succeeded)| (cell.unit[0], *succeeded)).collect();
        assert_eq!(ended, [(0.1, true), (0.2, true), (0.3, false), (0.4, false), (0.5, true)]);
        let pending: Vec<f64> = history.pending.iter().map(|cell| cell.unit[0]).collect();
        assert_eq!(pending, [0.6, 0.7]);
        let measured: Vec<&Observation> = history.measured.iter().collect();
        assert_eq!(places(&measured), [(0.1, 0, vec![-0.9]), (0.2, 0, vec![-0.7])]);
        assert_eq!(history.measured[1].constraints, [-1.0, 0.5]);
        let incumbents: Vec<&Observation> = history.incumbents().collect();
        assert_eq!(places(&incumbents), [(0.1, 0, vec![-0.9])]);
        assert_eq!((history.losses(), history.loss(0)), (1, vec![-0.9, -0.7]));
        assert!(history.levels().is_empty());
    }

    #[test]
    fn trials_are_told_apart_by_losses_or_before_an_incumbent_by_failures_and_constraints() {
        let tells = |trials: &[(TrialState, f64, f64)]| {
            let trials = trials.iter().map(|&(state, loss, constraint)| Trial {
                constraints: vec![constraint],
                ..trial(0.1, state, &[loss])
            });
            history(Metric::minimize("loss"), trials.collect(), None).tells_apart()
        };
        use TrialState::{Complete, Fail};
        assert!(!tells(&[]) && !tells(&[(Complete, 1.0, 0.0), (Complete, 1.0, -1.0)]));
        assert!(tells(&[(Complete, 1.0, 0.0), (Complete, 2.0, 0.0)]));
        assert!(!tells(&[(Complete, 1.0, 0.0), (Fail, 1.0, 0.0)]), "equal losses");
        assert!(
            !tells(&[(Fail, 1.0, 0.0), (Fail, 1.0, 0.0)])
                && !tells(&[(Complete, 1.0, 1.0), (Complete, 2.0, 1.0)])
        );
        assert!(
            tells(&[(Complete, 1.0, 1.0), (Complete, 1.0, 2.0)])
                && tells(&[(Complete, 1.0, 1.0), (Fail, 1.0, 0.0)])
        );
    }

    #[test]
    fn a_trial_with_another_value_than_is_held_is_no_incumbent_unless_all_are() {
        let values: Point = [("x", 0.5)].into_iter().collect();
        let space = line().holding(&values).expect("a value");
        let incumbents = |trials: Vec<Trial>| {
            let study = Study { metrics: vec![Metric::minimize("loss")], trials, ..Study::default() };
            History::new(&space, &Cube::new(&space), &study, None).incumbents().count()
        };
        let at = |x| trial(x, TrialState::Complete, &[1.0]);
        assert_eq!([incumbents(vec![at(0.5), at(0.1)]), incumbents(vec![at(0.2), at(0.1)])], [1, 2]);
    }

    #[test]
    fn values_at_rungs_are_levels_after_the_final_losses() {
        let trials = vec![
            with_rungs(trial(0.1, TrialState::Pruned, &[]), &[&[0.8]]),
            with_rungs(trial(0.2, TrialState::Complete, &[0.3]), &[&[0.7]]),
            with_rungs(trial(0.3, TrialState::Pruned, &[]), &[&[]]),
            with_rungs(trial(0.4, TrialState::Pruned, &[]), &[&[f64::INFINITY]]),
            with_rungs(trial(0.5, TrialState::Running, &[]), &[&[0.6], &[0.5]]),
        ];
        let with = |rungs| history(Metric::minimize("loss"), trials.clone(), rungs);
        let one = with(Some(Rungs::MODEL));
        let measured: Vec<&Observation> = one.measured.iter().collect();
        let final_and_first =
            vec![(0.2, 0, vec![0.3]), (0.1, 1, vec![0.8]), (0.2, 1, vec![0.7]), (0.5, 1, vec![0.6])];
        assert_eq!(places(&measured), final_and_first);
        assert_eq!(one.levels(), [0, 1, 1, 1]);
        let incumbents: Vec<&Observation> = one.incumbents().collect();
        assert_eq!(places(&incumbents), [(0.2, 0, vec![0.3])]);
        let two = with(Some(Rungs::HALVING));
        assert_eq!(two.levels(), [0, 1, 1, 1, 2]);
        assert_eq!(with(None).measured.len(), 1);
    }

    #[test]
    fn the_ranking_is_by_level_then_feasibility_then_loss() {
        let broken = Trial { constraints: vec![1.0], ..trial(0.1, TrialState::Complete, &[0.1]) };
        let trials = vec![
            broken,
            with_rungs(trial(0.2, TrialState::Complete, &[0.9]), &[&[0.0]]),
            trial(0.3, TrialState::Complete, &[0.5]),
            with_rungs(trial(0.4, TrialState::Pruned, &[]), &[&[0.05], &[0.2]]),
        ];
        let history = history(Metric::minimize("loss"), trials, Some(Rungs::HALVING));
        let order: Vec<(f64, usize)> =
            places(&history.ranking()).into_iter().map(|(x, level, _)| (x, level)).collect();
        assert_eq!(order, [(0.3, 0), (0.2, 0), (0.1, 0), (0.4, 2), (0.2, 1), (0.4, 1)]);
    }

    #[test]
    fn with_several_losses_the_ranking_is_by_front() {
        let space = line();
        let metrics = vec![Metric::minimize("loss"), Metric::maximize("speed")];
        let trials = vec![
            trial(0.1, TrialState::Complete, &[0.9, 1.0]),
            trial(0.2, TrialState::Complete, &[0.5, 2.0]),
            trial(0.3, TrialState::Complete, &[0.6, 1.5]),
            trial(0.4, TrialState::Complete, &[0.1, 0.5]),
        ];
        let study = Study { metrics, trials, ..Study::default() };
        let history = History::new(&space, &Cube::new(&space), &study, None);
        let order: Vec<f64> = history.ranking().iter().map(|measured| measured.cell.unit[0]).collect();
        assert_eq!(order, [0.2, 0.4, 0.3, 0.1]);
    }
}

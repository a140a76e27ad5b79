//! A branch that looked worse: points with one value of a choice, searched for their own sake.
//!
//! One bad draw with a value of a choice lowers what the model expects of all points with it, since
//! they share that value. Then neither the expected improvement nor a margin leads back there, though
//! a better point may be near. So some exploring trials go to the value with the fewest trials, and
//! improve on the best trial with that value alone, as a search of this branch would:
//! `benches/README.md#branches`.

use super::acquisition::maximize::{Maximizer, Scored};
use super::acquisition::{Acquisition, Gain};
use super::input::cube::{AxisKind, Cell, Cube};
use super::model::Model;
use super::params::BayesParams;
use crate::space::Space;

/// A value of a choice: all cells that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Branch {
    axis: usize,
    value: u64,
}

impl Model<'_> {
    /// Cells of the branch that has the fewest trials and not the best one, sorted by their expected
    /// improvement on the best trial of the branch, highest first.
    ///
    /// `None` if no choice is searched, if there are several losses, or if all cells were tried.
    pub fn other_branch(&self, acquisition: &Acquisition) -> Option<Vec<Scored>> {
        let branches = self.branches();
        let (branch, space) =
            branches.into_iter().find_map(|branch| Some((branch, self.held_to(branch)?)))?;
        let mut acquisition = acquisition.clone();
        let Some(Gain::Improvement(gain)) = &mut acquisition.gain else { return None };
        let means = gain.process.means_of_data();
        let own = self.history.measured.iter().zip(&means);
        let own = own.filter(|(measured, _)| measured.is_incumbent() && self.is_in(branch, &measured.cell));
        let best = own.map(|(_, &mean)| mean).fold(f64::INFINITY, f64::min);
        if best.is_finite() {
            gain.best = best;
        }
        let cube = Cube::new(&space);
        let params = BayesParams { starts: 0, ..self.params.clone() };
        let maximizer = Maximizer::new(&space, &cube, &self.features, &acquisition, &self.history);
        let cells = maximizer.ranking(&params, &self.seed.child("branch"));
        (!cells.is_empty()).then_some(cells)
    }

    /// The branches that the best trial is not in, those with the fewest trials first.
    fn branches(&self) -> Vec<Branch> {
        let ranking = self.history.ranking();
        let Some(best) = ranking.first() else { return Vec::new() };
        let values = (0..self.cube.dimension()).flat_map(|axis| {
            match self.cube.kind(axis) {
                AxisKind::Choices(size) if !self.cube.is_held(axis) => 0..size,
                _ => 0..0,
            }
            .map(move |value| Branch { axis, value })
        });
        let mut branches: Vec<(usize, Branch)> = values
            .filter(|&branch| !self.is_in(branch, &best.cell))
            .map(|branch| (self.trials_in(branch), branch))
            .collect();
        branches.sort_by_key(|&(trials, _)| trials);
        branches.into_iter().map(|(_, branch)| branch).collect()
    }

    /// The number of trials in `branch`, running ones included.
    fn trials_in(&self, branch: Branch) -> usize {
        let ended = self.history.ended.iter().map(|(cell, _)| cell);
        ended.chain(&self.history.pending).filter(|cell| self.is_in(branch, cell)).count()
    }

    fn is_in(&self, Branch { axis, value }: Branch, cell: &Cell) -> bool {
        cell.active[axis] && self.cube.value_at(axis, cell.unit[axis]) == value
    }

    /// The space in which every proposed point is in `branch`. The choice is active there: the
    /// parameters that it depends on have one of the values that this needs; these take turns.
    /// `None` if values that are held already rule the branch out.
    fn held_to(&self, Branch { axis, value }: Branch) -> Option<Space> {
        let choice = self.space.searched().nth(axis)?;
        let mut held = self.space.held().clone();
        held.set(choice.name.clone(), choice.domain.value_at(value));
        let mut children = vec![choice];
        while let Some(child) = children.pop() {
            for condition in &child.conditions {
                let parent = &self.space.parameters()[condition.parent];
                if held.get(&parent.name).is_none() {
                    let turn = self.study.trials.len() / super::explore::BRANCH_TURN;
                    let value = &condition.values[turn % condition.values.len()];
                    held.set(parent.name.clone(), value.clone());
                }
                children.push(parent);
            }
        }
        self.space.clone().holding(&held).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::search::{BayesSearch, Search};
    use crate::seed::Seed;
    use crate::space::{Point, Space, Value};
    use crate::study::{Metric, Study, Trial, TrialState};

    const TREE: &str = r#"{"name": "tree", "parameters": {
        "rule": {"type": "categorical", "choices": ["adam", "sgd"]},
        "kind": {"type": "categorical", "choices": ["a", "b", "c"], "when": {"rule": ["sgd"]}},
        "x": {"type": "float", "low": 0, "high": 1}, "y": {"type": "float", "low": 0, "high": 1}}}"#;

    /// The minimum, 0, is at kind = c, where most points are far worse than all others.
    fn loss(point: &Point) -> f64 {
        let at = |name: &str| point.get(name).and_then(Value::as_f64).expect("a number");
        let away = (at("x") - 0.8).powi(2) + (at("y") - 0.15).powi(2);
        match point.get("kind").and_then(Value::as_str) {
            Some("c") => (30.0 * away).min(8.0),
            Some(_) => 0.4 + away,
            None => 0.2 + away,
        }
    }

    #[test]
    fn a_choice_is_tried_again_though_its_first_trials_were_bad() {
        let space = Space::from_json(TREE, "tree.json").expect("right");
        for seed in 0..3 {
            let search = BayesSearch::new();
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
            let best = study.trials.iter().map(|trial| trial.values[0]).fold(f64::INFINITY, f64::min);
            assert!(best < 0.05, "seed {seed}: {best}");
        }
    }
}

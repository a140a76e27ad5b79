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
        let maximizer = Maximizer::new(&space, &cube, &self.features, &acquisition, &self.history)
            .with_knowledge(self.knowledge.as_ref());
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
    use crate::search::BayesSearch;
    use crate::seed::Seed;
    use crate::space::{Point, Space, Value};
    use crate::study::{Metric, Study, Trial, TrialState};

    const TREE: &str = r#"{"name": "tree", "parameters": {
        "rule": {"type": "categorical", "choices": ["adam", "sgd"]},
        "kind": {"type": "categorical", "choices": ["a", "b", "c"], "when": {"rule": ["sgd"]}},
        "x": {"type": "float", "low": 0, "high": 1}, "y": {"type": "float", "low": 0, "high": 1}}}"#;

    /// A trial with this kind, or with adam if there is none.
    fn trial(number: usize, kind: Option<&str>, x: f64, y: f64, loss: f64) -> Trial {
        let rule = if kind.is_some() { "sgd" } else { "adam" };
        let mut point: Point = [("rule", rule)].into_iter().collect();
        kind.into_iter().for_each(|kind| point.set("kind", kind));
        point.set("x", x);
        point.set("y", y);
        Trial { state: TrialState::Complete, values: vec![loss], ..Trial::waiting(number as u32, point) }
    }

    /// A study that knows the minimum with adam, and these kinds from one bad trial each.
    fn study(kinds: &[&str]) -> Study {
        let bowl = |x: f64, y: f64| (x - 0.8).powi(2) + (y - 0.15).powi(2);
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        for number in 0..20 {
            let (x, y) = (0.6 + 0.1 * (number % 5) as f64, 0.05 + 0.1 * (number / 5) as f64);
            study.trials.push(trial(number, None, x, y, bowl(x, y)));
        }
        for (at, kind) in kinds.iter().enumerate() {
            let (x, y) = (0.2 + 0.1 * at as f64, 0.9 - 0.1 * at as f64);
            study.trials.push(trial(20 + at, Some(kind), x, y, 2.0 + bowl(x, y)));
        }
        study
    }

    #[test]
    fn the_value_with_the_fewest_trials_has_its_turn_though_they_were_bad() {
        let space = Space::from_json(TREE, "tree.json").expect("right");
        let kind = |space: &Space, kinds: &[&str]| {
            let (search, study) = (BayesSearch::new(), study(kinds));
            let model = search.model(space, &study, None, &Seed::root(1));
            let cells = model.other_branch(&model.acquisition().expect("a fit"))?;
            let (_, point) = model.first_new(&cells)?;
            Some(point.get("kind").and_then(Value::as_str)?.to_owned())
        };
        assert_eq!(kind(&space, &["a", "a", "b", "a", "b", "c"]).as_deref(), Some("c"));
        assert_eq!(kind(&space, &["c", "a", "c", "a", "b", "c"]).as_deref(), Some("b"));
        let held = space.holding(&[("rule", "adam")].into_iter().collect()).expect("right");
        assert_eq!(kind(&held, &["a", "a", "b", "a", "b", "c"]), None);
    }
}

//! Exploration: leaving a place where little is left to gain.
//!
//! Expected improvement counts every gain, however small. So a search refines the bottom of a
//! valley as long as the model expects less elsewhere, and with few trials elsewhere it expects
//! little. So every second trial asks for a gain beyond a margin, once the gain that is left no
//! longer matters. Only places that are little known can promise that. The margin is the ξ of
//! expected improvement (Brochu, Cora & de Freitas 2010, "A tutorial on Bayesian optimization of
//! expensive cost functions", section 2.3). The constants are those of
//! `benches/README.md#exploration`.

use super::acquisition::maximize::Scored;
use super::acquisition::{Acquisition, Gain};
use super::input::cube::{AxisKind, Cell};
use super::model::Model;
use super::params::BayesParams;

/// A gain below this share of the standard deviation of the noise does not matter: no measurement
/// could show it.
const NOISE_SHARE: f64 = 0.2;
/// In a space with categorical parameters, a gain below this number of standard deviations of the
/// losses does not matter either.
const BRANCH_GAIN: f64 = 0.01;
/// The margin (ξ), in standard deviations of the losses.
const MARGIN: f64 = 0.3;
/// In a space with categorical parameters, one of this number of trials goes to another branch in place
/// of asking for the margin: [`Model::other_branch`]. Even, since every second trial explores.
pub(super) const BRANCH_TURN: usize = 4;

impl Model<'_> {
    /// Cells sorted by their expected improvement beyond the margin, highest first; in every second of
    /// these turns those of another branch, if there is one.
    ///
    /// `None` unless the number of trials is even, few of the latest trials failed, and little is left to gain at `best`, the cell
    /// with the highest acquisition. If the margin was asked for, `acquisition` keeps it afterwards.
    pub fn explore(&self, acquisition: &mut Acquisition, best: Option<&Scored>) -> Option<Vec<Scored>> {
        let is_turn = self.study.trials.len().is_multiple_of(2) && !acquisition.has_failed_too_often();
        if !is_turn || !best.is_some_and(|best| self.is_exhausted(acquisition, &best.cell)) {
            return None;
        }
        if self.study.trials.len() % BRANCH_TURN == BRANCH_TURN / 2
            && let Some(cells) = self.other_branch(acquisition)
        {
            return Some(cells);
        }
        acquisition.raise_margin();
        // The place matters, not its last digits: one local search is enough.
        let params = BayesParams { starts: 0, ..self.params.clone() };
        Some(self.ranking(acquisition, &params, &self.seed.child("explore")))
    }

    /// Whether the gain at `best`, without its cost, is too small to matter. Never with several
    /// losses, whose Pareto front is never known to be complete.
    fn is_exhausted(&self, acquisition: &Acquisition, best: &Cell) -> bool {
        let Some(Gain::Improvement(gain)) = &acquisition.gain else { return false };
        let unseen = NOISE_SHARE * gain.process.hyperparameters().noise.sqrt();
        let is_choice =
            |axis| matches!(self.cube.kind(axis), AxisKind::Choices(_)) && !self.cube.is_held(axis);
        let has_choices = (0..self.cube.dimension()).any(is_choice);
        let least = if has_choices { unseen.max(BRANCH_GAIN) } else { unseen };
        acquisition.gains(self.features.rows([best]).view(), &[])[0] < least.ln()
    }
}

impl Acquisition {
    /// Counts only improvements beyond the margin.
    fn raise_margin(&mut self) {
        if let Some(Gain::Improvement(gain)) = &mut self.gain {
            gain.best -= MARGIN;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::search::{BayesSearch, NextSegment, Search, Suggestion};
    use crate::seed::Seed;
    use crate::space::{Point, Space};
    use crate::study::{Metric, Study, Trial, TrialState};

    const BRANCHES: &str = r#"{"name": "branches", "parameters": {
        "side": {"type": "categorical", "choices": ["left", "right"]},
        "left": {"type": "float", "low": 0, "high": 1, "when": {"side": ["left"]}},
        "right": {"type": "float", "low": 0, "high": 1, "when": {"side": ["right"]}}
    }}"#;

    /// The left side is better almost everywhere; the minimum is on the right.
    fn loss(point: &Point) -> f64 {
        let at = |name: &str| point.get(name).and_then(|x| x.as_f64());
        match (at("left"), at("right")) {
            (Some(x), _) => 0.1 + (x - 0.4).powi(2),
            (_, Some(x)) => (0.3 * (x - 0.85).abs()).sqrt(),
            _ => unreachable!("one side is active"),
        }
    }

    /// A study of this number of trials, each at the point of `next`.
    fn study(
        trials: usize,
        seed: &Seed,
        next: impl Fn(&BayesSearch, &Space, &Study, &Seed) -> Point,
    ) -> Study {
        let space = Space::from_json(BRANCHES, "branches.json").unwrap();
        let search = BayesSearch::new();
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        for number in 0..trials {
            let point = next(&search, &space, &study, seed);
            let values = vec![loss(&point)];
            study.trials.push(Trial {
                state: TrialState::Complete,
                values,
                ..Trial::waiting(number as u32, point)
            });
        }
        study
    }

    /// The number of trials after the first 20 that are on the right side, and the lowest loss of
    /// all trials.
    fn found(study: &Study) -> (usize, f64) {
        let is_right = |trial: &&Trial| trial.point.get("right").is_some();
        let best = study.trials.iter().map(|trial| trial.values[0]).fold(f64::INFINITY, f64::min);
        (study.trials[20..].iter().filter(is_right).count(), best)
    }

    #[test]
    fn the_search_returns_to_a_branch_that_looked_worse() {
        for seed in 0..4 {
            let study =
                study(40, &Seed::root(seed), |search, space, study, seed| search.suggest(space, study, seed));
            let (late, best) = found(&study);
            assert!(late >= 4 && best < 0.09, "seed {seed}: {late} of the right side after 20, best {best}");
        }
    }

    #[test]
    fn where_trials_pause_the_search_returns_even_to_a_branch_of_higher_cost() {
        let cost = |point: &Point| if point.get("right").is_some() { 3.0 } else { 1.0 };
        for seed in 0..4 {
            let study = study(40, &Seed::root(seed), |search, space, study, seed| {
                match search.next_segment(space, study, &cost, seed) {
                    Some(NextSegment::New(Suggestion { point, .. })) => point,
                    Some(NextSegment::Of(_)) => unreachable!("no trial pauses"),
                    None => search.suggest(space, study, seed),
                }
            });
            let (late, best) = found(&study);
            assert!(late >= 4 && best < 0.09, "seed {seed}: {late} of the right side after 20, best {best}");
        }
    }
}

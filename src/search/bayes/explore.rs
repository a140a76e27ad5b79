//! Leaving a place that has little left to give.
//!
//! Expected improvement counts every gain, however small: a search that has found the bottom of a valley refines it for
//! as long as the model sees less elsewhere, and a model of few trials elsewhere sees little. Once what is left to gain
//! no longer matters, every second trial therefore asks for a gain that does, which only a place that is little known
//! can promise: the ξ of expected improvement (Brochu, Cora & de Freitas 2010, "A tutorial on Bayesian optimization of
//! expensive cost functions", section 2.3).
//!
//! The constants were chosen of ten settings on conditional spaces and on Hartmann-6 with noise
//! (`benches/peers/quality.py`, 40 runs each): 12 and 7 runs stayed in a wrong place without, 3 and 1 do with them. Where
//! nothing is noisy and nothing chosen they cost some of the last digits, and larger shares cost more.

use super::BayesParams;
use super::acquisition::maximize::{Maximizer, Scored};
use super::acquisition::{Acquisition, Gain};
use super::input::cube::{AxisKind, Cell, Cube};
use super::input::features::Features;
use super::input::history::History;
use crate::seed::Seed;
use crate::space::Space;

/// A gain below this share of the noise's deviation is one that no measurement shows.
const NOISE_SHARE: f64 = 0.2;
/// Where choices part a space into branches, a wrong one is never left by small steps: a gain below this does not
/// matter either, in deviations of the losses.
const BRANCH_GAIN: f64 = 0.01;
/// The gain that is asked for, in deviations of the losses.
const MARGIN: f64 = 0.3;

/// Where the next trial may be.
pub(super) struct Candidates<'a> {
    pub space: &'a Space,
    pub cube: &'a Cube<'a>,
    pub features: &'a Features,
    pub history: &'a History,
}

impl Candidates<'_> {
    /// Cells that no trial has taken, the most promising first.
    pub fn ranking(&self, acquisition: &Acquisition, params: &BayesParams, seed: &Seed) -> Vec<Scored> {
        Maximizer::new(self.cube, self.features, acquisition, self.history).ranking(self.space, params, seed)
    }

    /// Cells elsewhere, by what they promise beyond the margin, if it is the turn of that after so many `trials` and what
    /// `most` promises no longer matters.
    pub fn explore(
        &self,
        acquisition: &mut Acquisition,
        params: &BayesParams,
        seed: &Seed,
        trials: usize,
        most: Option<&Scored>,
    ) -> Option<Vec<Scored>> {
        if !trials.is_multiple_of(2) || !most.is_some_and(|most| self.is_exhausted(acquisition, &most.cell)) {
            return None;
        }
        acquisition.raise_margin();
        // Which place it is matters, not where in it.
        let roughly = BayesParams { starts: 0, ..params.clone() };
        Some(self.ranking(acquisition, &roughly, &seed.child("explore")))
    }

    /// Whether the gain that the most promising cell has left no longer matters, whatever its log_cost; never with a front,
    /// of which it is never known to be whole.
    fn is_exhausted(&self, acquisition: &Acquisition, most: &Cell) -> bool {
        let Some(Gain::Improvement(gain)) = &acquisition.gain else { return false };
        let unseen = NOISE_SHARE * gain.process.hyperparameters().noise.sqrt();
        let has_choices =
            (0..self.cube.dimension()).any(|axis| matches!(self.cube.kind(axis), AxisKind::Choices(_)));
        let least = if has_choices { unseen.max(BRANCH_GAIN) } else { unseen };
        acquisition.gains(self.features.rows([most]).view())[0] < least.ln()
    }
}

impl Acquisition {
    /// Counts as gain only what lies beyond the margin.
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

    /// The left side is better almost everywhere, the right one at its best.
    fn loss(point: &Point) -> f64 {
        let at = |name: &str| point.get(name).and_then(|x| x.as_f64());
        match (at("left"), at("right")) {
            (Some(x), _) => 0.1 + (x - 0.4).powi(2),
            (_, Some(x)) => (0.3 * (x - 0.85).abs()).sqrt(),
            _ => unreachable!("one side is active"),
        }
    }

    /// What `next` finds in so many trials.
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

    /// The trials of the right side after 20 of 40, and the lowest loss of all.
    fn found(study: &Study) -> (usize, f64) {
        let is_right = |trial: &&Trial| trial.point.get("right").is_some();
        let best = study.trials.iter().map(|trial| trial.values[0]).fold(f64::INFINITY, f64::min);
        (study.trials[20..].iter().filter(is_right).count(), best)
    }

    #[test]
    fn a_branch_that_looked_worse_is_come_back_to() {
        for seed in 0..4 {
            let study =
                study(40, &Seed::root(seed), |search, space, study, seed| search.suggest(space, study, seed));
            let (late, best) = found(&study);
            assert!(late >= 4 && best < 0.09, "seed {seed}: {late} of the right side after 20, best {best}");
        }
    }

    #[test]
    fn where_trials_pause_it_is_come_back_to_as_well_though_it_be_dear() {
        let cost = |point: &Point| if point.get("right").is_some() { 3.0 } else { 1.0 };
        for seed in 0..4 {
            let study = study(40, &Seed::root(seed), |search, space, study, seed| {
                match search.next_segment(space, study, &cost, seed) {
                    Some(NextSegment::New(Suggestion { point, .. })) => point,
                    Some(NextSegment::Of(_)) => unreachable!("none pauses"),
                    None => search.suggest(space, study, seed),
                }
            });
            let (late, best) = found(&study);
            assert!(late >= 4 && best < 0.09, "seed {seed}: {late} of the right side after 20, best {best}");
        }
    }
}

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

use super::acquisition::{Acquisition, Gain};
use super::cube::{AxisKind, Cube};
use super::maximize::Scored;

/// A gain below this share of the noise's deviation is one that no measurement shows.
const NOISE_SHARE: f64 = 0.2;
/// Where choices part a space into branches, a wrong one is never left by small steps: a gain below this does not
/// matter either, in deviations of the losses.
const BRANCH_GAIN: f64 = 0.01;
/// The gain that is asked for, in deviations of the losses.
const MARGIN: f64 = 0.3;

impl Acquisition {
    /// Whether the gain that the most promising cell has left no longer matters; never with a front, of which it is
    /// never known to be whole.
    pub(super) fn is_exhausted(&self, cube: &Cube, most: Option<&Scored>) -> bool {
        let (Some(Gain::Improvement(gain)), Some(most)) = (&self.gain, most) else { return false };
        let unseen = NOISE_SHARE * gain.process.hyperparameters().noise.sqrt();
        let has_choices = (0..cube.dimension()).any(|axis| matches!(cube.kind(axis), AxisKind::Choices(_)));
        let least = if has_choices { unseen.max(BRANCH_GAIN) } else { unseen };
        most.value < least.ln()
    }

    /// Counts as gain only what lies beyond the margin.
    pub(super) fn demand_more(&mut self) {
        if let Some(Gain::Improvement(gain)) = &mut self.gain {
            gain.best -= MARGIN;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::search::{BayesSearch, Search};
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

    fn study(trials: usize, seed: &Seed) -> Study {
        let space = Space::from_json(BRANCHES, "branches.json").unwrap();
        let search = BayesSearch::new();
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        for number in 0..trials {
            let point = search.suggest(&space, &study, seed);
            let values = vec![loss(&point)];
            study.trials.push(Trial {
                state: TrialState::Complete,
                values,
                ..Trial::waiting(number as u32, point)
            });
        }
        study
    }

    #[test]
    fn a_branch_that_looked_worse_is_come_back_to() {
        for seed in 0..4 {
            let study = study(40, &Seed::root(seed));
            let is_right = |trial: &&Trial| trial.point.get("right").is_some();
            let late = study.trials[20..].iter().filter(is_right).count();
            let best = study.trials.iter().map(|trial| trial.values[0]).fold(f64::INFINITY, f64::min);
            assert!(late >= 4 && best < 0.09, "seed {seed}: {late} of the right side after 20, best {best}");
        }
    }
}

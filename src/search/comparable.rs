//! A study whose trials pause, for a search that knows no rungs: all values are of one fidelity level.
//!
//! What a trial that paused below this level would have there is estimated by a line through the trials
//! that have values at both levels. Without an estimate the search would learn nothing from a pause, and
//! would propose its point again and again.

use super::rungs::{Rungs, value_at};
use crate::space::Space;
use crate::study::{Study, Trial, TrialState};

/// A line needs this many trials.
const LEAST_PAIRS: usize = 3;

/// A line from losses at a rung to losses at a higher level.
struct Line {
    /// The mean loss at the rung, and its mean at the level.
    means: [f64; 2],
    /// How much the loss grows at the level where it grows by 1 at the rung; never negative.
    slope: f64,
    /// The range of the losses at the rung that the line is taken to hold in: twice as wide as theirs.
    range: [f64; 2],
    /// The lowest loss at the level: no estimate is lower.
    least: f64,
}

impl Line {
    /// The line of least squares through `pairs`: a loss at the rung and one at the level. `None` if there
    /// are fewer than [`LEAST_PAIRS`].
    fn through(pairs: &[[f64; 2]]) -> Option<Self> {
        if pairs.len() < LEAST_PAIRS {
            return None;
        }
        let mean = |at: usize| pairs.iter().map(|pair| pair[at]).sum::<f64>() / pairs.len() as f64;
        let means = [mean(0), mean(1)];
        let sum = |other: usize| -> f64 {
            pairs.iter().map(|pair| (pair[0] - means[0]) * (pair[other] - means[other])).sum()
        };
        let (squares, products) = (sum(0), sum(1));
        let slope = if squares > 0.0 { (products / squares).max(0.0) } else { 0.0 };
        let ends = pairs.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], pair| {
            [low.min(pair[0]), high.max(pair[0])]
        });
        let margin = ends[1] - ends[0];
        let least = pairs.iter().map(|pair| pair[1]).fold(f64::INFINITY, f64::min);
        Some(Self { means, slope, range: [ends[0] - margin / 2.0, ends[1] + margin / 2.0], least })
    }

    /// The loss at the level where the loss at the rung is `loss`.
    fn at(&self, loss: f64) -> f64 {
        let at = self.means[1] + self.slope * (loss.clamp(self.range[0], self.range[1]) - self.means[0]);
        at.max(self.least)
    }
}

impl Rungs {
    /// `study` for a search that knows no rungs: the values of all trials are of the same fidelity
    /// level (a rung, or the end of the training). Paused trials without a value at that level are
    /// complete with an estimate, which is never better than the best value there. All others stay as
    /// they are.
    ///
    /// The level is the highest one that enough trials have reached to fit a model of `space`. If
    /// no level has enough, it is the lowest rung.
    pub fn comparable(self, space: &Space, study: &Study) -> Study {
        let enough = (space.dimension() + 1).clamp(5, 20);
        let has_enough = |&level: &usize| {
            study.trials.iter().filter(|trial| self.values(trial, level).is_some()).count() >= enough
        };
        let level = (0..=self.count()).rev().find(has_enough).unwrap_or(0);
        let lines: Vec<Option<Vec<Line>>> = (0..level).map(|rung| self.lines(study, rung, level)).collect();
        let trials = study.trials.iter().map(|trial| {
            let known = self.values(trial, level).filter(|_| trial.state != TrialState::Fail);
            let estimate = || trial.is_paused().then(|| estimate(study, trial, &lines)).flatten();
            match known.or_else(estimate) {
                Some(values) => Trial { state: TrialState::Complete, values, ..trial.clone() },
                None => trial.clone(),
            }
        });
        Study { trials: trials.collect(), ..study.clone() }
    }

    /// The values of `trial` at `level`: a rung, counted from 0, or after all of them the end.
    fn values(self, trial: &Trial, level: usize) -> Option<Vec<f64>> {
        let is_at_end = level == self.count();
        match is_at_end {
            true => Some(trial.values.clone()).filter(|_| trial.state == TrialState::Complete),
            false => value_at(trial, level),
        }
    }

    /// For each metric the line from losses at `rung` to those at `level`; `None` if too few trials have both.
    fn lines(self, study: &Study, rung: usize, level: usize) -> Option<Vec<Line>> {
        let both = study.trials.iter().filter_map(|trial| {
            let pair = [value_at(trial, rung)?, self.values(trial, level)?];
            let pair = pair.map(|values| study.losses_of(&values));
            let is_whole = |losses: &Vec<f64>| {
                losses.len() == study.metrics.len() && losses.iter().all(|loss| loss.is_finite())
            };
            pair.iter().all(is_whole).then_some(pair)
        });
        let both: Vec<[Vec<f64>; 2]> = both.collect();
        let of_metric =
            |at: usize| -> Vec<[f64; 2]> { both.iter().map(|[rung, level]| [rung[at], level[at]]).collect() };
        (0..study.metrics.len()).map(|at| Line::through(&of_metric(at))).collect()
    }
}

/// What the values of the paused `trial` would be at a level, by the highest rung below it that the trial has
/// reached. `lines` has the lines from each of these rungs to the level.
fn estimate(study: &Study, trial: &Trial, lines: &[Option<Vec<Line>>]) -> Option<Vec<f64>> {
    let (rung, values) = (0..lines.len()).rev().find_map(|rung| Some((rung, value_at(trial, rung)?)))?;
    let (lines, losses) = (lines[rung].as_ref()?, study.losses_of(&values));
    let all = lines.iter().zip(&study.metrics).zip(&losses);
    let values: Vec<f64> = all.map(|((line, metric), &loss)| metric.direction.loss(line.at(loss))).collect();
    (values.len() == losses.len() && values.iter().all(|value| value.is_finite())).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, Rung, RungHistory};

    fn space() -> Space {
        let text = r#"{"name": "line", "parameters": {"x": {"type": "float", "low": 0, "high": 1}}}"#;
        Space::from_json(text, "line.json").expect("right")
    }

    /// A trial with these losses at its rungs, and at its end if there is one.
    fn trial(number: u32, rungs: &[f64], end: Option<f64>) -> Trial {
        let rungs = rungs.iter().zip([1, 3]);
        let rungs = rungs.map(|(&loss, steps)| Rung { steps, values: vec![loss], seconds: 0.0 });
        Trial {
            state: if end.is_some() { TrialState::Complete } else { TrialState::Pruned },
            values: end.into_iter().collect(),
            rung_history: RungHistory { rungs: rungs.collect() },
            ..Trial::waiting(number, Point::default())
        }
    }

    /// What a search sees of `trials`: the loss of each; `None` where it has none.
    fn seen(trials: &[(&[f64], Option<f64>)]) -> Vec<Option<f64>> {
        let trials = trials.iter().zip(0..).map(|(&(rungs, end), number)| trial(number, rungs, end));
        let study =
            Study { metrics: vec![Metric::minimize("loss")], trials: trials.collect(), ..Study::default() };
        let seen = Rungs::HALVING.comparable(&space(), &study);
        seen.trials.iter().map(|trial| trial.values.first().copied()).collect()
    }

    #[test]
    fn values_are_of_the_highest_level_that_enough_trials_have_reached() {
        let few = seen(&[(&[0.5], None), (&[0.4, 0.6], None), (&[0.3, 0.2], None)]);
        assert_eq!(few, [Some(0.5), Some(0.4), Some(0.3)], "the lowest rung");
        let high: (&[f64], Option<f64>) = (&[0.4, 0.6], None);
        assert_eq!(seen(&[high; 5]), [Some(0.6); 5]);
        let end: (&[f64], Option<f64>) = (&[0.4, 0.6], Some(0.7));
        assert_eq!(seen(&[end; 5]), [Some(0.7); 5]);
    }

    #[test]
    fn a_trial_that_failed_after_a_rung_has_no_value_there() {
        let mut trials: Vec<Trial> = (0..5).map(|number| trial(number, &[0.4], None)).collect();
        trials.push(Trial { state: TrialState::Fail, ..trial(5, &[0.1], None) });
        let study = Study { metrics: vec![Metric::minimize("loss")], trials, ..Study::default() };
        let seen = Rungs::HALVING.comparable(&space(), &study).trials;
        assert_eq!((seen[0].state, seen[0].values.as_slice()), (TrialState::Complete, &[0.4][..]));
        assert_eq!((seen[5].state, seen[5].values.as_slice()), (TrialState::Fail, &[][..]));
    }

    #[test]
    fn a_pause_below_the_level_is_estimated_by_a_line() {
        // At the end a loss is twice that of the first rung, and .1 more than at the second.
        let ended = |first: f64| ([first, 2.0 * first - 0.1], Some(2.0 * first));
        let whole = [0.1, 0.2, 0.3, 0.4, 0.5].map(ended);
        let with = |rungs: &[f64]| {
            let mut trials: Vec<(&[f64], Option<f64>)> =
                whole.iter().map(|(rungs, end)| (rungs.as_slice(), *end)).collect();
            trials.push((rungs, None));
            seen(&trials)[5].expect("an estimate")
        };
        let is_near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        is_near(with(&[0.45]), 0.9);
        is_near(with(&[0.45, 0.5]), 0.6);
        is_near(with(&[0.05]), 0.2);
        is_near(with(&[100.0]), 1.4);
    }

    #[test]
    fn without_trials_at_both_levels_nothing_is_estimated() {
        let whole: (&[f64], Option<f64>) = (&[], Some(0.7));
        assert_eq!(seen(&[whole, whole, whole, whole, whole, (&[0.3], None)])[5], None);
    }
}

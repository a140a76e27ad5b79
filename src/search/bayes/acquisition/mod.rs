//! The acquisition: how much a trial at some input is worth.
//!
//! It multiplies the expected gain, the probabilities of keeping each constraint, and a power of
//! the probability of success. The product is divided by the cost. Its logarithm is computed.
//!
//! | file | idea |
//! |---|---|
//! | `improvement`, `hypervolume`, `boxes`, `scalarize` | the gain of one loss, of several, of many |
//! | `matrix` | the gain of several losses without a reference point |
//! | `steps`, `reference` | a loss between the members of a front; that front, and where its volume begins |
//! | `gain` | which of them a history calls for |
//! | `feasibility`, `success` | the probabilities of keeping a constraint and of not failing |
//! | `cost` | the log cost of a trial |
//! | `maximize` | the cell with the highest acquisition |
//! | `local_search` | the way from a candidate to a better cell |
//! | `borders` | the borders of relations, which it does not cross |
//! | `shortlist` | cells that are valued by what is known before a trial |

mod borders;
mod boxes;
pub(super) mod cost;
mod feasibility;
mod gain;
mod hypervolume;
mod improvement;
mod local_search;
mod matrix;
pub(super) mod maximize;
mod reference;
mod scalarize;
mod shortlist;
mod steps;
mod success;

use cost::LogCost;
use feasibility::Feasibility;
pub(super) use gain::Gain;
pub use gain::MOST_LOSSES;
pub(super) use improvement::Improvement;
use ndarray::ArrayView2;
use success::Success;

use super::fit::fitter::Fitter;
use super::input::features::Features;
use super::input::foreseen::{Foreseen, Knowledge};
use super::input::history::History;
use super::input::local;
use crate::search::gp::{GaussianProcess, GpError};

/// Power of the probability of success: `benches/README.md#success-exponent`.
const SUCCESS_EXPONENT: f64 = 5.0;

/// The parts of the acquisition.
#[derive(Clone, Debug)]
pub(super) struct Acquisition {
    /// `None` while no feasible loss has been measured.
    pub gain: Option<Gain>,
    /// The feasibility of each constraint.
    feasibility: Vec<Feasibility>,
    /// `None` while no trial has failed.
    success: Option<Success>,
    /// Power of the probability of success: [`SUCCESS_EXPONENT`] to choose the next trial, 1 to
    /// compute its expected gain.
    success_exponent: f64,
    /// `None` where costs do not count.
    pub cost: Option<LogCost>,
}

impl Default for Acquisition {
    /// An acquisition that is equal everywhere.
    fn default() -> Self {
        Self {
            gain: None,
            feasibility: Vec::new(),
            success: None,
            success_exponent: SUCCESS_EXPONENT,
            cost: None,
        }
    }
}

impl Acquisition {
    /// The acquisition after `history`, by Gaussian processes of its losses, constraints and
    /// failures, and by what `knowledge` there is of points before a trial.
    ///
    /// # Errors
    /// A Gaussian process cannot be fitted: there is no input, or its kernel matrix has no Cholesky
    /// factor.
    pub fn fit(
        history: &History,
        features: &Features,
        knowledge: Option<&Knowledge<'_>>,
        fitter: &Fitter<'_>,
    ) -> Result<Self, GpError> {
        let ended = &history.ended;
        let part = local::part(history, features);
        let history = part.as_ref().unwrap_or(history);
        let mut acquisition = Self {
            feasibility: Feasibility::fit_each(history, features, &fitter.child("feasibility"))?,
            ..Self::default()
        };
        if history.incumbents().next().is_some() {
            acquisition.gain = Some(Gain::fit(history, features, knowledge, &fitter.child("loss"))?);
        }
        // Without a process of losses nothing keeps the next trial away from pending ones: they
        // count as failures.
        let counts_pending = acquisition.gain.is_none();
        acquisition.success =
            Success::fit_history(history, features, counts_pending, &fitter.child("success"))?;
        if let (Some(success), Some(_)) = (&mut acquisition.success, &acquisition.gain) {
            success.heed(ended);
        }
        Ok(acquisition)
    }

    /// The log acquisition at every row of `inputs`, by the models alone.
    pub fn values(&self, inputs: ArrayView2<f64>) -> Vec<f64> {
        self.foreseen_values(inputs, &[])
    }

    /// The log acquisition at every row of `inputs`, of which this is `foreseen`; empty if nothing is.
    pub fn foreseen_values(&self, inputs: ArrayView2<f64>, foreseen: &[Foreseen]) -> Vec<f64> {
        let mut values = self.gains(inputs, foreseen);
        if let Some(cost) = &self.cost {
            values.iter_mut().zip(cost.log_costs(inputs)).for_each(|(value, log_cost)| *value -= log_cost);
        }
        values
    }

    /// As [`Self::foreseen_values`], without the cost.
    pub fn gains(&self, inputs: ArrayView2<f64>, foreseen: &[Foreseen]) -> Vec<f64> {
        let mut values = self
            .gain
            .as_ref()
            .map_or_else(|| vec![0.0; inputs.nrows()], |gain| gain.values(inputs, foreseen));
        for part in &self.feasibility {
            values.iter_mut().zip(part.ln_probabilities(inputs)).for_each(|(value, ln)| *value += ln);
        }
        if let Some(part) = &self.success {
            values
                .iter_mut()
                .zip(part.values(inputs, self.success_exponent))
                .for_each(|(value, success)| *value += success);
        }
        values
    }

    /// The log acquisition at one input; writes its derivatives by the input's columns to
    /// `gradient`.
    pub fn value_and_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let exponent = self.success_exponent;
        let success = self.success.as_ref().map_or(0.0, |part| part.add_gradient(input, exponent, gradient));
        let gain = self.gain.as_ref().map_or(0.0, |gain| gain.add_gradient(input, gradient));
        let feasibility: f64 = self.feasibility.iter().map(|part| part.add_gradient(input, gradient)).sum();
        let cost = self.cost.as_ref().map_or(0.0, |part| part.add_gradient(input, gradient));
        gain + feasibility + success + cost
    }

    /// The acquisition as an expected gain: success counts by its probability alone, while the
    /// choice of the next trial avoids failures more than that.
    pub fn expected(self) -> Self {
        Self { success_exponent: 1.0, success: self.success.map(Success::careless), ..self }
    }

    /// Whether more of the latest trials failed than a careful search may cost.
    pub fn has_failed_too_often(&self) -> bool {
        self.success.as_ref().is_some_and(Success::has_failed_too_often)
    }

    /// The processes of the losses.
    pub fn processes(&self) -> &[GaussianProcess] {
        self.gain.as_ref().map_or(&[], Gain::processes)
    }
}

#[cfg(test)]
mod tests {
    use linfa::Dataset;
    use linfa::traits::Fit;
    use ndarray::{Array, Axis, array};

    use super::*;
    use crate::search::bayes::fit::fit_cache::FitCache;
    use crate::search::bayes::fixtures::{line, measured};
    use crate::search::bayes::input::cube::{Cell, Cube};
    use crate::search::gp::GpParams;
    use crate::search::gp::fixtures::assert_slopes;
    use crate::seed::Seed;

    fn fit(history: &History, features: &Features) -> Acquisition {
        Acquisition::fit(history, features, None, &FitCache::default().fitter(None, Seed::root(0))).unwrap()
    }

    #[test]
    fn the_gradient_matches_differences_and_success_has_its_exponent() {
        let inputs = Array::from_shape_fn((9, 2), |(i, j)| ((i * (3 + 2 * j)) % 9) as f64 / 9.0);
        let targets = inputs.map_axis(Axis(1), |x| (5.0 * x[0]).sin() + x[1]);
        let labels = [true, true, false, true, false, true, true, true, true];
        let success =
            Success::fit(&FitCache::default().fitter(None, Seed::root(0)), &[0, 1], &inputs, &labels)
                .unwrap();
        let process = GpParams::new().fit(&Dataset::new(inputs, targets)).unwrap();
        for best in [-0.9, -40.0] {
            let gain = Some(Gain::Improvement(Box::new(Improvement {
                process: process.clone(),
                best,
                scale: None,
            })));
            let success = Some(success.clone());
            let acquisition = Acquisition { gain, success, ..Acquisition::default() };
            let input = [0.41, 0.63];
            let mut gradient = [0.0; 2];
            let value = acquisition.value_and_gradient(&input, &mut gradient);
            assert!((value - acquisition.values(array![input].view())[0]).abs() < 1e-8 * value.abs());
            let at = |input: [f64; 2]| acquisition.values(array![input].view())[0];
            assert_slopes(gradient, at, input, 1e-5);
            let probability = acquisition.success.as_ref().unwrap().values(array![input].view(), 1.0)[0];
            let with_exponent_1 = acquisition.clone().expected().values(array![input].view())[0];
            assert!(
                (value - with_exponent_1 - (SUCCESS_EXPONENT - 1.0) * probability).abs() < 1e-8 * value.abs()
            );
        }
    }

    #[test]
    fn a_pending_trial_lowers_the_gain_at_its_point_and_keeps_the_mean() {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        for (u, loss) in [(0.0, 1.0), (0.3, 0.2), (0.5, 0.1), (0.9, 0.8)] {
            history.measured.push(measured(&cube, u, &[loss], &[]));
        }
        let at = features.rows([&cube.cell(&[0.42])]);
        let without = fit(&history, &features);
        history.pending.push(cube.cell(&[0.42]));
        let with = fit(&history, &features);
        assert!(with.values(at.view())[0] < without.values(at.view())[0] - 0.1);
        let mean = |acquisition: &Acquisition| acquisition.processes()[0].posterior(at.view()).mean[0];
        assert!((mean(&with) - mean(&without)).abs() < 1e-9);
    }

    #[test]
    fn the_fantasized_loss_of_a_pending_trial_has_to_be_improved_on() {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        for u in [0.0, 0.2, 0.4, 0.8, 1.0] {
            history.measured.push(measured(&cube, u, &[(u - 0.6f64).powi(2)], &[]));
        }
        let best = |history: &History| match fit(history, &features).gain {
            Some(Gain::Improvement(improvement)) => improvement.best,
            other => panic!("{other:?}"),
        };
        let before = best(&history);
        history.pending.push(cube.cell(&[0.6]));
        assert!(best(&history) < before - 0.05, "the valley lies between the observations");
    }

    #[test]
    fn without_any_loss_a_pending_trial_keeps_the_next_away() {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History::default();
        history.ended.extend([0.0, 0.1, 0.2, 0.3].map(|u| (cube.cell(&[u]), false)));
        history.ended.extend([0.6, 0.65].map(|u| (cube.cell(&[u]), true)));
        let at = features.rows([&cube.cell(&[0.95])]);
        let without = fit(&history, &features);
        history.pending.push(cube.cell(&[0.95]));
        let with = fit(&history, &features);
        assert!(with.values(at.view())[0] < without.values(at.view())[0] - 0.1);
    }

    /// Where the acquisition is highest on the line.
    fn maximum(losses: impl Fn(f64) -> Vec<f64>, constraint: impl Fn(f64) -> f64, tried: &[f64]) -> f64 {
        maximum_below(None, losses, constraint, tried)
    }

    /// The same with losses that count only below `reference`.
    fn maximum_below(
        reference: Option<Vec<f64>>,
        losses: impl Fn(f64) -> Vec<f64>,
        constraint: impl Fn(f64) -> f64,
        tried: &[f64],
    ) -> f64 {
        let space = line();
        let cube = Cube::new(&space);
        let features = Features::new(&cube);
        let mut history = History { reference, ..History::default() };
        for &u in tried {
            history.measured.push(measured(&cube, u, &losses(u), &[constraint(u)]));
        }
        let acquisition = fit(&history, &features);
        let places: Vec<f64> = (0..=200).map(|step| f64::from(step) / 200.0).collect();
        let cells: Vec<Cell> = places.iter().map(|&u| cube.cell(&[u])).collect();
        let values = acquisition.values(features.rows(&cells).view());
        let best = (0..places.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap();
        places[best]
    }

    #[test]
    fn a_constraint_keeps_the_next_trial_on_its_side() {
        // The loss falls to the right; the constraint is broken from 0.6 on.
        let next = maximum(|x| vec![-x], |x| x - 0.6, &[0.0, 0.2, 0.4, 0.5, 0.8, 1.0]);
        assert!((0.5..0.62).contains(&next), "{next}");
        // No observation is feasible: only the probability of feasibility counts.
        let next = maximum(|x| vec![-x], |x| x - 0.3, &[0.5, 0.6, 0.75, 0.9, 1.0]);
        assert!(next < 0.3, "{next}");
    }

    #[test]
    fn with_several_losses_the_maximum_is_in_the_widest_part_of_the_front_without_trials() {
        // The front is from 0.2 to 0.8; no trial is between 0.3 and 0.7.
        let losses = |x: f64| vec![(x - 0.2f64).powi(2), (x - 0.8f64).powi(2)];
        let next = maximum(losses, |_| -1.0, &[0.0, 0.2, 0.25, 0.3, 0.7, 0.75, 0.8, 1.0]);
        assert!((0.35..0.65).contains(&next), "{next}");
    }

    #[test]
    fn points_beyond_the_reference_gain_nothing() {
        let losses = |x: f64| vec![(x - 0.2f64).powi(2), (x - 0.8f64).powi(2)];
        let tried = [0.0, 0.2, 0.25, 0.3, 0.7, 0.75, 0.8, 1.0];
        // The first loss is below 0.09 only up to 0.5.
        let next = maximum_below(Some(vec![0.09, 1.0]), losses, |_| -1.0, &tried);
        assert!((0.35..0.5).contains(&next), "{next}");
        // No loss is near this reference, so it does not count.
        let free = maximum(losses, |_| -1.0, &tried);
        let next = maximum_below(Some(vec![-1.0, -1.0]), losses, |_| -1.0, &tried);
        assert_eq!(next, free);
    }
}

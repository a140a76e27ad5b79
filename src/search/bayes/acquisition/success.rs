//! The probability that a trial succeeds, learnt from the trials that failed.
//!
//! A failed trial has no loss, so failures have a Gaussian process of their own. It classifies by
//! least squares (Rasmussen & Williams 2006, section 6.5): a regression on labels, 1 for a success
//! and -1 for a failure. The probability of success is the probability that a noisy label is
//! positive.
//!
//! Once failures have used up their share of the latest trials, the search is careful: where a
//! success is unlikely, the acquisition falls without a bound. A power of the probability alone has
//! a bound, while the logarithm of the gain has none. So late in a study, with little left to gain
//! where trials succeed, every trial would go behind the border:
//! `benches/README.md#failing-regions`.
//!
//! Some failures have nothing to do with the point, such as those of an unreliable machine. No place
//! is safe from them, so a careful search asks for no more than the trials that succeeded had.

use ndarray::{Array2, ArrayView2};

use crate::search::bayes::fit::fitter::Fitter;
use crate::search::bayes::input::cube::Cell;
use crate::search::bayes::input::features::Features;
use crate::search::bayes::input::history::History;
use crate::search::gp::{GaussianProcess, GpError, Local, Posterior, normal};

/// The latest trials whose failures count, and the failures among them that a long study may have.
const LATEST: usize = 25;
const FAILURES: f64 = 1.0;
/// Failures among the latest trials that a study of [`LATEST`] trials may have; the number falls
/// with the trials.
const EARLY_FAILURES: f64 = 2.4;
/// A careful search asks for a success that is this number of standard deviations away from a
/// failure (a probability of 0.99), if successes are; it loses this multiple of the square of what
/// lacks.
const SURE: f64 = 2.326;
const STEEPNESS: f64 = 1000.0;

/// The probability of success over the inputs.
#[derive(Clone, Debug)]
pub(crate) struct Success {
    process: GaussianProcess,
    failures: Failures,
    /// The standard deviations that a careful search asks for.
    sure: f64,
}

/// How many of the latest trials failed, relative to their share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Failures {
    /// Fewer than their share, or it does not matter.
    #[default]
    Few,
    /// Their share.
    Enough,
    /// At least one more than their share.
    TooMany,
}

impl Failures {
    /// The failures among the latest of the trials `ended`, each with whether it succeeded. A trial
    /// fails with the probability `anywhere` wherever it is.
    fn of(ended: &[(Cell, bool)], anywhere: f64) -> Self {
        let share = (EARLY_FAILURES * LATEST as f64 / ended.len().max(1) as f64).max(FAILURES);
        let allowed = share + (anywhere * LATEST as f64).floor();
        let failures = ended.iter().rev().take(LATEST).filter(|(_, succeeded)| !succeeded).count() as f64;
        match failures {
            failures if failures < allowed => Self::Few,
            failures if failures < allowed + 1.0 => Self::Enough,
            _ => Self::TooMany,
        }
    }
}

impl Success {
    /// Learns from the ended trials of `history`. If `counts_pending`, its pending trials count as
    /// failures. `None` if no trial failed.
    ///
    /// # Errors
    /// A kernel matrix has no Cholesky factor.
    pub fn fit_history(
        history: &History,
        features: &Features,
        counts_pending: bool,
        fitter: &Fitter<'_>,
    ) -> Result<Option<Self>, GpError> {
        let mut trials: Vec<(&Cell, bool)> = history.ended.iter().map(|(cell, end)| (cell, *end)).collect();
        if counts_pending {
            trials.extend(history.pending.iter().map(|cell| (cell, false)));
        }
        if trials.iter().all(|&(_, succeeded)| succeeded) {
            return Ok(None);
        }
        let inputs = features.rows(trials.iter().map(|&(cell, _)| cell));
        let labels: Vec<bool> = trials.iter().map(|&(_, succeeded)| succeeded).collect();
        Self::fit(fitter, features.groups(), &inputs, &labels).map(Some)
    }

    /// Learns from `labels`, true for a success, at the rows of `inputs`.
    pub fn fit(
        fitter: &Fitter<'_>,
        groups: &[usize],
        inputs: &Array2<f64>,
        labels: &[bool],
    ) -> Result<Self, GpError> {
        let targets = labels.iter().map(|&succeeded| if succeeded { 1.0 } else { -1.0 }).collect();
        Ok(Self {
            process: fitter.process_as_is(inputs, targets, groups)?,
            failures: Failures::Few,
            sure: SURE,
        })
    }

    /// Makes the search careful if failures have used up their share of the latest of the trials
    /// `ended`.
    pub fn heed(&mut self, ended: &[(Cell, bool)]) {
        self.failures = Failures::of(ended, 0.0);
        if self.failures != Failures::Few {
            let usual = self.usual_of_successes();
            self.sure = SURE.min(usual);
            self.failures = Failures::of(ended, normal::cdf(-usual));
        }
    }

    /// How many standard deviations half of the successes were away from a failure, as foreseen from
    /// all other trials.
    fn usual_of_successes(&self) -> f64 {
        let Posterior { mean, variance } = self.process.leave_one_out();
        let foreseen = mean.iter().zip(&variance).map(|(mean, variance)| mean / variance.sqrt());
        let has_succeeded = |&(_, &label): &(f64, &f64)| label > 0.0;
        let mut successes: Vec<f64> =
            foreseen.zip(self.process.targets()).filter(has_succeeded).map(|(z, _)| z).collect();
        successes.sort_by(f64::total_cmp);
        successes.get(successes.len() / 2).copied().unwrap_or(SURE)
    }

    /// Whether more of the latest trials failed than their share.
    pub fn has_failed_too_often(&self) -> bool {
        self.failures == Failures::TooMany
    }

    /// The same probability, where the acquisition is a power of it alone.
    pub fn careless(self) -> Self {
        Self { failures: Failures::Few, ..self }
    }

    /// What a probability of Φ(`z`) adds to the log acquisition, in which it has this `exponent`;
    /// and the derivative by `z`.
    fn weight(&self, z: f64, exponent: f64) -> (f64, f64) {
        let lack = if self.failures != Failures::Few { (self.sure - z).max(0.0) } else { 0.0 };
        let value = exponent * normal::ln_cdf(z) - STEEPNESS * lack * lack;
        (value, exponent * normal::hazard(z) + 2.0 * STEEPNESS * lack)
    }

    /// At every row of `inputs` what success adds to the log acquisition: the logarithm of its
    /// probability times `exponent`, less where a careful search wants more. The probability is
    /// Φ(μ / √(σ² + noise)). Φ is the normal distribution function, μ and σ² are the posterior mean
    /// and variance.
    pub fn values(&self, inputs: ArrayView2<f64>, exponent: f64) -> Vec<f64> {
        let posterior = self.process.posterior(inputs);
        let value =
            |(mean, variance): (&f64, &f64)| self.weight(mean / self.deviation(*variance), exponent).0;
        posterior.mean.iter().zip(&posterior.variance).map(value).collect()
    }

    /// As [`Self::values`] at one `input`; adds the derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], exponent: f64, gradient: &mut [f64]) -> f64 {
        let Local { mean, variance, mean_gradient, variance_gradient } = self.process.local(input);
        let deviation = self.deviation(variance);
        let z = mean / deviation;
        let (value, by_z) = self.weight(z, exponent);
        let by_mean = by_z / deviation;
        // dz/dσ² = -z / (2 (σ² + noise))
        let by_variance = -0.5 * by_mean * z / deviation;
        for (slope, (mean, variance)) in gradient.iter_mut().zip(mean_gradient.iter().zip(&variance_gradient))
        {
            *slope += by_mean * mean + by_variance * variance;
        }
        value
    }

    /// Standard deviation of a noisy label.
    fn deviation(&self, variance: f64) -> f64 {
        (variance + self.process.hyperparameters().noise).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};
    use rand::RngExt;

    use super::*;
    use crate::search::bayes::fit::fit_cache::FitCache;
    use crate::search::bayes::fixtures::line;
    use crate::search::bayes::input::cube::Cube;
    use crate::search::gp::fixtures::assert_slopes;
    use crate::seed::Seed;

    #[test]
    fn the_probability_is_low_where_trials_fail_and_high_elsewhere() {
        let inputs = Array::from_shape_fn((20, 2), |(i, j)| ((i * (3 + 4 * j)) % 20) as f64 / 20.0);
        let labels: Vec<bool> = inputs.column(0).iter().map(|&x| x < 0.6).collect();
        let success =
            Success::fit(&FitCache::default().fitter(None, Seed::root(0)), &[0, 1], &inputs, &labels)
                .unwrap();
        let ln = success.values(array![[0.2, 0.5], [0.9, 0.5]].view(), 1.0);
        assert!(ln[0] > 0.9f64.ln() && ln[1] < 0.1f64.ln(), "{ln:?}");
    }

    #[test]
    fn late_in_a_study_one_failure_of_twenty_is_enough_and_two_are_too_many() {
        let space = line();
        let cell = Cube::new(&space).cell(&[0.5]);
        let ended = |count: usize, failed: &[usize]| -> Vec<(Cell, bool)> {
            (0..count).map(|trial| (cell.clone(), !failed.contains(&trial))).collect()
        };
        let of = |count: usize, failed: &[usize]| Failures::of(&ended(count, failed), 0.0);
        assert_eq!(of(100, &[1, 2, 3, 70]), Failures::Few, "they are not of the latest");
        assert_eq!(of(100, &[85]), Failures::Enough);
        assert_eq!(of(100, &[85, 90]), Failures::TooMany);
        assert_eq!(of(20, &[5, 8]), Failures::Few, "early on more may fail");
        assert_eq!(of(0, &[]), Failures::Few);
        let unreliable = Failures::of(&ended(100, &[80, 84, 85, 90]), 0.2);
        assert_eq!(unreliable, Failures::Few, "five of 25 would fail anywhere");
    }

    #[test]
    fn failures_that_have_no_place_make_no_search_careful() {
        let inputs = Array::from_shape_fn((60, 2), |(i, j)| ((i * (7 + 4 * j)) % 60) as f64 / 60.0);
        let careful = |labels: Vec<bool>| {
            let cache = FitCache::default();
            let mut success =
                Success::fit(&cache.fitter(None, Seed::root(0)), &[0, 1], &inputs, &labels).unwrap();
            let space = line();
            let cell = Cube::new(&space).cell(&[0.5]);
            success.heed(&labels.iter().map(|&label| (cell.clone(), label)).collect::<Vec<_>>());
            success
        };
        let mut stream = Seed::root(1).stream();
        let unreliable = careful((0..60).map(|_| stream.random_bool(0.75)).collect());
        assert!(unreliable.sure < 1.5, "{}", unreliable.sure);
        let values = unreliable.values(inputs.view(), 1.0);
        assert!(values.iter().filter(|&&ln| ln > -1.0).count() > 30, "most places stay: {values:?}");
        let border = careful(inputs.column(0).iter().map(|&x| x < 0.8).collect());
        assert_eq!((border.sure, border.failures), (SURE, Failures::TooMany));
    }

    #[test]
    fn a_careful_search_gives_up_any_gain_before_an_unlikely_success() {
        let inputs = Array::from_shape_fn((20, 2), |(i, j)| ((i * (3 + 4 * j)) % 20) as f64 / 20.0);
        let labels: Vec<bool> = inputs.column(0).iter().map(|&x| x < 0.6).collect();
        let mut success =
            Success::fit(&FitCache::default().fitter(None, Seed::root(0)), &[0, 1], &inputs, &labels)
                .unwrap();
        let places = array![[0.2, 0.5], [0.62, 0.5]];
        let before = success.values(places.view(), 5.0);
        success.failures = Failures::Enough;
        let after = success.values(places.view(), 5.0);
        assert!((after[0] - before[0]).abs() < 1.0 && after[1] < before[1] - 100.0, "{before:?}, {after:?}");
        let at = |input: [f64; 2]| success.values(array![input].view(), 5.0)[0];
        let mut gradient = [0.0; 2];
        success.add_gradient(&[0.58, 0.41], 5.0, &mut gradient);
        assert_slopes(gradient, at, [0.58, 0.41], 1e-5);
    }
}

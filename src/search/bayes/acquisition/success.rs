//! The probability that a trial succeeds, learnt from the trials that failed.
//!
//! A failed trial has no loss, so failures have a Gaussian process of their own. It classifies by
//! least squares (Rasmussen & Williams 2006, section 6.5): a regression on labels, 1 for a success
//! and -1 for a failure. The probability of success is the probability that a noisy label is
//! positive.

use ndarray::{Array2, ArrayView2};

use crate::search::bayes::fit::fitter::Fitter;
use crate::search::bayes::input::cube::Cell;
use crate::search::bayes::input::features::Features;
use crate::search::bayes::input::history::History;
use crate::search::gp::{GaussianProcess, GpError, Local, normal};

/// The probability of success over the inputs.
#[derive(Clone, Debug)]
pub(crate) struct Success {
    process: GaussianProcess,
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
        Ok(Self { process: fitter.process_as_is(inputs, targets, groups)? })
    }

    /// At every row of `inputs` the logarithm of the probability of success: ln Φ(μ / √(σ² +
    /// noise)). Φ is the normal distribution function, μ and σ² are the posterior mean and
    /// variance.
    pub fn ln_probabilities(&self, inputs: ArrayView2<f64>) -> Vec<f64> {
        let posterior = self.process.posterior(inputs);
        let ln_probability =
            |(mean, variance): (&f64, &f64)| normal::ln_cdf(mean / self.deviation(*variance));
        posterior.mean.iter().zip(&posterior.variance).map(ln_probability).collect()
    }

    /// The logarithm of the probability of success at `input`; adds its derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        let Local { mean, variance, mean_gradient, variance_gradient } = self.process.local(input);
        let deviation = self.deviation(variance);
        let z = mean / deviation;
        let by_mean = normal::hazard(z) / deviation;
        // dz/dσ² = -z / (2 (σ² + noise))
        let by_variance = -0.5 * by_mean * z / deviation;
        for (slope, (mean, variance)) in gradient.iter_mut().zip(mean_gradient.iter().zip(&variance_gradient))
        {
            *slope += by_mean * mean + by_variance * variance;
        }
        normal::ln_cdf(z)
    }

    /// Standard deviation of a noisy label.
    fn deviation(&self, variance: f64) -> f64 {
        (variance + self.process.hyperparameters().noise).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};

    use super::*;
    use crate::search::bayes::fit::fit_cache::FitCache;
    use crate::seed::Seed;

    #[test]
    fn the_probability_is_low_where_trials_fail_and_high_elsewhere() {
        let inputs = Array::from_shape_fn((20, 2), |(i, j)| ((i * (3 + 4 * j)) % 20) as f64 / 20.0);
        let labels: Vec<bool> = inputs.column(0).iter().map(|&x| x < 0.6).collect();
        let success =
            Success::fit(&FitCache::default().fitter(None, Seed::root(0)), &[0, 1], &inputs, &labels)
                .unwrap();
        let ln = success.ln_probabilities(array![[0.2, 0.5], [0.9, 0.5]].view());
        assert!(ln[0] > 0.9f64.ln() && ln[1] < 0.1f64.ln(), "{ln:?}");
    }
}

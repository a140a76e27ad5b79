//! How likely a trial is to succeed, learnt from those that failed.
//!
//! Failures say nothing of the loss, so they stay out of its process and get one of their own: least-squares
//! classification (Rasmussen & Williams 2006, section 6.5), a regression on labels of 1 for a success and -1
//! for a failure, and the probability that such a noisy label is positive.

use ndarray::{Array2, ArrayView2};

use crate::search::bayes::fit::fitter::Fitter;
use crate::search::gp::GpError;
use crate::search::gp::normal;
use crate::search::gp::{GaussianProcess, Local};

/// The probability of success over the inputs.
#[derive(Clone, Debug)]
pub(crate) struct Success {
    process: GaussianProcess,
}

impl Success {
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

    /// ln P at every row of `inputs`: ln Φ(μ / √(σ² + noise)).
    pub fn ln_probabilities(&self, inputs: ArrayView2<f64>) -> Vec<f64> {
        let posterior = self.process.posterior(inputs);
        let ln_probability =
            |(mean, variance): (&f64, &f64)| normal::ln_cdf(mean / self.deviation(*variance));
        posterior.mean.iter().zip(&posterior.variance).map(ln_probability).collect()
    }

    /// ln P at `input`; adds its derivatives to `gradient`.
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

    /// Of a noisy label.
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
    fn the_failing_side_is_unlikely_and_the_other_is_not() {
        let inputs = Array::from_shape_fn((20, 2), |(i, j)| ((i * (3 + 4 * j)) % 20) as f64 / 20.0);
        let labels: Vec<bool> = inputs.column(0).iter().map(|&x| x < 0.6).collect();
        let success =
            Success::fit(&FitCache::default().fitter(None, Seed::root(0)), &[0, 1], &inputs, &labels)
                .unwrap();
        let ln = success.ln_probabilities(array![[0.2, 0.5], [0.9, 0.5]].view());
        assert!(ln[0] > 0.9f64.ln() && ln[1] < 0.1f64.ln(), "{ln:?}");
    }
}

//! The expected improvement of one loss, as a logarithm. The logarithm has a slope even where the
//! expected improvement is too small for a float.
//!
//! The improvement of a loss f on the best one is max(best - f, 0). The model expects f with mean μ
//! and standard deviation σ. With z = (best - μ) / σ, the log expected improvement is ln h(z) + ln
//! σ for h(z) = φ(z) + z Φ(z). Here φ is the normal density and Φ its distribution function: Ament
//! et al. 2023, "Unexpected improvements to expected improvement for Bayesian optimization".

use ndarray::ArrayView2;

use crate::search::bayes::fit::scale::Scale;
use crate::search::bayes::input::foreseen::Foreseen;
use crate::search::gp::{GaussianProcess, Local, normal};

/// A smaller standard deviation counts as this one: at an observed point nothing is left to find.
const LEAST_DEVIATION: f64 = 1e-9;

/// The expected improvement on the best loss.
#[derive(Clone, Debug)]
pub(crate) struct Improvement {
    /// The process of the loss; lower is better.
    pub process: GaussianProcess,
    /// The lowest posterior mean among the feasible final observations. The lowest observed value
    /// may be a lucky draw.
    pub best: f64,
    /// The scale of the process; `None` if its targets are no losses of a metric.
    pub scale: Option<Scale>,
}

impl Improvement {
    /// The log expected improvement at every row of `inputs`, of which this is `foreseen`; empty if
    /// nothing is.
    pub fn values(&self, inputs: ArrayView2<f64>, foreseen: &[Foreseen]) -> Vec<f64> {
        let posterior = self.process.posterior(inputs);
        let value = |row: usize| {
            let known = || foreseen.get(row)?.losses.first().copied()?;
            match known().zip(self.scale.as_ref()) {
                None => ln_improvement(self.best - posterior.mean[row], posterior.variance[row].sqrt()),
                Some((known, scale)) => {
                    let [low, mean, high] =
                        [known.low, known.loss, known.high].map(|loss| scale.target(loss));
                    ln_improvement(self.best - mean, 0.5 * (high - low))
                }
            }
        };
        (0..inputs.nrows()).map(value).collect()
    }

    /// The log expected improvement at `input`; adds its derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        let Local { mean, variance, mean_gradient, variance_gradient } = self.process.local(input);
        let (gain, deviation) = (self.best - mean, variance.sqrt());
        if deviation > LEAST_DEVIATION {
            // h' = Φ, so ∂/∂μ = -ρ/σ and ∂/∂σ = (1 - zρ)/σ with ρ = Φ(z)/h(z); dσ = dσ²/(2σ).
            let z = gain / deviation;
            let ratio = (normal::ln_cdf(z) - normal::ln_h(z)).exp();
            let by_variance = (1.0 - z * ratio) / (2.0 * deviation * deviation);
            for (slope, (mean, variance)) in
                gradient.iter_mut().zip(mean_gradient.iter().zip(&variance_gradient))
            {
                *slope += by_variance * variance - ratio / deviation * mean;
            }
        }
        ln_improvement(gain, deviation)
    }
}

/// ln E[max(g, 0)] of a normally distributed gain g with mean `gain` and standard deviation
/// `deviation`.
fn ln_improvement(gain: f64, deviation: f64) -> f64 {
    let deviation = deviation.max(LEAST_DEVIATION);
    normal::ln_h(gain / deviation) + deviation.ln()
}

#[cfg(test)]
mod tests {
    use linfa::Dataset;
    use linfa::traits::Fit;
    use ndarray::{Array, Array1, array};

    use super::*;
    use crate::search::bayes::fit::transform::{Transform, Warped};
    use crate::search::bayes::input::foreseen::KnownLoss;
    use crate::search::gp::GpParams;

    /// E[max(g, 0)] by the midpoint rule.
    fn integrated(gain: f64, deviation: f64) -> f64 {
        let (step, mut sum) = (1e-4, 0.0);
        for k in 0..400_000 {
            let z = -20.0 + (f64::from(k) + 0.5) * step;
            sum += (gain + deviation * z).max(0.0) * normal::ln_density(z).exp() * step;
        }
        sum
    }

    #[test]
    fn log_expected_improvement_matches_numeric_integration() {
        for (gain, deviation) in [(0.0, 1.0), (0.3, 0.1), (-0.5, 0.2), (-2.0, 0.5), (3.0, 2.0)] {
            let (actual, expected) = (ln_improvement(gain, deviation), integrated(gain, deviation).ln());
            assert!((actual - expected).abs() < 1e-5, "{gain} {deviation}: {actual} instead of {expected}");
        }
    }

    #[test]
    fn log_expected_improvement_is_finite_far_above_the_best() {
        let (near, far) = (ln_improvement(-1e3, 1.0), ln_improvement(-1e6, 1.0));
        // ln h(z) -> -z²/2 - 2 ln|z| - ln √(2π)
        assert!((near - (-5e5 - 2.0 * 1e3f64.ln() - normal::LN_SQRT_2PI)).abs() < 1e-5);
        assert!(far.is_finite() && far < near);
        assert!(ln_improvement(-1.0, 0.0).is_finite());
    }

    #[test]
    fn a_loss_that_is_known_improves_by_what_it_is_below_the_best() {
        let inputs = Array::from_shape_fn((6, 1), |(i, _)| i as f64 / 5.0);
        let losses: Vec<f64> = (0..6).map(|i| f64::from(i * i)).collect();
        let warped = Warped::of(Transform::Identity, &losses);
        let scale = Scale::new(&warped, &losses, &[]);
        let process = GpParams::new().fit(&Dataset::new(inputs, Array1::from(warped.values))).unwrap();
        let improvement = Improvement { process, best: scale.target(9.0), scale: Some(scale.clone()) };
        let foreseen = |loss: f64| {
            let known = KnownLoss { loss, low: loss, high: loss };
            Foreseen { losses: vec![Some(known)] }
        };
        let inputs = array![[0.1], [0.1], [0.1]];
        let values = improvement.values(inputs.view(), &[foreseen(2.0), foreseen(10.0), Foreseen::default()]);
        assert!((values[0].exp() - (scale.target(9.0) - scale.target(2.0))).abs() < 1e-6);
        assert!(values[1] < -1e6, "worse than the best: {}", values[1]);
        assert_eq!(values[2], improvement.values(inputs.view(), &[])[2]);
    }
}

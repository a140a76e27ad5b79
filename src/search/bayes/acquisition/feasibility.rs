//! The probability that a trial keeps a constraint, learnt from the constraint's values.
//!
//! Each constraint has a Gaussian process of its own. It is fitted to values on the bilog scale,
//! which keeps the sign and compresses large values (Eriksson & Poloczek 2021, "Scalable
//! constrained Bayesian optimization").

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::search::bayes::fit::fitter::Fitter;
use crate::search::bayes::input::features::Features;
use crate::search::bayes::input::history::{History, Observation};
use crate::search::gp::{GaussianProcess, GpError, Local, normal};

/// A smaller standard deviation counts as this one.
const LEAST_DEVIATION: f64 = 1e-9;

/// The probability that a constraint is at most 0.
#[derive(Clone, Debug)]
pub(crate) struct Feasibility {
    process: GaussianProcess,
    /// The value 0 on the scale of the process.
    threshold: f64,
}

impl Feasibility {
    /// The probabilities of all constraints of `history`, given its pending trials. If trials
    /// differ in their number of constraints, only the first constraints count, which all of them
    /// have.
    ///
    /// # Errors
    /// A kernel matrix has no Cholesky factor.
    pub fn fit_each(
        history: &History,
        features: &Features,
        fitter: &Fitter<'_>,
    ) -> Result<Vec<Self>, GpError> {
        let constrained: Vec<&Observation> =
            history.measured.iter().filter(|measured| !measured.constraints.is_empty()).collect();
        let inputs = features.rows(constrained.iter().map(|measured| &measured.cell));
        let count = constrained.iter().map(|measured| measured.constraints.len()).min().unwrap_or(0);
        let pending = features.rows(&history.pending);
        let fit = |constraint: usize| {
            let values: Vec<f64> =
                constrained.iter().map(|measured| measured.constraints[constraint]).collect();
            let mut feasibility = Self::fit(&fitter.index(constraint), features.groups(), &inputs, &values)?;
            feasibility.process.fantasize(pending.view());
            Ok(feasibility)
        };
        (0..count).map(fit).collect()
    }

    /// Learns from the values of one constraint at the rows of `inputs`, at least one.
    fn fit(
        fitter: &Fitter<'_>,
        groups: &[usize],
        inputs: &Array2<f64>,
        values: &[f64],
    ) -> Result<Self, GpError> {
        let scaled = bilog(values);
        let (mean, deviation) = moments(scaled.view());
        let targets = scaled.mapv(|value| (value - mean) / deviation);
        let process = fitter.process_as_is(inputs, targets, groups)?;
        Ok(Self { process, threshold: -mean / deviation })
    }

    /// At every row of `inputs` the logarithm of the probability: ln Φ((t - μ) / σ). Φ is the
    /// normal distribution function, t the threshold, μ the posterior mean, σ its standard
    /// deviation.
    pub fn ln_probabilities(&self, inputs: ArrayView2<f64>) -> Vec<f64> {
        let posterior = self.process.posterior(inputs);
        let ln_probability = |(mean, variance): (&f64, &f64)| normal::ln_cdf(self.z(*mean, *variance));
        posterior.mean.iter().zip(&posterior.variance).map(ln_probability).collect()
    }

    /// The logarithm of the probability at `input`; adds its derivatives to `gradient`.
    pub fn add_gradient(&self, input: &[f64], gradient: &mut [f64]) -> f64 {
        let Local { mean, variance, mean_gradient, variance_gradient } = self.process.local(input);
        let z = self.z(mean, variance);
        let by_mean = -normal::hazard(z) / variance.sqrt().max(LEAST_DEVIATION);
        // dz/dσ² = -z / (2 σ²)
        let by_variance = -0.5 * normal::hazard(z) * z / variance.max(LEAST_DEVIATION * LEAST_DEVIATION);
        for (slope, (mean, variance)) in gradient.iter_mut().zip(mean_gradient.iter().zip(&variance_gradient))
        {
            *slope += by_mean * mean + by_variance * variance;
        }
        normal::ln_cdf(z)
    }

    /// The distance of the threshold from a mean, in standard deviations.
    fn z(&self, mean: f64, variance: f64) -> f64 {
        (self.threshold - mean) / variance.sqrt().max(LEAST_DEVIATION)
    }
}

/// Values on the bilog scale: sign(c) ln(1 + |c| / s) for a value c. The unit s is the median of
/// the absolute values that are not 0. Infinite values count as the largest finite ones.
fn bilog(values: &[f64]) -> Array1<f64> {
    let finite = |value: &f64| value.clamp(f64::MIN, f64::MAX);
    let mut sizes: Vec<f64> =
        values.iter().map(|value| finite(value).abs()).filter(|&size| size > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    let size = sizes.get(sizes.len() / 2).copied().unwrap_or(1.0);
    let scaled = |value: &f64| {
        let value = finite(value);
        // In logarithms where the quotient would overflow.
        let share = value.abs() / size;
        let scaled = if share.is_finite() { share.ln_1p() } else { value.abs().ln() - size.ln() };
        scaled.copysign(value)
    };
    values.iter().map(scaled).collect()
}

/// Mean and standard deviation; a deviation of 1 if all values are equal.
fn moments(values: ArrayView1<f64>) -> (f64, f64) {
    let mean = values.mean().unwrap_or(0.0);
    let deviation = values.std(0.0);
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};

    use super::*;
    use crate::search::bayes::fit::fit_cache::FitCache;
    use crate::search::gp::fixtures::assert_slopes;
    use crate::seed::Seed;

    fn waves() -> Feasibility {
        let inputs = Array::from_shape_fn((20, 2), |(i, j)| ((i * (3 + 4 * j)) % 20) as f64 / 20.0);
        let values: Vec<f64> = inputs.rows().into_iter().map(|x| 100.0 * (x[0] - 0.6) + x[1]).collect();
        Feasibility::fit(&FitCache::default().fitter(None, Seed::root(0)), &[0, 1], &inputs, &values).unwrap()
    }

    #[test]
    fn the_probability_is_low_where_the_constraint_is_broken_and_high_elsewhere() {
        let ln = waves().ln_probabilities(array![[0.3, 0.5], [0.9, 0.5]].view());
        assert!(ln[0] > 0.95f64.ln() && ln[1] < 0.05f64.ln(), "{ln:?}");
    }

    #[test]
    fn the_gradient_matches_differences() {
        let feasibility = waves();
        let input = [0.57, 0.31];
        let mut gradient = [0.0; 2];
        let value = feasibility.add_gradient(&input, &mut gradient);
        let at = |input: [f64; 2]| feasibility.ln_probabilities(array![input].view())[0];
        assert!((value - at(input)).abs() < 1e-8);
        assert_slopes(gradient, at, input, 1e-4);
    }

    #[test]
    fn values_of_any_size_keep_their_sign() {
        let scaled = bilog(&[-1e300, -1.0, 0.0, 2.0, f64::INFINITY, f64::MAX]);
        assert!(scaled.iter().all(|value| value.is_finite()));
        assert!(scaled[0] < scaled[1] && scaled[1] < 0.0 && scaled[2] == 0.0 && scaled[3] > 0.0);
        assert!(bilog(&[5e-324, 1e308]).iter().all(|value| value.is_finite()));
        let equal = Feasibility::fit(
            &FitCache::default().fitter(None, Seed::root(0)),
            &[0],
            &array![[0.0], [1.0]],
            &[3.0, 3.0],
        )
        .unwrap();
        assert!(equal.ln_probabilities(array![[0.5]].view())[0] < 0.5f64.ln());
    }
}

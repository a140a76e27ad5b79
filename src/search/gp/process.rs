//! A Gaussian process conditioned on data: the posterior of a function after a few evaluations.

use linfa::traits::PredictInplace;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::error::GpError;
use super::evidence::{Evidence, MEAN_VARIANCE};
use super::hyperparameters::Hyperparameters;
use super::{kernel, normal};
use crate::linalg::Cholesky;

/// A smaller standard deviation counts as this one in a division.
const LEAST_DEVIATION: f64 = 1e-9;

/// The posterior of the function at some inputs, without noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior {
    /// One mean per input.
    pub mean: Array1<f64>,
    /// One variance per input, not negative.
    pub variance: Array1<f64>,
}

/// The posterior at one input, without noise, and its derivatives by the columns of the input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Local {
    pub mean: f64,
    pub variance: f64,
    pub mean_gradient: Vec<f64>,
    pub variance_gradient: Vec<f64>,
}

impl Local {
    /// The chain rule: adds to `gradient` the derivatives by the input of a function of the posterior
    /// mean and standard deviation σ, from its derivatives by these two. It uses dσ = d(σ²) / (2σ).
    pub fn add_slopes(&self, by_mean: f64, by_deviation: f64, gradient: &mut [f64]) {
        let by_variance = by_deviation / (2.0 * self.variance.sqrt().max(LEAST_DEVIATION));
        let slopes = self.mean_gradient.iter().zip(&self.variance_gradient);
        for (slope, (mean, variance)) in gradient.iter_mut().zip(slopes) {
            *slope += by_mean * mean + by_variance * variance;
        }
    }
}

/// A Gaussian process conditioned on data.
#[derive(Clone, Debug)]
pub struct GaussianProcess {
    hyper: Hyperparameters,
    ln_posterior: f64,
    groups: Vec<usize>,
    /// Columns that are warped.
    numbers: Vec<usize>,
    /// Inputs, warped and divided by length-scales, one per column: (F, n).
    columns: Array2<f64>,
    targets: Array1<f64>,
    /// Noise variance of each target, (n).
    noises: Array1<f64>,
    factor: Cholesky,
    /// K⁻¹y, (n).
    weights: Array1<f64>,
}

impl GaussianProcess {
    /// The process with the hyperparameters `hyper`.
    pub(crate) fn new(evidence: Evidence<'_>, hyper: Hyperparameters) -> Result<Self, GpError> {
        let factored = evidence.factor(&hyper)?;
        Ok(Self {
            ln_posterior: evidence.ln_posterior(&hyper, &factored),
            hyper,
            groups: evidence.groups.to_vec(),
            numbers: evidence.numbers.to_vec(),
            columns: kernel::columns(factored.scaled.view()),
            targets: evidence.targets.clone(),
            noises: factored.noises,
            factor: factored.factor,
            weights: factored.weights,
        })
    }

    /// The targets that the process is conditioned on.
    pub(crate) fn targets(&self) -> &Array1<f64> {
        &self.targets
    }

    /// The fitted hyperparameters.
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.hyper
    }

    /// The log posterior density of the hyperparameters, up to a constant of the prior.
    pub fn ln_posterior(&self) -> f64 {
        self.ln_posterior
    }

    /// Mean and variance at every row of `inputs`: Rasmussen & Williams 2006, eqs. 2.25 and 2.26.
    pub fn posterior(&self, inputs: ArrayView2<f64>) -> Posterior {
        let mut covariance = self.covariances(inputs);
        let mean = covariance.dot(&self.weights);
        self.factor.solve_lower_rows(&mut covariance);
        let explained = covariance.map_axis(Axis(1), |row| row.dot(&row));
        let variance = explained.mapv(|explained| (self.covariance(1.0) - explained).max(0.0));
        Posterior { mean, variance }
    }

    /// The mean of [`Self::posterior`] alone. Each input costs O(n) instead of O(n²).
    pub(crate) fn means(&self, inputs: ArrayView2<f64>) -> Array1<f64> {
        self.covariances(inputs).dot(&self.weights)
    }

    /// The mean of [`Self::posterior`] at the inputs of the data. At inputs of a fidelity level it
    /// includes the level's discrepancy.
    ///
    /// Let K be the kernel matrix without noise, y the targets, and N the noise variances plus the
    /// jitter of the Cholesky factor. From (K + N) α = y follows K α = y - N α, which are the
    /// means. Costs O(n) for n observations.
    pub(crate) fn means_of_data(&self) -> Array1<f64> {
        &self.targets - &(&self.weights * &(&self.noises + self.factor.jitter()))
    }

    /// Prior covariances of each row of `inputs` with the inputs of the data.
    fn covariances(&self, inputs: ArrayView2<f64>) -> Array2<f64> {
        let scaled = self.scaled(inputs);
        let mut covariance = kernel::cross(scaled.view(), self.columns.view());
        covariance.mapv_inplace(|m| self.covariance(m));
        covariance
    }

    /// The rows of `inputs`, warped and divided by the length-scales.
    fn scaled(&self, inputs: ArrayView2<f64>) -> Array2<f64> {
        kernel::scaled(inputs, &self.groups, &self.numbers, &self.hyper)
    }

    /// The posterior mean, variance and their gradients at one input.
    pub(crate) fn local(&self, input: &[f64]) -> Local {
        // dz/dx and z.
        let mut rates: Vec<f64> = self.groups.iter().map(|&group| 1.0 / self.hyper.lengths[group]).collect();
        let mut scaled: Array1<f64> = input.iter().zip(&rates).map(|(x, rate)| x * rate).collect();
        for (&column, warp) in self.numbers.iter().zip(&self.hyper.warps) {
            let stretched = warp.stretched(input[column]);
            scaled[column] = stretched.value * rates[column];
            rates[column] *= stretched.slope;
        }
        let (mut covariance, mut slopes) = (Array1::zeros(self.targets.len()), vec![0.0; self.targets.len()]);
        let values = covariance.as_slice_mut().expect("a new array is contiguous");
        kernel::correlations(scaled.view(), self.columns.view(), values, &mut slopes);
        covariance.mapv_inplace(|m| self.covariance(m));
        let solved = self.factor.solve(covariance.view());
        let mut local = Local {
            mean: covariance.dot(&self.weights),
            variance: (self.covariance(1.0) - covariance.dot(&solved)).max(0.0),
            mean_gradient: vec![0.0; input.len()],
            variance_gradient: vec![0.0; input.len()],
        };
        // dm/d(r²) of every observation, times the weight of its covariance.
        let by_mean: Vec<f64> =
            slopes.iter().zip(&self.weights).map(|(slope, weight)| slope * weight).collect();
        let by_variance: Vec<f64> =
            slopes.iter().zip(&solved).map(|(slope, weight)| slope * weight).collect();
        for (f, others) in self.columns.rows().into_iter().enumerate() {
            let others = others.to_slice().expect("columns are kept contiguous");
            // d(r²) / d x_f is 2 (z_f - z_if) dz/dx.
            let rate = 2.0 * self.hyper.scale * rates[f];
            local.mean_gradient[f] = rate * moment(scaled[f], others, &by_mean);
            local.variance_gradient[f] = -2.0 * rate * moment(scaled[f], others, &by_variance);
        }
        local
    }

    /// Mean and variance of every target, given all other targets and the same hyperparameters. The
    /// variance includes noise. Rasmussen & Williams 2006, eqs. 5.10 to 5.12.
    pub fn leave_one_out(&self) -> Posterior {
        let variance = self.factor.inverse().diag().mapv(f64::recip);
        let mean = &self.targets - &(&self.weights * &variance);
        Posterior { mean, variance }
    }

    /// The sum of the log densities of all targets under [`Self::leave_one_out`].
    pub fn leave_one_out_density(&self) -> f64 {
        let Posterior { mean, variance } = self.leave_one_out();
        let ln_density = |((y, mean), variance): ((&f64, &f64), &f64)| {
            let deviation = variance.sqrt();
            normal::ln_density((y - mean) / deviation) - deviation.ln()
        };
        self.targets.iter().zip(&mean).zip(&variance).map(ln_density).sum()
    }

    /// Adds one more noisy observation, with the same hyperparameters. Costs O(n²) for n
    /// observations.
    ///
    /// # Errors
    /// The input is so close to others that the kernel matrix has no Cholesky factor. Then the
    /// process has not changed.
    pub fn observe(&mut self, input: ArrayView1<f64>, target: f64) -> Result<(), GpError> {
        self.append(input.insert_axis(Axis(0)), ndarray::aview1(&[target]))?;
        self.weights = self.factor.solve(self.targets.view());
        Ok(())
    }

    /// Adds observations at all rows of `inputs`, as if the posterior means had been measured
    /// there. Returns these means.
    ///
    /// The posterior mean stays the same everywhere; the variance shrinks around `inputs` ("Kriging
    /// believer": Ginsbourger et al. 2010, "Kriging is well-suited to parallelize optimization").
    pub(crate) fn fantasize(&mut self, inputs: ArrayView2<f64>) -> Array1<f64> {
        let means = self.means(inputs);
        if inputs.is_empty() {
            return means;
        }
        if self.append(inputs, means.view()).is_err() {
            // An input that is too close to an observed one for a row of its own has no variance
            // left.
            for (row, mean) in inputs.axis_chunks_iter(Axis(0), 1).zip(means.axis_chunks_iter(Axis(0), 1)) {
                let _ = self.append(row, mean);
            }
        }
        means
    }

    /// Adds observations whose weights (entries of α = K⁻¹y) are 0. These weights are right if the
    /// targets are the posterior means. Other targets need the weights solved anew.
    fn append(&mut self, inputs: ArrayView2<f64>, targets: ArrayView1<f64>) -> Result<(), GpError> {
        let rows = self.scaled(inputs);
        let columns = kernel::columns(rows.view());
        let covariance = kernel::cross(rows.view(), self.columns.view()).mapv(|m| self.covariance(m));
        let mut corner = kernel::cross(rows.view(), columns.view()).mapv(|m| self.covariance(m));
        corner.diag_mut().mapv_inplace(|variance| variance + self.hyper.noise);
        self.factor.append(covariance, corner)?;
        let mut all = Array2::zeros((self.columns.nrows(), self.columns.ncols() + columns.ncols()));
        let (mut old, mut new) = all.view_mut().split_at(Axis(1), self.columns.ncols());
        old.assign(&self.columns);
        new.assign(&columns);
        self.columns = all;
        self.targets.append(Axis(0), targets).expect("targets have one axis");
        let noises = Array1::from_elem(targets.len(), self.hyper.noise);
        self.noises.append(Axis(0), noises.view()).expect("noises have one axis");
        self.weights.append(Axis(0), Array1::zeros(targets.len()).view()).expect("weights have one axis");
        Ok(())
    }

    /// The prior covariance of two values whose inputs have the correlation `m`.
    fn covariance(&self, m: f64) -> f64 {
        self.hyper.scale * m + MEAN_VARIANCE
    }
}

/// Σ_i (z - others_i) weights_i, in eight partial sums, so that the compiler uses vector
/// instructions.
fn moment(z: f64, others: &[f64], weights: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (others, others_left) = others.as_chunks::<8>();
    let (weights, weights_left) = weights.as_chunks::<8>();
    for (others, weights) in others.iter().zip(weights) {
        for ((sum, other), weight) in sums.iter_mut().zip(others).zip(weights) {
            *sum += (z - other) * weight;
        }
    }
    let left: f64 = others_left.iter().zip(weights_left).map(|(other, weight)| (z - other) * weight).sum();
    sums.iter().sum::<f64>() + left
}

impl PredictInplace<Array2<f64>, Array1<f64>> for GaussianProcess {
    fn predict_inplace<'a>(&'a self, inputs: &'a Array2<f64>, mean: &mut Array1<f64>) {
        *mean = self.posterior(inputs.view()).mean;
    }

    fn default_target(&self, inputs: &Array2<f64>) -> Array1<f64> {
        Array1::zeros(inputs.nrows())
    }
}

#[cfg(test)]
mod tests {
    use linfa::Dataset;
    use linfa::traits::{Fit, Predict};
    use ndarray::{Array, array, s};

    use super::super::fixtures::{assert_slopes, hyper};
    use super::super::{FidelityLevel, GpParams, Warp};
    use super::*;

    /// A process with given hyperparameters.
    fn fixed(inputs: Array2<f64>, targets: Array1<f64>, hyper: Hyperparameters) -> GaussianProcess {
        let groups = vec![0; inputs.ncols()];
        let params = GpParams::new().groups(groups).start(hyper).draws(0).iterations(0);
        params.fit(&Dataset::new(inputs, targets)).unwrap()
    }

    fn waves(n: usize) -> (Array2<f64>, Array1<f64>) {
        let inputs = Array::from_shape_fn((n, 2), |(i, j)| ((i * (3 + 2 * j)) % n) as f64 / n as f64);
        let targets = inputs.map_axis(Axis(1), |x| (5.0 * x[0]).sin() + x[1]);
        (inputs, targets)
    }

    #[test]
    fn the_gradients_of_a_warped_process_match_differences() {
        let inputs = Array::from_shape_fn((12, 2), |(i, j)| ((i * (5 + 2 * j)) % 12) as f64 / 12.0 - 0.5);
        let targets = inputs.map_axis(Axis(1), |x| (9.0 * x[0]).sin() + x[1]);
        let start = Hyperparameters {
            lengths: vec![0.4, 0.9],
            scale: 1.0,
            noise: 0.01,
            levels: Vec::new(),
            warps: vec![Warp { a: 0.4, b: 1.3 }, Warp { a: 2.0, b: 0.7 }],
        };
        let params = GpParams::new().warped(vec![0, 1]).start(start).draws(0).iterations(0);
        let process = params.fit(&Dataset::new(inputs, targets)).unwrap();
        let input = [-0.31, 0.23];
        let local = process.local(&input);
        let at = |input: [f64; 2]| process.posterior(array![input].view());
        assert!((local.mean - at(input).mean[0]).abs() < 1e-9);
        let slopes = |of: &[f64]| [of[0], of[1]];
        assert_slopes(slopes(&local.mean_gradient), |input| at(input).mean[0], input, 1e-5);
        assert_slopes(slopes(&local.variance_gradient), |input| at(input).variance[0], input, 1e-5);
    }

    #[test]
    fn the_posterior_of_two_points_equals_a_calculation_by_hand() {
        // Points at 0 and 1, length 1, s² = v = 1, σ² = 0.5, y = (1, -1); q = m(1), h = m(1/4). K =
        // [[2.5, 1 + q], [1 + q, 2.5]], so α = (1, -1) / (1.5 - q), k(0.5) = (1 + h)(1, 1): the
        // mean at 0.5 is 0, the variance 2 - 2 (1 + h)² / (3.5 + q); the mean at 0 is (1 - q) /
        // (1.5 - q).
        let process = fixed(array![[0.0], [1.0]], array![1.0, -1.0], hyper(1.0, 0.5));
        let (q, h) = (kernel::matern(1.0).0, kernel::matern(0.25).0);
        let posterior = process.posterior(array![[0.5], [0.0]].view());
        assert!(posterior.mean[0].abs() < 1e-15);
        assert!((posterior.mean[1] - (1.0 - q) / (1.5 - q)).abs() < 1e-15);
        assert!((posterior.variance[0] - (2.0 - 2.0 * (1.0 + h) * (1.0 + h) / (3.5 + q))).abs() < 1e-14);
    }

    #[test]
    fn the_posterior_of_a_fidelity_level_equals_a_calculation_by_hand() {
        // y = 2 at 0, of a level with discrepancy 0.5 and noise 0.5; s² = v = 1: K = s² + v + 0.5 +
        // v + 0.5 = 4. At the end the mean is (s² + v) y / 4 = 1, and the variance (s² + v) - (s² +
        // v)² / 4 = 1.
        let level = FidelityLevel { discrepancy: 0.5, noise: 0.5 };
        let start = Hyperparameters {
            levels: vec![FidelityLevel { discrepancy: 9.0, noise: 9.0 }, level],
            ..hyper(1.0, 7.0)
        };
        let params = GpParams::new().levels(2, vec![2]).start(start).draws(0).iterations(0);
        let process = params.fit(&Dataset::new(array![[0.0]], array![2.0])).unwrap();
        let posterior = process.posterior(array![[0.0]].view());
        assert!((posterior.mean[0] - 1.0).abs() < 1e-15);
        assert!((posterior.variance[0] - 1.0).abs() < 1e-15);
        // With its discrepancy the mean is 3.5 / 4 of the observation.
        assert!((process.means_of_data()[0] - 1.75).abs() < 1e-15);
    }

    #[test]
    fn without_noise_it_interpolates() {
        let (inputs, targets) = waves(11);
        let process = fixed(inputs.clone(), targets.clone(), hyper(0.5, 1e-6));
        let posterior = process.posterior(inputs.view());
        assert!(posterior.variance.iter().all(|&variance| variance < 2e-6));
        assert!((&posterior.mean - &targets).iter().all(|error| error.abs() < 1e-3));
        assert_eq!(process.predict(&inputs), posterior.mean);
    }

    #[test]
    fn leave_one_out_equals_a_process_without_the_observation() {
        let (inputs, targets) = waves(8);
        let all = fixed(inputs.clone(), targets.clone(), hyper(0.4, 0.01)).leave_one_out();
        for i in 0..8 {
            let rest: Vec<usize> = (0..8).filter(|&j| j != i).collect();
            let process =
                fixed(inputs.select(Axis(0), &rest), targets.select(Axis(0), &rest), hyper(0.4, 0.01));
            let left = process.posterior(inputs.slice(s![i..=i, ..]));
            assert!((left.mean[0] - all.mean[i]).abs() < 1e-10);
            assert!((left.variance[0] + 0.01 - all.variance[i]).abs() < 1e-10);
        }
    }

    #[test]
    fn the_means_of_the_data_equal_those_at_any_input() {
        let (inputs, targets) = waves(9);
        let mut process = fixed(inputs.clone(), targets, hyper(0.4, 0.01));
        process.observe(array![0.5, 0.5].view(), 0.7).unwrap();
        let mut all = inputs;
        all.push_row(array![0.5, 0.5].view()).unwrap();
        let difference = process.means_of_data() - process.means(all.view());
        assert!(difference.iter().all(|x| x.abs() < 1e-12), "{difference}");
    }

    #[test]
    fn observing_equals_a_process_that_had_the_observation_from_the_start() {
        let (inputs, targets) = waves(9);
        let mut grown =
            fixed(inputs.slice(s![..8, ..]).to_owned(), targets.slice(s![..8]).to_owned(), hyper(0.4, 0.01));
        grown.observe(inputs.row(8), targets[8]).unwrap();
        let whole = fixed(inputs, targets, hyper(0.4, 0.01));
        let at = array![[0.3, 0.8], [0.9, 0.1]];
        let (grown, whole) = (grown.posterior(at.view()), whole.posterior(at.view()));
        assert!((grown.mean - whole.mean).iter().all(|x| x.abs() < 1e-12));
        assert!((grown.variance - whole.variance).iter().all(|x| x.abs() < 1e-12));
    }

    #[test]
    fn fantasizing_equals_observing_the_means_and_skips_repeated_inputs() {
        let (inputs, targets) = waves(9);
        let start = fixed(inputs.clone(), targets, hyper(0.4, 0.01));
        let pending = array![[0.3, 0.8], [0.9, 0.1], [0.35, 0.75]];
        let (mut fantasizing, mut observing) = (start.clone(), start.clone());
        let means = fantasizing.fantasize(pending.view());
        for (row, mean) in pending.rows().into_iter().zip(&means) {
            observing.observe(row, *mean).unwrap();
        }
        let at = array![[0.31, 0.7], [0.6, 0.2]];
        let [before, one, other] =
            [&start, &fantasizing, &observing].map(|process| process.posterior(at.view()));
        assert!((&one.mean - &before.mean).iter().all(|x| x.abs() < 1e-12));
        assert!((&one.mean - &other.mean).iter().all(|x| x.abs() < 1e-10));
        assert!((&one.variance - &other.variance).iter().all(|x| x.abs() < 1e-12));
        assert!((&before.variance - &one.variance).iter().all(|&x| x > 1e-4));

        // Without noise an input twice has no factor; a new input beside it still counts.
        let mut twice = start;
        twice.hyper.noise = 0.0;
        let none: Array2<f64> = Array::zeros((0, 2));
        assert!(twice.fantasize(none.view()).is_empty());
        let twin = array![[0.3, 0.8], [0.3, 0.8], [0.9, 0.1]];
        twice.fantasize(twin.view());
        assert!(twice.posterior(array![[0.9, 0.1]].view()).variance[0] < 1e-3);
    }

    #[test]
    fn the_gradient_at_a_point_matches_differences() {
        let (inputs, targets) = waves(9);
        let process = fixed(inputs, targets, hyper(0.4, 0.01));
        let local = process.local(&[0.31, 0.77]);
        for f in 0..2 {
            let at = |step: f64| {
                let mut input = array![[0.31, 0.77]];
                input[(0, f)] += step;
                process.posterior(input.view())
            };
            let (up, down) = (at(1e-6), at(-1e-6));
            assert!((local.mean_gradient[f] - (up.mean[0] - down.mean[0]) / 2e-6).abs() < 1e-7);
            assert!((local.variance_gradient[f] - (up.variance[0] - down.variance[0]) / 2e-6).abs() < 1e-7);
        }
        let same = process.posterior(array![[0.31, 0.77]].view());
        assert!((same.mean[0] - local.mean).abs() < 1e-13);
        assert!((same.variance[0] - local.variance).abs() < 1e-13);
    }
}

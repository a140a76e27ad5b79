//! The log posterior density of hyperparameters, which the fit maximizes, and its gradient.
//!
//! The covariance of the observations is K = s² m + v 11ᵀ + σ²I. Here m are the correlations of the
//! kernel, s² is the signal variance, and σ² is the noise variance. The constant mean is integrated
//! out; v is its variance.
//!
//! With α = K⁻¹y the log likelihood is ln p(y | θ) = -½ yᵀα - ½ ln det K - ½ n ln 2π. Its derivative
//! is ∂/∂θ = ½ tr((ααᵀ - K⁻¹) ∂K/∂θ) (Rasmussen & Williams 2006, eqs. 2.30, 5.8 and 5.9).
//!
//! The derivatives by all length-scales come from one matrix product, W Z. Here Z are the scaled
//! inputs, and W = (ααᵀ - K⁻¹) ∘ s² dm/d(r²). The derivative by ln l_g is
//! -2 Σ_f Σ_i z_if (z_if Σ_j W_ij - (W Z)_if), over the columns f of group g. The factor in brackets
//! is half the derivative by z_if; the derivatives by the warps follow from it.
//!
//! An observation of a fidelity level is the function plus a discrepancy, a process that the
//! observations of this level share (Kennedy & O'Hagan 2000, "Predicting the output from a complex
//! computer code when fast approximations are available", with a factor of 1). Between observations
//! of one level d m + v is added to K, where d is the variance of the discrepancy. Each level has
//! its own noise.

use ndarray::{Array1, Array2, Axis};

use super::hyperparameters::{Hyperparameters, Prior};
use super::kernel;
use super::normal::LN_SQRT_2PI;
use crate::linalg::{Cholesky, LinalgError};

/// Variance of the constant mean of standardized targets.
pub(crate) const MEAN_VARIANCE: f64 = 1.0;

/// The data that the hyperparameters explain, and their prior.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// (n, F).
    pub inputs: &'a Array2<f64>,
    /// (n).
    pub targets: &'a Array1<f64>,
    /// Group of each column.
    pub groups: &'a [usize],
    /// Columns that are warped.
    pub numbers: &'a [usize],
    /// The fidelity level of each target, 0 for the end; empty if all are final.
    pub levels: &'a [usize],
    pub prior: Prior<'a>,
}

/// The kernel matrix of some hyperparameters, factored, and what follows from it.
pub(crate) struct Factored {
    /// Z, (n, F).
    pub scaled: Array2<f64>,
    /// m, (n, n).
    values: Array2<f64>,
    /// dm/d(r²), (n, n).
    slopes: Array2<f64>,
    /// Noise variances, (n).
    pub noises: Array1<f64>,
    pub factor: Cholesky,
    /// K⁻¹y, (n).
    pub weights: Array1<f64>,
}

impl Evidence<'_> {
    /// The negative log posterior density of the hyperparameters with the logarithms `logs`, up to
    /// a constant. Writes its gradient. Infinite if the kernel matrix has no Cholesky factor.
    pub fn loss(&self, logs: &[f64], gradient: &mut [f64]) -> f64 {
        let hyper = Hyperparameters::from_logs(logs, self.prior.groups(), self.prior.levels());
        let Ok(factored) = self.factor(&hyper) else { return f64::INFINITY };
        gradient.fill(0.0);
        let prior = self.prior.ln_density(logs, gradient);
        self.add_likelihood_gradient(&hyper, &factored, gradient);
        gradient.iter_mut().for_each(|slope| *slope = -*slope);
        -(prior + self.ln_likelihood(&factored))
    }

    /// The kernel matrix of the hyperparameters `hyper`, with its Cholesky factor.
    ///
    /// # Errors
    /// The matrix has no Cholesky factor.
    pub fn factor(&self, hyper: &Hyperparameters) -> Result<Factored, LinalgError> {
        let scaled = kernel::scaled(self.inputs.view(), self.groups, self.numbers, hyper);
        let (values, slopes) = kernel::gram(scaled.view());
        let mut matrix = values.mapv(|value| hyper.scale * value + MEAN_VARIANCE);
        for (level, members) in hyper.levels.iter().zip(self.members()) {
            for (i, j) in pairs(&members) {
                matrix[(i, j)] += level.discrepancy * values[(i, j)] + MEAN_VARIANCE;
            }
        }
        let noises = self.noises(hyper);
        matrix.diag_mut().zip_mut_with(&noises, |value, noise| *value += noise);
        let factor = Cholesky::with_jitter(matrix.view())?;
        let weights = factor.solve(self.targets.view());
        Ok(Factored { scaled, values, slopes, noises, factor, weights })
    }

    /// The log posterior density of `hyper`, up to a constant of the prior.
    pub fn ln_posterior(&self, hyper: &Hyperparameters, factored: &Factored) -> f64 {
        let logs = hyper.to_logs();
        self.prior.ln_density(&logs, &mut vec![0.0; logs.len()]) + self.ln_likelihood(factored)
    }

    /// The log likelihood ln p(y | θ) of the targets y, given hyperparameters θ.
    fn ln_likelihood(&self, factored: &Factored) -> f64 {
        let n = self.targets.len() as f64;
        let fit = self.targets.dot(&factored.weights);
        -0.5 * (fit + factored.factor.log_determinant()) - n * LN_SQRT_2PI
    }

    /// For every fidelity level before the end, the indices of its targets.
    fn members(&self) -> Vec<Vec<usize>> {
        let of = |level| (0..self.levels.len()).filter(|&index| self.levels[index] == level).collect();
        (1..=self.prior.levels()).map(of).collect()
    }

    /// The noise variance of every target.
    fn noises(&self, hyper: &Hyperparameters) -> Array1<f64> {
        let of =
            |level: &usize| level.checked_sub(1).map_or(hyper.noise, |before| hyper.levels[before].noise);
        match self.levels {
            [] => Array1::from_elem(self.targets.len(), hyper.noise),
            levels => levels.iter().map(of).collect(),
        }
    }

    /// Adds the derivatives of the log likelihood by the logarithms of the hyperparameters.
    fn add_likelihood_gradient(&self, hyper: &Hyperparameters, factored: &Factored, gradient: &mut [f64]) {
        // ααᵀ - K⁻¹, in place of K⁻¹.
        let mut pull = factored.factor.inverse();
        for (mut row, &weight) in pull.rows_mut().into_iter().zip(&factored.weights) {
            row.zip_mut_with(&factored.weights, |entry, other| *entry = weight * other - *entry);
        }
        let count = hyper.lengths.len();
        let by_scale: f64 = pull.iter().zip(&factored.values).map(|(a, m)| a * m).sum();
        gradient[count] += 0.5 * hyper.scale * by_scale;
        let members = self.members();
        let noise_of = |members: &[usize]| members.iter().map(|&i| pull[(i, i)]).sum::<f64>();
        let of_levels: f64 = members.iter().map(|members| noise_of(members)).sum();
        gradient[count + 1] += 0.5 * hyper.noise * (pull.diag().sum() - of_levels);
        for ((members, level), at) in members.iter().zip(&hyper.levels).zip((count + 2..).step_by(2)) {
            let by_discrepancy: f64 = pairs(members).map(|at| pull[at] * factored.values[at]).sum();
            gradient[at] += 0.5 * level.discrepancy * by_discrepancy;
            gradient[at + 1] += 0.5 * level.noise * noise_of(members);
        }
        // Within a level m has the factor s² + d.
        for (members, level) in members.iter().zip(&hyper.levels) {
            pairs(members).for_each(|at| pull[at] *= 1.0 + level.discrepancy / hyper.scale);
        }
        pull.zip_mut_with(&factored.slopes, |entry, slope| *entry *= hyper.scale * slope);
        let sums = pull.sum_axis(Axis(1));
        let products = pull.dot(&factored.scaled);
        // Half the derivatives by Z, in place of Z.
        let mut by_scaled = factored.scaled.clone();
        for ((mut row, product), sum) in by_scaled.rows_mut().into_iter().zip(products.rows()).zip(&sums) {
            for ((z, w), &group) in row.iter_mut().zip(product).zip(self.groups) {
                let pull = *z * sum - w;
                gradient[group] -= 2.0 * *z * pull;
                *z = pull;
            }
        }
        self.add_warp_gradient(hyper, &by_scaled, gradient);
    }

    /// Adds the derivatives by the logarithms of the warps' exponents. `by_scaled` has half the
    /// derivatives by the scaled inputs Z.
    fn add_warp_gradient(&self, hyper: &Hyperparameters, by_scaled: &Array2<f64>, gradient: &mut [f64]) {
        let by_warps = gradient[hyper.lengths.len() + 2 + 2 * hyper.levels.len()..].chunks_exact_mut(2);
        for ((&column, warp), by_warp) in self.numbers.iter().zip(&hyper.warps).zip(by_warps) {
            let rate = 2.0 / hyper.lengths[self.groups[column]];
            for (&x, pull) in self.inputs.column(column).iter().zip(by_scaled.column(column)) {
                let stretched = warp.stretched(x);
                by_warp[0] += rate * pull * stretched.by_ln_a;
                by_warp[1] += rate * pull * stretched.by_ln_b;
            }
        }
    }
}

/// All ordered pairs of `members`, including each with itself.
fn pairs(members: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    members.iter().flat_map(|&i| members.iter().map(move |&j| (i, j)))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};

    use super::super::fixtures::hyper;
    use super::*;

    #[test]
    fn the_gradient_matches_differences() {
        let inputs = Array::from_shape_fn((12, 4), |(i, j)| ((i * 7 + j * 5) % 11) as f64 / 11.0 - 0.5);
        let targets = inputs.column(0).mapv(|x| (6.0 * x).sin()) + inputs.column(2);
        let prior = Prior::new(&[0, 1, 1], 2, 2);
        let levels = [0, 1, 2, 0, 1, 2, 1, 1, 0, 0, 2, 2];
        let (groups, numbers) = (&[0, 1, 1, 2], &[0, 3]);
        let evidence =
            Evidence { inputs: &inputs, targets: &targets, groups, numbers, levels: &levels, prior };
        let logs = [-1.0, 0.2, -0.4, 0.3, -3.0, -1.2, -2.0, -0.5, -3.3, -0.7, 0.4, 0.2, -0.3];
        let mut gradient = [0.0; 13];
        evidence.loss(&logs, &mut gradient);
        for i in 0..13 {
            let at = |step: f64| {
                let mut moved = logs;
                moved[i] += step;
                evidence.loss(&moved, &mut [0.0; 13])
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (gradient[i] - difference).abs() < 1e-6 * (1.0 + difference.abs()),
                "{i}: {} and {difference}",
                gradient[i]
            );
        }
    }

    #[test]
    fn the_likelihood_of_one_value_is_a_normal_density() {
        // One value y = 2 of variance s² + v + σ² = 1 + 1 + 2 = 4: ln N(2; 0, 4).
        let prior = Prior::new(&[0], 0, 0);
        let evidence = Evidence {
            inputs: &array![[0.3]],
            targets: &array![2.0],
            groups: &[0],
            numbers: &[],
            levels: &[],
            prior,
        };
        let factored = evidence.factor(&hyper(1.0, 2.0)).unwrap();
        let expected = -0.5 - 2f64.ln() - LN_SQRT_2PI;
        assert!((evidence.ln_likelihood(&factored) - expected).abs() < 1e-14);
    }
}

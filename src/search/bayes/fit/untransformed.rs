//! A Gaussian process of the losses on their own scale, for numbers that people read: expected
//! improvement and importance.
//!
//! The model that suggests points chooses a new scale after every trial, so its numbers cannot be
//! compared from trial to trial. Here the losses stay as they are, except for outliers. A single
//! outlier would make all other differences look small.

use linfa::Dataset;
use linfa::traits::Fit;
use ndarray::{Array1, Array2};

use super::transform::Warped;
use crate::search::bayes::input::features::Features;
use crate::search::bayes::input::history::History;
use crate::search::gp::{GaussianProcess, GpError, GpParams};
use crate::seed::Seed;

/// Losses are cut at this number of interquartile ranges above the upper quartile: Tukey 1977.
const FENCE: f64 = 1.5;

/// The Gaussian process of the measured losses of the first metric. Outliers are cut; the unit is
/// the standard deviation.
///
/// # Errors
/// There are no losses, or the kernel matrix has no Cholesky factor.
pub(crate) fn process(
    history: &History,
    features: &Features,
    seed: &Seed,
) -> Result<GaussianProcess, GpError> {
    let inputs = features.rows(history.measured.iter().map(|measured| &measured.cell));
    process_of(inputs, &fenced(&history.loss(0)), features, seed)
}

/// The Gaussian process of `values` at the rows of `inputs`, in standard deviations of the values.
///
/// # Errors
/// See [`process`].
pub(crate) fn process_of(
    inputs: Array2<f64>,
    values: &[f64],
    features: &Features,
    seed: &Seed,
) -> Result<GaussianProcess, GpError> {
    let standardised = Warped::candidates(values).swap_remove(0).values;
    let params = GpParams::new().groups(features.groups().to_vec()).seed(seed.clone());
    params.fit(&Dataset::new(inputs, Array1::from(standardised)))
}

/// The mean and the standard deviation by which [`process`] scales the losses of the first metric.
pub(crate) fn scale(history: &History) -> (f64, f64) {
    moments(&fenced(&history.loss(0)))
}

/// The mean and the standard deviation of `values`, by which [`process_of`] scales them.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// `losses`, where those above the fence count as the fence, see [`FENCE`].
fn fenced(losses: &[f64]) -> Vec<f64> {
    let mut sorted = losses.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |part: f64| sorted[((sorted.len().max(1) - 1) as f64 * part).round() as usize];
    let fence = match losses {
        [] => f64::INFINITY,
        _ => at(0.75) + FENCE * (at(0.75) - at(0.25)),
    };
    losses.iter().map(|loss| loss.min(fence)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_outliers_are_cut_and_other_losses_stay() {
        // Quartiles 2 and 4: the fence is at 4 + 1.5 · 2.
        assert_eq!(fenced(&[3.0, 1.0, 4.0, 1e6, 2.0]), [3.0, 1.0, 4.0, 7.0, 2.0]);
        assert_eq!(fenced(&[-1e6, 1.0, 2.0, 3.0, 4.0]), [-1e6, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(fenced(&[5.0]), [5.0]);
        assert!(fenced(&[]).is_empty());
        assert!(fenced(&[f64::MIN, f64::MAX, f64::MAX]).iter().all(|loss| !loss.is_nan()));
    }
}

//! The covariance of a Gaussian process: Matérn-5/2 with automatic relevance determination.
//!
//! k(x, x') = s² m(r²), r² = Σ_f (x_f - x'_f)² / l²_g(f), m(r²) = (1 + √5 r + 5r²/3) exp(-√5 r): Rasmussen &
//! Williams 2006, "Gaussian processes for machine learning", eq. 4.17. Every column f of the inputs belongs
//! to a group g(f), and the columns of a group share a length-scale l.

use super::hyper::Hyperparameters;
use super::warp;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

/// √5.
const SQRT_5: f64 = 2.236_067_977_499_79;

/// m(r²) and its derivative by r², which is finite at 0; both are 0 where r² is infinite.
pub(super) fn matern(r_squared: f64) -> (f64, f64) {
    let r = SQRT_5 * r_squared.sqrt();
    let decay = (-r).exp();
    if decay == 0.0 {
        return (0.0, 0.0);
    }
    ((1.0 + r + r * r / 3.0) * decay, -(5.0 / 6.0) * (1.0 + r) * decay)
}

/// The inputs with the columns `numbers` warped and each column divided by the length-scale of its group: distances
/// in it are r.
pub(super) fn scaled(
    inputs: ArrayView2<f64>,
    groups: &[usize],
    numbers: &[usize],
    hyper: &Hyperparameters,
) -> Array2<f64> {
    let mut scaled = warp::warped(inputs, numbers, &hyper.warps);
    for mut row in scaled.rows_mut() {
        for (value, &group) in row.iter_mut().zip(groups) {
            *value /= hyper.lengths[group];
        }
    }
    scaled
}

/// m and dm/d(r²) between all rows of `scaled`, each of shape (n, n).
pub(super) fn gram(scaled: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
    let n = scaled.nrows();
    let (mut values, mut slopes) = (Array2::ones((n, n)), Array2::from_elem((n, n), matern(0.0).1));
    for i in 0..n {
        for j in 0..i {
            let (value, slope) = matern(r_squared(scaled.row(i), scaled.row(j)));
            (values[(i, j)], values[(j, i)]) = (value, value);
            (slopes[(i, j)], slopes[(j, i)]) = (slope, slope);
        }
    }
    (values, slopes)
}

/// m between every row of `left` and every row of `right`: (rows of left, rows of right).
pub(super) fn cross(left: &Array2<f64>, right: &Array2<f64>) -> Array2<f64> {
    let mut values = Array2::zeros((left.nrows(), right.nrows()));
    for (mut out, x) in values.rows_mut().into_iter().zip(left.axis_iter(Axis(0))) {
        for (value, other) in out.iter_mut().zip(right.axis_iter(Axis(0))) {
            *value = matern(r_squared(x, other)).0;
        }
    }
    values
}

/// The squared distance of two scaled rows.
pub(super) fn r_squared(x: ArrayView1<f64>, other: ArrayView1<f64>) -> f64 {
    match (x.as_slice(), other.as_slice()) {
        (Some(x), Some(other)) => x.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum(),
        _ => x.iter().zip(&other).map(|(a, b)| (a - b) * (a - b)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn matern_at_zero_one_and_infinity() {
        assert_eq!(matern(0.0), (1.0, -5.0 / 6.0));
        // python3 -c "from math import *; print((1+sqrt(5)+5/3)*exp(-sqrt(5)))"
        assert!((matern(1.0).0 - 0.5239941088318203).abs() < 1e-15);
        assert_eq!(matern(f64::INFINITY), (0.0, 0.0));
    }

    #[test]
    fn the_slope_is_the_derivative_by_the_squared_distance() {
        for r_squared in [1e-3f64, 0.3, 1.0, 7.0, 60.0] {
            let step = 1e-6 * r_squared;
            let difference = (matern(r_squared + step).0 - matern(r_squared - step).0) / (2.0 * step);
            let slope = matern(r_squared).1;
            assert!((slope - difference).abs() < 1e-7 * slope.abs(), "{slope} and {difference}");
        }
    }

    #[test]
    fn columns_of_a_group_share_their_length_scale() {
        let inputs = array![[0.0, 0.0, 1.0], [3.0, 8.0, 1.0]];
        let hyper = Hyperparameters { lengths: vec![1.0, 2.0], scale: 1.0, noise: 0.0, warps: Vec::new() };
        let scaled = scaled(inputs.view(), &[0, 1, 1], &[], &hyper);
        assert_eq!(r_squared(scaled.row(0), scaled.row(1)), 9.0 + 16.0);
        let (values, slopes) = gram(&scaled);
        assert_eq!((values[(0, 1)], slopes[(1, 0)]), matern(25.0));
        assert_eq!(cross(&scaled, &scaled), values);
    }
}

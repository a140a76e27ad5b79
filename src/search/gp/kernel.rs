//! The kernel of the Gaussian process: Matérn-5/2 with automatic relevance determination.
//!
//! The covariance of two inputs x and x' is k(x, x') = s² m(r²), where s² is the signal variance
//! and r their scaled distance:
//!
//! - r² = Σ_f (x_f - x'_f)² / l²_g(f), a sum over the columns f of the inputs. Every column f
//!   belongs to a group g(f), and the columns of a group share a length-scale l.
//! - m(r²) = (1 + √5 r + 5r²/3) exp(-√5 r), the correlation of the two values.
//!
//! Rasmussen & Williams 2006, "Gaussian processes for machine learning", eq. 4.17.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Zip};

use super::hyperparameters::Hyperparameters;
use super::warp;

/// √5.
const SQRT_5: f64 = 2.236_067_977_499_79;
/// If √5 r reaches this, both m and its derivative are 0 in floating point.
const FAR: f64 = 800.0;

/// The correlation m(r²) and its derivative by r², which is finite at 0. Both are 0 if r² is
/// infinite.
#[inline(always)]
pub(crate) fn matern(r_squared: f64) -> (f64, f64) {
    let r = (SQRT_5 * r_squared.sqrt()).min(FAR);
    let decay = exp(-r);
    ((1.0 + r + r * r * (1.0 / 3.0)) * decay, -(5.0 / 6.0) * (1.0 + r) * decay)
}

/// eˣ for x from -[`FAR`] to 0, exact to the last bit or two. With x = k ln 2 + t for a whole
/// number k, it is 2ᵏ times the Taylor series of eᵗ.
///
/// The function has no branch, so that the compiler can turn a loop over it into vector
/// instructions.
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// Adding this number to a float rounds it to an integer, which is then in the lowest bits of
    /// the sum.
    const ROUNDING: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts; the product of the first and any k is exact.
    const LN_2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);
    /// For a smaller x the result would be subnormal; 0 is returned instead.
    const LEAST: f64 = -708.0;
    /// 1/13!, 1/12!, ... 1/2!, 1, 1.
    const SERIES: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let shifted = x.max(LEAST) * std::f64::consts::LOG2_E + ROUNDING;
    let k = shifted - ROUNDING;
    let t = (x.max(LEAST) - k * LN_2.0) - k * LN_2.1;
    let series = SERIES[1..].iter().fold(SERIES[0], |sum, coefficient| sum * t + coefficient);
    let exponent = shifted.to_bits().wrapping_sub(ROUNDING.to_bits()).wrapping_add(1023);
    let power = series * f64::from_bits(exponent << 52);
    if x < LEAST { 0.0 } else { power }
}

/// The scaled inputs: the columns `numbers` are warped, then each column is divided by the
/// length-scale of its group. The distance of two rows is r.
pub(crate) fn scaled(
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

/// The correlation m and its derivative dm/d(r²) between all rows of `scaled`, each of shape (n,
/// n).
pub(crate) fn gram(scaled: ArrayView2<f64>) -> (Array2<f64>, Array2<f64>) {
    let (n, columns) = (scaled.nrows(), columns(scaled));
    let (mut values, mut slopes) = (Array2::zeros((n, n)), Array2::zeros((n, n)));
    Zip::from(values.rows_mut()).and(slopes.rows_mut()).and(scaled.rows()).for_each(
        |mut values, mut slopes, row| {
            let (values, slopes) = (values.as_slice_mut(), slopes.as_slice_mut());
            let (values, slopes) = values.zip(slopes).expect("rows of new arrays are contiguous");
            correlations(row, columns.view(), values, slopes);
        },
    );
    (values, slopes)
}

/// The correlation m of every row of `left` with every column of `columns`: shape (rows, columns).
pub(crate) fn cross(left: ArrayView2<f64>, columns: ArrayView2<f64>) -> Array2<f64> {
    let (common, own) = common_coordinates(left);
    let mut values = Array2::zeros((left.nrows(), columns.ncols()));
    let (mut distances, mut slopes) = (vec![0.0; columns.ncols()], vec![0.0; columns.ncols()]);
    if let Some(row) = left.rows().into_iter().next() {
        add_distances(row, columns, common, &mut distances);
    }
    for (mut out, row) in values.rows_mut().into_iter().zip(left.rows()) {
        let out = out.as_slice_mut().expect("a new array is contiguous");
        out.copy_from_slice(&distances);
        add_distances(row, columns, own.iter().copied(), out);
        to_correlations(out, &mut slopes);
    }
    values
}

/// The coordinates that all `rows` have in common, and those that are a row's own. Only if there are
/// many of the former they are worth a part: that of a sweep along one axis of many.
fn common_coordinates(rows: ArrayView2<f64>) -> (Vec<usize>, Vec<usize>) {
    /// The fewest common coordinates that are taken together.
    const MANY: usize = 64;
    let all = || (0..rows.ncols()).collect();
    if rows.ncols() < MANY || rows.nrows() < 2 {
        return (Vec::new(), all());
    }
    let mut is_common = vec![true; rows.ncols()];
    for row in rows.rows() {
        let alike = is_common.iter_mut().zip(row).zip(rows.row(0));
        alike.for_each(|((is_common, x), first)| *is_common &= x == first);
    }
    let (common, own): (Vec<usize>, Vec<usize>) = (0..rows.ncols()).partition(|&at| is_common[at]);
    if common.len() < MANY { (Vec::new(), all()) } else { (common, own) }
}

/// The rows of `scaled` as columns: the layout for distances to many of them.
pub(crate) fn columns(scaled: ArrayView2<f64>) -> Array2<f64> {
    scaled.t().as_standard_layout().into_owned()
}

/// The correlation m of `row` with each of `columns`, and its derivative dm/d(r²). The rows of
/// `columns` are contiguous.
pub(crate) fn correlations(
    row: ArrayView1<f64>,
    columns: ArrayView2<f64>,
    values: &mut [f64],
    slopes: &mut [f64],
) {
    values.fill(0.0);
    add_distances(row, columns, 0..row.len(), values);
    to_correlations(values, slopes);
}

/// Adds to `sums` the squared distances of `row` and each of `columns` in the coordinates `at`.
fn add_distances(
    row: ArrayView1<f64>,
    columns: ArrayView2<f64>,
    at: impl IntoIterator<Item = usize>,
    sums: &mut [f64],
) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for at in at {
                let x = row[at];
                let others = columns.index_axis(Axis(0), at);
                let others = others.to_slice().expect("rows of columns are contiguous");
                for (r_squared, other) in sums.iter_mut().zip(others) {
                    *r_squared += (x - other) * (x - other);
                }
            }
        },
    );
}

/// Turns squared distances r² into correlations m(r²); writes the derivatives dm/d(r²) to `slopes`.
fn to_correlations(values: &mut [f64], slopes: &mut [f64]) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for (value, slope) in values.iter_mut().zip(slopes) {
                (*value, *slope) = matern(*value);
            }
        },
    );
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
    fn the_exponential_equals_the_standard_library_to_the_last_bits() {
        for step in 0..=70_000 {
            let x = -0.01 * f64::from(step);
            assert!((exp(x) / x.exp() - 1.0).abs() < 4e-16, "{x}");
        }
        assert_eq!((exp(-0.0), exp(-708.1), exp(-FAR)), (1.0, 0.0, 0.0));
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
    fn coordinates_that_many_rows_share_are_summed_once_to_the_same_correlations() {
        // Rows that differ in two of 100 coordinates, and rows that differ in all.
        let near =
            Array2::from_shape_fn(
                (5, 100),
                |(i, j)| if j % 50 == 7 { 0.1 * i as f64 } else { 0.01 * j as f64 },
            );
        let apart = Array2::from_shape_fn((5, 100), |(i, j)| 0.001 * (i * 100 + j) as f64);
        let tried = Array2::from_shape_fn((9, 100), |(i, j)| 0.1 * ((3 * i + j) % 7) as f64);
        assert_eq!(common_coordinates(near.view()).1, [7, 57]);
        assert!(common_coordinates(apart.view()).0.is_empty());
        for rows in [near, apart] {
            let together = cross(rows.view(), columns(tried.view()).view());
            for (row, together) in rows.rows().into_iter().zip(together.rows()) {
                let (mut alone, mut slopes) = ([0.0; 9], [0.0; 9]);
                correlations(row, columns(tried.view()).view(), &mut alone, &mut slopes);
                let difference = together.iter().zip(alone).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(difference < 1e-14 && alone.iter().all(|&m| m > 1e-6), "{difference} of {alone:?}");
            }
        }
    }

    #[test]
    fn columns_of_a_group_share_their_length_scale() {
        let inputs = array![[0.0, 0.0, 1.0], [3.0, 8.0, 1.0]];
        let hyper = Hyperparameters {
            lengths: vec![1.0, 2.0],
            scale: 1.0,
            noise: 0.0,
            levels: Vec::new(),
            warps: Vec::new(),
        };
        let scaled = scaled(inputs.view(), &[0, 1, 1], &[], &hyper);
        let (values, slopes) = gram(scaled.view());
        assert_eq!((values[(0, 1)], slopes[(1, 0)]), matern(9.0 + 16.0));
        assert_eq!(cross(scaled.view(), columns(scaled.view()).view()), values);
    }
}

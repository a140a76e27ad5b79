//! The matrix product, on one thread; callers split its output.

use gemm::Parallelism;
use ndarray::{ArrayView2, ArrayViewMut2};

/// `out = a b`, for (M, K), (K, N) and (M, N) of any strides.
///
/// The order of summation depends on the shapes and strides alone.
pub(super) fn multiply(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, mut out: ArrayViewMut2<'_, f32>) {
    let ((m, k), n) = (a.dim(), b.ncols());
    assert!(b.nrows() == k && out.dim() == (m, n), "shapes of a matrix product must fit");
    let strides = |s: &[isize]| (s[0], s[1]);
    let ((a_row, a_column), (b_row, b_column)) = (strides(a.strides()), strides(b.strides()));
    let (out_row, out_column) = strides(out.strides());
    // SAFETY: shapes fit, as asserted; pointers and strides come from views that live through the call,
    // and `out` is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            out_column,
            out_row,
            false,
            a.as_ptr(),
            a_column,
            a_row,
            b.as_ptr(),
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_sum_of_products_whatever_the_strides(
            m in 1usize..40, k in 1usize..40, n in 1usize..40, transposed in any::<[bool; 2]>()
        ) {
            // Small whole numbers: every sum is exact in f32, so the order cannot matter.
            let value = |r: usize, c: usize| ((r * 7 + c * 3) % 11) as f32 - 5.0;
            let matrix = |rows: usize, columns: usize, transposed: bool| {
                let (r, c) = if transposed { (columns, rows) } else { (rows, columns) };
                let data = Array2::from_shape_fn((r, c), |(r, c)| value(r, c));
                if transposed { data.reversed_axes() } else { data }
            };
            let (a, b) = (matrix(m, k, transposed[0]), matrix(k, n, transposed[1]));
            let mut out = Array2::from_elem((m, n + 3), f32::NAN);
            multiply(a.view(), b.view(), out.slice_mut(s![.., 1..=n]));
            for ((r, c), &sum) in out.indexed_iter() {
                if (1..=n).contains(&c) {
                    let expected: f32 = (0..k).map(|i| a[[r, i]] * b[[i, c - 1]]).sum();
                    prop_assert_eq!(sum, expected);
                } else {
                    prop_assert!(sum.is_nan());
                }
            }
        }
    }
}

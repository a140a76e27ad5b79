//! The Cholesky factor of a symmetric positive definite matrix. It gives solutions of linear
//! equations, the determinant and the inverse, and can grow by rows.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::{factor, inverse, solve};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, MatMut, Par};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::LinalgError;

/// Numbers to add to the diagonal, relative to its mean, until a factor exists; the first that
/// works is taken. 1e-8 is about the rounding error of a kernel matrix. 1e-4 is still less than the
/// noise of any objective.
const JITTERS: [f64; 6] = [0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4];

/// The Cholesky factor, the lower triangular L of K = L Lᵀ, of a symmetric positive definite K of
/// shape (n, n).
///
/// ```
/// use ndarray::array;
/// use spiketune::linalg::Cholesky;
///
/// let factor = Cholesky::new(array![[4.0, 2.0], [2.0, 5.0]].view())?;
/// assert_eq!(factor.solve(array![6.0, 7.0].view()), array![1.0, 1.0]);
/// # Ok::<(), spiketune::linalg::LinalgError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cholesky {
    lower: Mat<f64>,
    jitter: f64,
}

impl Cholesky {
    /// The factor of the symmetric `matrix`, of which only the lower triangle is read.
    ///
    /// # Errors
    /// The matrix is not square or not positive definite.
    pub fn new(matrix: ArrayView2<f64>) -> Result<Self, LinalgError> {
        check_square(matrix)?;
        factor_with(matrix, 0.0)
    }

    /// The factor of `matrix`. If `matrix` is not positive definite, the jitter, a small number, is
    /// added to its diagonal.
    ///
    /// The jitter is the smallest power of ten from 1e-8 to 1e-4, times the mean of the diagonal,
    /// that makes the matrix positive definite in floating point.
    ///
    /// # Errors
    /// The matrix is not square, or not positive definite even with the largest jitter.
    pub fn with_jitter(matrix: ArrayView2<f64>) -> Result<Self, LinalgError> {
        check_square(matrix)?;
        let scale = matrix.diag().sum() / matrix.nrows().max(1) as f64;
        let mut factored = factor_with(matrix, 0.0);
        for jitter in &JITTERS[1..] {
            if factored.is_ok() {
                break;
            }
            factored = factor_with(matrix, jitter * scale);
        }
        factored
    }

    /// n, the number of rows of the matrix K.
    pub fn size(&self) -> usize {
        self.lower.nrows()
    }

    /// The jitter that was added to the diagonal; 0 without any.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The natural logarithm of the determinant of the matrix K.
    pub fn log_determinant(&self) -> f64 {
        (0..self.size()).map(|i| 2.0 * self.lower[(i, i)].ln()).sum()
    }

    /// K⁻¹b, the solution x of Kx = b: of shape (n), for `rhs` b of shape (n).
    pub fn solve(&self, rhs: ArrayView1<f64>) -> Array1<f64> {
        let mut solution = rhs.to_vec();
        let column = MatMut::from_column_major_slice_mut(&mut solution, self.size(), 1);
        solve::solve_in_place(self.lower.as_ref(), column, Par::Seq, MemStack::new(&mut []));
        Array1::from_vec(solution)
    }

    /// Replaces every row b of `rows`, of shape (m, n), by L⁻¹b, the solution x of Lx = b.
    pub fn solve_lower_rows(&self, rows: &mut Array2<f64>) {
        let count = rows.nrows();
        let slice = rows.as_slice_mut().expect("an owned array in row-major order is contiguous");
        let columns = MatMut::from_column_major_slice_mut(slice, self.size(), count);
        solve_lower_triangular_in_place(self.lower.as_ref(), columns, Par::Seq);
    }

    /// The inverse K⁻¹ of the matrix, of shape (n, n), with both triangles.
    pub fn inverse(&self) -> Array2<f64> {
        let n = self.size();
        let mut out = Array2::zeros((n, n));
        let slice = out.as_slice_mut().expect("a new array is contiguous");
        let mut buffer = MemBuffer::new(inverse::inverse_scratch::<f64>(n, Par::Seq));
        let target = MatMut::from_column_major_slice_mut(slice, n, n);
        inverse::inverse(target, self.lower.as_ref(), Par::Seq, MemStack::new(&mut buffer));
        mirror(&mut out);
        out
    }

    /// Adds m rows and columns to the matrix K and to its factor, in O(mn² + m²n + m³) operations.
    ///
    /// `rows`, of shape (m, n), has the entries of the new rows in the old columns. `corner`, of
    /// shape (m, m), has those in the new columns; only its lower triangle is read. The jitter is
    /// added to the diagonal of `corner` as well.
    ///
    /// # Errors
    /// The grown matrix is not positive definite; the factor is then unchanged.
    pub fn append(&mut self, mut rows: Array2<f64>, mut corner: Array2<f64>) -> Result<(), LinalgError> {
        let (n, m) = (self.size(), corner.nrows());
        self.solve_lower_rows(&mut rows);
        corner -= &rows.dot(&rows.t());
        let corner = factor_with(corner.view(), self.jitter)
            .map_err(|_| LinalgError::NotPositiveDefinite { size: n + m, jitter: self.jitter })?;
        let mut lower = Mat::zeros(n + m, n + m);
        lower.as_mut().submatrix_mut(0, 0, n, n).copy_from(&self.lower);
        lower.as_mut().submatrix_mut(n, n, m, m).copy_from(&corner.lower);
        for ((i, j), entry) in rows.indexed_iter() {
            lower[(n + i, j)] = *entry;
        }
        self.lower = lower;
        Ok(())
    }
}

fn check_square(matrix: ArrayView2<f64>) -> Result<(), LinalgError> {
    let (rows, columns) = matrix.dim();
    if rows == columns { Ok(()) } else { Err(LinalgError::NotSquare { rows, columns }) }
}

/// The factor of `matrix` with `jitter` added to its diagonal.
fn factor_with(matrix: ArrayView2<f64>, jitter: f64) -> Result<Cholesky, LinalgError> {
    let n = matrix.nrows();
    let mut lower = Mat::from_fn(n, n, |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => matrix[(i, i)] + jitter,
        std::cmp::Ordering::Greater => matrix[(i, j)],
    });
    let mut buffer =
        MemBuffer::new(factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, Default::default()));
    let stack = MemStack::new(&mut buffer);
    let outcome =
        factor::cholesky_in_place(lower.as_mut(), Default::default(), Par::Seq, stack, Default::default());
    let is_sound = outcome.is_ok() && (0..n).all(|i| lower[(i, i)].is_finite() && lower[(i, i)] > 0.0);
    if is_sound {
        Ok(Cholesky { lower, jitter })
    } else {
        Err(LinalgError::NotPositiveDefinite { size: n, jitter })
    }
}

/// Copies the upper triangle of the row-major `matrix` to the lower one. The library faer fills
/// only one triangle.
fn mirror(matrix: &mut Array2<f64>) {
    for i in 0..matrix.nrows() {
        for j in 0..i {
            matrix[(i, j)] = matrix[(j, i)];
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};
    use proptest::prelude::*;

    use super::*;

    /// A Aᵀ + I, which is positive definite for any A.
    fn positive_definite(n: usize, entries: &[f64]) -> Array2<f64> {
        let a = Array2::from_shape_fn((n, n), |(i, j)| entries[(i * n + j) % entries.len()]);
        a.dot(&a.t()) + Array2::<f64>::eye(n)
    }

    fn largest(matrix: &Array2<f64>) -> f64 {
        matrix.iter().fold(0.0, |most, x| most.max(x.abs()))
    }

    #[test]
    fn a_two_by_two_case_worked_by_hand() {
        // K = [[4, 2], [2, 5]] = L Lᵀ with L = [[2, 0], [1, 2]]; det K = 16.
        let factor = Cholesky::new(array![[4.0, 2.0], [2.0, 5.0]].view()).unwrap();
        assert!((factor.log_determinant() - 16f64.ln()).abs() < 1e-15);
        let mut rows = array![[2.0, 5.0], [4.0, 4.0]];
        factor.solve_lower_rows(&mut rows);
        assert_eq!(rows, array![[1.0, 2.0], [2.0, 1.0]]);
        let expected = array![[5.0, -2.0], [-2.0, 4.0]] / 16.0;
        assert!(largest(&(factor.inverse() - expected)) < 1e-16);
    }

    proptest! {
        #[test]
        fn the_inverse_times_the_matrix_is_the_identity(
            n in 1usize..40, entries in prop::collection::vec(-1.0..1.0f64, 64)
        ) {
            let matrix = positive_definite(n, &entries);
            let factor = Cholesky::new(matrix.view()).unwrap();
            let error = factor.inverse().dot(&matrix) - Array2::<f64>::eye(n);
            prop_assert!(largest(&error) < 1e-9, "{}", largest(&error));
            let solution = factor.solve(matrix.column(0));
            prop_assert!((solution[0] - 1.0).abs() < 1e-9);
        }

        #[test]
        fn growing_by_rows_equals_factoring_at_once(
            n in 2usize..20, step in 1usize..6, entries in prop::collection::vec(-1.0..1.0f64, 64)
        ) {
            let matrix = positive_definite(n, &entries);
            let mut grown = Cholesky::new(matrix.slice(s![..1, ..1])).unwrap();
            for i in (1..n).step_by(step) {
                let end = n.min(i + step);
                let (rows, corner) = (matrix.slice(s![i..end, ..i]), matrix.slice(s![i..end, i..end]));
                grown.append(rows.to_owned(), corner.to_owned()).unwrap();
            }
            let whole = Cholesky::new(matrix.view()).unwrap();
            prop_assert!((grown.log_determinant() - whole.log_determinant()).abs() < 1e-9);
            prop_assert!(largest(&(grown.inverse() - whole.inverse())) < 1e-9);
        }
    }

    #[test]
    fn a_singular_matrix_gets_jitter_and_reports_it() {
        let ones = Array2::from_elem((30, 30), 2.0);
        assert!(Cholesky::new(ones.view()).is_err());
        let factor = Cholesky::with_jitter(ones.view()).unwrap();
        assert!((2e-8..=2e-4).contains(&factor.jitter()), "{}", factor.jitter());
    }

    #[test]
    fn a_matrix_without_factor_is_an_error() {
        let negative = array![[1.0, 0.0], [0.0, -1.0]];
        assert!(matches!(
            Cholesky::with_jitter(negative.view()),
            Err(LinalgError::NotPositiveDefinite { size: 2, .. })
        ));
        assert!(Cholesky::with_jitter(array![[f64::NAN]].view()).is_err());
        assert!(Cholesky::with_jitter(array![[f64::INFINITY]].view()).is_err());
        let wide = Array2::zeros((2, 3));
        assert_eq!(Cholesky::new(wide.view()).err(), Some(LinalgError::NotSquare { rows: 2, columns: 3 }));
    }

    #[test]
    fn a_row_that_makes_the_matrix_indefinite_changes_nothing() {
        let mut factor = Cholesky::new(array![[1.0]].view()).unwrap();
        assert!(factor.append(array![[1.0]], array![[1.0]]).is_err());
        assert_eq!(factor.size(), 1);
        assert_eq!(factor.solve(array![3.0].view()), array![3.0]);
    }
}

//! Linear algebra of symmetric positive definite matrices: factors, solutions, inverses, and growth
//! by rows.
//!
//! Only this module uses the library `faer`. All functions run on the calling thread, so that
//! results do not depend on the number of threads.

mod cholesky;

pub use cholesky::Cholesky;

/// Why a matrix has no Cholesky factor.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq)]
pub enum LinalgError {
    /// The matrix is not square.
    #[error("a matrix of {rows} x {columns}: must be square")]
    NotSquare {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        columns: usize,
    },
    /// A pivot is zero, negative or not a number, even with the largest addition to the diagonal.
    #[error("a matrix of {size} x {size} with {jitter:e} added to its diagonal: must be positive definite")]
    NotPositiveDefinite {
        /// Number of rows.
        size: usize,
        /// The largest number that was added to the diagonal.
        jitter: f64,
    },
}

//! Symmetric positive definite matrices: factored, solved with, inverted, grown by a row.
//!
//! The only importer of `faer`. Everything runs on the calling thread, so results do not depend on the
//! number of threads; parallel callers split their work above this module.

mod cholesky;

pub use cholesky::Cholesky;

/// A matrix that has no Cholesky factor.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq)]
pub enum LinalgError {
    /// Rows and columns differ in number.
    #[error("a matrix of {rows} x {columns}: must be square")]
    NotSquare {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        columns: usize,
    },
    /// A pivot is zero, negative or not a number, whatever was added to the diagonal.
    #[error("a matrix of {size} x {size} with {jitter:e} added to its diagonal: must be positive definite")]
    NotPositiveDefinite {
        /// Number of rows.
        size: usize,
        /// The largest addition that was tried.
        jitter: f64,
    },
}

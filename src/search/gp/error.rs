//! Why a Gaussian process cannot be fitted.

use crate::linalg::LinalgError;

/// Why there is no Gaussian process.
#[derive(Debug, thiserror::Error)]
pub enum GpError {
    /// The gradient tolerance is not positive.
    #[error("gradient tolerance = {0}: must be positive")]
    Tolerance(f64),
    /// The number of groups differs from the number of columns.
    #[error("groups of {groups} columns for inputs of {columns}: must be one group per column")]
    Groups {
        /// Columns that have a group.
        groups: usize,
        /// Columns of the inputs.
        columns: usize,
    },
    /// The number of kinds differs from the number of groups.
    #[error("kinds of {kinds} groups of columns, of {groups} in all: must be one kind per group")]
    Kinds {
        /// Groups that have a kind.
        kinds: usize,
        /// Groups of columns.
        groups: usize,
    },
    /// The inputs have no such column to warp.
    #[error("column {column} of {columns} to be warped: must be one of them, counted from 0")]
    Warped {
        /// The column.
        column: usize,
        /// Columns of the inputs.
        columns: usize,
    },
    /// The fidelity levels do not fit the observations.
    #[error("{levels} fidelity levels of {targets} targets: must be one per target, each at most {highest}")]
    Levels {
        /// Observations that have a fidelity level.
        levels: usize,
        /// Targets.
        targets: usize,
        /// The highest level.
        highest: usize,
    },
    /// Inputs and targets differ in number, or there are none.
    #[error("{inputs} inputs and {targets} targets: must be equal in number, and at least one")]
    Count {
        /// Rows of the inputs.
        inputs: usize,
        /// Targets.
        targets: usize,
    },
    /// An input or target is infinite or not a number.
    #[error("an input or target is not finite: leave such observations out")]
    NotFinite,
    /// The kernel matrix has no Cholesky factor.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
    /// A check of linfa failed.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

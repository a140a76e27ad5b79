//! A Gaussian process that can be used without a study: this folder imports only `linalg`, `seed`
//! and external crates.
//!
//! | file | idea |
//! |---|---|
//! | `params`, `error` | the settings of a fit, and why it can fail |
//! | `process` | a fitted process and its posterior |
//! | `hyperparameters` | length-scales, variances and exponents of warps, with their priors |
//! | `kernel`, `warp` | the correlation of two inputs, and the warp of a coordinate |
//! | `evidence`, `lbfgs` | the marginal likelihood with its gradient, and its maximization |
//! | `normal` | the normal distribution |
//! | `threads` | tasks of one suggestion on several threads |

mod error;
mod evidence;
#[cfg(test)]
pub(super) mod fixtures;
mod hyperparameters;
mod kernel;
pub(super) mod lbfgs;
pub(super) mod normal;
mod params;
mod process;
pub(crate) mod threads;
mod warp;

pub use error::GpError;
pub use hyperparameters::{FidelityLevel, Hyperparameters};
pub use params::{GpParams, GpValidParams};
pub(super) use process::Local;
pub use process::{GaussianProcess, Posterior};
pub use warp::Warp;

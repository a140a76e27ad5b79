//! The Gaussian process, usable without a study.
//!
//! | file | idea |
//! |---|---|
//! | `params`, `error` | the settings of a fit; why it fails |
//! | `process` | a fitted process and its posterior |
//! | `hyperparameters`, `kernel`, `warp` | length-scales, variances and the warp of each input, with their priors |
//! | `evidence`, `lbfgs` | the marginal likelihood with its gradient, and what maximizes it |
//! | `normal` | the normal distribution |

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
mod warp;

pub use error::GpError;
pub use hyperparameters::{FidelityLevel, Hyperparameters};
pub use params::{GpParams, GpValidParams};
pub(super) use process::Local;
pub use process::{GaussianProcess, Posterior};
pub use warp::Warp;

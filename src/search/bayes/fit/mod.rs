//! From losses to fitted Gaussian processes.
//!
//! | file | idea |
//! |---|---|
//! | `transform` | the scale of the losses |
//! | `scale` | that scale, read in both directions |
//! | `fitted` | the fit of transform, warps and hyperparameters |
//! | `schedule` | at which counts of observations a fit is due |
//! | `fit_cache`, `stored_fits` | fits that the running program remembers, and those stored with trials |
//! | `fitter` | the Gaussian process of a quantity, with a fit of the cache, of a trial, or a new one |
//! | `untransformed` | a Gaussian process of the losses on their own scale |

pub(super) mod fit_cache;
pub(super) mod fitted;
pub(super) mod fitter;
pub(super) mod scale;
mod schedule;
pub(super) mod stored_fits;
pub(super) mod transform;
pub(super) mod untransformed;

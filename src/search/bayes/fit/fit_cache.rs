//! Fits of Gaussian processes that the running program remembers, by a digest of everything that
//! they depend on.
//!
//! The cache saves time and changes no result.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use ndarray::Array2;

use super::fitted::Fitted;
use crate::search::gp::GpError;
use crate::seed::Seed;

/// Number of fits that are remembered: those of all Gaussian processes of a study, for a few
/// studies side by side.
const REMEMBERED: usize = 32;

/// Fits by their digest, the latest last.
#[derive(Debug, Default)]
pub(crate) struct FitCache(Mutex<VecDeque<(u64, Fitted)>>);

impl FitCache {
    /// The remembered fit of `key`. If there is none, calls `fit` and remembers its result.
    pub fn get_or_fit(
        &self,
        key: u64,
        fit: impl FnOnce() -> Result<Fitted, GpError>,
    ) -> Result<Fitted, GpError> {
        if let Some(fitted) = self.recall(key) {
            return Ok(fitted);
        }
        let fitted = fit()?;
        let mut fits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if fits.len() == REMEMBERED {
            fits.pop_front();
        }
        fits.push_back((key, fitted.clone()));
        Ok(fitted)
    }

    fn recall(&self, key: u64) -> Option<Fitted> {
        let fits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fits.iter().find(|(other, _)| *other == key).map(|(_, fitted)| fitted.clone())
    }

    /// The number of remembered fits.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A digest of data, of the kinds of the data's columns and rows, and of the seed of the fit.
pub(crate) fn digest(inputs: &Array2<f64>, losses: &[f64], kinds: impl Hash, seed: &Seed) -> u64 {
    let mut hasher = DefaultHasher::new();
    inputs.iter().chain(losses).for_each(|number| number.to_bits().hash(&mut hasher));
    (losses.len(), kinds, seed.to_u64()).hash(&mut hasher);
    hasher.finish()
}

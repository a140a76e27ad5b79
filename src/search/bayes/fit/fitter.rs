//! Gaussian processes whose hyperparameters are not fitted anew for every trial.
//!
//! A fit costs more than the rest of a suggestion, and after dozens of trials one more trial
//! changes it little. So hyperparameters are fitted only at certain counts of observations. If
//! there are many observations, a part of them is used. The hyperparameters follow from the trials
//! alone, including the fits that are stored with trials.

use linfa::Dataset;
use linfa::prelude::ParamGuard;
use linfa::traits::Fit;
use ndarray::{Array1, Array2};

use super::fit_cache::{FitCache, digest};
use super::fitted::{Fitted, Observations, data, highest_level};
use super::scale::Scale;
use super::schedule::fitted_rows;
use super::stored_fits::StoredFits;
use super::transform::{Transform, Warped};
use crate::search::gp::{GaussianProcess, GpError, GpParams};
use crate::seed::Seed;

/// Fits a Gaussian process to one quantity: a loss, a constraint, or success. Quantities have names
/// like paths, and [`child`](Self::child) gives the fitter of a quantity below this one.
#[derive(Clone)]
pub(crate) struct Fitter<'a> {
    cache: &'a FitCache,
    stored: Option<&'a StoredFits>,
    name: String,
    seed: Seed,
}

impl FitCache {
    /// A fitter for the quantities of one suggestion. It uses and extends the fits stored with a
    /// study, if given. `seed` must not depend on the number of observations.
    pub fn fitter<'a>(&'a self, stored: Option<&'a StoredFits>, seed: Seed) -> Fitter<'a> {
        Fitter { cache: self, stored, name: String::new(), seed }
    }
}

impl Fitter<'_> {
    /// The fitter of the quantity `name`.
    pub fn child(&self, name: &str) -> Self {
        Self { name: format!("{}/{name}", self.name), seed: self.seed.child(name), ..self.clone() }
    }

    /// The fitter of quantity number `index`.
    pub fn index(&self, index: usize) -> Self {
        Self { name: format!("{}/{index}", self.name), seed: self.seed.index(index as u64), ..self.clone() }
    }

    /// The same fitter without stored fits, for a quantity that differs at every suggestion. Nobody
    /// could use its fit again.
    pub fn without_stored_fits(&self) -> Self {
        Self { stored: None, ..self.clone() }
    }

    /// The seed of all draws for this quantity.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The Gaussian process of the losses, transformed to the scale that has the highest
    /// leave-one-out density, with this scale.
    ///
    /// # Errors
    /// There are no observations, or a kernel matrix has no Cholesky factor.
    pub fn process(&self, observations: Observations<'_>) -> Result<(GaussianProcess, Scale), GpError> {
        let Observations { inputs, losses, levels, groups, kinds, numbers, is_one_of_several } = observations;
        let fitted = self.stored_or([lengths(groups), levels_of(levels), numbers.len()], || {
            let rows = fitted_rows(losses);
            let inputs = select(inputs, &rows);
            let losses: Vec<f64> = rows.iter().map(|&row| losses[row]).collect();
            let levels: Vec<usize> = rows.iter().filter_map(|&row| levels.get(row).copied()).collect();
            self.cache.get_or_fit(
                digest(&inputs, &losses, (groups, kinds, numbers, &levels, is_one_of_several), &self.seed),
                || {
                    let selected = Observations {
                        inputs: &inputs,
                        losses: &losses,
                        levels: &levels,
                        groups,
                        kinds,
                        numbers,
                        is_one_of_several,
                    };
                    selected.fit(&self.seed.index(rows.len() as u64))
                },
            )
        })?;
        let scales = if fitted.is_by_level { levels } else { &[] };
        let warped = Warped::by_level(fitted.transform, losses, scales);
        let params = observations.params().warped(numbers.to_vec()).check()?;
        let process = params.condition(&data(inputs, &warped), fitted.hyperparameters)?;
        Ok((process, Scale::new(&warped, losses, levels)))
    }

    /// The Gaussian process of `targets` on their own scale, which should have mean 0 and variance
    /// 1.
    ///
    /// # Errors
    /// See [`Fitter::process`].
    pub fn process_as_is(
        &self,
        inputs: &Array2<f64>,
        targets: Array1<f64>,
        groups: &[usize],
    ) -> Result<GaussianProcess, GpError> {
        let params = GpParams::new().groups(groups.to_vec());
        let fitted = self.stored_or([lengths(groups), 0, 0], || {
            let rows = fitted_rows(&targets.to_vec());
            let inputs = select(inputs, &rows);
            let targets: Vec<f64> = rows.iter().map(|&row| targets[row]).collect();
            self.cache.get_or_fit(digest(&inputs, &targets, groups, &self.seed), || {
                let params = params.clone().seed(self.seed.index(rows.len() as u64));
                let process = params.fit(&Dataset::new(inputs, Array1::from(targets)))?;
                let hyperparameters = process.hyperparameters().clone();
                Ok(Fitted { transform: Transform::Identity, is_by_level: false, hyperparameters })
            })
        })?;
        params.check()?.condition(&Dataset::new(inputs.clone(), targets), fitted.hyperparameters)
    }

    /// The stored fit of this quantity, if its kernel has these numbers of length-scales, levels
    /// and warps; it may also have no warps. Else the result of `fit`, which is then stored.
    fn stored_or(
        &self,
        counts: [usize; 3],
        fit: impl FnOnce() -> Result<Fitted, GpError>,
    ) -> Result<Fitted, GpError> {
        let Some(stored) = self.stored else { return fit() };
        if let Some(fitted) = stored.find(&self.name, counts) {
            return Ok(fitted);
        }
        let fitted = fit()?;
        stored.add(&self.name, &fitted);
        Ok(fitted)
    }
}

/// The number of length-scales of columns with these groups: one per group.
fn lengths(groups: &[usize]) -> usize {
    groups.iter().max().map_or(0, |last| last + 1)
}

/// The number of fidelity levels before the end of a training; 0 if `levels` is empty, as all
/// observations are final.
fn levels_of(levels: &[usize]) -> usize {
    if levels.is_empty() { 0 } else { highest_level() }
}

/// These rows of `inputs`.
fn select(inputs: &Array2<f64>, rows: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), inputs.ncols()), |(at, column)| inputs[(rows[at], column)])
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    #[test]
    fn from_eight_final_losses_on_each_fidelity_level_has_a_scale_of_its_own() {
        let means = |ends: usize| {
            let levels: Vec<usize> = (0..ends + 12).map(|at| usize::from(at >= ends)).collect();
            let inputs = Array::from_shape_fn((levels.len(), 1), |(i, _)| (i * 7 % 20) as f64 / 20.0);
            let loss = |(at, &level): (usize, &usize)| 0.01 * (at * 3 % 7) as f64 + level as f64;
            let losses: Vec<f64> = levels.iter().enumerate().map(loss).collect();
            let fits = FitCache::default();
            let observations = Observations {
                inputs: &inputs,
                losses: &losses,
                levels: &levels,
                groups: &[0],
                kinds: &[0],
                numbers: &[0],
                is_one_of_several: false,
            };
            let process = fits.fitter(None, Seed::root(0)).process(observations);
            let targets = process.unwrap().0.targets().clone();
            let (end, rung) = targets.view().split_at(ndarray::Axis(0), ends);
            [end, rung].map(|part| part.mean().unwrap().abs())
        };
        assert!(means(8).iter().all(|&mean| mean < 1e-9), "{:?}", means(8));
        assert!(means(7).iter().all(|&mean| mean > 0.1), "{:?}", means(7));
    }

    #[test]
    fn a_remembered_fit_equals_a_new_one() {
        let inputs = Array::from_shape_fn((75, 2), |(i, j)| ((i * (3 + 2 * j)) % 75) as f64 / 75.0 - 0.5);
        let losses: Vec<f64> = inputs.rows().into_iter().map(|x| (5.0 * x[0]).sin() + x[1]).collect();
        let fits = FitCache::default();
        let at = |fits: &FitCache, count: usize| {
            let inputs = inputs.slice(ndarray::s![..count, ..]).to_owned();
            let columns = [0, 1];
            let observations = Observations {
                inputs: &inputs,
                losses: &losses[..count],
                levels: &[],
                groups: &columns,
                kinds: &[0, 0],
                numbers: &columns,
                is_one_of_several: false,
            };
            let process = fits.fitter(None, Seed::root(0)).process(observations).unwrap().0;
            process.posterior(ndarray::array![[0.41, 0.63]].view())
        };
        for count in 66..=75 {
            assert_eq!(at(&fits, count), at(&FitCache::default(), count), "{count}");
        }
        // 66 to 71 trials have one fit, 72 to 75 the next.
        assert_eq!(fits.len(), 2);
    }
}

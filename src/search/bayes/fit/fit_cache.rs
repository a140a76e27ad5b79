//! Hyperparameters that outlast a few trials.
//!
//! A fit costs more than all the rest of a suggestion, and what another trial changes in it is little once there are
//! dozens. So hyperparameters are fitted at some counts of observations only, and to a part of them where they are
//! many. Which fit a history has follows from the history alone, the notes of its trials included; that it is
//! remembered saves time and changes nothing.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use linfa::prelude::ParamGuard;
use linfa::traits::Fit;
use linfa::{Dataset, DatasetBase};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::schedule::fitted_rows;
use super::stored_fits::StoredFits;
use super::transform::{Transform, Warped};
use crate::search::Fidelity;
use crate::search::gp::GaussianProcess;
use crate::search::gp::Hyperparameters;
use crate::search::gp::Warp;
use crate::search::gp::{GpError, GpParams};
use crate::seed::Seed;

/// With fewer losses their distribution is anyone's guess, and they stay as they are.
const LEAST_TO_TRANSFORM: usize = 6;
/// From so many losses of the end on, each stage has a scale of its own: on a common one, what differs early leaves
/// little room for what differs at the end. `benches/README.md` has studies with and without.
const LEAST_BY_LEVEL: usize = 8;
/// Steps of the fit that a transform is judged by: enough to tell them apart.
const SCREENING_STEPS: usize = 8;
/// Steps of a fit with warps, from where that without them ended. As many as without warps make a suggestion dearer by
/// three quarters at 100 trials of ten numbers, and losses no lower.
const WARPING_STEPS: usize = 20;
/// What the leave-one-out density must gain by the warps, in its logarithm and a number: where nothing speaks for them,
/// numbers are left alone. Beside none, warps with this margin solve 52 of 60 problems better whose logarithms count, 26
/// of the 46 studies of a noisy Hartmann-6 that they change, and of kurobako's suites 42 better and 30 worse; without a
/// margin it is 51 of 60, 62 of 120, all of which they change, and 44 to 48.
const LEAST_GAIN: f64 = 0.5;
/// Numbers are warped from so many observations on, in all and a number, of which each warp has two exponents. At half
/// as many what does not matter among 25 numbers is warped as well, and the minimum is found later.
const LEAST_TO_WARP: (usize, usize) = (20, 3);
/// Fits that are remembered: those of the processes of a study, and of some studies side by side.
const REMEMBERED: usize = 32;

/// What a fit comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fitted {
    pub transform: Transform,
    /// Whether the losses of each stage are on a scale of their own.
    #[serde(default)]
    pub is_by_stage: bool,
    pub hyper: Hyperparameters,
}

/// Fits by a digest of all that they depend on, the latest last.
#[derive(Debug, Default)]
pub(crate) struct FitCache(Mutex<VecDeque<(u64, Fitted)>>);

impl FitCache {
    /// What fits to the quantities of one suggestion, with what is noted of them where that counts; `seed` must not
    /// depend on how many observations there are.
    pub fn fitter<'a>(&'a self, stored: Option<&'a StoredFits>, seed: Seed) -> Fitter<'a> {
        Fitter { cache: self, stored, name: String::new(), seed }
    }

    fn remembered(&self, key: u64, fit: impl FnOnce() -> Result<Fitted, GpError>) -> Result<Fitted, GpError> {
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
}

/// Fits a process to one quantity, or to those below it, by their names.
#[derive(Clone)]
pub(crate) struct Fitter<'a> {
    cache: &'a FitCache,
    stored: Option<&'a StoredFits>,
    name: String,
    seed: Seed,
}

impl Fitter<'_> {
    /// The one of the quantity `name`.
    pub fn child(&self, name: &str) -> Self {
        Self { name: format!("{}/{name}", self.name), seed: self.seed.child(name), ..self.clone() }
    }

    /// The one of quantity number `index`.
    pub fn index(&self, index: usize) -> Self {
        Self { name: format!("{}/{index}", self.name), seed: self.seed.index(index as u64), ..self.clone() }
    }

    /// The one of a quantity that is another at the next suggestion, of which nothing is noted.
    pub fn of_passing(&self) -> Self {
        Self { stored: None, ..self.clone() }
    }

    /// What all draws of this quantity come from.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The process of `losses` at the rows of `inputs`, whose columns have these `groups` and of which `numbers` may be
    /// warped, on the scale that leave-one-out density prefers. `levels` are those of the losses, none if all are of the
    /// end.
    ///
    /// # Errors
    /// There are none, or a kernel matrix has no factor.
    pub fn process(
        &self,
        inputs: &Array2<f64>,
        losses: &[f64],
        groups: &[usize],
        numbers: &[usize],
        levels: &[usize],
    ) -> Result<GaussianProcess, GpError> {
        let fitted = self.noted([lengths(groups), levels_of(levels), numbers.len()], || {
            let rows = fitted_rows(losses);
            let part = select(inputs, &rows);
            let losses_of: Vec<f64> = rows.iter().map(|&row| losses[row]).collect();
            let levels_of: Vec<usize> = rows.iter().filter_map(|&row| levels.get(row).copied()).collect();
            self.cache
                .remembered(digest(&part, &losses_of, (groups, numbers, &levels_of), &self.seed), || {
                    fit(&part, &losses_of, groups, numbers, &levels_of, &self.seed.index(rows.len() as u64))
                })
        })?;
        let scales = if fitted.is_by_stage { levels } else { &[] };
        let warped = Warped::by_level(fitted.transform, losses, scales);
        let params = GpParams::new()
            .groups(groups.to_vec())
            .warped(numbers.to_vec())
            .levels(rungs(), levels.to_vec())
            .check()?;
        params.condition(&data(inputs, &warped), fitted.hyper)
    }

    /// The process of `targets` on their own scale, which should be of mean 0 and variance 1; else as
    /// [`Fitter::process`].
    ///
    /// # Errors
    /// There are none, or a kernel matrix has no factor.
    pub fn process_as_is(
        &self,
        inputs: &Array2<f64>,
        targets: Array1<f64>,
        groups: &[usize],
    ) -> Result<GaussianProcess, GpError> {
        let params = GpParams::new().groups(groups.to_vec());
        let fitted = self.noted([lengths(groups), 0, 0], || {
            let rows = fitted_rows(&targets.to_vec());
            let (part, targets_of) =
                (select(inputs, &rows), rows.iter().map(|&row| targets[row]).collect::<Vec<_>>());
            self.cache.remembered(digest(&part, &targets_of, groups, &self.seed), || {
                let params = params.clone().seed(self.seed.index(rows.len() as u64));
                let process = params.fit(&Dataset::new(part, Array1::from(targets_of)))?;
                Ok(Fitted {
                    transform: Transform::Identity,
                    is_by_stage: false,
                    hyper: process.hyperparameters().clone(),
                })
            })
        })?;
        params.check()?.condition(&Dataset::new(inputs.clone(), targets), fitted.hyper)
    }

    /// What is noted of this quantity, for a kernel of so many length-scales and levels and so many warps or none; else
    /// what `fit` says, noted from now on.
    fn noted(
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

/// How many length-scales columns of these groups have.
fn lengths(groups: &[usize]) -> usize {
    groups.iter().max().map_or(0, |last| last + 1)
}

/// How many stages there are before the end.
fn rungs() -> usize {
    Fidelity::Bayes.rungs().len()
}

/// How many stages before the end observations of these have.
fn levels_of(levels: &[usize]) -> usize {
    if levels.is_empty() { 0 } else { rungs() }
}

/// The fit of all `losses`.
fn fit(
    inputs: &Array2<f64>,
    losses: &[f64],
    groups: &[usize],
    numbers: &[usize],
    levels: &[usize],
    seed: &Seed,
) -> Result<Fitted, GpError> {
    let params = GpParams::new().groups(groups.to_vec()).levels(rungs(), levels.to_vec()).seed(seed.clone());
    let is_by_stage = levels.iter().filter(|&&level| level == 0).count() >= LEAST_BY_LEVEL;
    let mut candidates = Warped::candidates(losses);
    if is_by_stage {
        candidates.iter_mut().for_each(|warped| *warped = Warped::by_level(warped.transform, losses, levels));
    }
    if losses.len() < LEAST_TO_TRANSFORM {
        let warped = candidates.swap_remove(0);
        let process = params.fit(&data(inputs, &warped))?;
        let hyper = process.hyperparameters().clone();
        return Ok(Fitted { transform: warped.transform, is_by_stage, hyper });
    }
    let screening = params.clone().draws(0).iterations(SCREENING_STEPS);
    let mut best: Option<(f64, GaussianProcess, Warped)> = None;
    for warped in candidates {
        let process = screening.fit(&data(inputs, &warped))?;
        let density = process.leave_one_out_density() + warped.ln_jacobian;
        if best.as_ref().is_none_or(|(highest, ..)| density > *highest) {
            best = Some((density, process, warped));
        }
    }
    let (_, process, warped) = best.expect("the identity is always a candidate");
    let process = params.clone().start(process.hyperparameters().clone()).fit(&data(inputs, &warped))?;
    let stretched = stretch(&process, params, inputs, &warped, numbers)?;
    let hyper = stretched.as_ref().unwrap_or(&process).hyperparameters().clone();
    Ok(Fitted { transform: warped.transform, is_by_stage, hyper })
}

/// `process` with warps of `numbers`, fitted on, if there are trials enough for them and they explain so much more.
fn stretch(
    process: &GaussianProcess,
    params: GpParams,
    inputs: &Array2<f64>,
    warped: &Warped,
    numbers: &[usize],
) -> Result<Option<GaussianProcess>, GpError> {
    let is_enough = warped.values.len() >= LEAST_TO_WARP.0.max(LEAST_TO_WARP.1 * numbers.len());
    if !is_enough || numbers.is_empty() {
        return Ok(None);
    }
    let start =
        Hyperparameters { warps: vec![Warp::IDENTITY; numbers.len()], ..process.hyperparameters().clone() };
    let params = params.warped(numbers.to_vec()).draws(0).iterations(WARPING_STEPS);
    let stretched = params.start(start).fit(&data(inputs, warped))?;
    let gain = stretched.leave_one_out_density() - process.leave_one_out_density();
    Ok((gain > LEAST_GAIN * numbers.len() as f64).then_some(stretched))
}

fn data(inputs: &Array2<f64>, warped: &Warped) -> DatasetBase<Array2<f64>, Array1<f64>> {
    Dataset::new(inputs.clone(), Array1::from(warped.values.clone()))
}

/// These rows of `inputs`.
fn select(inputs: &Array2<f64>, rows: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), inputs.ncols()), |(at, column)| inputs[(rows[at], column)])
}

fn digest(inputs: &Array2<f64>, losses: &[f64], kinds: impl Hash, seed: &Seed) -> u64 {
    let mut hasher = DefaultHasher::new();
    inputs.iter().chain(losses).for_each(|number| number.to_bits().hash(&mut hasher));
    (losses.len(), kinds, seed.to_u64()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    #[test]
    fn a_number_that_should_be_a_logarithm_is_warped_once_there_are_trials_enough() {
        let inputs = Array::from_shape_fn((30, 2), |(i, j)| ((i * (7 + 4 * j)) % 30) as f64 / 29.0 - 0.5);
        let losses: Vec<f64> = inputs
            .rows()
            .into_iter()
            .map(|x| ((0.001 + 0.999 * (x[0] + 0.5)).log10() + 1.8).powi(2) + x[1] * x[1])
            .collect();
        let fitted = |count: usize| {
            let part = inputs.slice(ndarray::s![..count, ..]).to_owned();
            fit(&part, &losses[..count], &[0, 1], &[0, 1], &[], &Seed::root(0)).unwrap().hyper
        };
        assert_eq!(fitted(19).warps, []);
        let warps = fitted(30).warps;
        assert!(warps[0].a < 0.6, "{warps:?}");
        assert!((0.7..1.5).contains(&warps[1].a) && (0.7..1.5).contains(&warps[1].b), "{warps:?}");
    }

    #[test]
    fn from_eight_of_the_end_on_each_stage_has_a_scale_of_its_own() {
        let means = |ends: usize| {
            let levels: Vec<usize> = (0..ends + 12).map(|at| usize::from(at >= ends)).collect();
            let inputs = Array::from_shape_fn((levels.len(), 1), |(i, _)| (i * 7 % 20) as f64 / 20.0);
            let loss = |(at, &level): (usize, &usize)| 0.01 * (at * 3 % 7) as f64 + level as f64;
            let losses: Vec<f64> = levels.iter().enumerate().map(loss).collect();
            let fits = FitCache::default();
            let process = fits.fitter(None, Seed::root(0)).process(&inputs, &losses, &[0], &[0], &levels);
            let targets = process.unwrap().targets().clone();
            let (end, rung) = targets.view().split_at(ndarray::Axis(0), ends);
            [end, rung].map(|part| part.mean().unwrap().abs())
        };
        assert!(means(8).iter().all(|&mean| mean < 1e-9), "{:?}", means(8));
        assert!(means(7).iter().all(|&mean| mean > 0.1), "{:?}", means(7));
    }

    #[test]
    fn noise_is_mostly_left_alone() {
        let is_warped = |seed: u64| {
            let mut stream = Seed::root(seed).stream();
            let inputs = Array::from_shape_fn((40, 3), |_| rand::RngExt::random::<f64>(&mut stream) - 0.5);
            let losses: Vec<f64> = (0..40).map(|_| rand::RngExt::random(&mut stream)).collect();
            let fitted = fit(&inputs, &losses, &[0, 1, 2], &[0, 1, 2], &[], &Seed::root(0)).unwrap();
            !fitted.hyper.warps.is_empty()
        };
        let warped = (0..12).filter(|&seed| is_warped(seed)).count();
        assert!(warped < 6, "{warped} of 12 warped");
    }

    #[test]
    fn what_is_remembered_is_what_is_fitted() {
        let inputs = Array::from_shape_fn((75, 2), |(i, j)| ((i * (3 + 2 * j)) % 75) as f64 / 75.0 - 0.5);
        let losses: Vec<f64> = inputs.rows().into_iter().map(|x| (5.0 * x[0]).sin() + x[1]).collect();
        let fits = FitCache::default();
        let at = |fits: &FitCache, count: usize| {
            let part = inputs.slice(ndarray::s![..count, ..]).to_owned();
            let fitter = fits.fitter(None, Seed::root(0));
            let process = fitter.process(&part, &losses[..count], &[0, 1], &[0, 1], &[]).unwrap();
            process.posterior(ndarray::array![[0.41, 0.63]].view())
        };
        for count in 66..=75 {
            assert_eq!(at(&fits, count), at(&FitCache::default(), count), "{count}");
        }
        // 66 to 71 trials have one fit, 72 to 75 the next.
        assert_eq!(fits.0.lock().unwrap().len(), 2);
    }
}

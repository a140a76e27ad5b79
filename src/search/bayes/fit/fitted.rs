//! The fit of a Gaussian process to losses: the transform of the losses, the warps of the inputs,
//! and the hyperparameters.
//!
//! The transform and the warps are chosen by the leave-one-out density, the hyperparameters by
//! maximum a posteriori.

use linfa::traits::Fit;
use linfa::{Dataset, DatasetBase};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use super::transform::{Transform, Warped};
use crate::search::Rungs;
use crate::search::gp::{GaussianProcess, GpError, GpParams, Hyperparameters, Warp, threads};
use crate::seed::Seed;

/// With fewer losses too little is known of their distribution: they are not transformed.
const LEAST_TO_TRANSFORM: usize = 6;
/// From this number of final losses on, the losses of each fidelity level are scaled separately:
/// `benches/README.md#fidelity-levels`.
const LEAST_BY_LEVEL: usize = 8;
/// Steps of the fit by which a transform is judged: enough to tell transforms apart.
const SCREENING_STEPS: usize = 8;
/// More observations are fitted in two parts, since a step costs O(n³): first this number of them, then
/// a few steps with all.
const COARSE: usize = 120;
const REFINING_STEPS: usize = 6;
/// Steps of a fit with warps, which starts where the fit without warps ended:
/// `benches/README.md#input-warps`.
const WARPING_STEPS: usize = 20;
/// Inputs are warped only if warping raises the log leave-one-out density by more than this per
/// numeric column: `benches/README.md#input-warps`.
const LEAST_GAIN: f64 = 0.5;
/// Inputs are warped from this number of observations on: the larger of the first number and of the
/// second number times the numeric columns. See `benches/README.md#input-warps`.
const LEAST_TO_WARP: (usize, usize) = (20, 3);

/// The result of a fit. Trials carry it in their internal attributes, so its JSON keys must stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fitted {
    pub transform: Transform,
    /// Whether the losses of each fidelity level are on a scale of their own.
    #[serde(default, rename = "is_by_stage")]
    pub is_by_level: bool,
    #[serde(rename = "hyper")]
    pub hyperparameters: Hyperparameters,
}

/// The observations of a loss that a Gaussian process is fitted to.
#[derive(Clone, Copy)]
pub(crate) struct Observations<'a> {
    /// One row per observation.
    pub inputs: &'a Array2<f64>,
    /// The loss of each observation.
    pub losses: &'a [f64],
    /// The fidelity level of each observation, 0 for the end of a training; empty if all are 0.
    pub levels: &'a [usize],
    /// The group of each column. Columns of a group share a length-scale.
    pub groups: &'a [usize],
    /// The kind of each group: length-scales of one kind are alike unless the losses say otherwise.
    pub kinds: &'a [usize],
    /// Columns that may be warped.
    pub numbers: &'a [usize],
    /// Whether the loss is one of several. A gain of several losses is a gain of the losses
    /// themselves, which their logarithms would hide: `benches/README.md#reference-point`.
    pub is_one_of_several: bool,
}

impl Observations<'_> {
    /// The fit to all of the observations.
    ///
    /// # Errors
    /// There are no observations, or a kernel matrix has no Cholesky factor.
    pub fn fit(self, seed: &Seed) -> Result<Fitted, GpError> {
        if self.losses.len() <= COARSE {
            return self.fit_all(seed);
        }
        let rows: Vec<usize> = (0..COARSE).map(|place| place * self.losses.len() / COARSE).collect();
        let inputs = self.inputs.select(Axis(0), &rows);
        let losses: Vec<f64> = rows.iter().map(|&row| self.losses[row]).collect();
        let levels: Vec<usize> = rows.iter().filter_map(|&row| self.levels.get(row).copied()).collect();
        let coarse = Observations { inputs: &inputs, losses: &losses, levels: &levels, ..self };
        self.refine(coarse.fit_all(seed)?)
    }

    /// The fit `coarse` to a part of the observations, fitted to all of them.
    fn refine(self, coarse: Fitted) -> Result<Fitted, GpError> {
        let levels = if coarse.is_by_level { self.levels } else { &[] };
        let warped = Warped::by_level(coarse.transform, self.losses, levels);
        let has_warps = !coarse.hyperparameters.warps.is_empty();
        let params = if has_warps { self.params().warped(self.numbers.to_vec()) } else { self.params() };
        let params = params.draws(0).iterations(REFINING_STEPS).start(coarse.hyperparameters.clone());
        let hyperparameters = params.fit(&data(self.inputs, &warped))?.hyperparameters().clone();
        Ok(Fitted { hyperparameters, ..coarse })
    }

    /// The fit to all of the observations at once.
    fn fit_all(self, seed: &Seed) -> Result<Fitted, GpError> {
        let Self { inputs, losses, levels, .. } = self;
        let params = self.params().seed(seed.clone());
        let is_by_level = levels.iter().filter(|&&level| level == 0).count() >= LEAST_BY_LEVEL;
        let mut candidates = Warped::candidates(losses);
        candidates.retain(|warped| !(self.is_one_of_several && warped.transform == Transform::Log));
        if is_by_level {
            candidates
                .iter_mut()
                .for_each(|warped| *warped = Warped::by_level(warped.transform, losses, levels));
        }
        if losses.len() < LEAST_TO_TRANSFORM {
            let warped = candidates.swap_remove(0);
            let process = params.fit(&data(inputs, &warped))?;
            let hyperparameters = process.hyperparameters().clone();
            return Ok(Fitted { transform: warped.transform, is_by_level, hyperparameters });
        }
        let screening = params.clone().draws(0).iterations(SCREENING_STEPS);
        let screened = threads::map(candidates, |warped| {
            let process = screening.fit(&data(inputs, &warped))?;
            Ok::<_, GpError>((process.leave_one_out_density() + warped.ln_jacobian, process, warped))
        });
        let mut best: Option<(f64, GaussianProcess, Warped)> = None;
        for candidate in screened {
            let candidate = candidate?;
            if best.as_ref().is_none_or(|(highest, ..)| candidate.0 > *highest) {
                best = Some(candidate);
            }
        }
        let (_, process, warped) = best.expect("the identity is always a candidate");
        let process = params.clone().start(process.hyperparameters().clone()).fit(&data(inputs, &warped))?;
        let stretched = self.stretch(&process, params, &warped)?;
        let hyperparameters = stretched.as_ref().unwrap_or(&process).hyperparameters().clone();
        Ok(Fitted { transform: warped.transform, is_by_level, hyperparameters })
    }

    /// `process` fitted again with warps of the numeric columns. `None` if there are too few
    /// observations, or if the warps do not explain them better by [`LEAST_GAIN`].
    fn stretch(
        self,
        process: &GaussianProcess,
        params: GpParams,
        warped: &Warped,
    ) -> Result<Option<GaussianProcess>, GpError> {
        let Self { inputs, numbers, .. } = self;
        let is_enough = warped.values.len() >= LEAST_TO_WARP.0.max(LEAST_TO_WARP.1 * numbers.len());
        if !is_enough || numbers.is_empty() {
            return Ok(None);
        }
        let warps = vec![Warp::IDENTITY; numbers.len()];
        let start = Hyperparameters { warps, ..process.hyperparameters().clone() };
        let params = params.warped(numbers.to_vec()).draws(0).iterations(WARPING_STEPS);
        let stretched = params.start(start).fit(&data(inputs, warped))?;
        let gain = stretched.leave_one_out_density() - process.leave_one_out_density();
        Ok((gain > LEAST_GAIN * numbers.len() as f64).then_some(stretched))
    }

    /// Settings of a Gaussian process of these columns and levels, without warps.
    pub fn params(self) -> GpParams {
        let params = GpParams::new().groups(self.groups.to_vec()).kinds(self.kinds.to_vec());
        params.levels(highest_level(), self.levels.to_vec())
    }
}

/// The highest fidelity level: each rung (a step at which trials pause) is one level.
pub(crate) fn highest_level() -> usize {
    Rungs::MODEL.count()
}

/// `inputs` with the transformed losses as targets.
pub(crate) fn data(inputs: &Array2<f64>, warped: &Warped) -> DatasetBase<Array2<f64>, Array1<f64>> {
    Dataset::new(inputs.clone(), Array1::from(warped.values.clone()))
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    /// The hyperparameters of the fit to `losses`, every column a number.
    fn fitted(inputs: &Array2<f64>, losses: &[f64]) -> Hyperparameters {
        fitted_with(inputs, losses, &vec![0; inputs.ncols()])
    }

    /// The same with numbers of these kinds.
    fn fitted_with(inputs: &Array2<f64>, losses: &[f64], kinds: &[usize]) -> Hyperparameters {
        let columns: Vec<usize> = (0..inputs.ncols()).collect();
        let observations = Observations {
            inputs,
            losses,
            levels: &[],
            groups: &columns,
            kinds,
            numbers: &columns,
            is_one_of_several: false,
        };
        observations.fit(&Seed::root(0)).unwrap().hyperparameters
    }

    #[test]
    fn a_parameter_whose_logarithm_counts_is_warped_once_there_are_enough_trials() {
        let inputs = Array::from_shape_fn((30, 2), |(i, j)| ((i * (7 + 4 * j)) % 30) as f64 / 29.0 - 0.5);
        let losses: Vec<f64> = inputs
            .rows()
            .into_iter()
            .map(|x| ((0.001 + 0.999 * (x[0] + 0.5)).log10() + 1.8).powi(2) + x[1] * x[1])
            .collect();
        let fitted =
            |count: usize| fitted(&inputs.slice(ndarray::s![..count, ..]).to_owned(), &losses[..count]).warps;
        assert_eq!(fitted(19), []);
        let warps = fitted(30);
        assert!(warps[0].a < 0.6, "{warps:?}");
        assert!((0.7..1.5).contains(&warps[1].a) && (0.7..1.5).contains(&warps[1].b), "{warps:?}");
    }

    #[test]
    fn numbers_of_one_kind_have_like_length_scales_until_the_losses_tell_them_apart() {
        let inputs = Array::from_shape_fn((40, 4), |(i, j)| ((i * (7 + 4 * j)) % 41) as f64 / 40.0 - 0.5);
        // By how much the length-scale of the only number that counts differs from the nearest other.
        let ratio = |count: usize, kinds: &[usize]| {
            let inputs = inputs.slice(ndarray::s![..count, ..]).to_owned();
            let losses: Vec<f64> = inputs.column(0).iter().map(|x| (9.0 * x).sin()).collect();
            let lengths = fitted_with(&inputs, &losses, kinds).lengths;
            lengths[1..].iter().fold(f64::INFINITY, |least, length| least.min(length / lengths[0]))
        };
        let (alike, separate) = ([0; 4], [0, 1, 2, 3]);
        assert!(ratio(10, &alike) < 2.0, "{}", ratio(10, &alike));
        assert!(ratio(10, &separate) > 4.0, "{}", ratio(10, &separate));
        assert!(ratio(40, &alike) > 5.0, "{}", ratio(40, &alike));
    }

    #[test]
    fn losses_of_pure_noise_are_rarely_warped() {
        let is_warped = |seed: u64| {
            let mut stream = Seed::root(seed).stream();
            let inputs = Array::from_shape_fn((40, 3), |_| rand::RngExt::random::<f64>(&mut stream) - 0.5);
            let losses: Vec<f64> = (0..40).map(|_| rand::RngExt::random(&mut stream)).collect();
            !fitted(&inputs, &losses).warps.is_empty()
        };
        let warped = (0..12).filter(|&seed| is_warped(seed)).count();
        assert!(warped < 6, "{warped} of 12 warped");
    }

    #[test]
    fn the_json_keys_of_a_fit_are_those_of_version_0_1() {
        let json = r#"{"transform":"half-rank","is_by_stage":true,"hyper":{"lengths":[0.5],"scale":1.0,"noise":0.25,"stages":[{"gap":0.5,"noise":0.125}],"warps":[{"a":1.0,"b":2.0}]}}"#;
        let fitted: Fitted = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&fitted).unwrap(), json);
        assert!(fitted.is_by_level);
        assert_eq!(fitted.hyperparameters.levels.len(), 1);
    }
}

//! Settings of a Gaussian process and its fit, in the style of the crate linfa:
//! `GpParams::new().draws(8).fit(&data)?`.

use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::Fit;
use ndarray::{Array1, Array2};

use super::error::GpError;
use super::evidence::Evidence;
use super::hyperparameters::{Hyperparameters, Prior};
use super::lbfgs::{self, Stopping};
use super::process::GaussianProcess;
use super::threads;
use crate::seed::Seed;

/// Settings of a Gaussian process, not yet checked.
///
/// ```
/// use linfa::prelude::*;
/// use ndarray::{Array, Axis};
/// use spiketune::search::gp::GpParams;
///
/// let x = Array::linspace(0.0, 1.0, 9).insert_axis(Axis(1));
/// let y = x.column(0).mapv(|x: f64| (6.0 * x).sin());
/// let process = GpParams::new().fit(&Dataset::new(x, y))?;
/// let posterior = process.posterior(ndarray::array![[0.4]].view());
/// assert!((posterior.mean[0] - 2.4f64.sin()).abs() < 0.05);
/// # Ok::<(), spiketune::search::gp::GpError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GpParams(GpValidParams);

/// Checked settings of a Gaussian process.
#[derive(Clone, Debug, PartialEq)]
pub struct GpValidParams {
    groups: Option<Vec<usize>>,
    kinds: Option<Vec<usize>>,
    numbers: Vec<usize>,
    levels: Levels,
    draws: usize,
    iterations: usize,
    tolerance: f64,
    start: Option<Hyperparameters>,
    seed: Seed,
}

/// The fidelity levels of the observations.
#[derive(Clone, Debug, Default, PartialEq)]
struct Levels {
    highest: usize,
    /// The level of each observation; empty if all are 0.
    of_each: Vec<usize>,
}

impl Default for GpParams {
    fn default() -> Self {
        Self::new()
    }
}

impl GpParams {
    /// One length-scale per column, and the defaults of the fit.
    pub fn new() -> Self {
        // After 60 steps, or at a tolerance of 1e-2 in the logarithms, predictions change by less
        // than the noise.
        Self(GpValidParams {
            groups: None,
            kinds: None,
            numbers: Vec::new(),
            levels: Levels::default(),
            draws: 4,
            iterations: 60,
            tolerance: 1e-2,
            start: None,
            seed: Seed::root(0),
        })
    }

    /// Sets the group of each column; groups are counted from 0, and none may be empty. Columns of
    /// a group share a length-scale.
    pub fn groups(mut self, groups: Vec<usize>) -> Self {
        self.0.groups = Some(groups);
        self
    }

    /// Sets the kind of each group: length-scales of one kind are alike unless the data say otherwise.
    /// Default: each group is a kind of its own.
    pub fn kinds(mut self, kinds: Vec<usize>) -> Self {
        self.0.kinds = Some(kinds);
        self
    }

    /// Sets the columns that are warped; they must have numbers from -½ to ½. The warps are fitted.
    /// Default: none.
    pub fn warped(mut self, numbers: Vec<usize>) -> Self {
        self.0.numbers = numbers;
        self
    }

    /// Sets the fidelity level of each observation, from 0 to `highest`. An empty list, the
    /// default, means that all are 0.
    ///
    /// The process predicts level 0. Every other level differs from it by a discrepancy, a Gaussian
    /// process of its own.
    pub fn levels(mut self, highest: usize, of_each: Vec<usize>) -> Self {
        self.0.levels = Levels { highest: if of_each.is_empty() { 0 } else { highest }, of_each };
        self
    }

    /// Sets the number of random hyperparameters; default 4. The fit climbs from the mode of the
    /// prior, and from the likeliest of these random ones. A larger number finds the global optimum
    /// more surely, but slower.
    pub fn draws(mut self, draws: usize) -> Self {
        self.0.draws = draws;
        self
    }

    /// Sets the most steps of one ascent; default 60. With 0 the hyperparameters keep their start.
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.0.iterations = iterations;
        self
    }

    /// Sets the tolerance of an ascent; positive, default 1e-2. An ascent ends where no derivative
    /// of the log posterior by the logarithm of a hyperparameter is larger.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.0.tolerance = tolerance;
        self
    }

    /// Sets the start of the first ascent, in place of the mode of the prior.
    pub fn start(mut self, start: Hyperparameters) -> Self {
        self.0.start = Some(start);
        self
    }

    /// Sets the seed of the random hyperparameters.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.0.seed = seed;
        self
    }
}

impl ParamGuard for GpParams {
    type Checked = GpValidParams;
    type Error = GpError;

    fn check_ref(&self) -> Result<&GpValidParams, GpError> {
        if self.0.tolerance > 0.0 { Ok(&self.0) } else { Err(GpError::Tolerance(self.0.tolerance)) }
    }

    fn check(self) -> Result<GpValidParams, GpError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl Fit<Array2<f64>, Array1<f64>, GpError> for GpValidParams {
    type Object = GaussianProcess;

    /// Fits the hyperparameters by maximum a posteriori. The targets should have mean 0 and
    /// variance 1, as the priors expect.
    fn fit(&self, data: &DatasetBase<Array2<f64>, Array1<f64>>) -> Result<GaussianProcess, GpError> {
        let groups = self.groups_of(&data.records);
        let lengths = groups.iter().max().map_or(0, |most| most + 1);
        let kinds = self.kinds_of(lengths)?;
        let prior = Prior::new(&kinds, self.levels.highest, self.numbers.len());
        let evidence = self.evidence(data, &groups, prior)?;
        GaussianProcess::new(evidence, self.ascend(evidence))
    }
}

impl GpValidParams {
    /// A Gaussian process of `data` with the hyperparameters `hyper`, without a fit.
    ///
    /// # Errors
    /// Data, settings and `hyper` do not fit together, or the kernel matrix has no Cholesky factor.
    pub(crate) fn condition(
        &self,
        data: &DatasetBase<Array2<f64>, Array1<f64>>,
        hyper: Hyperparameters,
    ) -> Result<GaussianProcess, GpError> {
        let groups = self.groups_of(&data.records);
        let kinds = self.kinds_of(hyper.lengths.len())?;
        let prior = Prior::new(&kinds, hyper.levels.len(), hyper.warps.len());
        GaussianProcess::new(self.evidence(data, &groups, prior)?, hyper)
    }

    /// The group of each column; without groups each column is one.
    fn groups_of(&self, inputs: &Array2<f64>) -> Vec<usize> {
        self.groups.clone().unwrap_or_else(|| (0..inputs.ncols()).collect())
    }

    /// The kind of each of this number of groups; without kinds each is one.
    fn kinds_of(&self, groups: usize) -> Result<Vec<usize>, GpError> {
        let kinds = self.kinds.clone().unwrap_or_else(|| (0..groups).collect());
        let are_all = kinds.len() == groups;
        if are_all { Ok(kinds) } else { Err(GpError::Kinds { kinds: kinds.len(), groups }) }
    }

    /// The evidence (marginal likelihood) of `data`, if data and settings fit together.
    fn evidence<'a>(
        &'a self,
        data: &'a DatasetBase<Array2<f64>, Array1<f64>>,
        groups: &'a [usize],
        prior: Prior<'a>,
    ) -> Result<Evidence<'a>, GpError> {
        let (inputs, targets) = (&data.records, &data.targets);
        check_data(inputs, targets, groups, &self.numbers)?;
        let Levels { highest, of_each: levels } = &self.levels;
        if !levels.is_empty() && (levels.len() != targets.len() || levels.iter().any(|level| level > highest))
        {
            return Err(GpError::Levels { levels: levels.len(), targets: targets.len(), highest: *highest });
        }
        Ok(Evidence { inputs, targets, groups, numbers: &self.numbers, levels, prior })
    }

    /// The likeliest hyperparameters of all ascents.
    fn ascend(&self, evidence: Evidence<'_>) -> Hyperparameters {
        let prior = evidence.prior;
        let bounds = prior.bounds();
        let mut ignored = vec![0.0; bounds.len()];
        let mut stream = self.seed.stream();
        let mut drawn: Vec<(f64, Vec<f64>)> = (0..self.draws)
            .map(|_| {
                let logs = prior.draw(&mut stream).to_logs();
                (evidence.loss(&logs, &mut ignored), logs)
            })
            .collect();
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
        let first = self.start.clone().unwrap_or_else(|| prior.mode()).to_logs();
        let starts = std::iter::once(first).chain(drawn.into_iter().take(1).map(|(_, logs)| logs));
        let stopping = Stopping { iterations: self.iterations, gradient: self.tolerance, decrease: 0.0 };
        let ascent = |start: Vec<f64>| {
            lbfgs::minimize(&start, &bounds, stopping, |logs, slope| evidence.loss(logs, slope))
        };
        let best = threads::map(starts.collect(), ascent)
            .into_iter()
            .min_by(|a, b| a.value.total_cmp(&b.value))
            .expect("there is a first start");
        Hyperparameters::from_logs(&best.point, prior.groups(), prior.levels())
    }
}

/// Checks that shapes agree and that all numbers are finite.
fn check_data(
    inputs: &Array2<f64>,
    targets: &Array1<f64>,
    groups: &[usize],
    numbers: &[usize],
) -> Result<(), GpError> {
    if inputs.nrows() != targets.len() || targets.is_empty() {
        return Err(GpError::Count { inputs: inputs.nrows(), targets: targets.len() });
    }
    if groups.len() != inputs.ncols() {
        return Err(GpError::Groups { groups: groups.len(), columns: inputs.ncols() });
    }
    if let Some(&column) = numbers.iter().find(|&&column| column >= inputs.ncols()) {
        return Err(GpError::Warped { column, columns: inputs.ncols() });
    }
    let is_finite = inputs.iter().chain(targets).all(|x| x.is_finite());
    if is_finite { Ok(()) } else { Err(GpError::NotFinite) }
}

#[cfg(test)]
mod tests {
    use linfa::Dataset;
    use ndarray::{Array, array};

    use super::*;

    #[test]
    fn the_fit_finds_which_input_matters_and_how_noisy_the_targets_are() {
        let inputs = Array::from_shape_fn((40, 2), |(i, j)| ((i * (7 + 4 * j)) % 40) as f64 / 40.0);
        let noise = |i: usize| 0.3 * (((i * 17) % 40) as f64 / 20.0 - 1.0);
        let targets: Array1<f64> =
            inputs.column(0).iter().enumerate().map(|(i, x)| 1.4 * (7.0 * x).sin() + noise(i)).collect();
        let process = GpParams::new().fit(&Dataset::new(inputs, targets)).unwrap();
        let fitted = process.hyperparameters();
        assert!(fitted.lengths[1] > 5.0 * fitted.lengths[0], "{fitted:?}");
        // The variance of noise uniform in ±0.3 is 0.03.
        assert!((0.01..0.09).contains(&fitted.noise), "{fitted:?}");
    }

    #[test]
    fn data_and_settings_that_do_not_fit_are_errors() {
        let fit = |params: GpParams, x: Array2<f64>, y: Array1<f64>| {
            params.fit(&Dataset::new(x, y)).expect_err("not to be fitted").to_string()
        };
        let (x, y) = (array![[0.0], [1.0]], array![0.0, 1.0]);
        assert_eq!(
            fit(GpParams::new().tolerance(0.0), x.clone(), y.clone()),
            "gradient tolerance = 0: must be positive"
        );
        let warped = fit(GpParams::new().warped(vec![1]), x.clone(), y.clone());
        assert!(warped.starts_with("column 1 of 1 to be warped"), "{warped}");
        assert!(
            fit(GpParams::new().groups(vec![0, 1]), x.clone(), y.clone()).starts_with("groups of 2 columns")
        );
        let kinds = fit(GpParams::new().kinds(vec![0, 0]), x.clone(), y);
        assert_eq!(kinds, "kinds of 2 groups of columns, of 1 in all: must be one kind per group");
        let leveled = fit(GpParams::new().levels(1, vec![0, 2]), x.clone(), array![0.0, 1.0]);
        assert_eq!(leveled, "2 fidelity levels of 2 targets: must be one per target, each at most 1");
        assert!(fit(GpParams::new(), x, array![0.0, f64::NAN]).starts_with("an input or target"));
        assert!(fit(GpParams::new(), Array2::zeros((0, 1)), array![]).starts_with("0 inputs"));
    }
}

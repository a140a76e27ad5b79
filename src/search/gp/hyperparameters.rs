//! The hyperparameters of the Gaussian process, and their priors. LogNormal(m, d) is the
//! distribution whose logarithm is normal with mean m and standard deviation d.
//!
//! - Length-scale: LogNormal(√2 + ½ ln G, √3) for G length-scales (Hvarfner et al. 2024, "Vanilla
//!   Bayesian optimization performs great in high dimensions"). With more inputs the function is
//!   smoother in each. Where some length-scales are of one kind, this is the prior of the mean of their
//!   logarithms. Each logarithm then differs from the mean by Student's t with 3 degrees of freedom and
//!   scale ½: few observations cannot tell inputs apart, and many may:
//!   `benches/README.md#length-scales-of-one-kind`.
//! - Signal variance s²: Gamma with shape 2 and rate 1, the prior of Optuna's GP sampler for
//!   standardized values.
//! - Noise variance σ²: LogNormal(-2, √3). Its mode is e⁻⁵, as that of LogNormal(-4, 1), BoTorch's
//!   prior for standardized values. It is wider, since many losses have no noise:
//!   `benches/README.md#noise-prior`.
//! - A fidelity level, such as a rung of a training, has two variances. That of the discrepancy
//!   from the final losses: LogNormal(-1, 1). That of its noise: LogNormal(-3, 1).
//! - Exponents a and b of an input warp: LogNormal(0.1, √0.1). Its mode is 1, which warps nothing.
//!
//! The logarithms of all hyperparameters are optimized. Densities are those of the hyperparameters
//! themselves, so the mode of the prior is the mode of these distributions.

use std::collections::BTreeSet;
use std::f64::consts::SQRT_2;

use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::warp::Warp;
use crate::seed::Stream;

/// Bounds of a length-scale. Below the first, neighbouring trials would tell nothing of each other.
/// Above the second, an input has no effect.
const LENGTHS: (f64, f64) = (0.025, 100.0);
/// Bounds of the signal variance.
const SCALES: (f64, f64) = (0.01, 100.0);
/// Bounds of a noise variance. The lower bound is above rounding errors:
/// `benches/README.md#noise-prior`.
const NOISES: (f64, f64) = (1e-10, 10.0);
/// Bounds of the variance of a discrepancy. With the first it is negligible. With the second a
/// fidelity level tells nothing of the end of a training.
const DISCREPANCIES: (f64, f64) = (1e-6, 100.0);
/// Bounds of both exponents of a warp. With the lowest exponent, a tenth of the range at one end is
/// stretched to two thirds of it.
const WARPS: (f64, f64) = (0.2, 5.0);

/// Variance of the logarithm of a length-scale.
const LENGTH_SPREAD: f64 = 3.0;
/// Degrees of freedom and scale of Student's t, by which the logarithm of a length-scale differs from the mean
/// of its kind: `benches/README.md#length-scales-of-one-kind`.
const KIND_FREEDOM: f64 = 3.0;
const KIND_SCALE: f64 = 0.5;
/// Mean and variance of the logarithm of the noise variance.
const NOISE_LOCATION: f64 = -2.0;
const NOISE_SPREAD: f64 = 3.0;
/// Means of the logarithms of a fidelity level's variances, of its discrepancy and its noise:
/// `benches/README.md#fidelity-levels`.
const LEVEL_LOCATIONS: [f64; 2] = [-1.0, -3.0];
/// Variance of the logarithm of an exponent of a warp, as in Ax: `benches/README.md#input-warps`.
const WARP_SPREAD: f64 = 0.1;

/// Hyperparameters of the kernel s² m(r²) (see `kernel.rs`), of the noise, and of fidelity levels
/// and warps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hyperparameters {
    /// One length-scale per group of columns, in units of the inputs.
    pub lengths: Vec<f64>,
    /// Signal variance s², in squared units of the targets.
    pub scale: f64,
    /// Noise variance σ², in squared units of the targets.
    pub noise: f64,
    /// One entry per fidelity level before the end; empty if all observations are final.
    #[serde(default, rename = "stages", skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<FidelityLevel>,
    /// One warp per warped column; empty if no column is warped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warps: Vec<Warp>,
}

/// How observations of a fidelity level differ from final ones: by a discrepancy, which is a
/// Gaussian process with the same length-scales, and by their noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FidelityLevel {
    /// Variance of the discrepancy, in squared units of the targets.
    #[serde(rename = "gap")]
    pub discrepancy: f64,
    /// Noise variance, in squared units of the targets.
    pub noise: f64,
}

impl Hyperparameters {
    /// (ln l_1, ..., ln l_G, ln s², ln σ², ln discrepancy_1, ln noise_1, ..., ln a_1, ln b_1, ...).
    pub(crate) fn to_logs(&self) -> Vec<f64> {
        let warps = self.warps.iter().flat_map(|warp| [&warp.a, &warp.b]);
        let levels = self.levels.iter().flat_map(|level| [&level.discrepancy, &level.noise]);
        let all = self.lengths.iter().chain([&self.scale, &self.noise]).chain(levels).chain(warps);
        all.map(|x| x.ln()).collect()
    }

    /// The inverse of [`Self::to_logs`] for `count` length-scales and this number of levels.
    pub(crate) fn from_logs(logs: &[f64], count: usize, levels: usize) -> Self {
        let lengths = logs[..count].iter().map(|x| x.exp()).collect();
        let warp = |pair: &[f64]| Warp { a: pair[0].exp(), b: pair[1].exp() };
        let level = |pair: &[f64]| FidelityLevel { discrepancy: pair[0].exp(), noise: pair[1].exp() };
        let (of_levels, of_warps) = logs[count + 2..].split_at(2 * levels);
        let levels = of_levels.chunks_exact(2).map(level).collect();
        let warps = of_warps.chunks_exact(2).map(warp).collect();
        Self { lengths, scale: logs[count].exp(), noise: logs[count + 1].exp(), levels, warps }
    }
}

/// The prior of the hyperparameters of a Gaussian process with these length-scales, and these numbers
/// of fidelity levels and warps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prior<'a> {
    kinds: &'a [usize],
    levels: usize,
    warps: usize,
}

impl<'a> Prior<'a> {
    /// A prior for length-scales of these kinds, and for these numbers of levels before the end, and
    /// warps.
    pub(crate) fn new(kinds: &'a [usize], levels: usize, warps: usize) -> Self {
        Self { kinds, levels, warps }
    }

    /// The number of length-scales.
    pub(crate) fn groups(self) -> usize {
        self.kinds.len()
    }

    /// The number of fidelity levels before the end.
    pub(crate) fn levels(self) -> usize {
        self.levels
    }

    /// Mean of the logarithm of a length-scale.
    fn length_location(self) -> f64 {
        SQRT_2 + 0.5 * (self.groups().max(1) as f64).ln()
    }

    /// The most probable hyperparameters.
    pub(crate) fn mode(self) -> Hyperparameters {
        let [discrepancy, noise] = LEVEL_LOCATIONS.map(|location| (location - 1.0).exp());
        let length = (self.length_location() - LENGTH_SPREAD).exp().clamp(LENGTHS.0, LENGTHS.1);
        Hyperparameters {
            lengths: vec![length; self.groups()],
            scale: 1.0,
            noise: (NOISE_LOCATION - NOISE_SPREAD).exp(),
            levels: vec![FidelityLevel { discrepancy, noise }; self.levels],
            warps: vec![Warp::IDENTITY; self.warps],
        }
    }

    /// Random hyperparameters around the mode, without warps, as another start of an ascent.
    pub(crate) fn draw(self, stream: &mut Stream) -> Hyperparameters {
        let mut logs = self.mode().to_logs();
        let noise = self.groups() + 1;
        let drawn = noise + 1 + 2 * self.levels;
        for (at, (log, (low, high))) in logs.iter_mut().zip(self.bounds()).take(drawn).enumerate() {
            let step: f64 = StandardNormal.sample(stream);
            let deviation = if at == noise { NOISE_SPREAD.sqrt() } else { 1.0 };
            *log = (*log + deviation * step).clamp(low, high);
        }
        Hyperparameters::from_logs(&logs, self.groups(), self.levels)
    }

    /// Bounds of the logarithm of every hyperparameter.
    pub(crate) fn bounds(self) -> Vec<(f64, f64)> {
        let lengths = std::iter::repeat_n(LENGTHS, self.groups());
        let warps = std::iter::repeat_n(WARPS, 2 * self.warps);
        let levels = std::iter::repeat_n([DISCREPANCIES, NOISES], self.levels).flatten();
        lengths
            .chain([SCALES, NOISES])
            .chain(levels)
            .chain(warps)
            .map(|(low, high)| (low.ln(), high.ln()))
            .collect()
    }

    /// The log density of hyperparameters with the logarithms `logs`, up to a constant. Adds its
    /// derivatives by the logarithms to `gradient`.
    pub(crate) fn ln_density(self, logs: &[f64], gradient: &mut [f64]) -> f64 {
        let distinct: BTreeSet<usize> = self.kinds.iter().copied().collect();
        let mut total: f64 =
            distinct.into_iter().map(|kind| self.ln_density_of_kind(kind, logs, gradient)).sum();
        // Gamma(2, 1): ln p = ln s² - s² + constant.
        let scale = logs[self.groups()];
        gradient[self.groups()] += 1.0 - scale.exp();
        total += scale - scale.exp();
        let noise = self.groups() + 1;
        total += ln_log_normal(logs[noise], NOISE_LOCATION, NOISE_SPREAD, &mut gradient[noise]);
        let warps = noise + 1 + 2 * self.levels;
        for (at, location) in (noise + 1..warps).zip(LEVEL_LOCATIONS.into_iter().cycle()) {
            total += ln_log_normal(logs[at], location, 1.0, &mut gradient[at]);
        }
        // Log-normal around a mode of 1.
        for (log, slope) in logs[warps..].iter().zip(&mut gradient[warps..]) {
            *slope -= log / WARP_SPREAD;
            total -= 0.5 * log * log / WARP_SPREAD;
        }
        total
    }
}

impl Prior<'_> {
    /// The log density of the length-scales of one `kind`, up to a constant. Adds its derivatives to `gradient`.
    fn ln_density_of_kind(self, kind: usize, logs: &[f64], gradient: &mut [f64]) -> f64 {
        let members = || (0..self.groups()).filter(|&group| self.kinds[group] == kind);
        let count = members().count() as f64;
        let mean = members().map(|group| logs[group]).sum::<f64>() / count;
        let mut by_mean = 0.0;
        let mut total = ln_log_normal(mean, self.length_location(), LENGTH_SPREAD, &mut by_mean);
        for group in members() {
            let mut slope = 0.0;
            total += ln_student(logs[group] - mean, &mut slope);
            gradient[group] += slope;
            by_mean -= slope;
        }
        members().for_each(|group| gradient[group] += by_mean / count);
        total
    }
}

/// The log density of Student's t with scale [`KIND_SCALE`] at `distance`, up to a constant. Adds its derivative to
/// `slope`.
fn ln_student(distance: f64, slope: &mut f64) -> f64 {
    let unit = KIND_FREEDOM * KIND_SCALE * KIND_SCALE;
    let tail = 1.0 + distance * distance / unit;
    *slope -= (KIND_FREEDOM + 1.0) * distance / (unit * tail);
    -0.5 * (KIND_FREEDOM + 1.0) * tail.ln()
}

/// The log density of a log-normal variable whose logarithm is `log`, up to a constant. `location`
/// and `spread` are the mean and the variance of the logarithm. Adds the derivative by `log` to
/// `slope`.
fn ln_log_normal(log: f64, location: f64, spread: f64, slope: &mut f64) -> f64 {
    let distance = log - location;
    *slope -= 1.0 + distance / spread;
    -log - 0.5 * distance * distance / spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_zero_at_the_mode_and_matches_differences_elsewhere() {
        let prior = Prior::new(&[0, 1, 0], 1, 1);
        let mut gradient = vec![0.0; 9];
        prior.ln_density(&prior.mode().to_logs(), &mut gradient);
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-12), "{gradient:?}");

        let logs = [0.3, -1.0, 2.0, 0.7, -3.0, -0.7, -2.2, 0.4, -0.9];
        let mut gradient = vec![0.0; 9];
        prior.ln_density(&logs, &mut gradient);
        for i in 0..9 {
            let at = |step: f64| {
                let mut moved = logs;
                moved[i] += step;
                prior.ln_density(&moved, &mut [0.0; 9])
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[i] - difference).abs() < 1e-8, "{i}: {} and {difference}", gradient[i]);
        }
    }

    #[test]
    fn the_mode_of_a_length_scale_grows_with_the_square_root_of_their_number() {
        // exp(√2 - 3) √D = 0.2048 √D
        for (groups, length) in [(1, 0.2048), (4, 0.4096), (100, 2.048)] {
            let kinds: Vec<usize> = (0..groups).collect();
            assert!((Prior::new(&kinds, 0, 0).mode().lengths[0] / length - 1.0).abs() < 1e-3);
        }
    }
}

//! The hyperparameters of the Gaussian process and what is believed of them before any data.
//!
//! - length-scale: LogNormal(√2 + ½ ln G, √3) for G length-scales (Hvarfner et al. 2024, "Vanilla Bayesian
//!   optimization performs great in high dimensions"): the more inputs, the smoother in each.
//! - signal variance s²: Gamma of shape 2 and rate 1, the prior of Optuna's GP sampler for standardised values.
//! - exponents a and b of a warp: LogNormal(0.1, √0.1), whose mode is the identity.
//! - noise variance σ²: LogNormal(-2, √3): the mode e⁻⁵ of LogNormal(-4, 1), BoTorch's prior for standardised values,
//!   but wider to either side, since many a loss has no noise at all.
//! - of a stage, the variance of what it differs by from the end: LogNormal(-1, 1), and its noise variance:
//!   LogNormal(-3, 1): what is measured early tells of the end, but not all.
//!
//! Everything is optimised in logarithms; the densities are those of the parameters themselves, so the
//! mode of the prior is the mode that these papers mean.

use std::f64::consts::SQRT_2;

use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::warp::Warp;
use crate::seed::Stream;

/// Smallest and largest length-scale: below, neighbouring trials tell nothing of each other; above, an
/// input plays no role.
const LENGTHS: (f64, f64) = (0.025, 100.0);
const SCALES: (f64, f64) = (0.01, 100.0);
/// The floor is still above what rounding adds to the kernel matrix of a thousand trials, 1e-13 of the signal variance.
/// Higher ones find less of losses without noise (`benches/README.md`).
const NOISES: (f64, f64) = (1e-10, 10.0);
/// From no gap to speak of to a stage that tells nothing of the end.
const DISCREPANCIES: (f64, f64) = (1e-6, 100.0);
/// Of either exponent of a warp: at the lowest the tenth at an end of a range takes two thirds of it.
const WARPS: (f64, f64) = (0.2, 5.0);

/// Variance of the logarithm of a length-scale.
const LENGTH_SPREAD: f64 = 3.0;
/// Mean and variance of the logarithm of the noise variance.
const NOISE_LOCATION: f64 = -2.0;
const NOISE_SPREAD: f64 = 3.0;
/// Means of the logarithms of a level's variances: of its gap and of its noise. A guess; no others were tried.
const LEVEL_LOCATIONS: [f64; 2] = [-1.0, -3.0];
/// Variance of the logarithm of an exponent of a warp: that of Ax. At 0.25 what needs a warp is solved in fewer trials,
/// but of kurobako's suites 34 are solved better and 48 worse (three repeats each, warps without a margin).
const WARP_SPREAD: f64 = 0.1;

/// Hyperparameters of the kernel s² m(r²) + σ² on the diagonal, and of what levels add to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hyperparameters {
    /// One length-scale a group of columns, in units of the inputs.
    pub lengths: Vec<f64>,
    /// Signal variance s², in squared units of the targets.
    pub scale: f64,
    /// Noise variance σ², in squared units of the targets.
    pub noise: f64,
    /// One a stage before the end, or none where every observation is of the end.
    #[serde(default, rename = "stages", skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<FidelityLevel>,
    /// One a warped column, or none where nothing is warped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warps: Vec<Warp>,
}

/// How observations of a stage differ from those of the end: by a process of its own, of the same length-scales.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FidelityLevel {
    /// Variance of the difference, in squared units of the targets.
    pub gap: f64,
    /// Noise variance, in squared units of the targets.
    pub noise: f64,
}

impl Hyperparameters {
    /// (ln l_1, ..., ln l_G, ln s², ln σ², ln gap_1, ln noise_1, ..., ln a_1, ln b_1, ...).
    pub(crate) fn to_logs(&self) -> Vec<f64> {
        let warps = self.warps.iter().flat_map(|warp| [&warp.a, &warp.b]);
        let levels = self.levels.iter().flat_map(|level| [&level.gap, &level.noise]);
        let all = self.lengths.iter().chain([&self.scale, &self.noise]).chain(levels).chain(warps);
        all.map(|x| x.ln()).collect()
    }

    /// The inverse of [`Self::to_logs`] for so many length-scales and stages.
    pub(crate) fn from_logs(logs: &[f64], count: usize, levels: usize) -> Self {
        let lengths = logs[..count].iter().map(|x| x.exp()).collect();
        let warp = |pair: &[f64]| Warp { a: pair[0].exp(), b: pair[1].exp() };
        let level = |pair: &[f64]| FidelityLevel { gap: pair[0].exp(), noise: pair[1].exp() };
        let (of_stages, of_warps) = logs[count + 2..].split_at(2 * levels);
        let levels = of_stages.chunks_exact(2).map(level).collect();
        let warps = of_warps.chunks_exact(2).map(warp).collect();
        Self { lengths, scale: logs[count].exp(), noise: logs[count + 1].exp(), levels, warps }
    }
}

/// The prior over the hyperparameters of a process with so many length-scales, stages and warps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prior {
    groups: usize,
    levels: usize,
    warps: usize,
}

impl Prior {
    pub(crate) fn new(groups: usize, levels: usize, warps: usize) -> Self {
        Self { groups, levels, warps }
    }

    /// How many length-scales there are.
    pub(crate) fn groups(self) -> usize {
        self.groups
    }

    /// How many stages there are before the end.
    pub(crate) fn levels(self) -> usize {
        self.levels
    }

    /// Mean of the logarithm of a length-scale.
    fn length_location(self) -> f64 {
        SQRT_2 + 0.5 * (self.groups.max(1) as f64).ln()
    }

    /// The most probable hyperparameters.
    pub(crate) fn mode(self) -> Hyperparameters {
        let [gap, noise] = LEVEL_LOCATIONS.map(|location| (location - 1.0).exp());
        let length = (self.length_location() - LENGTH_SPREAD).exp().clamp(LENGTHS.0, LENGTHS.1);
        Hyperparameters {
            lengths: vec![length; self.groups],
            scale: 1.0,
            noise: (NOISE_LOCATION - NOISE_SPREAD).exp(),
            levels: vec![FidelityLevel { gap, noise }; self.levels],
            warps: vec![Warp::IDENTITY; self.warps],
        }
    }

    /// Hyperparameters scattered around the mode, without warps: where a further ascent starts.
    pub(crate) fn draw(self, stream: &mut Stream) -> Hyperparameters {
        let mut logs = self.mode().to_logs();
        let noise = self.groups + 1;
        let drawn = noise + 1 + 2 * self.levels;
        for (at, (log, (low, high))) in logs.iter_mut().zip(self.bounds()).take(drawn).enumerate() {
            let step: f64 = StandardNormal.sample(stream);
            let deviation = if at == noise { NOISE_SPREAD.sqrt() } else { 1.0 };
            *log = (*log + deviation * step).clamp(low, high);
        }
        Hyperparameters::from_logs(&logs, self.groups, self.levels)
    }

    /// Smallest and largest logarithm of every hyperparameter.
    pub(crate) fn bounds(self) -> Vec<(f64, f64)> {
        let lengths = std::iter::repeat_n(LENGTHS, self.groups);
        let warps = std::iter::repeat_n(WARPS, 2 * self.warps);
        let levels = std::iter::repeat_n([DISCREPANCIES, NOISES], self.levels).flatten();
        lengths
            .chain([SCALES, NOISES])
            .chain(levels)
            .chain(warps)
            .map(|(low, high)| (low.ln(), high.ln()))
            .collect()
    }

    /// ln p up to a constant; adds its derivatives by the logarithms to `gradient`.
    pub(crate) fn ln_density(self, logs: &[f64], gradient: &mut [f64]) -> f64 {
        let mut total = 0.0;
        for (log, slope) in logs[..self.groups].iter().zip(&mut *gradient) {
            total += ln_log_normal(*log, self.length_location(), LENGTH_SPREAD, slope);
        }
        // Gamma(2, 1): ln p = ln s² - s² + constant.
        let scale = logs[self.groups];
        gradient[self.groups] += 1.0 - scale.exp();
        total += scale - scale.exp();
        let noise = self.groups + 1;
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

/// The log density of a log-normal variable at exp(`log`) up to a constant; adds d/d`log` to `slope`.
fn ln_log_normal(log: f64, location: f64, spread: f64, slope: &mut f64) -> f64 {
    let distance = log - location;
    *slope -= 1.0 + distance / spread;
    -log - 0.5 * distance * distance / spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_vanishes_at_the_mode_and_matches_differences_elsewhere() {
        let prior = Prior::new(3, 1, 1);
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
    fn the_mode_of_a_length_scale_grows_with_the_root_of_their_number() {
        // exp(√2 - 3) √D = 0.2048 √D
        for (groups, length) in [(1, 0.2048), (4, 0.4096), (100, 2.048)] {
            assert!((Prior::new(groups, 0, 0).mode().lengths[0] / length - 1.0).abs() < 1e-3);
        }
    }
}

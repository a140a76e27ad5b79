//! Transforms of the losses to the scale on which they look most like draws of a Gaussian process.
//!
//! A few diverged trials must not hide the differences among the good ones. Every transform rises
//! with the loss. The fit chooses the transform with the highest leave-one-out density. To compare
//! densities on different scales, each transform comes with the sum of the logarithms of its
//! derivatives (change of variables).

use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

use crate::search::gp::normal;

/// The least loss of which the logarithm is taken, as a share of the median. A smaller one is 0 but
/// for rounding, and its logarithm would be an outlier: `benches/README.md#reference-point`.
const LEAST_OF_LOG: f64 = 1e-9;

/// A rising function of the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transform {
    /// The loss itself.
    Identity,
    /// The logarithm of the loss, if all losses are positive: for errors and times that span
    /// decades.
    Log,
    /// The power transform of Yeo & Johnson 2000, with the most likely exponent.
    YeoJohnson,
    /// Losses up to the median stay as they are. A higher loss is replaced by the quantile of its
    /// rank in a normal distribution. That distribution is as wide as the lower losses (half-rank
    /// warping of Google Vizier).
    HalfRank,
}

/// Transformed losses, with mean 0 and variance 1 unless they are all equal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Warped {
    pub transform: Transform,
    pub values: Vec<f64>,
    /// The sum over all losses of the logarithm of the transform's derivative.
    pub ln_jacobian: f64,
    /// The logarithm of the transform's derivative at the least loss at the end of a training.
    pub least_ln_slope: f64,
}

impl Warped {
    /// `losses` under `transform`, or under the identity if the losses do not allow `transform`.
    /// All losses must be finite.
    pub fn of(transform: Transform, losses: &[f64]) -> Self {
        let unit = rescale(losses);
        match transform.warp(&unit, losses) {
            Some(warp) => standardise(transform, warp),
            None => standardise(Transform::Identity, identity(&unit)),
        }
    }

    /// As [`Self::of`], but separately for the losses of each fidelity level. If `levels` is empty,
    /// all losses are transformed together.
    pub fn by_level(transform: Transform, losses: &[f64], levels: &[usize]) -> Self {
        let Some(&last) = levels.iter().max() else { return Self::of(transform, losses) };
        let values = vec![0.0; losses.len()];
        let mut all = Self { transform, values, ln_jacobian: 0.0, least_ln_slope: 0.0 };
        for level in 0..=last {
            let rows: Vec<usize> = (0..losses.len()).filter(|&row| levels[row] == level).collect();
            let part = Self::of(transform, &rows.iter().map(|&row| losses[row]).collect::<Vec<f64>>());
            all.ln_jacobian += part.ln_jacobian;
            if level == 0 {
                all.least_ln_slope = part.least_ln_slope;
            }
            rows.into_iter().zip(part.values).for_each(|(row, value)| all.values[row] = value);
        }
        all
    }

    /// `losses` under every transform that they allow, the identity first. All losses must be
    /// finite.
    pub fn candidates(losses: &[f64]) -> Vec<Self> {
        let unit = rescale(losses);
        let warped = |transform: Transform| Some(standardise(transform, transform.warp(&unit, losses)?));
        Transform::ALL.into_iter().filter_map(warped).collect()
    }
}

impl Transform {
    const ALL: [Self; 4] = [Self::Identity, Self::Log, Self::YeoJohnson, Self::HalfRank];

    /// The transformed `losses`, where `unit` is a multiple of them. `None` if the losses do not
    /// allow this transform.
    fn warp(self, unit: &[f64], losses: &[f64]) -> Option<Warp> {
        match self {
            Self::Identity => Some(identity(unit)),
            Self::Log => log(unit, losses),
            Self::YeoJohnson => yeo_johnson(unit),
            Self::HalfRank => half_rank(unit),
        }
    }
}

/// Transformed losses, and the logarithm of the derivative at each.
type Warp = (Vec<f64>, Vec<f64>);

/// `losses` divided by the largest absolute value, so that nothing overflows. The divisor is the
/// same for all transforms.
fn rescale(losses: &[f64]) -> Vec<f64> {
    let largest = losses.iter().fold(0.0f64, |most, loss| most.max(loss.abs()));
    let divisor = if largest > 0.0 { largest } else { 1.0 };
    losses.iter().map(|loss| loss / divisor).collect()
}

fn identity(losses: &[f64]) -> Warp {
    (losses.to_vec(), vec![0.0; losses.len()])
}

/// The logarithms of `losses`, which are a multiple of `unit`; `None` unless all are positive and
/// none is next to 0, see [`LEAST_OF_LOG`].
fn log(unit: &[f64], losses: &[f64]) -> Option<Warp> {
    let are_positive = losses.iter().chain(unit).all(|&loss| loss > 0.0);
    let mut sorted = unit.to_vec();
    sorted.sort_by(f64::total_cmp);
    let are_far_from_0 =
        sorted.first() >= sorted.get(sorted.len() / 2).map(|median| LEAST_OF_LOG * median).as_ref();
    (are_positive && are_far_from_0).then(|| {
        let logs: Vec<f64> = unit.iter().map(|loss| loss.ln()).collect();
        let slopes = logs.iter().map(|log| -log).collect();
        (logs, slopes)
    })
}

/// The power transform with the exponent of the highest normal likelihood. Losses count from their
/// median, in units of their interquartile range. `None` if that range is zero.
fn yeo_johnson(losses: &[f64]) -> Option<Warp> {
    let mut sorted = losses.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
    let (centre, spread) = (at(0.5), at(0.75) - at(0.25));
    let scaled: Vec<f64> = losses.iter().map(|loss| (loss - centre) / spread).collect();
    if !scaled.iter().all(|x| x.is_finite()) {
        return None;
    }
    let warp = |exponent: f64| -> Warp { scaled.iter().map(|&x| yeo_johnson_of(x, exponent)).unzip() };
    let exponent = golden_section(-2.0, 4.0, |exponent| {
        let (values, slopes) = warp(exponent);
        let likelihood = slopes.iter().sum::<f64>() - values.len() as f64 * moments(&values).1.ln();
        if likelihood.is_nan() { f64::INFINITY } else { -likelihood }
    });
    let (values, slopes) = warp(exponent);
    Some((values, slopes.into_iter().map(|slope| slope - spread.ln()).collect()))
}

/// The power transform of `x` and the logarithm of its derivative: Yeo & Johnson 2000, "A new
/// family of power transformations", eq. 2.1.
fn yeo_johnson_of(x: f64, exponent: f64) -> (f64, f64) {
    let mirrored = if x >= 0.0 { exponent } else { 2.0 - exponent };
    let log = x.abs().ln_1p();
    let size = if mirrored.abs() < 1e-9 { log } else { (mirrored * log).exp_m1() / mirrored };
    (size.copysign(x), (mirrored - 1.0) * log)
}

/// Half-rank warping; `None` if the losses up to the median are equal.
fn half_rank(losses: &[f64]) -> Option<Warp> {
    let mut order: Vec<usize> = (0..losses.len()).collect();
    order.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]));
    let count = losses.len();
    let median = losses[order[(count - 1) / 2]];
    let good: Vec<f64> = losses.iter().filter(|&&loss| loss <= median).map(|loss| loss - median).collect();
    let spread = (good.iter().map(|x| x * x).sum::<f64>() / good.len() as f64).sqrt();
    if spread.is_nan() || spread <= 0.0 {
        return None;
    }
    let levels: Vec<(f64, f64)> = rank_levels(losses, &order)
        .into_iter()
        .map(|(loss, quantile)| {
            let bad = median + spread * normal::quantile(quantile);
            (loss, if loss <= median { loss } else { bad })
        })
        .collect();
    let place = |loss: f64| levels.partition_point(|&(level, _)| level < loss);
    let warped = |&loss: &f64| {
        let place = place(loss);
        (levels[place].1, if loss <= median { 0.0 } else { ln_slope(&levels, place) })
    };
    Some(losses.iter().map(warped).unzip())
}

/// The distinct losses, rising, each with its quantile: its mean rank less ½, divided by the number
/// of losses.
fn rank_levels(losses: &[f64], order: &[usize]) -> Vec<(f64, f64)> {
    let mut levels = Vec::new();
    let mut start = 0;
    for tied in order.chunk_by(|&a, &b| losses[a] == losses[b]) {
        let mean_rank = start as f64 + 0.5 * tied.len() as f64;
        levels.push((losses[tied[0]], mean_rank / losses.len() as f64));
        start += tied.len();
    }
    levels
}

/// The logarithm of the slope between the neighbours of a level.
///
/// The spacings between random draws overestimate this logarithm by ln 2 - ψ(2) = 0.270 on average
/// (ψ is the digamma function). This holds for any distribution: it is the bias of Vasicek's 1976
/// estimate of entropy. Without the correction, the transform by ranks would always win.
fn ln_slope(levels: &[(f64, f64)], place: usize) -> f64 {
    const BIAS: f64 = LN_2 - 0.422_784_335_098_467_1;
    let (low, high) = (levels[place.saturating_sub(1)], levels[(place + 1).min(levels.len() - 1)]);
    (high.1 - low.1).ln() - (high.0 - low.0).ln() - BIAS
}

/// Scales values to mean 0 and variance 1; equal values become zeros.
fn standardise(transform: Transform, (mut values, slopes): Warp) -> Warped {
    let (mean, deviation) = moments(&values);
    let is_flat = !(deviation.is_finite() && deviation > 1e-14 * mean.abs());
    let divisor = if is_flat { 1.0 } else { deviation };
    values.iter_mut().for_each(|value| *value = if is_flat { 0.0 } else { (*value - mean) / divisor });
    let ln_jacobian = slopes.iter().sum::<f64>() - values.len() as f64 * divisor.ln();
    let least = values.iter().zip(&slopes).min_by(|a, b| a.0.total_cmp(b.0));
    let least_ln_slope = least.map_or(0.0, |(_, slope)| slope - divisor.ln());
    Warped { transform, values, ln_jacobian, least_ln_slope }
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// The minimum of a function with a single valley, to within 0.01.
fn golden_section(mut low: f64, mut high: f64, function: impl Fn(f64) -> f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    while high - low > 0.01 {
        let (left, right) = (high - RATIO * (high - low), low + RATIO * (high - low));
        if function(left) <= function(right) { high = right } else { low = left }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `losses` under `transform`, which they allow.
    fn of(transform: Transform, losses: &[f64]) -> Warped {
        Warped::candidates(losses).into_iter().find(|warped| warped.transform == transform).unwrap()
    }

    proptest! {
        #[test]
        fn every_transform_keeps_the_order_and_is_finite(
            losses in prop::collection::vec(prop_oneof![-1e3..1e3f64, Just(1e300), Just(0.5)], 1..40)
        ) {
            for warped in Warped::candidates(&losses) {
                prop_assert!(warped.values.iter().all(|value| value.is_finite()), "{:?}", warped);
                prop_assert!(warped.ln_jacobian.is_finite(), "{:?}", warped);
                for (a, x) in losses.iter().zip(&warped.values) {
                    for (b, y) in losses.iter().zip(&warped.values) {
                        prop_assert!(a > b || x <= y);
                    }
                }
            }
        }
    }

    #[test]
    fn the_jacobian_of_a_smooth_transform_matches_differences() {
        // d/dx of Yeo-Johnson at both signs and at the exponents where its formula changes.
        for exponent in [-1.0, 0.0, 0.7, 1.0, 2.0] {
            for x in [-3.0, -0.2, 0.4, 5.0] {
                let at = |x: f64| yeo_johnson_of(x, exponent).0;
                let difference = (at(x + 1e-6) - at(x - 1e-6)) / 2e-6;
                assert!((yeo_johnson_of(x, exponent).1 - difference.ln()).abs() < 1e-7);
            }
        }
        let losses = [0.5, 1.0, 4.0];
        let warped = of(Transform::Log, &losses);
        // The logarithms have deviation 0.8667..., so the derivative at x is 1 / (0.8667 x); losses
        // were divided by 4 beforehand, for all transforms alike.
        let deviation = moments(&losses.map(f64::ln)).1;
        let expected: f64 = losses.iter().map(|x| -(deviation * x / 4.0).ln()).sum();
        assert!((warped.ln_jacobian - expected).abs() < 1e-12);
    }

    #[test]
    fn log_normal_losses_are_made_normal_by_the_logarithm() {
        let losses: Vec<f64> = (1..40).map(|i| (2.0 * normal::quantile(f64::from(i) / 40.0)).exp()).collect();
        let normal_density = |warped: &Warped| {
            warped.ln_jacobian + warped.values.iter().map(|&z| normal::ln_density(z)).sum::<f64>()
        };
        let candidates = Warped::candidates(&losses);
        let best = candidates.iter().max_by(|a, b| normal_density(a).total_cmp(&normal_density(b))).unwrap();
        assert_eq!(best.transform, Transform::Log);
    }

    #[test]
    fn a_loss_that_is_0_but_for_rounding_has_no_logarithm() {
        let has_log = |least: f64| {
            let candidates = Warped::candidates(&[1.0, 0.5, 2.0, least]);
            candidates.iter().any(|warped| warped.transform == Transform::Log)
        };
        assert!(has_log(1e-6) && !has_log(6e-17));
    }

    #[test]
    fn ranks_shrink_outliers_and_keep_the_proportions_of_the_good_half() {
        let losses = [0.10, 0.11, 0.12, 0.13, 0.2, 9.0, 1e9];
        let warped = of(Transform::HalfRank, &losses);
        let difference = |i: usize| warped.values[i + 1] - warped.values[i];
        assert!(
            (difference(0) - difference(1)).abs() < 1e-9 * difference(0),
            "the good half keeps its proportions"
        );
        assert!(difference(5) < 3.0 * difference(4), "{:?}", warped.values);
    }

    #[test]
    fn each_fidelity_level_has_a_scale_of_its_own() {
        // Means 2 and 20, deviations 1 and 10.
        let (losses, levels) = ([1.0, 30.0, 3.0, 10.0], [0, 1, 0, 1]);
        let warped = Warped::by_level(Transform::Identity, &losses, &levels);
        let expected = [-1.0, 1.0, 1.0, -1.0];
        assert!(warped.values.iter().zip(expected).all(|(value, other)| (value - other).abs() < 1e-12));
        let of_level = |losses: &[f64]| Warped::of(Transform::Identity, losses).ln_jacobian;
        assert_eq!(warped.ln_jacobian, of_level(&[1.0, 3.0]) + of_level(&[30.0, 10.0]));
        let together = Warped::of(Transform::Log, &losses);
        assert_eq!(Warped::by_level(Transform::Log, &losses, &[]), together);
    }

    #[test]
    fn equal_losses_become_zeros() {
        for losses in [vec![3.0; 5], vec![0.0; 2], vec![-7.5], vec![1e300; 3]] {
            assert_eq!(of(Transform::Identity, &losses).values, vec![0.0; losses.len()]);
        }
    }
}

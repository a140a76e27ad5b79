//! One of several losses, cut into steps between levels: values of members of a Pareto front.
//!
//! A process may see the logarithms or the ranks of a loss, but a gain is one of the loss itself. On
//! the scale of targets, a front that comes close to 0 in one loss would have no end there. So
//! within a step the loss counts as a straight line of the target, whose slope is the rate of this
//! step.

use crate::search::bayes::fit::scale::Scale;
use crate::search::bayes::input::foreseen::{Foreseen, KnownLoss};
use crate::search::gp::{Posterior, normal};

/// A smaller standard deviation counts as this one.
const LEAST_DEVIATION: f64 = 1e-9;
/// The largest exponent of a sum. A product of four such sums is still a float.
const LARGEST_EXPONENT: f64 = 170.0;

/// The levels of a loss, and the rates between them.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    /// Targets, rising; the first is minus infinity.
    levels: Vec<f64>,
    /// For each step between two levels, the derivative of the loss by the target.
    rates: Vec<f64>,
    /// The losses at the levels, in the unit of `scale`.
    losses: Vec<f64>,
    scale: Scale,
}

/// A normally distributed target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normal {
    mean: f64,
    deviation: f64,
}

/// The expected shortfalls of a loss below its levels, with their derivatives.
pub(super) struct Shortfalls {
    /// The standard deviation of the target.
    pub deviation: f64,
    /// For each level, how far the loss is expected to come below it.
    pub sums: Vec<f64>,
    /// The derivatives by the mean and the standard deviation, times the standard deviation.
    pub by_mean: Vec<f64>,
    pub by_deviation: Vec<f64>,
}

impl Normal {
    pub fn new(mean: f64, variance: f64) -> Self {
        Self { mean, deviation: variance.sqrt().max(LEAST_DEVIATION) }
    }

    /// The standard deviation.
    pub fn deviation(self) -> f64 {
        self.deviation
    }

    /// The logarithm of the standard deviation.
    pub fn ln_deviation(self) -> f64 {
        self.deviation.ln()
    }

    /// `ln` of the distance of `level` from the mean in standard deviations; minus infinity at minus
    /// infinity.
    fn at(self, level: f64, ln: fn(f64) -> f64) -> f64 {
        if level.is_finite() { ln((level - self.mean) / self.deviation) } else { f64::NEG_INFINITY }
    }
}

impl Steps {
    /// The steps between `levels`, which rise from minus infinity.
    pub fn new(levels: Vec<f64>, scale: &Scale) -> Self {
        let rate = |ends: &[f64]| match ends[0].is_finite() {
            true => (scale.loss(ends[1]) - scale.loss(ends[0])) / (ends[1] - ends[0]),
            false => scale.least_rate(),
        };
        let loss = |&level: &f64| if level.is_finite() { scale.loss(level) } else { level };
        Self {
            rates: levels.windows(2).map(rate).collect(),
            losses: levels.iter().map(loss).collect(),
            scale: scale.clone(),
            levels,
        }
    }

    /// The target of a loss that is known before a trial.
    pub fn known(&self, known: KnownLoss) -> Normal {
        let [low, mean, high] = [known.low, known.loss, known.high].map(|loss| self.target(loss));
        let deviation = (0.5 * (high - low)).max(LEAST_DEVIATION);
        Normal { mean, deviation }
    }

    /// The target that the steps count as `loss`.
    fn target(&self, loss: f64) -> f64 {
        let within = loss / self.scale.unit();
        let above = self.losses.partition_point(|&level| level < within);
        match above {
            _ if above < self.levels.len() && above > 0 => {
                self.levels[above] - (self.losses[above] - within) / self.rates[above - 1]
            }
            _ => self.scale.target(loss).max(self.levels[self.levels.len() - 1]),
        }
    }

    /// For every level t: ln h(z) with z = (t - μ) / σ and h as in [`normal::ln_h`]. σ h(z) is
    /// E[max(t - f, 0)] for a normal target f with mean μ and standard deviation σ.
    pub fn ln_h(&self, target: Normal) -> Vec<f64> {
        self.levels.iter().map(|&level| target.at(level, normal::ln_h)).collect()
    }

    /// The expected shortfalls in units of exp(`ln_unit`) and of σ. `ln_h` is that of `target`. With z
    /// as there, the derivative of σ h(z) by the mean is -Φ(z), by the standard deviation it is
    /// φ(z).
    pub fn shortfalls(&self, target: Normal, ln_h: &[f64], ln_unit: f64) -> Shortfalls {
        let scaled = |ln: f64| (ln - ln_unit).min(LARGEST_EXPONENT).exp();
        let each = |ln: fn(f64) -> f64| self.levels.iter().map(move |&level| scaled(target.at(level, ln)));
        Shortfalls {
            deviation: target.deviation,
            sums: self.accumulated(ln_h.iter().map(|&ln| scaled(ln))),
            by_mean: self.accumulated(each(normal::ln_cdf).map(|cdf| -cdf)),
            by_deviation: self.accumulated(each(normal::ln_density)),
        }
    }

    /// The sums of [`Self::shortfalls`] alone.
    pub fn sums(&self, ln_h: &[f64], ln_unit: f64) -> Vec<f64> {
        self.accumulated(ln_h.iter().map(|&ln| (ln - ln_unit).min(LARGEST_EXPONENT).exp()))
    }

    /// The derivatives of the sum at `level` by mean and standard deviation, in units of
    /// exp(`ln_unit`).
    pub fn slopes(&self, target: Normal, level: usize, ln_unit: f64) -> (f64, f64) {
        let shortfalls = self.shortfalls(target, &vec![f64::NEG_INFINITY; self.levels.len()], ln_unit);
        (shortfalls.by_mean[level], shortfalls.by_deviation[level])
    }

    /// The logarithms of the sums, each in units of σ, however small they are.
    pub fn ln_sums(&self, ln_h: &[f64]) -> Vec<f64> {
        let mut sum = f64::NEG_INFINITY;
        let steps = ln_h.windows(2).zip(&self.rates);
        let later = steps.map(|(ends, rate)| {
            sum = ln_add(sum, rate.ln() + ln_difference(ends[1], ends[0]));
            sum
        });
        std::iter::once(f64::NEG_INFINITY).chain(later).collect()
    }

    /// For each level, the sum over the steps below it of the growth of `values`, times the rate of
    /// the step.
    fn accumulated(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let (mut sum, mut before) = (0.0, 0.0);
        let rates = std::iter::once(0.0).chain(self.rates.iter().copied());
        let step = |(value, rate): (f64, f64)| {
            sum += rate * (value - before);
            before = value;
            sum
        };
        values.zip(rates).map(step).collect()
    }

    /// The rates of the steps.
    #[cfg(test)]
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }
}

/// The target of each loss at a row: as it is `foreseen`, else by its posterior.
pub(super) fn normals(
    steps: &[Steps],
    posteriors: &[Posterior],
    row: usize,
    foreseen: Option<&Foreseen>,
) -> Vec<Normal> {
    let known = |loss: usize| foreseen?.losses.get(loss).copied()?;
    let of_loss = |(loss, (steps, posterior)): (usize, (&Steps, &Posterior))| match known(loss) {
        Some(known) => steps.known(known),
        None => Normal::new(posterior.mean[row], posterior.variance[row]),
    };
    steps.iter().zip(posteriors).enumerate().map(of_loss).collect()
}

/// ln (e^a - e^b) for a ≥ b.
pub(super) fn ln_difference(a: f64, b: f64) -> f64 {
    let less = b - a;
    if a == f64::NEG_INFINITY || less >= 0.0 {
        return f64::NEG_INFINITY;
    }
    // Without cancellation: Mächler 2012, "Accurately computing log(1 - exp(-|a|))".
    a + if less > -std::f64::consts::LN_2 { (-less.exp_m1()).ln() } else { (-less.exp()).ln_1p() }
}

/// ln (e^a + e^b).
pub(super) fn ln_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_exponentials_keeps_its_digits() {
        assert!((ln_difference(1.0, 0.0) - (1f64.exp() - 1.0).ln()).abs() < 1e-15);
        let step = 2f64.powi(-30);
        assert!((ln_difference(-2000.0, -2000.0 - step) - (-2000.0 + step.ln())).abs() < 1e-8);
        assert_eq!(ln_difference(3.0, 3.0), f64::NEG_INFINITY);
        assert_eq!(ln_difference(3.0, f64::NEG_INFINITY), 3.0);
        assert_eq!(ln_add(3.0, f64::NEG_INFINITY), 3.0);
        assert!((ln_add(1.0, 2.0) - (1f64.exp() + 2f64.exp()).ln()).abs() < 1e-15);
    }
}

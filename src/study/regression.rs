//! Whether a result got worse: new values against a baseline's, by Welch's t bounds at few looks.
//!
//! A check evaluates new seeds until it has proven that the mean is worse by more than a tolerance,
//! or that it is not. It looks at the values a few times. The chance of a wrong verdict is split
//! evenly among the looks (Bonferroni), so it stays below 5 % over all of them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::Spread;

/// The most often that a check may call worse what is within the tolerance, or fine what is not.
pub const WRONG: f64 = 0.05;

/// Seeds at the first look. Fewer leave a standard deviation of one or no degree of freedom.
pub const FIRST_LOOK: usize = 3;

/// Growth of the number of seeds from look to look: 3, 5, 8, 12. Chosen by simulation, see
/// docs/ci.md#seeds.
const GROWTH: f64 = 1.5;

/// The largest drop that is no regression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// In the unit in which people write the metric, 0 or more.
    Absolute(f64),
    /// In standard deviations of the baseline's values, 0 or more.
    Deviations(f64),
}

impl Tolerance {
    /// The tolerance in the unit of the values. `unit` is that of an absolute tolerance, such as
    /// 0.01 for points of a share; `sd` is the baseline's standard deviation.
    pub fn in_values(self, unit: f64, sd: f64) -> f64 {
        match self {
            Self::Absolute(drop) => drop * unit,
            Self::Deviations(count) => count * sd,
        }
    }
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, kind): (_, fn(f64) -> Self) = match text.strip_suffix("sd") {
            Some(number) => (number, Self::Deviations),
            None => (text, Self::Absolute),
        };
        let is_in = |number: &f64| number.is_finite() && *number >= 0.0;
        let number = number.trim().parse().ok().filter(is_in);
        number.map(kind).ok_or_else(|| "must be a number from 0, such as 0.5 or 2sd".to_owned())
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(drop) => write!(f, "{drop}"),
            Self::Deviations(count) => write!(f, "{count}sd"),
        }
    }
}

/// What a check has proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The mean is not worse by more than the tolerance.
    Fine,
    /// The mean is worse by more than the tolerance.
    Worse,
    /// Neither is proven.
    Undecided,
}

/// The difference of two means with its confidence bounds. It is positive if the second is higher.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The second mean minus the first.
    pub mean: f64,
    /// The lower confidence bound.
    pub low: f64,
    /// The upper confidence bound.
    pub high: f64,
}

impl Difference {
    /// The difference between independent values, by Welch's t. Each bound is wrong with
    /// probability `alpha`. Both bounds are the mean if no value differs from its mean.
    ///
    /// # Panics
    /// If one of the two has fewer than 2 values.
    pub fn welch(first: &[f64], second: &[f64], alpha: f64) -> Self {
        let [a, b] = [first, second].map(spread);
        let [u, v] = [a, b].map(|spread| spread.sd * spread.sd / spread.count as f64);
        let share = u / (u + v);
        let freedom = |share: f64, spread: Spread| share * share / (spread.count - 1) as f64;
        let df = 1.0 / (freedom(share, a) + freedom(1.0 - share, b));
        Self::around(b.mean - a.mean, (u + v).sqrt(), df, alpha)
    }

    /// The difference between values that belong together in pairs, such as those of one seed. Each
    /// bound is wrong with probability `alpha`.
    ///
    /// # Panics
    /// If there are fewer than 2 pairs, or the numbers of values differ.
    pub fn paired(first: &[f64], second: &[f64], alpha: f64) -> Self {
        assert_eq!(first.len(), second.len(), "pairs have two values");
        let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| b - a).collect();
        let Spread { count, mean, sd } = spread(&differences);
        let largest = first.iter().chain(second).fold(0.0, |most: f64, value| most.max(value.abs()));
        // Differences of one test sample are equal but for their last bits.
        let sd = if sd <= ROUNDING * largest { 0.0 } else { sd };
        Self::around(mean, sd / (count as f64).sqrt(), (count - 1) as f64, alpha)
    }

    fn around(mean: f64, error: f64, df: f64, alpha: f64) -> Self {
        let half = match error {
            0.0 => 0.0,
            // Values so large that their squares overflow prove nothing.
            error if !error.is_finite() || !mean.is_finite() => f64::INFINITY,
            error => quantile(1.0 - alpha, df) * error,
        };
        Self { mean, low: mean - half, high: mean + half }
    }
}

/// A spread of differences below this share of the largest value is one of rounding.
const ROUNDING: f64 = 1e-12;

/// What a check knows before it begins. Losses are values for which less is better.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    baseline: Vec<f64>,
    tolerance: f64,
    looks: Vec<usize>,
}

impl Regression {
    /// A check against the losses of a `baseline` with at most `most_seeds` new ones. A rise of the
    /// mean loss of at most `tolerance` is no regression.
    ///
    /// # Panics
    /// If the baseline has fewer than 2 values, or `most_seeds` is below [`FIRST_LOOK`].
    pub fn new(baseline: Vec<f64>, tolerance: f64, most_seeds: usize) -> Self {
        assert!(baseline.len() >= 2 && most_seeds >= FIRST_LOOK, "too few values for a standard deviation");
        Self { baseline, tolerance, looks: looks(most_seeds) }
    }

    /// The numbers of new seeds at which the check looks at their values, ascending.
    pub fn looks(&self) -> &[usize] {
        &self.looks
    }

    /// The tolerance in the unit of the values.
    pub fn tolerance(&self) -> f64 {
        self.tolerance
    }

    /// The mean and the standard deviation of the baseline's losses.
    pub fn baseline(&self) -> Spread {
        spread(&self.baseline)
    }

    /// What the losses `new` prove.
    ///
    /// # Panics
    /// If there are fewer than 2.
    pub fn judge(&self, new: &[f64]) -> (Difference, Verdict) {
        let difference = Difference::welch(&self.baseline, new, self.alpha());
        let verdict = match difference {
            Difference { low, .. } if low > self.tolerance => Verdict::Worse,
            Difference { high, .. } if high <= self.tolerance => Verdict::Fine,
            _ => Verdict::Undecided,
        };
        (difference, verdict)
    }

    /// How far the true drop must be from the tolerance for a verdict in about nine of ten checks. It adds
    /// two quantiles, which falls a little short of 95 %: `benches/regression.rs` simulates it. New values are expected to vary as the baseline's do.
    ///
    /// A drop of the tolerance and this is seen. Without a change, the check is fine if this is at
    /// most the tolerance.
    pub fn resolution(&self) -> f64 {
        let (baseline, most) = (self.baseline(), *self.looks.last().expect("there is a last look"));
        let [old, new] = [baseline.count, most].map(|count| count as f64);
        let df = (1.0 / old + 1.0 / new).powi(2) / (old.powi(-2) / (old - 1.0) + new.powi(-2) / (new - 1.0));
        let quantiles = quantile(1.0 - self.alpha(), df) + quantile(1.0 - WRONG, df);
        baseline.sd * (1.0 / old + 1.0 / new).sqrt() * quantiles
    }

    /// The probability at each look and side of a wrong verdict.
    fn alpha(&self) -> f64 {
        WRONG / self.looks.len() as f64
    }
}

/// The numbers of seeds at which a check looks, up to `most`.
fn looks(most: usize) -> Vec<usize> {
    let grown = |&seeds: &usize| Some((seeds as f64 * GROWTH).ceil() as usize);
    let mut looks: Vec<usize> =
        std::iter::successors(Some(FIRST_LOOK), grown).take_while(|&seeds| seeds < most).collect();
    looks.push(most);
    looks
}

fn spread(values: &[f64]) -> Spread {
    Spread::of_values(values).filter(|spread| spread.count > 1).expect("there are two values or more")
}

/// The value that Student's t with `df` degrees of freedom does not exceed with this `probability`.
fn quantile(probability: f64, df: f64) -> f64 {
    StudentsT::new(0.0, 1.0, df).expect("degrees of freedom are positive").inverse_cdf(probability)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;
    use crate::seed::{Seed, Stream};

    /// Shares of many checks. `benches/regression.rs` prints them for more.
    struct Shares {
        worse: f64,
        fine: f64,
        seeds: f64,
    }

    fn draws(stream: &mut Stream, count: usize, mean: f64) -> Vec<f64> {
        (0..count).map(|_| mean + stream.sample::<f64, _>(StandardNormal)).collect()
    }

    /// Checks of a true `drop` in standard deviations, against 10 baseline seeds.
    fn simulate(checks: u64, tolerance: impl Fn(&[f64]) -> f64, drop: f64) -> Shares {
        let mut shares = Shares { worse: 0.0, fine: 0.0, seeds: 0.0 };
        for check in 0..checks {
            let mut stream = Seed::root(check).child("regression").stream();
            let baseline = draws(&mut stream, 10, 0.0);
            let tolerance = tolerance(&baseline);
            let regression = Regression::new(baseline, tolerance, 12);
            let new = draws(&mut stream, 12, drop);
            let decided = regression.looks().iter().find_map(|&look| match regression.judge(&new[..look]) {
                (_, Verdict::Undecided) => None,
                (_, verdict) => Some((look, verdict)),
            });
            let (seeds, verdict) = decided.unwrap_or((12, Verdict::Undecided));
            let share = 1.0 / checks as f64;
            shares.seeds += seeds as f64 * share;
            shares.worse += if verdict == Verdict::Worse { share } else { 0.0 };
            shares.fine += if verdict == Verdict::Fine { share } else { 0.0 };
        }
        shares
    }

    #[test]
    fn differences_that_are_equal_but_for_rounding_have_no_spread() {
        for right in 0..27 {
            let shares = |more: i32| [0, 1, 2].map(|seed| f64::from(right + seed + more) / 30.0);
            let difference = Difference::paired(&shares(0), &shares(1), 0.025);
            assert_eq!(difference.low, difference.high, "{right}");
        }
    }

    #[test]
    fn wrong_verdicts_are_rare_and_seeds_few() {
        let checks = 400;
        // Three standard deviations of a share of 5 %.
        let rare = WRONG + 3.0 * (WRONG * (1.0 - WRONG) / checks as f64).sqrt();
        for tolerance in [2.0, 3.0] {
            let at = |factor: f64| simulate(checks, |_| tolerance, factor * tolerance);
            let [none, half, same, twice] = [0.0, 0.5, 1.0, 2.0].map(at);
            assert!(none.worse <= WRONG && half.worse <= WRONG, "false alarms");
            assert!(1.0 - twice.worse <= WRONG, "misses {}", 1.0 - twice.worse);
            assert!(same.worse <= rare && same.fine <= rare, "{} and {}", same.worse, same.fine);
            assert!(none.fine >= 0.95 && none.seeds < 5.5 && twice.seeds < 5.5);
        }
    }

    #[test]
    fn a_tolerance_in_estimated_deviations_raises_no_more_alarms() {
        let sd = |factor: f64| move |baseline: &[f64]| factor * spread(baseline).sd;
        assert!(simulate(400, sd(2.0), 0.0).worse <= WRONG);
        assert!(simulate(400, sd(2.0), 1.0).worse <= WRONG);
        assert!(simulate(400, sd(2.0), 4.0).worse >= 0.9);
    }

    #[test]
    fn bounds_are_those_of_scipy() {
        // a = [1, 2, 4, 8]; b = [3, 5, 4, 9, 7, 6]
        // scipy.stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
        let (a, b) = ([1.0, 2.0, 4.0, 8.0], [3.0, 5.0, 4.0, 9.0, 7.0, 6.0]);
        let welch = Difference::welch(&a, &b, 0.025);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        near(welch.mean, 5.666_666_666_666_667 - 3.75);
        near(welch.low, WELCH[0]);
        near(welch.high, WELCH[1]);
        // scipy.stats.ttest_rel(b[:4], a).confidence_interval(0.95)
        let paired = Difference::paired(&a, &b[..4], 0.025);
        near(paired.low, PAIRED[0]);
        near(paired.high, PAIRED[1]);
        // scipy.stats.t.ppf(1 - 0.05 / 4, 3.7)
        near(quantile(1.0 - WRONG / 4.0, 3.7), QUANTILE);
    }

    const WELCH: [f64; 2] = [-2.676415834388088, 6.509749167721422];
    const PAIRED: [f64; 2] = [-0.5542602567605206, 3.5542602567605206];
    const QUANTILE: f64 = 3.6452778976078735;

    #[test]
    fn values_without_noise_are_compared_as_they_are() {
        let regression = Regression::new(vec![1.0; 10], 0.5, 12);
        assert_eq!(regression.resolution(), 0.0);
        let verdict = |loss: f64| regression.judge(&[loss; 3]).1;
        assert_eq!([1.0, 1.5, 1.75].map(verdict), [Verdict::Fine, Verdict::Fine, Verdict::Worse]);
    }

    #[test]
    fn tiny_and_huge_values_are_judged_without_a_panic() {
        let scaled = |scale: f64| {
            let values = [1.0, 2.0, 3.0, 5.0].map(|value| value * scale);
            Regression::new(values.to_vec(), 0.0, 12).judge(&values.map(|value| value + 20.0 * scale)).1
        };
        assert_eq!([1e-150, 1.0, 1e100].map(scaled), [Verdict::Worse; 3]);
        assert_eq!(scaled(1e200), Verdict::Undecided);
    }

    #[test]
    fn the_looks_end_at_the_most_seeds() {
        assert_eq!(looks(12), [3, 5, 8, 12]);
        assert_eq!([looks(3), looks(4), looks(10)], [vec![3], vec![3, 4], vec![3, 5, 8, 10]]);
    }

    #[test]
    fn the_resolution_is_what_simulated_checks_see() {
        let baseline: Vec<f64> = [-1.0, 1.0].repeat(5);
        let regression = Regression::new(baseline, 2.0, 12);
        let sd = regression.baseline().sd;
        // A drop of the tolerance and the resolution, with as many standard deviations of noise.
        let shares = simulate(400, |_| 2.0, 2.0 + regression.resolution() / sd);
        assert!((0.9..0.99).contains(&shares.worse), "{}", shares.worse);
    }

    #[test]
    fn a_tolerance_is_a_number_or_deviations() {
        assert_eq!("0.5".parse(), Ok(Tolerance::Absolute(0.5)));
        assert_eq!("2sd".parse(), Ok(Tolerance::Deviations(2.0)));
        for wrong in ["", "sd", "-1", "NaN", "1%", "infsd"] {
            assert!(wrong.parse::<Tolerance>().is_err(), "{wrong}");
        }
        assert_eq!(Tolerance::Absolute(0.5).in_values(0.01, 0.1), 0.005);
        assert_eq!(Tolerance::Deviations(2.0).in_values(0.01, 0.1), 0.2);
    }
}

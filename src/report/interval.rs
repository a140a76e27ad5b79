//! The interval of an accuracy that counts both the seeds and the samples of the test.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::study::Spread;

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_964;

/// The 97.5 % quantile of Student's t distribution for the mean of `count` values, at least 2.
pub(super) fn student(count: usize) -> f64 {
    let freedom = count.saturating_sub(1).max(1) as f64;
    StudentsT::new(0.0, 1.0, freedom).map_or(Z, |distribution| distribution.inverse_cdf(0.975))
}

/// The 95 % interval of the accuracy of networks like these on new samples, if `spread` is the spread
/// of accuracies over seeds, each measured on the same `samples` test samples, at least 1.
///
/// The variance is that of the mean over the seeds, sd² / n, plus that of the drawn samples,
/// p (1 - p) / N. With few seeds sd² / n is enlarged by the ratio of Student's and the normal
/// quantile, squared. The interval is Wilson's for the number of samples that has this variance
/// (Wilson 1927, "Probable inference, the law of succession, and statistical inference"), so it stays
/// between 0 and 1.
pub fn accuracy_interval(spread: &Spread, samples: usize) -> [f64; 2] {
    let (p, n) = (spread.mean, spread.count as f64);
    let quantile = if spread.count > 1 { student(spread.count) } else { Z };
    let of_seeds = (spread.sd * quantile / Z).powi(2) / n;
    let of_samples = p * (1.0 - p) / samples as f64;
    let as_many =
        if of_samples > 0.0 { samples as f64 * of_samples / (of_samples + of_seeds) } else { samples as f64 };
    let z2 = Z * Z / as_many;
    let centre = (p + z2 / 2.0) / (1.0 + z2);
    let half = Z / (1.0 + z2) * (p * (1.0 - p) / as_many + z2 / (4.0 * as_many)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(mean: f64, sd: f64, count: usize, samples: usize) -> [f64; 2] {
        accuracy_interval(&Spread { count, mean, sd }, samples)
    }

    fn assert_near(found: [f64; 2], expected: [f64; 2]) {
        let is_near = found.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-4);
        assert!(is_near, "{found:?}, not {expected:?}");
    }

    #[test]
    fn without_a_spread_of_seeds_it_is_wilsons() {
        // By statsmodels' proportion_confint(90, 100, method="wilson") and (36, 36, ...).
        assert_near(interval(0.9, 0.0, 3, 100), [0.82563, 0.94477]);
        assert_near(interval(1.0, 0.0, 1, 36), [0.90359, 1.0]);
    }

    #[test]
    fn seeds_widen_it_and_more_seeds_less() {
        let width = |[low, high]: [f64; 2]| high - low;
        let (none, few, many) =
            (interval(0.9, 0.0, 3, 1000), interval(0.9, 0.02, 3, 1000), interval(0.9, 0.02, 30, 1000));
        assert!(width(none) < width(many) && width(many) < width(few), "{none:?} {many:?} {few:?}");
        // With very many samples only the seeds are left: 0.9 ± 4.303 x 0.02 / √3.
        let [low, high] = interval(0.9, 0.02, 3, 100_000_000);
        assert!((high - low - 2.0 * 4.303 * 0.02 / 3f64.sqrt()).abs() < 0.005, "{low} {high}");
    }
}

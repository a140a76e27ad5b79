//! Scales: the real weight that one unit of an integer weight stands for.
//!
//! Weights come as whole multiples of the layer's grid. If they are small multiples of a common
//! divisor, they stay exact. Otherwise a weight w becomes the code `q = round(w / s)` for a step s,
//! clipped to the largest code Q. [`CLIPPINGS`] steps are tried, and the one with the least sum of
//! squared errors is taken. With few bits, clipping rare large weights costs less than a coarse
//! step for all the others.

/// Number of steps tried: s = 2^(-i/8) max|w| / Q for i from 0, with weights w and largest code Q.
/// The last one clips weights at 1/15 of the largest weight.
const CLIPPINGS: i32 = 32;

/// The search ends after this number of steps without improvement: the error falls, then rises.
const PATIENCE: i32 = 4;

/// The scale of a channel, in units of the layer's grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// A common divisor of all weights, so that nothing is rounded.
    Divisor(i64),
    /// A step to which weights are rounded, with a largest code.
    Step {
        /// The step in units of the grid, positive.
        step: f64,
        /// The largest absolute value of a code.
        largest_code: i64,
    },
}

impl Scale {
    /// The best scale for `weights` with codes up to `largest_code`; `None` means no largest code.
    pub(crate) fn choose<'a>(
        weights: impl Iterator<Item = &'a i64> + Clone,
        largest_code: Option<i64>,
    ) -> Self {
        let divisor = weights.clone().fold(0, |divisor, &weight| gcd(weight.unsigned_abs(), divisor)).max(1);
        let largest = weights.clone().map(|weight| weight.unsigned_abs()).max().unwrap_or(0);
        match largest_code {
            Some(code) if largest / divisor > code.unsigned_abs() => {
                Self::least_squares(weights, largest as f64, code)
            }
            _ => Self::Divisor(i64::try_from(divisor).unwrap_or(1)),
        }
    }

    fn least_squares<'a>(
        weights: impl Iterator<Item = &'a i64> + Clone,
        largest: f64,
        largest_code: i64,
    ) -> Self {
        let widest = largest / largest_code as f64;
        let scale =
            |eighths: i32| Self::Step { step: widest * (-f64::from(eighths) / 8.0).exp2(), largest_code };
        let squares =
            |scale: Self| -> f64 { weights.clone().map(|&weight| scale.error(weight).powi(2)).sum() };
        let (mut best, mut least) = (0, f64::INFINITY);
        for eighths in 0..CLIPPINGS {
            let error = squares(scale(eighths));
            if error < least {
                (best, least) = (eighths, error);
            } else if eighths - best >= PATIENCE {
                break;
            }
        }
        scale(best)
    }

    /// The integer code of `weight`.
    pub(crate) fn code(self, weight: i64) -> i64 {
        match self {
            Self::Divisor(divisor) => weight / divisor,
            Self::Step { step, largest_code } => {
                // A cast truncates, so half is added first; `round` would be a function call.
                let size = (weight.unsigned_abs() as f64 / step + 0.5) as i64;
                size.min(largest_code) * weight.signum()
            }
        }
    }

    /// The least sum of codes that stands for a weighted sum of at least `threshold`. `threshold`
    /// is in units of the grid.
    pub(crate) fn threshold(self, threshold: f64) -> i64 {
        match self {
            Self::Divisor(divisor) => {
                let whole = threshold as i64;
                whole.div_euclid(divisor) + i64::from(whole.rem_euclid(divisor) != 0)
            }
            Self::Step { step, .. } => (threshold / step).ceil() as i64,
        }
    }

    /// The scale in units of the grid.
    pub(crate) fn size(self) -> f64 {
        match self {
            Self::Divisor(divisor) => divisor as f64,
            Self::Step { step, .. } => step,
        }
    }

    /// The rounding error of `weight`, in units of the grid.
    pub(crate) fn error(self, weight: i64) -> f64 {
        match self {
            Self::Divisor(_) => 0.0,
            Self::Step { step, .. } => self.code(weight) as f64 * step - weight as f64,
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    match b {
        0 => a,
        b => gcd(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_multiples_of_a_divisor_stay_exact() {
        assert_eq!(Scale::choose([-300, 0, 700].iter(), Some(7)), Scale::Divisor(100));
        assert_eq!(Scale::choose([1 << 40, 3].iter(), None), Scale::Divisor(1));
        assert_eq!(Scale::choose([0, 0].iter(), Some(1)), Scale::Divisor(1));
    }

    #[test]
    fn a_threshold_rounds_up_to_the_next_whole_sum() {
        assert_eq!(
            [-7.0, -6.0, 0.0, 1.0, 6.0, 7.0].map(|t| Scale::Divisor(3).threshold(t)),
            [-2, -2, 0, 1, 2, 3]
        );
        let step = Scale::Step { step: 2.5, largest_code: 7 };
        assert_eq!([-6.0, 5.0, 5.1].map(|t| step.threshold(t)), [-2, 2, 3]);
    }

    #[test]
    fn a_rare_large_weight_is_clipped_when_codes_are_few() {
        let mut weights = vec![100, -100, 101, -99, 98, 102, -101, 100, -100];
        weights.push(200);
        let scale = Scale::choose(weights.iter(), Some(1));
        assert!((99.0..=120.0).contains(&scale.size()), "{scale:?}");
        assert_eq!(
            weights.iter().map(|&w| scale.code(w)).collect::<Vec<_>>(),
            [1, -1, 1, -1, 1, 1, -1, 1, -1, 1]
        );
    }

    proptest! {
        #[test]
        fn an_unclipped_weight_is_off_by_half_a_step_at_most(
            weights in prop::collection::vec(-1_000_000i64..1_000_000, 2..40), bits in 2u8..9,
        ) {
            let largest_code = (1 << (bits - 1)) - 1;
            let scale = Scale::choose(weights.iter(), Some(largest_code));
            for &weight in &weights {
                let clipped = weight.unsigned_abs() as f64 > scale.size() * largest_code as f64;
                let bound = scale.size() * 0.5 * (1.0 + 1e-12);
                prop_assert!(clipped || scale.error(weight).abs() <= bound);
            }
        }

        #[test]
        fn clipping_never_costs_more_squared_error_than_the_largest_weight_as_the_largest_code(
            weights in prop::collection::vec(-1_000_000i64..1_000_000, 2..40), bits in 2u8..9,
        ) {
            let largest_code = (1 << (bits - 1)) - 1;
            let largest = weights.iter().map(|w| w.abs()).max().unwrap() as f64;
            prop_assume!(largest > 0.0);
            let widest = Scale::Step { step: largest / largest_code as f64, largest_code };
            let squares = |scale: Scale| weights.iter().map(|&w| scale.error(w).powi(2)).sum::<f64>();
            let chosen = Scale::choose(weights.iter(), Some(largest_code));
            prop_assert!(squares(chosen) <= squares(widest));
        }
    }
}

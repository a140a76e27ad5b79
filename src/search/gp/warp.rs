//! Input warping: the range of a number is stretched where the loss changes fast.
//!
//! A Gaussian process expects a loss to be equally rough everywhere. But a loss may change faster
//! at one end, for example if a parameter should be searched on a log scale and is not. So numbers
//! from 0 to 1 pass through a distribution function first (Snoek et al. 2014, "Input warping for
//! Bayesian optimization of non-stationary functions"). They use the beta distribution. Here it is
//! that of Kumaraswamy 1980, "A generalized probability density function for double-bounded random
//! processes": w(u) = 1 - (1 - uᵃ)ᵇ. The exponents a and b are fitted with the other
//! hyperparameters. With a = b = 1 nothing is warped.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// Share of the range that is cut off at both ends. With an exponent below 1 the slope would be
/// infinite there.
const END: f64 = 1e-4;

/// A rising map of the unit interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warp {
    /// Exponent of the lower end, positive. Below 1 it is stretched, above 1 squeezed.
    pub a: f64,
    /// Exponent of the upper end, positive. Below 1 it is stretched, above 1 squeezed.
    pub b: f64,
}

/// A warped coordinate with its derivatives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretched {
    pub value: f64,
    /// The derivative by the coordinate.
    pub slope: f64,
    pub by_ln_a: f64,
    pub by_ln_b: f64,
}

impl Warp {
    /// The identity.
    pub const IDENTITY: Self = Self { a: 1.0, b: 1.0 };

    /// The warped column w(u) - ½, for a column x = u - ½.
    pub(crate) fn of_column(self, x: f64) -> f64 {
        0.5 - (self.b * self.ln_q(within(x + 0.5).ln())).exp()
    }

    /// As [`Self::of_column`], with derivatives. For p = uᵃ and q = 1 - p, the derivative of w by u
    /// is a b q^(b-1) p / u. By a it is b q^(b-1) p ln u, and by b it is -q^b ln q.
    pub(crate) fn stretched(self, x: f64) -> Stretched {
        let u = within(x + 0.5);
        let ln_u = u.ln();
        let ln_q = self.ln_q(ln_u);
        let power = (self.b * ln_q).exp();
        let rise = self.a * self.b * (self.b * ln_q - ln_q + self.a * ln_u).exp();
        Stretched {
            value: 0.5 - power,
            slope: (1.0 - 2.0 * END) * rise / u,
            by_ln_a: rise * ln_u,
            by_ln_b: -self.b * power * ln_q,
        }
    }

    /// ln(1 - uᵃ).
    fn ln_q(self, ln_u: f64) -> f64 {
        (-(self.a * ln_u).exp()).ln_1p()
    }
}

/// u, moved away from both ends.
fn within(u: f64) -> f64 {
    END + (1.0 - 2.0 * END) * u.clamp(0.0, 1.0)
}

/// `inputs` with these `columns` warped, one warp per column; unchanged if there are no warps.
pub(crate) fn warped(inputs: ArrayView2<f64>, columns: &[usize], warps: &[Warp]) -> Array2<f64> {
    let mut inputs = inputs.as_standard_layout().into_owned();
    for (&column, warp) in columns.iter().zip(warps) {
        // Neighbouring rows are often equal here: those of a sweep along another axis.
        let (mut last, mut warped) = (f64::NAN, f64::NAN);
        inputs.column_mut(column).mapv_inplace(|x| {
            if x != last {
                (last, warped) = (x, warp.of_column(x));
            }
            warped
        });
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARPS: [Warp; 4] =
        [Warp::IDENTITY, Warp { a: 0.2, b: 1.5 }, Warp { a: 3.0, b: 0.3 }, Warp { a: 5.0, b: 5.0 }];

    #[test]
    fn the_identity_changes_nothing_and_the_ends_stay() {
        for x in [-0.5, -0.1, 0.0, 0.3, 0.5] {
            assert!((Warp::IDENTITY.of_column(x) - x).abs() <= END);
        }
        let least = Warp { a: 0.5, b: 1.0 };
        // √u at u = 1/4
        assert!((least.of_column(-0.25) - 0.0).abs() < 1e-3);
        assert!(WARPS.iter().all(|warp| warp.of_column(-0.5) >= -0.5 && warp.of_column(0.5) <= 0.5));
    }

    #[test]
    fn the_derivatives_match_differences() {
        for warp in WARPS {
            for x in [-0.499, -0.3, 0.0, 0.2, 0.499] {
                let stretched = warp.stretched(x);
                assert!((stretched.value - warp.of_column(x)).abs() < 1e-15);
                let scaled = |a: f64, b: f64| Warp { a: warp.a * a.exp(), b: warp.b * b.exp() }.of_column(x);
                let step = 1e-6;
                let by_u = (warp.of_column(x + step) - warp.of_column(x - step)) / (2.0 * step);
                let by_ln_a = (scaled(step, 0.0) - scaled(-step, 0.0)) / (2.0 * step);
                let by_ln_b = (scaled(0.0, step) - scaled(0.0, -step)) / (2.0 * step);
                for (slope, difference) in
                    [(stretched.slope, by_u), (stretched.by_ln_a, by_ln_a), (stretched.by_ln_b, by_ln_b)]
                {
                    let error = (slope - difference).abs();
                    assert!(error < 1e-5 * (1.0 + slope.abs()), "{warp:?} at {x}: {slope}, {difference}");
                }
            }
        }
    }
}

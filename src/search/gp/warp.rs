//! The coordinate of a number, stretched where the loss changes fast.
//!
//! A process is equally rough everywhere; a loss is not, in a parameter that had better be searched in logarithms and
//! is not, say. So numbers pass through a distribution function first, w(u) = 1 - (1 - uᵃ)ᵇ (Kumaraswamy 1980, "A
//! generalized probability density function for double-bounded random processes"), whose exponents are learnt with
//! the other hyperparameters (Snoek et al. 2014, "Input warping for Bayesian optimization of non-stationary
//! functions", with the beta distribution in its place). Under a = b = 1 nothing is stretched.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// Of an exponent below 1 the slope is infinite at an end, so this much of the range is cut off at both.
const END: f64 = 1e-4;

/// A rising map of the unit interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warp {
    /// Below 1 → stretched at the lower end, above 1 → squeezed there.
    pub a: f64,
    /// Below 1 → stretched at the upper end, above 1 → squeezed there.
    pub b: f64,
}

/// A warped coordinate with its derivatives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretched {
    pub value: f64,
    /// By the coordinate itself.
    pub slope: f64,
    pub by_ln_a: f64,
    pub by_ln_b: f64,
}

impl Warp {
    /// Stretches nothing.
    pub const IDENTITY: Self = Self { a: 1.0, b: 1.0 };

    /// w at a column of a number, which holds u - ½; from that of the middle, too.
    pub(crate) fn of_column(self, x: f64) -> f64 {
        0.5 - (self.b * self.ln_q(within(x + 0.5).ln())).exp()
    }

    /// The same with derivatives: for p = uᵃ and q = 1 - p they are a b q^(b-1) p / u by u, b q^(b-1) p ln u by a and
    /// -q^b ln q by b.
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

/// u, kept off both ends.
fn within(u: f64) -> f64 {
    END + (1.0 - 2.0 * END) * u.clamp(0.0, 1.0)
}

/// `inputs` with these `columns` warped, one warp each; as they are where there are no warps.
pub(crate) fn warped(inputs: ArrayView2<f64>, columns: &[usize], warps: &[Warp]) -> Array2<f64> {
    let mut inputs = inputs.as_standard_layout().into_owned();
    for (&column, warp) in columns.iter().zip(warps) {
        inputs.column_mut(column).mapv_inplace(|x| warp.of_column(x));
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARPS: [Warp; 4] =
        [Warp::IDENTITY, Warp { a: 0.2, b: 1.5 }, Warp { a: 3.0, b: 0.3 }, Warp { a: 5.0, b: 5.0 }];

    #[test]
    fn the_identity_and_the_ends_stay() {
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

//! The standard normal distribution, with small relative errors far into its lower tail.
//!
//! φ is its density, Φ its distribution function.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

/// ln √(2π).
pub(crate) const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// Below, Φ follows from φ by a series; above, from the error function.
const SERIES_BELOW: f64 = -10.0;

/// ln φ(z).
pub(crate) fn ln_density(z: f64) -> f64 {
    -0.5 * z * z - LN_SQRT_2PI
}

/// Φ(z).
pub(crate) fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// ln Φ(z), finite for every finite z.
pub(crate) fn ln_cdf(z: f64) -> f64 {
    if z > 0.0 {
        (-cdf(-z)).ln_1p()
    } else if z > -1.0 {
        cdf(z).ln()
    } else {
        -0.5 * z * z - LN_2 + erfcx(-z * FRAC_1_SQRT_2).ln()
    }
}

/// φ(z) / Φ(z), the derivative of ln Φ; about -z far below zero.
pub(crate) fn hazard(z: f64) -> f64 {
    (ln_density(z) - ln_cdf(z)).exp()
}

/// ln h(z) for h(z) = φ(z) + z Φ(z): the expectation of max(x, 0) for a normal variable x with mean
/// z and variance 1.
///
/// The cases are those of Ament et al. 2023, "Unexpected improvements to expected improvement for
/// Bayesian optimization", eq. 9. Far below zero, the asymptotic series of h/φ is used, which loses
/// no digits by cancellation. The paper keeps only its first term.
pub(crate) fn ln_h(z: f64) -> f64 {
    if z > -1.0 {
        (ln_density(z).exp() + z * cdf(z)).ln()
    } else if z > SERIES_BELOW {
        let mills = (PI / 2.0).sqrt() * erfcx(-z * FRAC_1_SQRT_2);
        ln_density(z) + (1.0 + z * mills).ln()
    } else {
        ln_density(z) + mills_shortfall(z * z).ln()
    }
}

/// The inverse of Φ for p between 0 and 1, by bisection: exact to the last bits, and slow.
pub(crate) fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-38.0, 38.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if cdf(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The scaled function exp(x²) erfc(x) for x > 0, which does not underflow where erfc (the
/// complementary error function) does.
fn erfcx(x: f64) -> f64 {
    if x < -SERIES_BELOW * FRAC_1_SQRT_2 {
        (x * x).exp() * libm::erfc(x)
    } else {
        (1.0 - mills_shortfall(2.0 * x * x)) / (x * PI.sqrt())
    }
}

/// 1 - |z| Φ(-|z|) / φ(z) = 1/z² - 3/z⁴ + 15/z⁶ - ..., to the last bit for z² >= 100.
fn mills_shortfall(z_squared: f64) -> f64 {
    let (mut sum, mut term) = (0.0, -1.0);
    for odd in (1..60).step_by(2) {
        term *= -f64::from(odd) / z_squared;
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64, relative: f64) {
        assert!((actual - expected).abs() <= relative * expected.abs(), "{actual} instead of {expected}");
    }

    #[test]
    fn logarithms_match_fifty_digit_arithmetic() {
        // python3 -c "from mpmath import *; mp.dps=50
        // for z in (-1e6,-300,-10.5,-9.5,-3,-1.25,-0.5,0.25,2,9):
        //     P=erfc(-mpf(z)/sqrt(2))/2; print(z, float(log(P)), float(log(npdf(z)+z*P)))"
        let table = [
            (-1e6, -500000000014.73444, -500000000028.55),
            (-300.0, -45006.62273211866, -45012.32653681455),
            (-10.5, -58.404187061073245, -60.77308370067394),
            (-9.5, -48.30601929896523, -50.578559393519754),
            (-3.0, -6.607726221510349, -7.869686059603029),
            (-1.25, -2.247625677214318, -2.984063256024853),
            (-0.5, -1.1759117615936185, -1.6205162643873199),
            (0.25, -0.5129840754094305, -0.6229782309067678),
            (2.0, -0.02301290932896349, 0.6973835457882284),
            (9.0, -1.1285884059538405e-19, 2.1972245773362196),
        ];
        for (z, ln_cdf_z, ln_h_z) in table {
            close(ln_cdf(z), ln_cdf_z, 2e-14);
            close(ln_h(z), ln_h_z, 2e-13);
        }
    }

    #[test]
    fn the_cases_agree_where_they_meet() {
        for z in [-1.0, SERIES_BELOW] {
            let (below, above) = (z - 1e-9, z + 1e-9);
            assert!((ln_h(above) - ln_h(below) - 2e-9 * (cdf(z).ln() - ln_h(z)).exp()).abs() < 1e-11);
            assert!((ln_cdf(above) - ln_cdf(below) - 2e-9 * hazard(z)).abs() < 1e-11);
        }
    }

    #[test]
    fn the_quantile_inverts_the_distribution_function() {
        for p in [1e-12, 0.025, 0.5, 0.75, 0.999] {
            close(cdf(quantile(p)), p, 1e-12);
        }
    }
}

//! Helpers that the tests of Gaussian processes share.

use super::hyperparameters::Hyperparameters;

/// Hyperparameters of one length-scale, with a signal variance of 1.
pub(in crate::search) fn hyper(length: f64, noise: f64) -> Hyperparameters {
    Hyperparameters { lengths: vec![length], scale: 1.0, noise, levels: Vec::new(), warps: Vec::new() }
}

/// Asserts that `gradient` equals the slopes of `at` around `input`, measured by small differences.
/// The `tolerance` is both absolute and relative.
pub(in crate::search) fn assert_slopes(
    gradient: [f64; 2],
    at: impl Fn([f64; 2]) -> f64,
    input: [f64; 2],
    tolerance: f64,
) {
    for axis in 0..2 {
        let moved = |step: f64| {
            let mut input = input;
            input[axis] += step;
            at(input)
        };
        let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        let error = (gradient[axis] - difference).abs();
        assert!(error < tolerance * (1.0 + difference.abs()), "{axis}: {} and {difference}", gradient[axis]);
    }
}

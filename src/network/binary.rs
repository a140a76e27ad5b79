//! A trained network in the form that is deployed: weights and thresholds, and nothing else.

use ndarray::{Array1, Array2};

use super::Key;

/// One layer of threshold neurons: output o is 1 where `weights[o] . inputs >= thresholds[o]`, else 0.
///
/// Batch norm and bias are folded in. Weights and thresholds lie on a grid of a power of two so coarse
/// that every partial sum is exact in `f64`: the order of summation does not matter, and an integer
/// simulation gives the same bits.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryLayer {
    /// (O, I), whole multiples of `2^exponent`.
    pub weights: Array2<f64>,
    /// (O), whole multiples of `2^exponent`.
    pub thresholds: Array1<f64>,
    /// Base-2 logarithm of the grid's distance.
    pub exponent: i32,
}

/// A network whose every activation is 0 or 1.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryNetwork {
    /// The largest input: 1 for spikes, more where graded inputs come in as whole numbers.
    pub input_max: u8,
    /// From the input to the output neurons; at least one.
    pub layers: Vec<BinaryLayer>,
    /// From output neurons to classes.
    pub key: Key,
}

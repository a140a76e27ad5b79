//! What is learnt from.
//!
//! Axes: N samples, I inputs.

use ndarray::Array2;

/// Samples as the network is sent them, with their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    /// (N, I), each at most `max`.
    pub inputs: Array2<u8>,
    /// The input that stands for 1.0; at least 1.
    pub max: u8,
    /// (N), each below the number of classes.
    pub labels: Vec<u16>,
}

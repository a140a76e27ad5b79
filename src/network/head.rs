//! The n-hot key: which output neurons speak for which class.

use ndarray::Array2;

/// From output neurons to classes: (K, N) of 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Key(Array2<u8>);

impl Key {
    /// A key of the given ownership, (K, N): nonzero where the neuron speaks for the class.
    pub fn new(owns: Array2<u8>) -> Self {
        Self(owns.mapv(|own| u8::from(own != 0)))
    }

    /// K
    pub fn classes(&self) -> usize {
        self.0.nrows()
    }

    /// N
    pub fn width(&self) -> usize {
        self.0.ncols()
    }

    /// (K): (2a - 1) . (2K^T - 1) for the output neurons' spikes a, (N).
    pub fn scores(&self, spikes: &[bool]) -> Vec<i32> {
        let sign = |bit: bool| if bit { 1 } else { -1 };
        let score = |row: ndarray::ArrayView1<'_, u8>| {
            row.iter().zip(spikes).map(|(&own, &spike)| sign(own == 1) * sign(spike)).sum()
        };
        self.0.rows().into_iter().map(score).collect()
    }
}

//! The key of an n-hot output: which output neurons belong to which class.

use ndarray::{Array2, ArrayView1};

/// (K, N): whether neuron n belongs to class k.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    members: Array2<bool>,
}

impl Key {
    /// A key as it was drawn before: (K, N).
    pub fn from_members(members: Array2<bool>) -> Self {
        Self { members }
    }

    /// K.
    pub fn classes(&self) -> usize {
        self.members.nrows()
    }

    /// N, the number of output neurons.
    pub fn width(&self) -> usize {
        self.members.ncols()
    }

    /// (K) scores `(2a - 1)(2 Kᵀ - 1)` of output spikes a (N).
    pub fn scores(&self, spikes: &[bool]) -> Vec<i32> {
        let vote = |(member, spike): (&bool, &bool)| if member == spike { 1 } else { -1 };
        let score = |row: ArrayView1<'_, bool>| row.iter().zip(spikes).map(vote).sum();
        self.members.rows().into_iter().map(score).collect()
    }
}

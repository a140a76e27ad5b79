//! How far a training has come, as its methods need it.

/// Where a training is: before a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// Counted from 0.
    pub epoch: u32,
    /// Counted from 0.
    pub batch: usize,
    /// Batches an epoch.
    pub batches: usize,
}

//! The position of a batch in a training, which the methods need.

/// The position of a training before a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchPosition {
    /// Counted from 0.
    pub epoch: u32,
    /// Counted from 0.
    pub batch: usize,
    /// The number of batches of an epoch.
    pub batches: usize,
}

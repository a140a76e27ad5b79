//! The position of a batch in a training, by which the methods decide.

/// The position of a batch in a training.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchPosition {
    /// The epoch, counted from 0.
    pub epoch: u32,
    /// The batch within its epoch, counted from 0.
    pub batch: usize,
    /// Number of batches in an epoch.
    pub batches: usize,
}

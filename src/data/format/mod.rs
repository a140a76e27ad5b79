//! Readers of the formats in which data sets come.

pub(super) mod cifar;
pub(super) mod csv;
pub(super) mod idx;
pub(super) mod npy;
pub(super) mod npz;
pub(super) mod stream;
pub(super) mod table;

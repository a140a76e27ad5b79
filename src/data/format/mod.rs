//! Readers of the formats in which data sets come.

pub(super) mod arrays;
pub(super) mod cifar;
pub(super) mod csv;
pub(super) mod idx;
pub(super) mod idx_folder;
pub(super) mod images;
mod labels;
pub(super) mod layout;
pub(super) mod npy;
pub(super) mod npy_files;
pub(super) mod npz;
pub(super) mod stream;
pub(super) mod table;

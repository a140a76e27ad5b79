//! How far the reading of a data set is.

use super::catalogue::download::DownloadProgress;

/// What takes time while a data set is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadProgress<'a> {
    /// A file is downloaded.
    Download(DownloadProgress<'a>),
    /// Pictures are decoded.
    Pictures {
        /// How many are.
        decoded: usize,
        /// How many there are.
        total: usize,
    },
}

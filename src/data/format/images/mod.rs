//! Pictures in folders: one folder per class, within `train`, `val` and `test` or without them.

mod cache;
mod decode;
mod listing;
mod natural;
mod read;

#[cfg(test)]
mod tests;

pub(crate) use listing::has_loose_pictures;
pub(crate) use read::read;

//! Pictures in folders: one folder per class, within `train`, `val` and `test` or without them.

mod cache;
mod decode;
mod labelled;
mod listing;
mod natural;
mod read;
mod unlabelled;

#[cfg(test)]
mod tests;

pub(crate) use labelled::{LabelledPictures, labelled};
pub(crate) use listing::{FOREIGN_KIND, foreign_picture, has_loose_pictures, has_pictures};
pub(crate) use read::read;
pub(crate) use unlabelled::{may_be_pictures, pictures, pixels};

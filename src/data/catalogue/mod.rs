//! The catalogue: data sets that are known by name, and how their files are found or downloaded.

pub(super) mod checksum;
pub(super) mod download;
mod entries;
mod entry;
pub(super) mod fetch;
mod lookup;
#[cfg(test)]
pub(super) mod server;
pub(super) mod sources;

pub use entry::{BuiltIn, CatalogueFile, Entry, Format, Origin};
pub use lookup::{catalogue, find};

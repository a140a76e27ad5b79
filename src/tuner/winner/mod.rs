//! What is kept of a confirmed winner besides its results: its mark for people, and the networks beside its own.

mod disk;
mod note;

pub(super) use disk::DiskLimit;

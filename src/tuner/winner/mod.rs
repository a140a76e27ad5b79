//! The winner of a confirmation: the race that decides it, and what is kept of it besides its results: its mark for
//! people, and the networks beside its own.

mod disk;
mod note;
mod race;

pub(super) use disk::DiskLimit;
pub(super) use race::{Race, Rank};

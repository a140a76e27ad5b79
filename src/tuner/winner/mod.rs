//! The winner of a confirmation: the race that decides it, and what is kept of it besides its results: its mark for
//! people, the files of networks, and the disk that they take.

mod disk;
mod note;
mod race;
mod saved;

use disk::DiskLimit;
pub(super) use race::{Race, Rank};
pub(super) use saved::Restored;

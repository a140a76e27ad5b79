//! How long a study still takes, estimated from the durations of its trials. Nothing here reads a
//! clock, and no decision about a network depends on it.

mod durations;
mod measured;
mod workload;

pub use durations::{Durations, Finished};
pub use workload::{Repeats, Running, Workload};

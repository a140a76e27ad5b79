//! The loops that training time goes into, over memory in [`Lanes`].

mod lanes;
mod tile;

pub use lanes::{LANES, Lanes, floats, floats_mut, padded, panels};
pub use tile::{ROWS, Runs, Walk, gather, outer};

//! The innermost loops of the forward and backward pass. Their numbers lie in memory as [`Lanes`],
//! sixteen floats side by side.

mod entries;
mod lanes;
mod product;
mod register;
mod tile;
mod vector;
mod winograd;

pub use entries::{SparseEntry, StridedLanes, WIDEST, sum_entries};
pub use lanes::{LANES, Lanes, floats, floats_mut, padded, panels};
pub use product::{Out, Rows, multiply, multiply_outer, transpose};
pub use tile::{LoopNest, ROWS, Runs, at_once, gather, outer};
pub use vector::vectorized;
pub use winograd::{Images, ImagesMut, Winograd, WinogradErrors};

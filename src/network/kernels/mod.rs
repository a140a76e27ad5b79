//! The loops that training time goes into, over memory in [`Lanes`].

mod entries;
mod lanes;
mod product;
mod register;
mod tile;
mod vector;
mod winograd;

pub use entries::{Entry, Field, WIDEST, sum_entries};
pub use lanes::{LANES, Lanes, floats, floats_mut, padded, panels};
pub use product::{Out, Rows, multiply, multiply_outer, transpose};
pub use tile::{ROWS, Runs, Walk, at_once, gather, outer};
pub use vector::vectorized;
pub use winograd::{Back, Images, ImagesMut, Winograd};

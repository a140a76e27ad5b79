//! The integers that sums are kept in.

use std::ops::{Add, Mul};

use super::events::EventLists;
use super::matrix_unit::Line;

/// A number that sums are kept in.
pub(super) trait Lane: Copy + Default + Ord + Add<Output = Self> + Mul<Output = Self> {
    /// `whole` as a lane that was chosen wide enough for it.
    fn narrowed(whole: i64) -> Self;

    /// The largest number.
    fn largest() -> i64;

    /// The sum, modulo the lane's width.
    fn plus(self, other: Self) -> Self;

    /// The difference, modulo the lane's width.
    fn minus(self, other: Self) -> Self;

    /// The scratch sums of this type.
    fn sums(buffers: &mut StepBuffers) -> &mut Vec<Self>;
}

macro_rules! lane {
    ($lane:ident) => {
        impl Lane for $lane {
            fn narrowed(whole: i64) -> Self {
                whole as Self
            }

            fn largest() -> i64 {
                i64::from(Self::MAX)
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn sums(buffers: &mut StepBuffers) -> &mut Vec<Self> {
                &mut buffers.$lane
            }
        }
    };
}

lane!(i16);
lane!(i32);
lane!(i64);

/// Memory of the step at hand: the sums of the neurons, by type.
#[derive(Default)]
pub(super) struct StepBuffers {
    i16: Vec<i16>,
    i32: Vec<i32>,
    i64: Vec<i64>,
    /// Silent inputs, by place among the sources.
    pub silent: Vec<EventLists>,
    /// Levels of all inputs.
    pub lines: Vec<Line>,
}

//! Lanes: the integer types that hold the sums of neurons.

use std::ops::{Add, Mul};

use super::events::EventLists;
use super::matrix_unit::Line;

/// An integer type that holds sums.
pub(super) trait Lane: Copy + Default + Ord + Add<Output = Self> + Mul<Output = Self> {
    /// `whole` in this type, which must be wide enough for it.
    fn narrowed(whole: i64) -> Self;

    /// The largest number of this type.
    fn largest() -> i64;

    /// The sum, modulo the width of the type.
    fn plus(self, other: Self) -> Self;

    /// The difference, modulo the width of the type.
    fn minus(self, other: Self) -> Self;

    /// The sums of this type in `buffers`.
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

/// Memory of the current step: the sums of neurons, by type.
#[derive(Default)]
pub(super) struct StepBuffers {
    i16: Vec<i16>,
    i32: Vec<i32>,
    i64: Vec<i64>,
    /// Silent inputs of each source.
    pub silent: Vec<EventLists>,
    /// Levels of all inputs, for the matrix unit.
    pub lines: Vec<Line>,
}

//! Sixteen floats side by side: the unit that all of the network's memory is made of.

use bytemuck::{Pod, Zeroable};

/// Floats in a [`Lanes`].
pub const LANES: usize = 16;

/// Sixteen neighbouring channels or neurons: a cache line, a register of AVX-512, two of AVX2.
///
/// Lanes beyond a layer's width hold 0 and stay 0.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    /// All zero.
    pub const ZERO: Self = Self([0.0; LANES]);

    /// The same in each lane.
    pub const fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
}

/// How many [`Lanes`] hold `width` floats.
pub const fn panels(width: usize) -> usize {
    width.div_ceil(LANES)
}

/// The floats of `lanes`, one after the other.
pub fn floats(lanes: &[Lanes]) -> &[f32] {
    bytemuck::must_cast_slice(lanes)
}

/// The floats of `lanes`, one after the other, to write to.
pub fn floats_mut(lanes: &mut [Lanes]) -> &mut [f32] {
    bytemuck::must_cast_slice_mut(lanes)
}

/// `values` in whole lanes, zeros after the last.
pub fn padded(values: impl ExactSizeIterator<Item = f32>) -> Vec<Lanes> {
    let mut lanes = vec![Lanes::ZERO; panels(values.len())];
    floats_mut(&mut lanes).iter_mut().zip(values).for_each(|(to, value)| *to = value);
    lanes
}

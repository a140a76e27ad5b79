//! Sixteen floats side by side: the unit in which a network's numbers lie in memory.

use bytemuck::{Pod, Zeroable};

/// The number of floats in a [`Lanes`].
pub const LANES: usize = 16;

/// The values of sixteen neighbouring channels or neurons. They fill one cache line, one register
/// of AVX-512 or two registers of AVX2.
///
/// The last lanes of a layer may have no neuron. Such empty lanes hold 0 and stay 0.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    /// All zero.
    pub const ZERO: Self = Self([0.0; LANES]);

    /// `value` in each lane.
    pub const fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
}

/// The number of [`Lanes`] that hold `width` floats.
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

/// `values` in whole lanes, with zeros after the last.
pub fn padded(values: impl ExactSizeIterator<Item = f32>) -> Vec<Lanes> {
    let mut lanes = vec![Lanes::ZERO; panels(values.len())];
    floats_mut(&mut lanes).iter_mut().zip(values).for_each(|(to, value)| *to = value);
    lanes
}

//! Sparse products: weighted sums that skip the terms of 0.

use super::Lanes;

/// A number other than 0 in a sparse row or column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseEntry {
    /// The number's index in the row or column.
    pub index: u32,
    /// The number.
    pub value: f32,
}

/// Rows of lanes (16 floats each) that a sparse row is multiplied with. The lane for `index` and
/// panel p is lane `index step + p spacing`.
#[derive(Clone, Copy, Debug)]
pub struct StridedLanes<'a> {
    /// The memory of all lanes.
    pub lanes: &'a [Lanes],
    /// Distance from the lane of one index to that of the next, in lanes.
    pub step: usize,
    /// Distance from one panel (16 neurons) to the next, in lanes.
    pub spacing: usize,
}

/// The most panels (of 16 neurons) that one call of [`sum_entries`] computes.
pub const WIDEST: usize = 4;

/// Sums `value lanes[index step + p spacing]` over all entries, and writes the sum to `out[p gap]`.
/// There is one sum for each panel p of `count`, which is 1 to [`WIDEST`].
///
/// # Panics
/// If an entry or a panel lies outside `strided` or `out`.
pub fn sum_entries(
    entries: &[SparseEntry],
    strided: StridedLanes<'_>,
    out: &mut [Lanes],
    gap: usize,
    count: usize,
) {
    match count {
        1 => sum::<1>(entries, strided, out, gap),
        2 => sum::<2>(entries, strided, out, gap),
        3 => sum::<3>(entries, strided, out, gap),
        _ => sum::<4>(entries, strided, out, gap),
    }
}

fn sum<const P: usize>(entries: &[SparseEntry], strided: StridedLanes<'_>, out: &mut [Lanes], gap: usize) {
    #[cfg(target_arch = "x86_64")]
    let sums = if super::register::has_avx2() {
        // SAFETY: the processor has AVX2 and FMA.
        unsafe { avx2::sum::<P>(entries, strided) }
    } else {
        portable(entries, strided)
    };
    #[cfg(not(target_arch = "x86_64"))]
    let sums = portable::<P>(entries, strided);
    for (panel, sum) in sums.into_iter().enumerate() {
        out[panel * gap] = sum;
    }
}

fn portable<const P: usize>(entries: &[SparseEntry], strided: StridedLanes<'_>) -> [Lanes; P] {
    let mut sums = [Lanes::ZERO; P];
    for entry in entries {
        for (panel, sum) in sums.iter_mut().enumerate() {
            let lanes = &strided.lanes[entry.index as usize * strided.step + panel * strided.spacing];
            sum.0.iter_mut().zip(&lanes.0).for_each(|(sum, lane)| *sum += entry.value * lane);
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Lanes, SparseEntry, StridedLanes};

    #[target_feature(enable = "avx2,fma")]
    pub fn sum<const P: usize>(entries: &[SparseEntry], strided: StridedLanes<'_>) -> [Lanes; P] {
        let mut low = [_mm256_setzero_ps(); P];
        let mut high = [_mm256_setzero_ps(); P];
        let last = (P - 1) * strided.spacing;
        for entry in entries {
            let place = entry.index as usize * strided.step;
            assert!(place + last < strided.lanes.len(), "an entry lies in the memory");
            let value = _mm256_set1_ps(entry.value);
            // SAFETY: the assertion above shows that the last panel lies in the memory.
            let first = unsafe { strided.lanes.as_ptr().add(place).cast::<f32>() };
            for panel in 0..P {
                // SAFETY: the last panel lies in the memory, so those before it do as well.
                unsafe {
                    let lanes = first.add(panel * strided.spacing * 16);
                    low[panel] = _mm256_fmadd_ps(value, _mm256_load_ps(lanes), low[panel]);
                    high[panel] = _mm256_fmadd_ps(value, _mm256_load_ps(lanes.add(8)), high[panel]);
                }
            }
        }
        let mut sums = [Lanes::ZERO; P];
        for panel in 0..P {
            // SAFETY: a lane holds two registers, and is aligned for them.
            unsafe {
                let sum = sums[panel].0.as_mut_ptr();
                _mm256_store_ps(sum, low[panel]);
                _mm256_store_ps(sum.add(8), high[panel]);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_by_hand() {
        let lanes: Vec<Lanes> = (0..12).map(|i| Lanes::splat(i as f32)).collect();
        let strided = StridedLanes { lanes: &lanes, step: 3, spacing: 1 };
        let entries = [SparseEntry { index: 1, value: 2.0 }, SparseEntry { index: 3, value: -1.0 }];
        let mut out = vec![Lanes::splat(9.0); 5];
        sum_entries(&entries, strided, &mut out, 2, 3);
        // Panel p: 2 (3 + p) - (9 + p) = p - 3.
        let firsts: Vec<f32> = out.iter().map(|lanes| lanes.0[15]).collect();
        assert_eq!(firsts, [-3.0, 9.0, -2.0, 9.0, -1.0]);
        assert_eq!(portable::<3>(&entries, strided).map(|lanes| lanes.0[0]), [-3.0, -2.0, -1.0]);
    }
}

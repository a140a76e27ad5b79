//! Sparse products: weighted sums that skip the terms of 0.

use super::Lanes;
#[cfg(target_arch = "x86_64")]
use super::register::{Halves, Wide};
use super::register::{Level, Register};

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
    match Level::detect() {
        // SAFETY: the processor has the features, as just detected, here and below.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { sum_avx512::<P>(entries, strided, out, gap) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { sum_avx2::<P>(entries, strided, out, gap) },
        // SAFETY: plain floats need no features.
        Level::Portable => unsafe { sum_in::<Lanes, P>(entries, strided, out, gap) },
    }
}

/// [`sum_in`] compiled for AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn sum_avx512<const P: usize>(
    entries: &[SparseEntry],
    strided: StridedLanes<'_>,
    out: &mut [Lanes],
    gap: usize,
) {
    // SAFETY: this function is compiled for the features, and called only where they are.
    unsafe { sum_in::<Wide, P>(entries, strided, out, gap) }
}

/// [`sum_in`] compiled for AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sum_avx2<const P: usize>(
    entries: &[SparseEntry],
    strided: StridedLanes<'_>,
    out: &mut [Lanes],
    gap: usize,
) {
    // SAFETY: this function is compiled for the features, and called only where they are.
    unsafe { sum_in::<Halves, P>(entries, strided, out, gap) }
}

/// The sums of P panels, which stay in registers until the last entry.
///
/// # Safety
/// The processor has the features that R needs.
#[inline(always)]
unsafe fn sum_in<R: Register, const P: usize>(
    entries: &[SparseEntry],
    strided: StridedLanes<'_>,
    out: &mut [Lanes],
    gap: usize,
) {
    // SAFETY: the caller's promise.
    let mut sums = [unsafe { R::zero() }; P];
    let last = (P - 1) * strided.spacing;
    for entry in entries {
        let place = entry.index as usize * strided.step;
        assert!(place + last < strided.lanes.len(), "an entry lies in the memory");
        for (panel, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the last panel lies in the memory, so those before it do as well.
            let lanes = unsafe { R::load(strided.lanes.as_ptr().add(place + panel * strided.spacing)) };
            *sum = sum.plus(entry.value, lanes);
        }
    }
    for (panel, sum) in sums.into_iter().enumerate() {
        // SAFETY: the lane is borrowed mutably.
        unsafe { sum.store(&mut out[panel * gap]) };
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
    }

    #[test]
    fn every_kind_of_register_sums_alike() {
        // Whole numbers, so that a sum rounded once and one rounded twice are equal.
        let lanes: Vec<Lanes> =
            (0..60).map(|i| Lanes(std::array::from_fn(|lane| (i * 16 + lane) as f32))).collect();
        let strided = StridedLanes { lanes: &lanes, step: 4, spacing: 2 };
        let entries = [0, 3, 4, 11].map(|index| SparseEntry { index, value: index as f32 - 5.0 });
        for count in 1..=WIDEST {
            let (mut found, mut plain) = ([Lanes::splat(7.0); 10], [Lanes::splat(7.0); 10]);
            sum_entries(&entries, strided, &mut found, 3, count);
            // SAFETY: plain floats need no features.
            unsafe {
                match count {
                    1 => sum_in::<Lanes, 1>(&entries, strided, &mut plain, 3),
                    2 => sum_in::<Lanes, 2>(&entries, strided, &mut plain, 3),
                    3 => sum_in::<Lanes, 3>(&entries, strided, &mut plain, 3),
                    _ => sum_in::<Lanes, 4>(&entries, strided, &mut plain, 3),
                }
            }
            assert_eq!(found, plain, "{count} panels");
        }
    }
}

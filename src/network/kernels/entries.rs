//! Sums over the terms that are not 0.

use super::Lanes;

/// A number that is not 0, and which of a row's or column's it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Its place.
    pub index: u32,
    /// The number.
    pub value: f32,
}

/// Lanes that entries are multiplied with: for entry `index`, lane `index step + p spacing` in panel p.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// All of them.
    pub lanes: &'a [Lanes],
    /// Lanes from one index to the next.
    pub step: usize,
    /// Lanes from one panel to the next.
    pub spacing: usize,
}

/// The most panels at a time.
pub const WIDEST: usize = 4;

/// Writes `sum of value lanes[index step + p spacing]` over the entries to `out[p gap]`, for `count` panels p,
/// 1 to [`WIDEST`].
///
/// # Panics
/// If an entry or a panel lies outside `field` or `out`.
pub fn sum_entries(entries: &[Entry], field: Field<'_>, out: &mut [Lanes], gap: usize, count: usize) {
    match count {
        1 => sum::<1>(entries, field, out, gap),
        2 => sum::<2>(entries, field, out, gap),
        3 => sum::<3>(entries, field, out, gap),
        _ => sum::<4>(entries, field, out, gap),
    }
}

fn sum<const P: usize>(entries: &[Entry], field: Field<'_>, out: &mut [Lanes], gap: usize) {
    #[cfg(target_arch = "x86_64")]
    let sums = if super::register::has_avx2() {
        // SAFETY: the processor has AVX2 and FMA.
        unsafe { avx2::sum::<P>(entries, field) }
    } else {
        portable(entries, field)
    };
    #[cfg(not(target_arch = "x86_64"))]
    let sums = portable::<P>(entries, field);
    for (panel, sum) in sums.into_iter().enumerate() {
        out[panel * gap] = sum;
    }
}

fn portable<const P: usize>(entries: &[Entry], field: Field<'_>) -> [Lanes; P] {
    let mut sums = [Lanes::ZERO; P];
    for entry in entries {
        for (panel, sum) in sums.iter_mut().enumerate() {
            let lanes = &field.lanes[entry.index as usize * field.step + panel * field.spacing];
            sum.0.iter_mut().zip(&lanes.0).for_each(|(sum, lane)| *sum += entry.value * lane);
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Entry, Field, Lanes};

    #[target_feature(enable = "avx2,fma")]
    pub fn sum<const P: usize>(entries: &[Entry], field: Field<'_>) -> [Lanes; P] {
        let mut low = [_mm256_setzero_ps(); P];
        let mut high = [_mm256_setzero_ps(); P];
        let last = (P - 1) * field.spacing;
        for entry in entries {
            let place = entry.index as usize * field.step;
            assert!(place + last < field.lanes.len(), "an entry lies in its field");
            let value = _mm256_set1_ps(entry.value);
            // SAFETY: the last panel was just seen to be there.
            let first = unsafe { field.lanes.as_ptr().add(place).cast::<f32>() };
            for panel in 0..P {
                // SAFETY: as the last panel is there, so are those before it.
                unsafe {
                    let lanes = first.add(panel * field.spacing * 16);
                    low[panel] = _mm256_fmadd_ps(value, _mm256_load_ps(lanes), low[panel]);
                    high[panel] = _mm256_fmadd_ps(value, _mm256_load_ps(lanes.add(8)), high[panel]);
                }
            }
        }
        let mut sums = [Lanes::ZERO; P];
        for panel in 0..P {
            // SAFETY: a lane has room for two registers, and is aligned for them.
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
        let field = Field { lanes: &lanes, step: 3, spacing: 1 };
        let entries = [Entry { index: 1, value: 2.0 }, Entry { index: 3, value: -1.0 }];
        let mut out = vec![Lanes::splat(9.0); 5];
        sum_entries(&entries, field, &mut out, 2, 3);
        // Panel p: 2 (3 + p) - (9 + p) = p - 3.
        let firsts: Vec<f32> = out.iter().map(|lanes| lanes.0[15]).collect();
        assert_eq!(firsts, [-3.0, 9.0, -2.0, 9.0, -1.0]);
        assert_eq!(portable::<3>(&entries, field).map(|lanes| lanes.0[0]), [-3.0, -2.0, -1.0]);
    }
}

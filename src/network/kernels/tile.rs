//! The innermost loops: a few rows of a matrix product, kept in registers from the first term to the last.
//!
//! Every product of the network is made of two shapes of tile, both of up to [`ROWS`] rows by one [`Lanes`]:
//!
//! ```text
//! gather:  out[r][n] = sum over k of row_r[k] panel[k][n]       rows anywhere in memory, k along each row
//! outer:   out[r][n] = sum over t of left[t][r] right[t][n]     r along the floats of `left`, t along a walk
//! ```
//!
//! A sum runs over its terms in order, whatever the number of rows in the tile, so results do not depend on
//! how a product is cut. With AVX2 and FMA each term is rounded once, without them twice.

use super::Lanes;

/// The most rows of a tile: with two registers a row, all but three of AVX2's sixteen.
pub const ROWS: usize = 6;

/// How the terms of a gathered row lie in memory: `outer` times `inner` runs of `length` floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Outer repetitions, and floats from one to the next.
    pub outer: (usize, usize),
    /// Inner repetitions, and floats from one to the next.
    pub inner: (usize, usize),
    /// Floats in a run.
    pub length: usize,
}

impl Runs {
    /// One run of `length` floats.
    pub const fn one(length: usize) -> Self {
        Self { outer: (1, 0), inner: (1, 0), length }
    }

    /// Terms in all.
    pub const fn terms(&self) -> usize {
        self.outer.0 * self.inner.0 * self.length
    }

    /// Floats from the first term to behind the last; 0 without terms.
    pub const fn reach(&self) -> usize {
        if self.terms() == 0 {
            return 0;
        }
        (self.outer.0 - 1) * self.outer.1 + (self.inner.0 - 1) * self.inner.1 + self.length
    }
}

/// Three nested loops, as (times, step of `left` in floats, step of `right` in [`Lanes`]), the outermost first.
pub type Walk = [(usize, usize, usize); 3];

/// Writes the products of `rows` gathered rows with `panel` to `out[r]`; with `add`, the sums go on from what
/// `out[r]` holds.
///
/// # Safety
/// Rows must be readable as `runs` says, `panel` for `runs.terms()` lanes; each `out` must be writable and
/// none may overlap what is read. `rows` and `out` are equally many, 1 to [`ROWS`].
#[inline]
pub unsafe fn gather(rows: &[*const f32], runs: &Runs, panel: *const Lanes, out: &[*mut Lanes], add: bool) {
    debug_assert!(rows.len() == out.len() && (1..=ROWS).contains(&rows.len()));
    // SAFETY: the caller's promise; AVX2 and FMA are there where they are used.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            return match rows.len() {
                1 => avx2::gather::<1>(rows, runs, panel, out, add),
                2 => avx2::gather::<2>(rows, runs, panel, out, add),
                3 => avx2::gather::<3>(rows, runs, panel, out, add),
                4 => avx2::gather::<4>(rows, runs, panel, out, add),
                5 => avx2::gather::<5>(rows, runs, panel, out, add),
                _ => avx2::gather::<6>(rows, runs, panel, out, add),
            };
        }
        portable::gather(rows, runs, panel, out, add);
    }
}

/// Writes the products of `rows` floats of `left` with `right` to `out`, one after the other; with `add`, the
/// sums go on from what `out` holds. `left` points to the first of these floats.
///
/// # Safety
/// `left` must be readable for `rows` floats and `right` for a lane at every place of `walk`, `out` writable
/// for `rows` lanes and overlapping nothing that is read; `rows` is 1 to [`ROWS`].
#[inline]
pub unsafe fn outer(
    left: *const f32,
    right: *const Lanes,
    walk: &Walk,
    rows: usize,
    out: *mut Lanes,
    add: bool,
) {
    debug_assert!((1..=ROWS).contains(&rows));
    // SAFETY: the caller's promise; AVX2 and FMA are there where they are used.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            return match rows {
                1 => avx2::outer::<1>(left, right, walk, out, add),
                2 => avx2::outer::<2>(left, right, walk, out, add),
                3 => avx2::outer::<3>(left, right, walk, out, add),
                4 => avx2::outer::<4>(left, right, walk, out, add),
                5 => avx2::outer::<5>(left, right, walk, out, add),
                _ => avx2::outer::<6>(left, right, walk, out, add),
            };
        }
        portable::outer(left, right, walk, rows, out, add);
    }
}

/// Whether this processor has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Lanes, Runs, Walk};

    /// # Safety
    /// As [`super::gather`], with M rows, on a processor with AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn gather<const M: usize>(
        rows: &[*const f32],
        runs: &Runs,
        panel: *const Lanes,
        out: &[*mut Lanes],
        add: bool,
    ) {
        // SAFETY: as promised by the caller.
        unsafe {
            let (mut low, mut high) = ([_mm256_setzero_ps(); M], [_mm256_setzero_ps(); M]);
            if add {
                for r in 0..M {
                    (low[r], high[r]) = load(out[r]);
                }
            }
            let mut starts = [std::ptr::null::<f32>(); M];
            starts.copy_from_slice(&rows[..M]);
            let mut panel = panel.cast::<f32>();
            for outer in 0..runs.outer.0 {
                for inner in 0..runs.inner.0 {
                    let offset = outer * runs.outer.1 + inner * runs.inner.1;
                    let rows = starts.map(|row| row.wrapping_add(offset));
                    for k in 0..runs.length {
                        let (left, right) = (_mm256_load_ps(panel), _mm256_load_ps(panel.add(8)));
                        for r in 0..M {
                            let x = _mm256_broadcast_ss(&*rows[r].add(k));
                            low[r] = _mm256_fmadd_ps(x, left, low[r]);
                            high[r] = _mm256_fmadd_ps(x, right, high[r]);
                        }
                        panel = panel.add(16);
                    }
                }
            }
            for r in 0..M {
                store(out[r], low[r], high[r]);
            }
        }
    }

    /// # Safety
    /// As [`super::outer`], with M rows, on a processor with AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn outer<const M: usize>(
        left: *const f32,
        right: *const Lanes,
        walk: &Walk,
        out: *mut Lanes,
        add: bool,
    ) {
        let [
            (planes, plane_left, plane_right),
            (lines, line_left, line_right),
            (count, left_step, right_step),
        ] = walk.map(|(times, left, right)| (times, left, right * 16));
        let right = right.cast::<f32>();
        // SAFETY: as promised by the caller.
        unsafe {
            let (mut low, mut high) = ([_mm256_setzero_ps(); M], [_mm256_setzero_ps(); M]);
            if add {
                for r in 0..M {
                    (low[r], high[r]) = load(out.add(r));
                }
            }
            for plane in 0..planes {
                for line in 0..lines {
                    let mut a = left.add(plane * plane_left + line * line_left);
                    let mut b = right.add(plane * plane_right + line * line_right);
                    for _ in 0..count {
                        let (first, second) = (_mm256_load_ps(b), _mm256_load_ps(b.add(8)));
                        for r in 0..M {
                            let x = _mm256_broadcast_ss(&*a.add(r));
                            low[r] = _mm256_fmadd_ps(x, first, low[r]);
                            high[r] = _mm256_fmadd_ps(x, second, high[r]);
                        }
                        a = a.wrapping_add(left_step);
                        b = b.wrapping_add(right_step);
                    }
                }
            }
            for r in 0..M {
                store(out.add(r), low[r], high[r]);
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn load(from: *const Lanes) -> (__m256, __m256) {
        let from = from.cast::<f32>();
        // SAFETY: the caller's promise that `from` is readable.
        unsafe { (_mm256_load_ps(from), _mm256_load_ps(from.add(8))) }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn store(out: *mut Lanes, low: __m256, high: __m256) {
        let out = out.cast::<f32>();
        // SAFETY: the caller's promise that `out` is writable.
        unsafe {
            _mm256_store_ps(out, low);
            _mm256_store_ps(out.add(8), high);
        }
    }
}

/// The same loops for any processor.
mod portable {
    use super::{Lanes, Runs, Walk};

    /// # Safety
    /// As [`super::gather`].
    pub unsafe fn gather(
        rows: &[*const f32],
        runs: &Runs,
        panel: *const Lanes,
        out: &[*mut Lanes],
        add: bool,
    ) {
        for (&row, &out) in rows.iter().zip(out) {
            // SAFETY: the caller's promise.
            let mut sums = if add { unsafe { *out } } else { Lanes::ZERO };
            let mut panel = panel;
            for outer in 0..runs.outer.0 {
                for inner in 0..runs.inner.0 {
                    let row = row.wrapping_add(outer * runs.outer.1 + inner * runs.inner.1);
                    for k in 0..runs.length {
                        // SAFETY: the caller's promise.
                        unsafe {
                            accumulate(&mut sums, *row.add(k), &*panel);
                            panel = panel.add(1);
                        }
                    }
                }
            }
            // SAFETY: the caller's promise.
            unsafe { *out = sums };
        }
    }

    /// # Safety
    /// As [`super::outer`].
    pub unsafe fn outer(
        left: *const f32,
        right: *const Lanes,
        walk: &Walk,
        rows: usize,
        out: *mut Lanes,
        add: bool,
    ) {
        let [planes, lines, places] = *walk;
        for r in 0..rows {
            // SAFETY: the caller's promise.
            let mut sums = if add { unsafe { *out.add(r) } } else { Lanes::ZERO };
            for plane in 0..planes.0 {
                for line in 0..lines.0 {
                    for place in 0..places.0 {
                        let a = plane * planes.1 + line * lines.1 + place * places.1;
                        let b = plane * planes.2 + line * lines.2 + place * places.2;
                        // SAFETY: the caller's promise.
                        unsafe { accumulate(&mut sums, *left.add(a + r), &*right.add(b)) };
                    }
                }
            }
            // SAFETY: the caller's promise.
            unsafe { *out.add(r) = sums };
        }
    }

    fn accumulate(sums: &mut Lanes, factor: f32, lanes: &Lanes) {
        sums.0.iter_mut().zip(&lanes.0).for_each(|(sum, lane)| *sum += factor * lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::kernels::{LANES, floats};
    use proptest::prelude::*;

    /// Small whole numbers, whose sums are exact in any order and with any rounding.
    fn lanes(count: usize, salt: usize) -> Vec<Lanes> {
        let value = |i: usize| ((i * 7 + salt * 5 + i / 13) % 11) as f32 - 5.0;
        (0..count).map(|l| Lanes(std::array::from_fn(|n| value(l * LANES + n)))).collect()
    }

    proptest! {
        #[test]
        fn gathered_rows_meet_every_term(
            rows in 1..=ROWS, outer in 1usize..4, inner in 1usize..4, length in 1usize..40, add: bool
        ) {
            let gap = length + 3;
            let runs = Runs { outer: (outer, inner * gap + 5), inner: (inner, gap), length };
            let memory = lanes(60, 1);
            let panel = lanes(runs.terms(), 2);
            let mut found = vec![Lanes::splat(3.0); rows];
            let starts: Vec<*const f32> = (0..rows).map(|r| floats(&memory)[r * 9..].as_ptr()).collect();
            let ends: Vec<*mut Lanes> = found.iter_mut().map(std::ptr::from_mut).collect();
            // SAFETY: the last row ends before the memory does: 45 + 3 (3 * 42 + 5) + ... < 960.
            unsafe { gather(&starts, &runs, panel.as_ptr(), &ends, add) };
            for (r, found) in found.iter().enumerate() {
                let mut expected = [if add { 3.0 } else { 0.0 }; LANES];
                let mut k = 0;
                for o in 0..outer {
                    for i in 0..inner {
                        for l in 0..length {
                            let x = floats(&memory)[r * 9 + o * runs.outer.1 + i * runs.inner.1 + l];
                            expected.iter_mut().zip(panel[k].0).for_each(|(sum, lane)| *sum += x * lane);
                            k += 1;
                        }
                    }
                }
                prop_assert_eq!(found.0, expected);
            }
        }

        #[test]
        fn outer_products_meet_every_place(
            rows in 1..=ROWS, times in [1usize..4, 1usize..4, 1usize..6], add: bool
        ) {
            let walk: Walk = [(times[0], 320, 30), (times[1], 96, 8), (times[2], 16, 1)];
            let (left, right) = (lanes(90, 3), lanes(120, 4));
            let mut found = vec![Lanes::splat(-2.0); rows];
            let first = &floats(&left)[LANES - rows..];
            // SAFETY: 2 * 20 + 2 * 6 + 4 lanes of `left` and 2 * 30 + 2 * 8 + 4 of `right` are there.
            unsafe { outer(first.as_ptr(), right.as_ptr(), &walk, rows, found.as_mut_ptr(), add) };
            for (r, found) in found.iter().enumerate() {
                let mut expected = [if add { -2.0 } else { 0.0 }; LANES];
                for p in 0..times[0] {
                    for l in 0..times[1] {
                        for c in 0..times[2] {
                            let x = left[p * 20 + l * 6 + c].0[LANES - rows + r];
                            let lanes = right[p * 30 + l * 8 + c].0;
                            expected.iter_mut().zip(lanes).for_each(|(sum, lane)| *sum += x * lane);
                        }
                    }
                }
                prop_assert_eq!(found.0, expected);
            }
        }

        #[test]
        fn the_portable_tiles_agree(rows in 1..=ROWS, length in 1usize..50) {
            let (memory, panel) = (lanes(60, 5), lanes(length, 6));
            let starts: Vec<*const f32> = (0..rows).map(|r| floats(&memory)[r * 9..].as_ptr()).collect();
            let mut results = [vec![Lanes::ZERO; rows], vec![Lanes::ZERO; rows]];
            let [fast, slow] = &mut results;
            let walk: Walk = [(1, 0, 0), (1, 0, 0), (length, 1, 1)];
            let runs = Runs::one(length);
            // SAFETY: rows of at most 50 floats begin at most 45 into 960.
            unsafe {
                let mut ends: Vec<*mut Lanes> = fast.iter_mut().map(std::ptr::from_mut).collect();
                gather(&starts, &runs, panel.as_ptr(), &ends, false);
                ends = slow.iter_mut().map(std::ptr::from_mut).collect();
                portable::gather(&starts, &runs, panel.as_ptr(), &ends, false);
            }
            prop_assert_eq!(&results[0], &results[1]);
            let [fast, slow] = &mut results;
            // SAFETY: as above, with at most 50 lanes.
            unsafe {
                outer(floats(&memory).as_ptr(), panel.as_ptr(), &walk, rows, fast.as_mut_ptr(), true);
                portable::outer(floats(&memory).as_ptr(), panel.as_ptr(), &walk, rows, slow.as_mut_ptr(), true);
            }
            prop_assert_eq!(&results[0], &results[1]);
        }
    }
}

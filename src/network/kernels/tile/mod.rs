//! Tiles: a few rows of a matrix product, which stay in registers from the first term of the sum to
//! the last.
//!
//! Every product of a network is made of two kinds of tile. Both have up to [`at_once`] rows, and
//! one [`Lanes`] (16 floats) per row:
//!
//! ```text
//! gather:  out[r][n] = sum over k of row_r[k] panel[k][n]     rows anywhere, k along each row
//! outer:   out[r][n] = sum over t of left[t][r] right[t][n]   r along the floats of `left`, t in loops
//! ```
//!
//! A sum adds its terms in the same order whatever the number of rows in the tile. So results do
//! not depend on how a product is cut. With AVX-512, or with AVX2 and FMA, each term is rounded
//! once, and both give the same bits. Without them it is rounded twice.

mod loops;

use super::Lanes;
use super::register::Level;
#[cfg(target_arch = "x86_64")]
use super::register::{Halves, Wide};

/// The most rows of a tile on any processor.
pub const ROWS: usize = 16;

/// The most rows of a tile on this processor, at most [`ROWS`].
///
/// AVX2 has 16 registers; a row takes two of them, and 12 are used. AVX-512 has 32; a row takes
/// one, and 16 are used.
#[inline]
pub fn at_once() -> usize {
    match Level::detect() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => ROWS,
        _ => 6,
    }
}

/// How the terms of a row lie in memory: in `outer` times `inner` runs of `length` neighbouring
/// floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// The number of outer repetitions, and the distance from one to the next in floats.
    pub outer: (usize, usize),
    /// The number of inner repetitions, and the distance from one to the next in floats.
    pub inner: (usize, usize),
    /// The number of floats in a run.
    pub length: usize,
}

impl Runs {
    /// One run of `length` floats.
    pub const fn one(length: usize) -> Self {
        Self { outer: (1, 0), inner: (1, 0), length }
    }

    /// The number of terms.
    pub const fn terms(&self) -> usize {
        self.outer.0 * self.inner.0 * self.length
    }

    /// The distance from the first term to the end of the last, in floats; 0 without terms.
    pub const fn extent(&self) -> usize {
        if self.terms() == 0 {
            return 0;
        }
        (self.outer.0 - 1) * self.outer.1 + (self.inner.0 - 1) * self.inner.1 + self.length
    }
}

/// Three nested loops, the outermost first. Each is (number of rounds, step of `left` in floats,
/// step of `right` in [`Lanes`]).
pub type LoopNest = [(usize, usize, usize); 3];

/// Calls a function that takes the number of rows as a constant parameter.
#[cfg(target_arch = "x86_64")]
macro_rules! by_rows {
    ($rows:expr, $function:ident $arguments:tt) => {
        by_rows!(@ $rows, $function $arguments, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $rows:expr, $function:ident $arguments:tt, $($count:literal)*) => {
        match $rows {
            $($count => $function::<$count> $arguments,)*
            _ => $function::<ROWS> $arguments,
        }
    };
}

/// Defines both loops, compiled for the features of one kind of processor.
#[cfg(target_arch = "x86_64")]
macro_rules! compiled_for {
    ($features:literal, $register:ty, $gather:ident, $outer:ident) => {
        /// [`gather`] with M rows, compiled for these features of a processor.
        ///
        /// # Safety
        /// As [`gather`], on a processor that has the features.
        #[target_feature(enable = $features)]
        unsafe fn $gather<const M: usize>(
            rows: &[*const f32],
            runs: &Runs,
            panel: *const Lanes,
            out: &[*mut Lanes],
            add: bool,
        ) {
            // SAFETY: the caller's promise.
            unsafe { loops::gather::<$register, M>(rows, runs, panel, out, add) }
        }

        /// [`outer`] with M rows, compiled for these features of a processor.
        ///
        /// # Safety
        /// As [`outer`], on a processor that has the features.
        #[target_feature(enable = $features)]
        unsafe fn $outer<const M: usize>(
            left: *const f32,
            right: *const Lanes,
            nest: &LoopNest,
            out: *mut Lanes,
            add: bool,
        ) {
            // SAFETY: the caller's promise.
            unsafe { loops::outer::<$register, M>(left, right, nest, out, add) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
compiled_for!("avx2,fma", Halves, gather_avx2, outer_avx2);
#[cfg(target_arch = "x86_64")]
compiled_for!("avx512f", Wide, gather_avx512, outer_avx512);

/// Writes the product of each row r with `panel` to `out[r]`. With `add`, adds it to the value
/// there.
///
/// # Safety
/// Each row must be readable at all terms of `runs`, `panel` for `runs.terms()` lanes. Each `out`
/// must be writable, and must not overlap memory that is read. `rows` and `out` have the same
/// length, 1 to [`at_once`].
#[inline]
pub unsafe fn gather(rows: &[*const f32], runs: &Runs, panel: *const Lanes, out: &[*mut Lanes], add: bool) {
    // SAFETY: the caller's promise, and the level is the processor's.
    unsafe { gather_at(Level::detect(), rows, runs, panel, out, add) }
}

/// [`gather`] for processors of level `level`.
///
/// # Safety
/// As [`gather`], on a processor of this level.
#[inline(always)]
unsafe fn gather_at(
    level: Level,
    rows: &[*const f32],
    runs: &Runs,
    panel: *const Lanes,
    out: &[*mut Lanes],
    add: bool,
) {
    debug_assert!(rows.len() == out.len() && (1..=ROWS).contains(&rows.len()));
    use loops::gather as portable;
    // SAFETY: the caller's promise.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => by_rows!(rows.len(), gather_avx512(rows, runs, panel, out, add)),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => by_rows!(rows.len(), gather_avx2(rows, runs, panel, out, add)),
            Level::Portable => {
                for (row, out) in rows.chunks(1).zip(out.chunks(1)) {
                    portable::<Lanes, 1>(row, runs, panel, out, add);
                }
            }
        }
    }
}

/// Sums the products of `rows` floats of `left` with a lane of `right`, for all indices of the
/// loops `nest`. The sum of each float goes to a lane of `out`. With `add`, it is added to the
/// value there.
///
/// # Safety
/// At every index of `nest`, `left` must be readable for `rows` floats and `right` for a lane.
/// `out` must be writable for `rows` lanes and must not overlap memory that is read. `rows` is 1 to
/// [`at_once`].
#[inline]
pub unsafe fn outer(
    left: *const f32,
    right: *const Lanes,
    nest: &LoopNest,
    rows: usize,
    out: *mut Lanes,
    add: bool,
) {
    // SAFETY: the caller's promise, and the level is the processor's.
    unsafe { outer_at(Level::detect(), left, right, nest, rows, out, add) }
}

/// [`outer`] for processors of level `level`.
///
/// # Safety
/// As [`outer`], on a processor of this level.
#[inline(always)]
unsafe fn outer_at(
    level: Level,
    left: *const f32,
    right: *const Lanes,
    nest: &LoopNest,
    rows: usize,
    out: *mut Lanes,
    add: bool,
) {
    debug_assert!((1..=ROWS).contains(&rows));
    use loops::outer as portable;
    // SAFETY: the caller's promise.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => by_rows!(rows, outer_avx512(left, right, nest, out, add)),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => by_rows!(rows, outer_avx2(left, right, nest, out, add)),
            Level::Portable => {
                for row in 0..rows {
                    portable::<Lanes, 1>(left.add(row), right, nest, out.add(row), add);
                }
            }
        }
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
        fn a_gathered_product_has_every_term(
            rows in 1..=ROWS, outer in 1usize..4, inner in 1usize..4, length in 1usize..40, add: bool
        ) {
            let gap = length + 3;
            let runs = Runs { outer: (outer, inner * gap + 5), inner: (inner, gap), length };
            let memory = lanes(80, 1);
            let panel = lanes(runs.terms(), 2);
            let mut found = vec![Lanes::splat(3.0); rows];
            let starts: Vec<*const f32> = (0..rows).map(|r| floats(&memory)[r * 9..].as_ptr()).collect();
            let ends: Vec<*mut Lanes> = found.iter_mut().map(std::ptr::from_mut).collect();
            // SAFETY: the last row ends before the memory does: 135 + 2 (2 * 42 + 5) + 2 * 42 + 39
            // < 1280.
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
        fn a_sum_of_outer_products_has_every_term(
            rows in 1..=ROWS, times in [1usize..4, 1usize..4, 1usize..6], add: bool
        ) {
            let nest: LoopNest = [(times[0], 320, 30), (times[1], 96, 8), (times[2], 16, 1)];
            let (left, right) = (lanes(90, 3), lanes(120, 4));
            let mut found = vec![Lanes::splat(-2.0); rows];
            let first = &floats(&left)[LANES - rows..];
            // SAFETY: 2 * 20 + 2 * 6 + 4 lanes of `left` and 2 * 30 + 2 * 8 + 4 of `right` are
            // there.
            unsafe { outer(first.as_ptr(), right.as_ptr(), &nest, rows, found.as_mut_ptr(), add) };
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
        fn all_levels_agree(rows in 1..=ROWS, length in 1usize..50) {
            let (memory, panel) = (lanes(80, 5), lanes(length, 6));
            let starts: Vec<*const f32> = (0..rows).map(|r| floats(&memory)[r * 9..].as_ptr()).collect();
            let nest: LoopNest = [(1, 0, 0), (1, 0, 0), (length, 1, 1)];
            let runs = Runs::one(length);
            let results = Level::all().into_iter().map(|level| {
                let (mut gathered, mut summed) = (vec![Lanes::ZERO; rows], vec![Lanes::splat(1.0); rows]);
                let ends: Vec<*mut Lanes> = gathered.iter_mut().map(std::ptr::from_mut).collect();
                // SAFETY: rows of at most 50 floats begin at most 135 into 1280.
                unsafe {
                    gather_at(level, &starts, &runs, panel.as_ptr(), &ends, false);
                    let left = floats(&memory).as_ptr();
                    outer_at(level, left, panel.as_ptr(), &nest, rows, summed.as_mut_ptr(), true);
                }
                (gathered, summed)
            });
            let results: Vec<_> = results.collect();
            prop_assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}

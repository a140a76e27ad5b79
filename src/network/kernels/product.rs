//! Matrix products, computed in small tiles. They make every layer's sums, weight gradient and
//! input errors.

use super::tile::{LoopNest, ROWS, Runs, at_once, gather, outer};
use super::vector::vectorized;
use super::{LANES, Lanes, floats};

/// Number of lanes of weights that are multiplied with all rows before the next ones. So many stay
/// in the cache of a core.
const CACHED: usize = 1024;

/// Cuts `count` rows into tiles of at most [`at_once`] rows, as evenly as possible. A nearly empty
/// tile takes as much time as a full one.
pub fn tiles(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let tiles = count.div_ceil(at_once());
    (0..tiles).map(move |tile| count * tile / tiles..count * (tile + 1) / tiles)
}

/// The rows of a product.
pub struct Rows<'a, F> {
    /// The memory of the rows.
    pub lanes: &'a [Lanes],
    /// The number of rows.
    pub count: usize,
    /// For row r, the index of its first float.
    pub start: F,
    /// How the terms of a row lie in memory.
    pub runs: Runs,
}

/// Where the results of a product go: that of row r and panel p (16 outputs) is lane `start(r) + p
/// panel`.
pub struct Out<'a, F> {
    /// The memory of the results.
    pub lanes: &'a mut [Lanes],
    /// For row r, the index of its result in the first panel.
    pub start: F,
    /// Distance from one panel to the next, in lanes.
    pub panel: usize,
}

/// Multiplies `rows` with every panel (16 columns) of `weights`, and writes the results to `out`.
/// With `add`, adds them to the values there.
///
/// A panel is `rows.runs.terms()` lanes long, and the next begins `spacing` lanes after it.
///
/// # Panics
/// If a row, a panel or a result lies outside its memory.
pub fn multiply(
    rows: &Rows<'_, impl Fn(usize) -> usize>,
    weights: &[Lanes],
    spacing: usize,
    out: Out<'_, impl Fn(usize) -> usize>,
    add: bool,
) {
    let (terms, extent) = (rows.runs.terms(), rows.runs.extent());
    let source = floats(rows.lanes);
    let length = out.lanes.len();
    let target = out.lanes.as_mut_ptr();
    let (mut starts, mut ends) = ([std::ptr::null(); ROWS], [std::ptr::null_mut(); ROWS]);
    let block = (CACHED / terms.max(1)).max(1);
    for (number, weights) in weights.chunks(block * spacing).enumerate() {
        let panels = weights.len().div_ceil(spacing);
        assert!(weights.len() >= (panels - 1) * spacing + terms, "a panel holds a lane for each term");
        for tile in tiles(rows.count) {
            let size = tile.len();
            let mut inside = true;
            for ((row, start), end) in tile.zip(&mut starts).zip(&mut ends) {
                let (first, place) = ((rows.start)(row), (out.start)(row) + number * block * out.panel);
                inside &= first + extent <= source.len() && place + (panels - 1) * out.panel < length;
                *start = source.as_ptr().wrapping_add(first);
                *end = target.wrapping_add(place);
            }
            assert!(inside, "rows and results lie in their memory");
            for weights in weights.chunks(spacing) {
                // SAFETY: the assertions above show that rows, panels and results lie in their
                // memory. `out` is borrowed mutably, so that it overlaps nothing that is read.
                unsafe { gather(&starts[..size], &rows.runs, weights.as_ptr(), &ends[..size], add) };
                ends.iter_mut().for_each(|end| *end = end.wrapping_add(out.panel));
            }
        }
    }
}

/// Sums products of floats of `left` with lanes of `right`, for all indices of the loops `nest`.
/// The first `rows` lanes of `out` get one sum for each of `rows` floats. With `add`, the sums are
/// added to the values there.
///
/// # Panics
/// If an index of `nest` lies outside `left` or `right`, or `out` is too short.
pub fn multiply_outer(
    left: &[f32],
    right: &[Lanes],
    nest: &LoopNest,
    rows: usize,
    out: &mut [Lanes],
    add: bool,
) {
    if nest.iter().any(|&(times, _, _)| times == 0) {
        if !add {
            out[..rows].fill(Lanes::ZERO);
        }
        return;
    }
    let last = |step: fn(&(usize, usize, usize)) -> usize| -> usize {
        nest.iter().map(|loop_| (loop_.0 - 1) * step(loop_)).sum()
    };
    let inside = last(|l| l.1) + rows <= left.len() && last(|l| l.2) < right.len();
    assert!(inside && rows <= out.len(), "loops stay in their memory, and `out` holds all rows");
    for tile in tiles(rows) {
        let first = left[tile.start..].as_ptr();
        // SAFETY: the assertion above shows that all indices lie in the memory, and that `out` is
        // long enough; it is borrowed mutably.
        unsafe {
            let out = out.as_mut_ptr().add(tile.start);
            outer(first, right.as_ptr(), nest, tile.len(), out, add);
        }
    }
}

/// Transposes panels of weights (16 outputs each), which are `terms` lanes long, into groups of 16
/// terms.
///
/// A group has, for each output of all panels, a lane with its 16 terms; missing terms are 0. `out`
/// gets as many groups as it can hold, from group `first` on.
pub fn transpose(weights: &[Lanes], terms: usize, first: usize, out: &mut [Lanes]) {
    let outputs = weights.len() / terms * LANES;
    for (group, out) in (first..).zip(out.chunks_exact_mut(outputs)) {
        for (panel, out) in weights.chunks_exact(terms).zip(out.as_chunks_mut::<LANES>().0) {
            let block = &panel[group * LANES..terms.min((group + 1) * LANES)];
            transpose_block(block, out);
        }
    }
}

fn transpose_block(block: &[Lanes], out: &mut [Lanes; LANES]) {
    let Ok(block) = <&[Lanes; LANES]>::try_from(block) else {
        for (o, out) in out.iter_mut().enumerate() {
            *out = Lanes::ZERO;
            out.0.iter_mut().zip(block).for_each(|(to, from)| *to = from.0[o]);
        }
        return;
    };
    transpose_square(block, out);
}

/// Writes the transpose of the square `block` (16 x 16 floats) to `out`.
pub fn transpose_square(block: &[Lanes; LANES], out: &mut [Lanes; LANES]) {
    vectorized(
        #[inline(always)]
        || {
            // In four rounds, rows that lie 8, 4, 2 and 1 apart exchange half of their lanes.
            *out = *block;
            exchange::<8>(out);
            exchange::<4>(out);
            exchange::<2>(out);
            exchange::<1>(out);
        },
    );
}

/// Exchanges halves between the rows of each pair that are `D` apart. The upper half of each `2 D`
/// floats of the first row changes places with the lower half of the second.
#[inline(always)]
fn exchange<const D: usize>(rows: &mut [Lanes; LANES]) {
    for first in (0..LANES).filter(|row| row & D == 0) {
        let (upper, lower) = (rows[first], rows[first + D]);
        rows[first] = Lanes(std::array::from_fn(
            #[inline(always)]
            |lane| if lane & D == 0 { upper.0[lane] } else { lower.0[lane ^ D] },
        ));
        rows[first + D] = Lanes(std::array::from_fn(
            #[inline(always)]
            |lane| if lane & D == 0 { upper.0[lane ^ D] } else { lower.0[lane] },
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tiles_cover_every_row_once_and_are_even(count in 1usize..200) {
            let sizes: Vec<usize> = tiles(count).map(|tile| tile.len()).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), count);
            let (least, most) = (sizes.iter().min().copied(), sizes.iter().max().copied());
            prop_assert!(most <= Some(at_once()) && most.zip(least).is_some_and(|(most, least)| most - least <= 1));
        }

        #[test]
        fn a_transposed_weight_is_where_it_is_looked_for(panels in 1usize..4, terms in 1usize..50) {
            let weights: Vec<Lanes> = (0..panels * terms)
                .map(|l| Lanes(std::array::from_fn(|n| (l * LANES + n) as f32)))
                .collect();
            let groups = terms.div_ceil(LANES);
            let mut out = vec![Lanes::splat(-1.0); groups * panels * LANES];
            transpose(&weights, terms, 0, &mut out);
            for group in 0..groups {
                for o in 0..panels * LANES {
                    for lane in 0..LANES {
                        let term = group * LANES + lane;
                        let panel = o / LANES;
                        let expected =
                            if term < terms { weights[panel * terms + term].0[o % LANES] } else { 0.0 };
                        prop_assert_eq!(out[group * panels * LANES + o].0[lane], expected);
                    }
                }
            }
        }
    }
}

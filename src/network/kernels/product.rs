//! Whole products out of tiles: what every layer's three products come down to.

use super::tile::{ROWS, Runs, Walk, at_once, gather, outer};
use super::vector::vectorized;
use super::{LANES, Lanes, floats};

/// Lanes of panels that stay in the cache of a core while all rows pass: panels are taken so many at a time.
const CACHED: usize = 1024;

/// Cuts `count` rows into tiles of at most [`at_once`], as even as can be: a nearly empty tile costs as much as
/// a full one.
pub fn tiles(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let tiles = count.div_ceil(at_once());
    (0..tiles).map(move |tile| count * tile / tiles..count * (tile + 1) / tiles)
}

/// Rows to multiply: how many, and where each begins among the floats of what they are read from.
pub struct Rows<'a, F> {
    /// What the rows are read from.
    pub lanes: &'a [Lanes],
    /// How many.
    pub count: usize,
    /// The first float of row r.
    pub start: F,
    /// How the terms of a row lie.
    pub runs: Runs,
}

/// Where the products go: that of row r with panel p to lane `start(r) + p panel`.
pub struct Out<'a, F> {
    /// What is written to.
    pub lanes: &'a mut [Lanes],
    /// Where a row's product with the first panel goes.
    pub start: F,
    /// Lanes from one panel to the next.
    pub panel: usize,
}

/// Multiplies `rows` with every panel of `weights`, each `rows.runs.terms()` lanes long and `spacing` lanes
/// after the one before, and writes the products to (with `add`, adds them to what is in) `out`.
///
/// # Panics
/// If a row, a panel or a place lies outside its memory.
pub fn multiply(
    rows: &Rows<'_, impl Fn(usize) -> usize>,
    weights: &[Lanes],
    spacing: usize,
    out: Out<'_, impl Fn(usize) -> usize>,
    add: bool,
) {
    let (terms, reach) = (rows.runs.terms(), rows.runs.reach());
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
                inside &= first + reach <= source.len() && place + (panels - 1) * out.panel < length;
                *start = source.as_ptr().wrapping_add(first);
                *end = target.wrapping_add(place);
            }
            assert!(inside, "rows lie in their memory");
            for weights in weights.chunks(spacing) {
                // SAFETY: rows, panels and places were just seen to lie in their memory, and `out` is borrowed
                // mutably, so it overlaps nothing that is read.
                unsafe { gather(&starts[..size], &rows.runs, weights.as_ptr(), &ends[..size], add) };
                ends.iter_mut().for_each(|end| *end = end.wrapping_add(out.panel));
            }
        }
    }
}

/// Adds (without `add`, writes) the products of `rows` floats of `left` with `right` over `walk` to the first
/// `rows` lanes of `out`.
///
/// # Panics
/// If the walk leaves `left` or `right`, or `out` is too short.
pub fn multiply_outer(left: &[f32], right: &[Lanes], walk: &Walk, rows: usize, out: &mut [Lanes], add: bool) {
    if walk.iter().any(|&(times, _, _)| times == 0) {
        if !add {
            out[..rows].fill(Lanes::ZERO);
        }
        return;
    }
    let last = |step: fn(&(usize, usize, usize)) -> usize| -> usize {
        walk.iter().map(|loop_| (loop_.0 - 1) * step(loop_)).sum()
    };
    let inside = last(|l| l.1) + rows <= left.len() && last(|l| l.2) < right.len();
    assert!(inside && rows <= out.len(), "a walk stays in its memory, and a block has room for its rows");
    for tile in tiles(rows) {
        let first = left[tile.start..].as_ptr();
        // SAFETY: every place of the walk was just seen to be there with its rows, `out` is long enough
        // and borrowed mutably.
        unsafe {
            let out = out.as_mut_ptr().add(tile.start);
            outer(first, right.as_ptr(), walk, tile.len(), out, add);
        }
    }
}

/// Turns panels of weights, `terms` lanes of outputs each, into groups of 16 terms, a lane of terms for each
/// output of all panels; from group `first` on, as many as `out` has room for.
///
/// A term beyond the last is 0.
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

/// Writes the lanes of `block` to `out`, rows and columns exchanged.
pub fn transpose_square(block: &[Lanes; LANES], out: &mut [Lanes; LANES]) {
    vectorized(
        #[inline(always)]
        || {
            // In four rounds the lanes of rows that lie 8, 4, 2 and 1 apart change places crosswise.
            *out = *block;
            exchange::<8>(out);
            exchange::<4>(out);
            exchange::<2>(out);
            exchange::<1>(out);
        },
    );
}

/// Of each pair of rows `D` apart, the first gives the upper half of each `2 D` lanes for the other's lower.
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

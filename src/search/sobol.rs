//! Points that fill the space evenly: a scrambled Sobol sequence.
//!
//! The sequence is that of Sobol 1967 with the direction numbers of Joe & Kuo 2008. It is scrambled
//! by hashing (Burley 2020, "Practical hash-based Owen scrambling"). The crate `sobol_burley`
//! computes it.

use super::Search;
use super::tried::Tried;
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::Study;

/// The limits of the crate `sobol_burley`. Beyond them a new scramble starts, independent of the
/// first.
const DIMENSIONS: u32 = sobol_burley::NUM_DIMENSIONS;
const LENGTH_BITS: u32 = 16;
/// Binary digits of the crate's coordinates. An axis with more values needs more digits, or some
/// values would never be suggested.
const DIGITS: u32 = f32::MANTISSA_DIGITS - 1;
const UNIT: f64 = 1.0 / (1u64 << DIGITS) as f64;

/// Suggests for trial k the k-th point of one scrambled Sobol sequence, independent of the history.
#[derive(Clone, Copy, Debug, Default)]
pub struct SobolSearch;

impl SobolSearch {
    /// A Sobol search.
    pub fn new() -> Self {
        Self
    }
}

impl Search for SobolSearch {
    fn suggest(&self, space: &Space, study: &Study, seed: &Seed) -> Point {
        let index = study.trials.len() as u64;
        let scrambles = seed.child("sobol");
        let mut stream = scrambles.index(index).stream();
        // In place of a point that was tried comes that of another scramble; the sequence stays as
        // it is.
        Tried::of(study).first_new(space, &mut stream, |retry, _| {
            let sequence = SobolSequence::new(&scrambles.child("scramble").index(retry as u64));
            space.decode(&sequence.point(index, space.dimension()))
        })
    }
}

/// One scrambled sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct SobolSequence {
    scramble: u32,
}

impl SobolSequence {
    /// The sequence with this scramble.
    pub fn new(scramble: &Seed) -> Self {
        Self { scramble: (scramble.to_u64() >> 32) as u32 }
    }

    /// The `index`-th point in [0, 1)^`dimension`.
    pub fn point(self, index: u64, dimension: usize) -> Vec<f64> {
        let (lap, place) = ((index >> LENGTH_BITS) as u32, (index & ((1 << LENGTH_BITS) - 1)) as u32);
        // Odd multipliers keep the scrambles of different laps and blocks apart.
        let lap_scramble = self.scramble.wrapping_add(lap.wrapping_mul(0x9e37_79b1));
        (0..dimension as u32)
            .map(|axis| {
                let block = (axis / DIMENSIONS).wrapping_mul(0x85eb_ca77);
                let scramble = lap_scramble.wrapping_add(block);
                let digits = f64::from(sobol_burley::sample(place, axis % DIMENSIONS, scramble));
                digits + UNIT * further_digits(place, axis % DIMENSIONS, scramble)
            })
            .collect()
    }
}

/// The binary digits of a coordinate after the first [`DIGITS`], as a number in [0, 1).
///
/// Two points already differ in their first digits. Under a scramble their further digits are then
/// independent and uniform, so a hash gives them. It is the finalizer of SplitMix64 (Steele, Lea &
/// Flood 2014).
fn further_digits(place: u32, axis: u32, scramble: u32) -> f64 {
    let mut hash =
        (u64::from(scramble) << 32 | u64::from(place)) ^ u64::from(axis).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // The number of digits that still fits a float.
    const LEFT: u32 = f64::MANTISSA_DIGITS - 1 - DIGITS;
    (hash >> (u64::BITS - LEFT)) as f64 / (1u64 << LEFT) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_power_of_two_fills_every_axis_evenly() {
        let sequence = SobolSequence::new(&Seed::root(3));
        for axis in [0, 7, 255, 256, 300] {
            let mut hit = [false; 64];
            for index in 0..64 {
                hit[(sequence.point(index, 301)[axis] * 64.0) as usize] = true;
            }
            assert!(hit.iter().all(|&hit| hit), "axis {axis}");
        }
    }

    #[test]
    fn the_last_digits_of_long_integers_vary() {
        let (sequence, count) = (SobolSequence::new(&Seed::root(3)), 256);
        for digit in 1..=40 {
            let is_set = |&index: &u64| {
                let u = sequence.point(index, 2)[1];
                (u * 2f64.powi(digit)) as u64 % 2 == 1
            };
            let set = (0..count).filter(is_set).count();
            assert!((96..=160).contains(&set), "digit {digit}: {set} of {count}");
        }
    }

    #[test]
    fn axes_beyond_the_limit_do_not_repeat_the_first_ones() {
        let point = SobolSequence::new(&Seed::root(3)).point(5, 512);
        assert!(point[..256].iter().zip(&point[256..]).all(|(a, b)| a != b));
    }

    #[test]
    fn indices_beyond_the_limit_do_not_repeat_the_first_ones() {
        let sequence = SobolSequence::new(&Seed::root(3));
        assert_ne!(sequence.point(1, 4), sequence.point(1 + (1 << 16), 4));
    }
}

//! Points that fill the space evenly: a scrambled Sobol sequence.
//!
//! Sobol 1967, with Owen's scrambling by hashing (Burley 2020, "Practical hash-based Owen scrambling") and
//! the directions of Joe & Kuo 2008, as the crate `sobol_burley` has them.

use super::Search;
use super::tried::Tried;
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::Study;

/// The crate's limits. Beyond them a new scramble starts: even within itself, independent of the first.
const DIMENSIONS: u32 = sobol_burley::NUM_DIMENSIONS;
const LENGTH_BITS: u32 = 16;

/// Trial k gets the k-th point of one scrambled Sobol sequence, whatever came of the others.
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
        // A point that was tried comes again from other scrambles, which leaves the sequence as it is.
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
                f64::from(sobol_burley::sample(place, axis % DIMENSIONS, lap_scramble.wrapping_add(block)))
            })
            .collect()
    }
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

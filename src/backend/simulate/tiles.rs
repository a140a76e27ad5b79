//! Sums of a dense layer on the processor's matrix unit (Intel AMX).
//!
//! One instruction multiplies 64 inputs of 16 samples with the weights of 16 neurons. Silent inputs
//! are processed too. It is still faster than lists of active inputs if more than a few percent of
//! inputs are active. Weights are split into signed bytes. The unit sums the products of each byte
//! with the inputs, and the sums of all bytes are then combined.

use std::marker::PhantomData;

use ndarray::ArrayView2;

use super::matrix_unit::{self, INPUTS, Line, MatrixUnit, NEURONS, ROWS, Tile};
use super::presynaptic::PresynapticInputs;
use super::tile_sum::{SquareSums, TileSum};

/// The weights of a dense layer in tiles.
#[derive(Clone, Debug)]
pub(super) struct Tiles<T> {
    /// By byte (digit) of the weights, the highest first; in each by 16 neurons, then by 64 inputs.
    digits: Vec<Vec<Tile>>,
    inputs: usize,
    neurons: usize,
    sums: PhantomData<T>,
}

impl<T: TileSum> Tiles<T> {
    /// The tiles of `weights`, (inputs, neurons). The sums of the weights must fit in T.
    ///
    /// `None` without a matrix unit, without weights, or with more inputs than [`TileSum::INPUTS`].
    pub fn new(weights: ArrayView2<'_, i64>) -> Option<Self> {
        let (inputs, neurons) = weights.dim();
        if !matrix_unit::is_there() || weights.is_empty() || inputs > T::INPUTS {
            return None;
        }
        let mut rest = weights.to_owned();
        let mut digits = Vec::new();
        while digits.len() < T::DIGITS && (digits.is_empty() || rest.iter().any(|&rest| rest != 0)) {
            digits.insert(0, tiles(rest.view()));
            rest.mapv_inplace(|rest| (rest.wrapping_sub(i64::from(rest as i8))) >> 8);
        }
        Some(Self { digits, inputs, neurons, sums: PhantomData })
    }

    /// Length of one sample's row of sums: the number of neurons, filled up to whole tiles.
    pub fn width(&self) -> usize {
        self.neurons.next_multiple_of(2 * NEURONS)
    }

    /// Whether enough inputs are active for tiles to be faster than events.
    pub fn suit(&self, received: PresynapticInputs<'_>) -> bool {
        /// Tiles are used above this share of active inputs, times the bytes of a weight. It comes
        /// from a count of processor cycles: `benches/README.md#matrix-unit`.
        const SHARE: f64 = 0.025;
        let active: usize = received.sources.iter().map(|&source| received.events[source].count()).sum();
        active as f64 > SHARE * (self.digits.len() * self.inputs * received.samples()) as f64
    }

    /// Writes to `sums` the sums of all samples, [`rows`] rows of length [`Tiles::width`]. The
    /// memory of `lines` is reused.
    pub fn sum(&self, received: PresynapticInputs<'_>, lines: &mut Vec<Line>, sums: &mut [T]) {
        self.read(received, lines);
        self.sum_lines(lines, sums);
    }

    /// Writes to `sums` the sums of inputs whose levels already lie in `lines`, see [`tile_rows`].
    #[inline(always)]
    pub fn sum_lines(&self, lines: &[Line], sums: &mut [T]) {
        let (unit, mut squares, width) = (MatrixUnit::new(), T::Squares::default(), self.width());
        for neuron in (0..width).step_by(2 * NEURONS) {
            for (number, sums) in sums.chunks_exact_mut(2 * ROWS * width).enumerate() {
                let square = self.multiply(&unit, lines, (number * 2 * ROWS, neuron), &mut squares);
                for (sums, row) in sums.chunks_exact_mut(width).zip(square) {
                    sums[neuron..neuron + row.len()].copy_from_slice(row);
                }
            }
        }
    }

    /// The sums of one square of samples and neurons. Its first sample is `sample` and its first
    /// neuron `neuron`, both multiples of the square's side.
    ///
    /// `lines` has the levels of all inputs, see [`tile_rows`].
    #[inline(always)]
    pub fn multiply<'a>(
        &self,
        unit: &MatrixUnit,
        lines: &[Line],
        (sample, neuron): (usize, usize),
        squares: &'a mut T::Squares,
    ) -> &'a SquareSums<T> {
        let steps = self.inputs.div_ceil(INPUTS);
        let lines = &lines[sample * steps..][..2 * ROWS * steps];
        T::together(self.digits.len(), squares, |digit, square, adds| {
            let tiles = &self.digits[digit][neuron / NEURONS * steps..][..2 * steps];
            unit.multiply(lines, tiles, square, adds);
        })
    }

    /// Writes the level of every input of every sample to its place in `lines`.
    fn read(&self, received: PresynapticInputs<'_>, lines: &mut Vec<Line>) {
        lines.clear();
        lines.resize(rows(received.samples()) * self.inputs.div_ceil(INPUTS), Line([0; INPUTS]));
        for sample in 0..received.samples() {
            let first = first_row(sample, self.inputs);
            let mut add = |input: u32, level| {
                let input = input as usize;
                lines[first + input / INPUTS * ROWS].0[input % INPUTS] += level;
            };
            for &source in received.sources {
                let active = received.events[source].of(sample);
                match received.levels_of(source, sample) {
                    None => active.iter().for_each(|&input| add(input, 1)),
                    Some(levels) => active.iter().zip(levels).for_each(|(&input, &level)| add(input, level)),
                }
            }
        }
    }
}

/// Number of rows of tiles for `samples` samples, rounded up to whole pairs of tiles.
pub(super) fn rows(samples: usize) -> usize {
    samples.next_multiple_of(2 * ROWS)
}

/// The indices of the lines with the `width` inputs of sample number `sample`; a line has
/// [`INPUTS`] of them.
///
/// A tile has one line for each of sixteen samples. The tiles of these samples for all inputs
/// follow one another.
pub(super) fn tile_rows(sample: usize, width: usize) -> impl Iterator<Item = usize> {
    (0..width.div_ceil(INPUTS)).map(move |step| first_row(sample, width) + step * ROWS)
}

/// The index of the line with the first inputs of a sample.
pub(super) fn first_row(sample: usize, width: usize) -> usize {
    sample / ROWS * ROWS * width.div_ceil(INPUTS) + sample % ROWS
}

/// The tiles of the lowest byte of each weight, 16 neurons at a time, filled up with zeros.
fn tiles(weights: ArrayView2<'_, i64>) -> Vec<Tile> {
    let (inputs, neurons) = weights.dim();
    let mut tiles = Vec::new();
    for first in (0..neurons.next_multiple_of(2 * NEURONS)).step_by(NEURONS) {
        for below in (0..inputs).step_by(INPUTS) {
            let weight = |input, neuron| {
                weights.get((below + input, first + neuron)).map_or(0, |&weight| weight as i8)
            };
            tiles.push(Tile::new(weight));
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;
    use rand::RngExt;

    use super::super::events::EventLists;
    use super::*;
    use crate::seed::Seed;

    proptest! {
        #[test]
        fn tiles_sum_what_plain_loops_sum(
            shape in (1usize..150, 1usize..70, 1usize..70), share in 0.0..=1.0, bits in 2u32..=52, graded: bool,
            seed: u64,
        ) {
            let (wide, exact) = sums::<i64>(shape, share, bits, graded, seed);
            prop_assert_eq!(&wide, &exact);
            let (narrow, exact) = sums::<i32>(shape, share, bits.min(32), graded, seed);
            prop_assert!(narrow.into_iter().eq(exact.iter().map(|&sum| sum as i32)));
        }
    }

    /// The sums of two sources by tiles and in plain loops; none without a matrix unit.
    fn sums<T: TileSum>(
        (inputs, neurons, samples): (usize, usize, usize),
        share: f64,
        bits: u32,
        graded: bool,
        seed: u64,
    ) -> (Vec<T>, Vec<i64>) {
        let mut stream = Seed::root(seed).stream();
        let most = (1i64 << (bits - 1)) - 1;
        let weights = Array2::from_shape_simple_fn((inputs, neurons), || stream.random_range(-most..=most));
        let Some(tiles) = Tiles::<T>::new(weights.view()) else { return (Vec::new(), Vec::new()) };
        let mut events = [EventLists::default(), EventLists::default()];
        let (mut levels, mut expected) = (Vec::new(), vec![0i64; samples * neurons]);
        events.iter_mut().for_each(EventLists::clear);
        for (sample, sums) in expected.chunks_exact_mut(neurons).enumerate() {
            for (source, events) in events.iter_mut().enumerate() {
                events.push((0..inputs).map(|_| stream.random_bool(share)));
                for &input in events.of(sample) {
                    let level = if graded && source == 0 { stream.random_range(1..=254) } else { 1 };
                    levels.extend((source == 0).then_some(level));
                    let row = weights.row(input as usize);
                    sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight * i64::from(level));
                }
            }
        }
        let received =
            PresynapticInputs { sources: &[0, 1], events: &events, levels: graded.then_some(&levels) };
        let mut sums = vec![T::from(7); rows(samples) * tiles.width()];
        tiles.sum(received, &mut Vec::new(), &mut sums);
        let found = sums.chunks_exact(tiles.width()).take(samples).flat_map(|sums| &sums[..neurons]);
        (found.copied().collect(), expected)
    }
}

//! A dense layer on the processor's matrix unit (Intel AMX): a step multiplies 16 samples of 64 inputs with 16
//! neurons.
//!
//! Every input counts, silent or not; from a few percent of activity on that takes less time than the active ones
//! alone do in vectors. Weights are split into bytes with a sign, the products of each with the inputs are summed
//! exactly modulo 2^32, and so are the parts: where every sum of the layer fits into 32 bits, it is that sum.

use ndarray::ArrayView2;

use super::layer::Heard;
use super::unit::{self, INPUTS, Line, NEURONS, ROWS, Square, Tile, Unit};

/// Bytes of a weight; what lies above is a multiple of 2^32.
const MOST_DIGITS: usize = 4;

/// The weights of a dense layer in tiles.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    /// By digit, the highest first; 16 neurons after 16 neurons, for each 64 inputs after 64 inputs.
    digits: Vec<Vec<Tile>>,
    inputs: usize,
    neurons: usize,
}

impl Tiles {
    /// The layer of these weights, (inputs, neurons), each within 32 bits; `None` without a matrix unit.
    pub fn new(weights: ArrayView2<'_, i64>) -> Option<Self> {
        if !unit::is_there() || weights.is_empty() {
            return None;
        }
        let (inputs, neurons) = weights.dim();
        let mut rest = weights.to_owned();
        let mut digits = Vec::new();
        while digits.len() < MOST_DIGITS && (digits.is_empty() || rest.iter().any(|&rest| rest != 0)) {
            digits.insert(0, tiles(rest.view()));
            rest.mapv_inplace(|rest| (rest - i64::from(rest as i8)) >> 8);
        }
        Some(Self { digits, inputs, neurons })
    }

    /// How far the sums of two samples are apart.
    pub fn width(&self) -> usize {
        self.neurons.next_multiple_of(2 * NEURONS)
    }

    /// Rows of sums for so many samples: some of them are there to fill up tiles.
    pub fn rows(samples: usize) -> usize {
        samples.next_multiple_of(2 * ROWS)
    }

    /// Whether the block of samples `heard` is so active that tiles take less time than events.
    pub fn suit(&self, heard: Heard<'_>) -> bool {
        /// Of the inputs, for each digit: measured, events of bytes in vectors of 512 bits take as long.
        const SHARE: f64 = 0.025;
        let active: usize = heard.sources.iter().map(|&source| heard.events[source].count()).sum();
        active as f64 > SHARE * (self.digits.len() * self.inputs * heard.samples()) as f64
    }

    /// Writes to `sums`, ([`Tiles::rows`], [`Tiles::width`]), what the samples `heard` send; `lines` is memory that is
    /// used again.
    pub fn sum(&self, heard: Heard<'_>, lines: &mut Vec<Line>, sums: &mut [i32]) {
        self.read(heard, lines);
        self.sum_lines(lines, sums);
    }

    /// The same of levels that lie in [`tile_rows`].
    #[inline(always)]
    pub fn sum_lines(&self, lines: &[Line], sums: &mut [i32]) {
        let (unit, mut square, width) = (Unit::new(), Square::default(), self.width());
        for neuron in (0..width).step_by(2 * NEURONS) {
            for (number, sums) in sums.chunks_exact_mut(2 * ROWS * width).enumerate() {
                self.multiply(&unit, lines, (number * 2 * ROWS, neuron), &mut square);
                for (sums, row) in sums.chunks_exact_mut(width).zip(&square.0) {
                    sums[neuron..neuron + row.len()].copy_from_slice(row);
                }
            }
        }
    }

    /// Writes to `square` the sums of the samples and neurons from (`sample`, `neuron`) on, which are multiples of what
    /// a square has, of the levels in `lines`, which lie in [`tile_rows`].
    #[inline(always)]
    pub fn multiply(
        &self,
        unit: &Unit,
        lines: &[Line],
        (sample, neuron): (usize, usize),
        square: &mut Square,
    ) {
        let steps = self.inputs.div_ceil(INPUTS);
        let lines = &lines[sample * steps..][..2 * ROWS * steps];
        for (index, digit) in self.digits.iter().enumerate() {
            if index > 0 {
                square.0.as_flattened_mut().iter_mut().for_each(|sum| *sum = sum.wrapping_shl(8));
            }
            unit.multiply(lines, &digit[neuron / NEURONS * steps..][..2 * steps], square, index > 0);
        }
    }

    /// Writes the level of every input of every sample to its place in `lines`.
    fn read(&self, heard: Heard<'_>, lines: &mut Vec<Line>) {
        lines.clear();
        lines.resize(Self::rows(heard.samples()) * self.inputs.div_ceil(INPUTS), Line([0; INPUTS]));
        for sample in 0..heard.samples() {
            let first = first_row(sample, self.inputs);
            let mut add = |input: u32, level| {
                let input = input as usize;
                lines[first + input / INPUTS * ROWS].0[input % INPUTS] += level;
            };
            for &source in heard.sources {
                let active = heard.events[source].of(sample);
                match heard.levels_of(source, sample) {
                    None => active.iter().for_each(|&input| add(input, 1)),
                    Some(levels) => active.iter().zip(levels).for_each(|(&input, &level)| add(input, level)),
                }
            }
        }
    }
}

/// Where the lines of sample number `sample` are when it has `width` inputs: sixteen samples share a tile, and the tiles
/// of all inputs follow one another.
pub(super) fn tile_rows(sample: usize, width: usize) -> impl Iterator<Item = usize> {
    (0..width.div_ceil(INPUTS)).map(move |step| first_row(sample, width) + step * ROWS)
}

/// The line of the first inputs of sample number `sample`.
pub(super) fn first_row(sample: usize, width: usize) -> usize {
    sample / ROWS * ROWS * width.div_ceil(INPUTS) + sample % ROWS
}

/// Sixteen neurons after sixteen neurons, the lowest bytes of these weights, zeros beyond them.
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

    use super::super::events::Lists;
    use super::*;
    use crate::seed::Seed;

    proptest! {
        #[test]
        fn tiles_sum_what_plain_loops_sum(
            inputs in 1usize..150, neurons in 1usize..70, samples in 1usize..70, share in 0.0..=1.0,
            bits in 2u32..=32, graded: bool, seed: u64,
        ) {
            let mut stream = Seed::root(seed).stream();
            let most = (1i64 << (bits - 1)) - 1;
            let weights = Array2::from_shape_simple_fn((inputs, neurons), || stream.random_range(-most..=most));
            let Some(tiles) = Tiles::new(weights.view()) else { return Ok(()) };
            let mut events = [Lists::default(), Lists::default()];
            let (mut levels, mut expected) = (Vec::new(), vec![0i64; samples * neurons]);
            events.iter_mut().for_each(Lists::clear);
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
            let heard = Heard { sources: &[0, 1], events: &events, levels: graded.then_some(&levels) };
            let mut sums = vec![7; Tiles::rows(samples) * tiles.width()];
            tiles.sum(heard, &mut Vec::new(), &mut sums);
            let found = sums.chunks_exact(tiles.width()).take(samples).flat_map(|sums| &sums[..neurons]);
            prop_assert!(found.copied().eq(expected.iter().map(|&sum| sum as i32)));
        }
    }
}

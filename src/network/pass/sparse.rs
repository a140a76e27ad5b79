//! A sparse batch: lists of the inputs that are not 0.
//!
//! In images of handwritten digits only a fifth of the pixels are not 0, and even fewer of their
//! coded channels. Sums over these inputs alone give the same numbers in a fraction of the time,
//! since adding 0 changes nothing.

use std::ops::Range;

use ndarray::ArrayView2;

use super::tensor::Tensor;
use crate::network::kernels::{LANES, Lanes, SparseEntry, StridedLanes, WIDEST, sum_entries, vectorized};
use crate::network::layer::linear::Linear;
use crate::network::layer::parts::{BatchPart, Split, part_of};
use crate::team;

/// The largest share of inputs other than 0, in percent, at which the sparse product is faster. It
/// reads a weight for each multiplication, which halves its speed.
const MOST_PERCENT: usize = 35;

/// The inputs of a batch that are not 0, listed by sample and by input.
#[derive(Default)]
pub(crate) struct SparseBatch {
    /// For each sample, its inputs that are not 0.
    rows: Lists,
    /// For each input, the samples in which it is not 0.
    columns: Lists,
    /// Whether the current batch is stored here rather than in a tensor.
    pub used: bool,
}

/// An entry before it is written.
const NOTHING: SparseEntry = SparseEntry { index: 0, value: 0.0 };

/// Lists of entries, which lie one after the other in memory.
#[derive(Default)]
struct Lists {
    /// The index at which each list begins, and the end of the last.
    starts: Vec<u32>,
    entries: Vec<SparseEntry>,
}

impl Lists {
    fn list(&self, index: usize) -> &[SparseEntry] {
        &self.entries[self.starts[index] as usize..self.starts[index + 1] as usize]
    }

    /// The entries of a list, in ascending order, whose index is in `range`.
    fn within(&self, list: usize, range: Range<usize>) -> &[SparseEntry] {
        let list = self.list(list);
        let before = |end: usize| list.partition_point(|entry| (entry.index as usize) < end);
        &list[before(range.start)..before(range.end)]
    }
}

/// The number of inputs of a sample that are not 0.
fn active(row: &[u8]) -> u32 {
    vectorized(
        #[inline(always)]
        || {
            // As many as a byte can count at a time.
            let counts = row.chunks(255).map(|row| row.iter().map(|&level| u8::from(level > 0)).sum::<u8>());
            counts.map(u32::from).sum()
        },
    )
}

/// Writes the inputs of a sample that are not 0 to the next `entries`.
fn list<'a>(row: &[u8], levels: &[f32; 256], entries: &mut impl Iterator<Item = &'a mut SparseEntry>) {
    let (words, rest) = row.as_chunks::<8>();
    let mut add = |input: usize, level: u8| {
        let entry = entries.next().expect("entries are counted");
        *entry = SparseEntry { index: input as u32, value: levels[usize::from(level)] };
    };
    for (word, &bytes) in words.iter().enumerate() {
        // The lowest byte that is not 0, again and again.
        let mut left = u64::from_le_bytes(bytes);
        while left != 0 {
            let byte = left.trailing_zeros() / 8;
            add(word * 8 + byte as usize, (left >> (8 * byte)) as u8);
            left &= !(0xff << (8 * byte));
        }
    }
    let first = row.len() - rest.len();
    let rest = (first..).zip(rest).filter(|&(_, &level)| level > 0);
    rest.for_each(|(input, &level)| add(input, level));
}

/// Turns counts into the sums of the counts up to each, and returns the last.
fn ends_of(counts: &mut [u32]) -> usize {
    let mut end = 0;
    for count in counts {
        end += *count;
        *count = end;
    }
    end as usize
}

impl SparseBatch {
    /// The most entries per sample that a batch with `inputs` inputs can have, in `rows` and
    /// `columns` together.
    pub const fn most_entries(inputs: usize) -> usize {
        2 * (inputs * MOST_PERCENT).div_ceil(100)
    }

    /// Stores the samples of `inputs` (B samples, I inputs) whose numbers are in `chosen`.
    /// `levels[n]` is the value of an input of n.
    ///
    /// Returns `false` and stores nothing if too many of the inputs are not 0.
    pub fn load(&mut self, inputs: ArrayView2<'_, u8>, levels: &[f32; 256], chosen: &[u32]) -> bool {
        self.used = false;
        let row = |sample: u32| {
            let row = inputs.row(sample as usize);
            row.to_slice().expect("the numbers of a sample are contiguous")
        };
        let split = Split::of_pass(chosen.len() * inputs.ncols() / LANES);
        let Lists { starts, entries } = &mut self.rows;
        starts.clear();
        starts.resize(chosen.len() + 1, 0);
        team::for_each_piece(&mut starts[1..], split.pieces(), |first, counts| {
            counts.iter_mut().zip(&chosen[first..]).for_each(|(count, &sample)| *count = active(row(sample)));
        });
        let total = ends_of(starts);
        if total > chosen.len() * inputs.ncols() * MOST_PERCENT / 100 {
            return false;
        }
        entries.resize(total, NOTHING);
        let (pieces, mut rest) = (split.pieces(), entries.as_mut_slice());
        let pieces = (0..pieces).map(|piece| {
            let samples = part_of(chosen.len(), piece, pieces);
            let length = starts[samples.end] - starts[samples.start];
            (samples, rest.split_off_mut(..length as usize).expect("entries are counted"))
        });
        team::for_each(pieces, |(samples, entries)| {
            let mut entries = entries.iter_mut();
            chosen[samples].iter().for_each(|&sample| list(row(sample), levels, &mut entries));
        });
        self.transpose(inputs.ncols(), split);
        self.used = true;
        true
    }

    /// Fills `columns` from `rows`. The threads share the inputs.
    fn transpose(&mut self, inputs: usize, split: Split) {
        let (rows, samples) = (&self.rows, self.rows.starts.len() - 1);
        let Lists { starts, entries } = &mut self.columns;
        starts.clear();
        starts.resize(inputs + 1, 0);
        // Each piece reads all lists, so there are few.
        let pieces = split.pieces().min(2 * team::threads());
        team::for_each_piece(&mut starts[..inputs], pieces, |first, counts| {
            let range = first..first + counts.len();
            for entry in (0..samples).flat_map(|sample| rows.within(sample, range.clone())) {
                counts[entry.index as usize - first] += 1;
            }
        });
        let total = ends_of(starts);
        entries.resize(total, NOTHING);
        let (mut ends, mut rest, mut done) = (&mut starts[..inputs], entries.as_mut_slice(), 0);
        let pieces = (0..pieces).map(|piece| {
            let range = part_of(inputs, piece, pieces);
            let (first, ends) = (done, ends.split_off_mut(..range.len()).expect("one for each input"));
            done = ends.last().copied().unwrap_or(done);
            let length = (done - first) as usize;
            (range, first, ends, rest.split_off_mut(..length).expect("entries are counted"))
        });
        team::for_each(pieces, |(range, first, ends, entries)| {
            // From the last sample down, each list is filled from its end, so that `starts` holds
            // the starts afterwards.
            for sample in (0..samples).rev() {
                for entry in rows.within(sample, range.clone()) {
                    let end = &mut ends[entry.index as usize - range.start];
                    *end -= 1;
                    let place = (*end - first) as usize;
                    entries[place] = SparseEntry { index: sample as u32, value: entry.value };
                }
            }
        });
    }

    /// Writes the weighted sums of samples to `sums`: from sample `first` on, as many as `sums`
    /// holds.
    pub fn forward(&self, linear: &Linear, first: usize, sums: &mut BatchPart<'_>) {
        let (terms, panels) = (linear.terms(), linear.panels());
        let samples = sums.lanes.len() / sums.stride;
        for start in (0..panels).step_by(WIDEST) {
            let count = WIDEST.min(panels - start);
            let weights = StridedLanes { lanes: &linear.weights[start * terms..], step: 1, spacing: terms };
            for sample in 0..samples {
                let out = &mut sums.sample(sample)[start..];
                sum_entries(self.rows.list(first + sample), weights, out, 1, count);
            }
        }
    }

    /// Writes the gradient of the weights to `gradient`, from the `errors` at the sums.
    pub fn weight_gradient(&self, linear: &Linear, errors: &Tensor, gradient: &mut [Lanes]) {
        let terms = linear.terms();
        let width = linear.panels().div_ceil(team::threads()).min(WIDEST);
        team::for_each(gradient.chunks_mut(width * terms).enumerate(), |(group, gradient)| {
            let lanes = &errors.lanes[group * width..];
            let errors = StridedLanes { lanes, step: errors.stride, spacing: 1 };
            let count = gradient.len() / terms;
            for input in 0..terms {
                sum_entries(self.columns.list(input), errors, &mut gradient[input..], terms, count);
            }
        });
    }
}

#[cfg(test)]
impl SparseBatch {
    /// The size of the lists, in bytes.
    pub fn bytes(&self) -> u64 {
        let of = |lists: &Lists| size_of_val(lists.starts.as_slice()) + size_of_val(lists.entries.as_slice());
        (of(&self.rows) + of(&self.columns)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::layer::linear::{Batch, InputLayout};
    use crate::network::{Volume, kernels::floats_mut};
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        /// Both give the same bits, since a product with 0 changes no sum.
        #[test]
        fn skipping_zeros_changes_nothing(
            inputs in 1usize..90, outputs in 1usize..150, samples in 1usize..20, salt in 0usize..1000
        ) {
            let noise = |i: usize| ((i * 7919 + salt * 104_729) % 1009) as f32 / 500.0 - 1.0;
            let mut linear = Linear::new(Volume::flat(inputs), Volume::flat(outputs), InputLayout::Dense);
            floats_mut(&mut linear.weights).iter_mut().enumerate().for_each(|(i, weight)| *weight = noise(i));
            let levels: [f32; 256] = std::array::from_fn(|level| level as f32 / 255.0);
            let data = Array2::from_shape_fn((samples, inputs), |(b, i)| {
                if (b * 31 + i * 17 + salt) % 5 == 0 { ((b * 13 + i * 29 + salt) % 256) as u8 } else { 0 }
            });
            let chosen: Vec<u32> = (0..samples as u32).rev().collect();
            let mut sparse = SparseBatch::default();
            let fits = sparse.load(data.view(), &levels, &chosen);
            prop_assert_eq!(fits, data.iter().filter(|&&x| x > 0).count() <= samples * inputs * 35 / 100);
            prop_assume!(fits);
            let mut dense = linear.input_tensor(samples);
            for (row, &sample) in chosen.iter().enumerate() {
                let start = row * dense.stride;
                let row = &mut floats_mut(&mut dense.lanes[start..])[..inputs];
                row.iter_mut().zip(data.row(sample as usize)).for_each(|(x, &u)| *x = levels[usize::from(u)]);
            }
            let mut sums = [(); 2].map(|()| Tensor::new(linear.output, 0, samples));
            let stride = sums[0].stride;
            linear.forward(Batch::of(&dense, samples), &[], sums[0].first_mut(samples), stride);
            sparse.forward(&linear, 0, &mut BatchPart::of(&mut sums[1], samples));
            prop_assert_eq!(&sums[0].lanes, &sums[1].lanes);
            let mut gradients = [(); 2].map(|()| vec![Lanes::splat(7.0); linear.weights.len()]);
            linear.weight_gradient(&dense, &sums[0], samples, &mut [], &mut gradients[0]);
            sparse.weight_gradient(&linear, &sums[0], &mut gradients[1]);
            prop_assert_eq!(&gradients[0], &gradients[1]);
        }
    }
}

//! A sparse batch: lists of the inputs that are not 0.
//!
//! In images of handwritten digits only a fifth of the pixels are not 0, and even fewer of their
//! coded channels. Sums over these inputs alone give the same numbers in a fraction of the time,
//! since adding 0 changes nothing.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::tensor::Tensor;
use crate::network::kernels::{Lanes, SparseEntry, StridedLanes, WIDEST, sum_entries};
use crate::network::layer::linear::Linear;
use crate::network::layer::parts::BatchPart;

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
        let most = chosen.len() * inputs.ncols() * MOST_PERCENT / 100;
        let Lists { starts, entries } = &mut self.rows;
        starts.clear();
        starts.push(0);
        entries.clear();
        for &sample in chosen {
            let row = inputs.row(sample as usize);
            for (input, &level) in row.iter().enumerate().filter(|&(_, &level)| level > 0) {
                entries.push(SparseEntry { index: input as u32, value: levels[usize::from(level)] });
            }
            if entries.len() > most {
                return false;
            }
            starts.push(entries.len() as u32);
        }
        self.transpose(inputs.ncols());
        self.used = true;
        true
    }

    /// Fills `columns` from `rows`.
    fn transpose(&mut self, inputs: usize) {
        let Lists { starts, entries } = &mut self.columns;
        starts.clear();
        starts.resize(inputs + 1, 0);
        entries.clear();
        entries.resize(self.rows.entries.len(), SparseEntry { index: 0, value: 0.0 });
        for entry in &self.rows.entries {
            starts[entry.index as usize] += 1;
        }
        let mut end = 0;
        for start in starts.iter_mut() {
            end += *start;
            *start = end;
        }
        // From the last sample down, each list is filled from its end, so that `starts` holds the
        // starts afterwards.
        for sample in (0..self.rows.starts.len() - 1).rev() {
            for entry in self.rows.list(sample) {
                let end = &mut starts[entry.index as usize];
                *end -= 1;
                entries[*end as usize] = SparseEntry { index: sample as u32, value: entry.value };
            }
        }
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
        gradient.par_chunks_mut(WIDEST * terms).enumerate().for_each(|(group, gradient)| {
            let lanes = &errors.lanes[group * WIDEST..];
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

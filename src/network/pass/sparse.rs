//! A batch of inputs that are mostly 0, by its other numbers alone.
//!
//! A fifth of the pixels of a handwritten digit, and fewer of its coded channels, are not 0: sums over these
//! alone are the same numbers in a fraction of the time, since adding 0 changes nothing.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::tensor::Tensor;
use crate::network::kernels::{Entry, Field, Lanes, WIDEST, sum_entries};
use crate::network::layer::linear::Linear;
use crate::network::layer::parts::BatchPart;

/// The largest share of numbers that are not 0 at which skipping the others pays, in percent: a skipping sum
/// reads a weight for each multiplication, which halves its speed.
const MOST_PERCENT: usize = 35;

/// Inputs (B, I), by sample and by input.
#[derive(Default)]
pub(crate) struct SparseBatch {
    /// For each sample: inputs and their values.
    rows: Lists,
    /// For each input: samples and their values.
    columns: Lists,
    /// Whether the batch at hand is here.
    pub used: bool,
}

/// Lists of entries, one after the other.
#[derive(Default)]
struct Lists {
    /// Where each list begins, and where the last ends.
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

impl Lists {
    fn list(&self, index: usize) -> &[Entry] {
        &self.entries[self.starts[index] as usize..self.starts[index + 1] as usize]
    }
}

impl SparseBatch {
    /// The most entries for each of the samples of a batch, on average, of so many inputs: by sample and by input.
    pub const fn most_entries(inputs: usize) -> usize {
        2 * (inputs * MOST_PERCENT).div_ceil(100)
    }

    /// Takes the samples `chosen` of `inputs` (N, I), each number as `levels` says; `false`, and nothing taken,
    /// where too many of them are not 0.
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
                entries.push(Entry { index: input as u32, value: levels[usize::from(level)] });
            }
            if entries.len() > most {
                return false;
            }
            starts.push(entries.len() as u32);
        }
        self.turn(inputs.ncols());
        self.used = true;
        true
    }

    /// Fills the columns from the rows.
    fn turn(&mut self, inputs: usize) {
        let Lists { starts, entries } = &mut self.columns;
        starts.clear();
        starts.resize(inputs + 1, 0);
        entries.clear();
        entries.resize(self.rows.entries.len(), Entry { index: 0, value: 0.0 });
        for entry in &self.rows.entries {
            starts[entry.index as usize] += 1;
        }
        let mut end = 0;
        for start in starts.iter_mut() {
            end += *start;
            *start = end;
        }
        // From the last sample down, each list fills from its end, so that starts end as starts.
        for sample in (0..self.rows.starts.len() - 1).rev() {
            for entry in self.rows.list(sample) {
                let place = &mut starts[entry.index as usize];
                *place -= 1;
                entries[*place as usize] = Entry { index: sample as u32, value: entry.value };
            }
        }
    }

    /// Writes to `sums` those of the samples from `first` on, as many as there is room for.
    pub fn forward(&self, linear: &Linear, first: usize, sums: &mut BatchPart<'_>) {
        let (terms, panels) = (linear.terms(), linear.panels());
        let samples = sums.lanes.len() / sums.stride;
        for start in (0..panels).step_by(WIDEST) {
            let count = WIDEST.min(panels - start);
            let weights = Field { lanes: &linear.weights[start * terms..], step: 1, spacing: terms };
            for sample in 0..samples {
                let out = &mut sums.sample(sample)[start..];
                sum_entries(self.rows.list(first + sample), weights, out, 1, count);
            }
        }
    }

    /// Writes the derivative of the loss by the weights to `gradient`, from the errors at the sums.
    pub fn weight_gradient(&self, linear: &Linear, errors: &Tensor, gradient: &mut [Lanes]) {
        let terms = linear.terms();
        gradient.par_chunks_mut(WIDEST * terms).enumerate().for_each(|(group, gradient)| {
            let lanes = &errors.lanes[group * WIDEST..];
            let errors = Field { lanes, step: errors.stride, spacing: 1 };
            let count = gradient.len() / terms;
            for input in 0..terms {
                sum_entries(self.columns.list(input), errors, &mut gradient[input..], terms, count);
            }
        });
    }
}

#[cfg(test)]
impl SparseBatch {
    /// What its lists hold.
    pub fn bytes(&self) -> u64 {
        let of = |lists: &Lists| size_of_val(lists.starts.as_slice()) + size_of_val(lists.entries.as_slice());
        (of(&self.rows) + of(&self.columns)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::layer::linear::{Batch, Reach};
    use crate::network::{Volume, kernels::floats_mut};
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        /// Bit for bit: a product with 0 changes no sum.
        #[test]
        fn skipping_zeros_changes_nothing(
            inputs in 1usize..90, outputs in 1usize..150, samples in 1usize..20, salt in 0usize..1000
        ) {
            let noise = |i: usize| ((i * 7919 + salt * 104_729) % 1009) as f32 / 500.0 - 1.0;
            let mut linear = Linear::new(Volume::flat(inputs), Volume::flat(outputs), Reach::Dense);
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

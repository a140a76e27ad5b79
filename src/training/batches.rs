//! The training set in batches: in a new random order in each epoch, and augmented.

use ndarray::{Array2, ArrayView2};
use rand::seq::SliceRandom;

use crate::data::{Augmentation, Coded};
use crate::network::Activations;
use crate::seed::Seed;

use super::TrainingError;

/// The batches of a training set.
pub(super) struct Batches<'a> {
    set: &'a Coded,
    /// Number of samples per batch; the last batch of an epoch may have fewer.
    size: usize,
    augmentation: Augmentation,
    /// The seed of the training.
    seed: Seed,
    /// The current epoch, counted from 0.
    epoch: u32,
    /// The numbers of the samples, in the order of the epoch.
    order: Vec<u32>,
    /// The labels of the current batch.
    labels: Vec<u16>,
    /// The current batch after augmentation (B samples, I inputs); without rows if nothing is
    /// augmented.
    augmented: Array2<u8>,
    /// The numbers 0 to B - 1, which stand for all rows of `augmented`.
    numbers: Vec<u32>,
}

impl<'a> Batches<'a> {
    /// Batches of `size` samples of `set`.
    pub fn new(set: &'a Coded, size: usize, augmentation: Augmentation, seed: &Seed) -> Self {
        let capacity = size.min(set.labels.len());
        let rows = if augmentation.is_none() { 0 } else { capacity };
        Self {
            set,
            size,
            augmentation,
            seed: seed.clone(),
            epoch: 0,
            order: Vec::with_capacity(set.labels.len()),
            labels: Vec::with_capacity(capacity),
            augmented: Array2::zeros((rows, set.inputs.ncols())),
            numbers: (0..rows as u32).collect(),
        }
    }

    /// The most samples in a batch.
    pub fn capacity(&self) -> usize {
        self.size.min(self.set.labels.len())
    }

    /// The number of samples in the set.
    pub fn samples(&self) -> usize {
        self.set.labels.len()
    }

    /// The number of batches of an epoch.
    pub fn count(&self) -> usize {
        self.samples().div_ceil(self.size)
    }

    /// Puts the samples into the random order of `epoch`. The order depends only on the seed and
    /// the epoch.
    pub fn shuffle(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.order.clear();
        self.order.extend(0..self.set.labels.len() as u32);
        self.order.shuffle(&mut self.seed.child("shuffle").index(u64::from(epoch)).stream());
    }

    /// Loads a batch into `activations`.
    pub fn load(&mut self, batch: usize, activations: &mut Activations) {
        let range = self.range(batch);
        let chosen = &self.order[range];
        self.labels.clear();
        self.labels.extend(chosen.iter().map(|&sample| self.set.labels[sample as usize]));
        if self.augmentation.is_none() {
            return activations.load(self.set.inputs.view(), self.set.max, chosen);
        }
        let rows = self.augmented.slice_mut(ndarray::s![..chosen.len(), ..]);
        let seed = self.seed.child("augmentation").index(u64::from(self.epoch));
        self.augmentation.apply(self.set.inputs.view(), self.set.shape, chosen, &seed, rows);
        activations.load(self.augmented.view(), self.set.max, &self.numbers[..chosen.len()]);
    }

    /// The labels of the current batch, one per sample.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Copies the rows of `all` (N samples, K classes) that belong to `batch` to the first rows of
    /// `chosen`. Returns those rows.
    pub fn rows_of<'b>(
        &self,
        batch: usize,
        all: &Array2<f32>,
        chosen: &'b mut Array2<f32>,
    ) -> ArrayView2<'b, f32> {
        let samples = &self.order[self.range(batch)];
        for (mut row, &sample) in chosen.outer_iter_mut().zip(samples) {
            row.assign(&all.row(sample as usize));
        }
        chosen.slice(ndarray::s![..samples.len(), ..])
    }

    /// Where the samples of `batch` lie in the order of the epoch.
    fn range(&self, batch: usize) -> std::ops::Range<usize> {
        let begin = batch * self.size;
        begin..begin.saturating_add(self.size).min(self.order.len())
    }
}

#[cfg(test)]
impl Batches<'_> {
    /// The size of the buffers, in bytes.
    pub fn bytes(&self) -> u64 {
        let numbers = (self.order.len() + self.numbers.len()) * size_of::<u32>();
        (numbers + self.labels.len() * size_of::<u16>() + self.augmented.len()) as u64
    }
}

/// Refuses an augmentation that would move an image out of its frame or cover it completely.
pub(super) fn check(
    augmentation: &Augmentation,
    [height, width, _]: [usize; 3],
) -> Result<(), TrainingError> {
    let least = height.min(width);
    let bent = u32::from(augmentation.flip || augmentation.rotation > 0.0 || augmentation.zoom > 0.0);
    let settings =
        [("shift", augmentation.shift), ("cutout", augmentation.cutout), ("flip, rotation or zoom", bent)];
    match settings.into_iter().find(|&(_, value)| value > 0 && value as usize >= least) {
        Some((name, value)) => Err(TrainingError::Augmentation { name, value, height, width }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_neither_shifted_nor_zoomed() {
        let problem = |augmentation: Augmentation, shape| {
            check(&augmentation, shape).expect_err("no image").to_string()
        };
        let shift = Augmentation { shift: 2, ..Augmentation::none() };
        assert_eq!(
            problem(shift, [1, 1, 30]),
            "shift = 2: needs images larger than that, the samples are 1 x 1"
        );
        assert_eq!(check(&shift, [8, 8, 1]), Ok(()));
        assert_eq!(check(&Augmentation::none(), [1, 1, 30]), Ok(()));
        let zoom = Augmentation { zoom: 0.1, ..Augmentation::none() };
        assert!(problem(zoom, [1, 1, 30]).starts_with("flip, rotation or zoom"));
    }
}

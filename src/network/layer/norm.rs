//! Batch norm: the sums of each channel are normalized over the batch and all positions (Ioffe,
//! Szegedy 2015).

use std::ops::Range;

use super::parts::PARTS;
use crate::network::kernels::{LANES, Lanes, panels, vectorized};
use crate::network::pass::tensor::Tensor;

/// Added to the variance before its root is taken, as in Keras.
pub(crate) const EPSILON: f32 = 1e-3;
/// The largest momentum of the running statistics, as in Keras.
const MOMENTUM: f32 = 0.99;

/// The parameters and the running statistics of a layer's batch norm. The number that it adds after
/// the gain is the layer's bias.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Norm {
    /// The gain of each channel, in panels of 16; 1 at the start.
    pub gain: Vec<Lanes>,
    /// The running mean of each channel, in panels of 16.
    pub mean: Vec<Lanes>,
    /// The running variance of each channel, in panels of 16; unbiased.
    pub variance: Vec<Lanes>,
    /// The number of updates of the running statistics.
    pub updates: u32,
}

impl Norm {
    /// The batch norm of a layer before training.
    pub fn new(channels: usize) -> Self {
        let all = |value| vec![Lanes::splat(value); panels(channels)];
        Self { gain: all(1.0), mean: all(0.0), variance: all(1.0), updates: 0 }
    }

    /// Moves the running statistics towards those of a batch with `size` sums per channel.
    ///
    /// The momentum, the share of the old value that stays, is `min(0.99, (1 + t) / (10 + t))` at
    /// update t. A constant 0.99 would keep much of the initial values through the few hundred
    /// steps of a small data set. A single sum has no variance and changes nothing.
    pub fn update(&mut self, batch: &Statistics, size: usize) {
        let t = self.updates as f32;
        self.move_towards(batch, size, 1.0 - MOMENTUM.min((1.0 + t) / (10.0 + t)));
        self.updates = self.updates.saturating_add(u32::from(size > 1));
    }

    /// Moves the running statistics by `share` of the way to those of a batch. The batch has `size`
    /// sums per channel.
    pub fn move_towards(&mut self, batch: &Statistics, size: usize, share: f32) {
        if size < 2 {
            return;
        }
        let unbiased = size as f32 / (size as f32 - 1.0);
        let towards = |running: &mut [Lanes], values: &[Lanes], factor: f32| {
            for (running, value) in running.iter_mut().zip(values) {
                for lane in 0..LANES {
                    running.0[lane] += share * (value.0[lane] * factor - running.0[lane]);
                }
            }
        };
        towards(&mut self.mean, &batch.mean, 1.0);
        towards(&mut self.variance, &batch.variance, unbiased);
    }
}

/// The statistics (mean and variance) by which a layer's sums are normalized.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    /// The moments of parts of the batch. The parts of a panel (16 channels) lie side by side.
    pub parts: Vec<Moments>,
    /// The mean of each channel, in panels of 16.
    pub mean: Vec<Lanes>,
    /// The variance of each channel, in panels of 16; biased if it is that of a batch.
    pub variance: Vec<Lanes>,
    /// `1 / sqrt(variance + EPSILON)` of each channel, in panels of 16.
    pub inverse_deviation: Vec<Lanes>,
}

impl Statistics {
    /// A buffer for the statistics of `channels` channels.
    pub fn new(channels: usize) -> Self {
        let zeros = || vec![Lanes::ZERO; panels(channels)];
        let parts = vec![Moments::NONE; PARTS * panels(channels)];
        Self { parts, mean: zeros(), variance: zeros(), inverse_deviation: zeros() }
    }

    /// Sets the statistics from the moments of `parts` parts of the batch. A sample has `plane`
    /// positions.
    pub fn join(&mut self, parts: usize, plane: usize) {
        for (panel, moments) in self.parts.chunks_exact(parts).take(self.mean.len()).enumerate() {
            let mut all = Moments::NONE;
            moments.iter().for_each(|part| all.join(part, plane));
            (self.mean[panel], self.variance[panel]) = all.finish(plane);
            self.inverse_deviation[panel] = inverse_deviation(&self.variance[panel]);
        }
    }

    /// Takes over the running statistics of `norm`.
    pub fn copy(&mut self, norm: &Norm) {
        self.mean.copy_from_slice(&norm.mean);
        self.variance.copy_from_slice(&norm.variance);
        for (inverse, variance) in self.inverse_deviation.iter_mut().zip(&self.variance) {
            *inverse = inverse_deviation(variance);
        }
    }
}

/// `1 / sqrt(variance + EPSILON)`
pub(crate) fn inverse_deviation(variance: &Lanes) -> Lanes {
    Lanes(variance.0.map(|variance| (variance + EPSILON).sqrt().recip()))
}

/// Mean and squared deviations of some samples, over all their positions; for 16 channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    samples: usize,
    mean: Lanes,
    /// The sum of squared deviations from the mean.
    squares: Lanes,
}

impl Moments {
    /// The moments of no samples.
    pub const NONE: Self = Self { samples: 0, mean: Lanes::ZERO, squares: Lanes::ZERO };

    /// The moments of the sums of panel `panel` (16 channels), over `samples`.
    pub fn of(sums: &Tensor, panel: usize, samples: Range<usize>) -> Self {
        let plane = sums.plane();
        let mut all = Self::NONE;
        vectorized(
            #[inline(always)]
            || {
                for sample in samples {
                    let start = sample * sums.stride + panel * plane;
                    let (mean, squares) = moments(&sums.lanes[start..start + plane]);
                    all.join(&Self { samples: 1, mean, squares }, plane);
                }
            },
        );
        all
    }

    /// Adds the moments of other samples (Chan, Golub, LeVeque 1983). A sample has `plane`
    /// positions.
    #[inline(always)]
    pub fn join(&mut self, other: &Self, plane: usize) {
        if other.samples == 0 {
            return;
        }
        let (before, more) = (self.samples as f32, other.samples as f32);
        let share = more / (before + more);
        let weight = plane as f32 * before * share;
        for lane in 0..LANES {
            let difference = other.mean.0[lane] - self.mean.0[lane];
            self.mean.0[lane] += difference * share;
            self.squares.0[lane] += other.squares.0[lane] + difference * difference * weight;
        }
        self.samples += other.samples;
    }

    /// The mean and the biased variance. A sample has `plane` positions.
    pub fn finish(&self, plane: usize) -> (Lanes, Lanes) {
        let share = ((self.samples * plane) as f32).recip();
        (self.mean, Lanes(self.squares.0.map(|sum| sum * share)))
    }
}

/// The mean of `values`, and the sum of their squared deviations from it.
#[inline(always)]
fn moments(values: &[Lanes]) -> (Lanes, Lanes) {
    if let [value] = values {
        return (*value, Lanes::ZERO);
    }
    let share = (values.len() as f32).recip();
    let (mut mean, mut squares) = (Lanes::ZERO, Lanes::ZERO);
    for value in values {
        (0..LANES).for_each(|lane| mean.0[lane] += value.0[lane]);
    }
    mean.0.iter_mut().for_each(|sum| *sum *= share);
    for value in values {
        for lane in 0..LANES {
            let difference = value.0[lane] - mean.0[lane];
            squares.0[lane] += difference * difference;
        }
    }
    (mean, squares)
}

/// The gradients of bias and gain in panel `panel` (16 channels), summed over `samples` and all
/// positions. That of the bias is the sum of the errors `e` at the potentials. That of the gain is
/// the sum of `e x` with the normalized sums x; it is 0 without `statistics`.
pub(crate) fn total(
    errors: &Tensor,
    sums: &Tensor,
    statistics: Option<&Statistics>,
    panel: usize,
    samples: Range<usize>,
) -> (Lanes, Lanes) {
    let plane = sums.plane();
    let (mut bias, mut gain) = (Lanes::ZERO, Lanes::ZERO);
    vectorized(
        #[inline(always)]
        || {
            for sample in samples {
                let start = sample * sums.stride + panel * plane;
                let errors = &errors.lanes[start..start + plane];
                let Some(statistics) = statistics else {
                    for error in errors {
                        (0..LANES).for_each(|lane| bias.0[lane] += error.0[lane]);
                    }
                    continue;
                };
                let (mean, inverse) = (statistics.mean[panel], statistics.inverse_deviation[panel]);
                for (error, sum) in errors.iter().zip(&sums.lanes[start..start + plane]) {
                    for lane in 0..LANES {
                        bias.0[lane] += error.0[lane];
                        gain.0[lane] += error.0[lane] * ((sum.0[lane] - mean.0[lane]) * inverse.0[lane]);
                    }
                }
            }
        },
    );
    (bias, gain)
}

/// The backward pass of batch norm in one panel (16 channels): it turns errors at the potentials
/// into errors at the sums.
///
/// An error e becomes `factor e - shift - slope y`, where y is the sum. This equals `g / sigma (e -
/// mean(e) - x mean(e x))`, with the gain g, the deviation sigma and the normalized sum `x = (y -
/// mean) / sigma`.
#[derive(Clone, Copy)]
pub(crate) struct Backward {
    factor: Lanes,
    shift: Lanes,
    slope: Lanes,
}

impl Backward {
    /// The numbers for panel `panel`. `totals` are the gradients of bias and gain, over `size` sums
    /// per channel.
    pub fn new(
        norm: &Norm,
        statistics: &Statistics,
        panel: usize,
        totals: (Lanes, Lanes),
        size: usize,
    ) -> Self {
        let share = (size as f32).recip();
        let (mut factor, mut shift, mut slope) = (Lanes::ZERO, Lanes::ZERO, Lanes::ZERO);
        for lane in 0..LANES {
            let inverse = statistics.inverse_deviation[panel].0[lane];
            factor.0[lane] = norm.gain[panel].0[lane] * inverse;
            slope.0[lane] = factor.0[lane] * totals.1.0[lane] * share * inverse;
            let mean = statistics.mean[panel].0[lane];
            shift.0[lane] = factor.0[lane] * totals.0.0[lane] * share - slope.0[lane] * mean;
        }
        Self { factor, shift, slope }
    }

    /// Turns the `errors` at the potentials into errors at the sums, for some positions of the
    /// panel. `sums` holds the sums there.
    #[inline(always)]
    pub fn apply(&self, errors: &mut [Lanes], sums: &[Lanes]) {
        for (error, sum) in errors.iter_mut().zip(sums) {
            for lane in 0..LANES {
                error.0[lane] = self.factor.0[lane] * error.0[lane]
                    - self.shift.0[lane]
                    - self.slope.0[lane] * sum.0[lane];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Volume;

    #[test]
    fn statistics_of_a_batch_by_hand() {
        // Channel 0 over two samples of two positions: 1, 2, 3, 6.
        let mut sums = Tensor::new(Volume { height: 1, width: 2, channels: 1 }, 0, 2);
        for (index, value) in [(0, 1.0), (1, 2.0), (sums.stride, 3.0), (sums.stride + 1, 6.0)] {
            sums.lanes[index].0[0] = value;
        }
        let (mean, variance) = Moments::of(&sums, 0, 0..2).finish(2);
        assert_eq!((mean.0[0], variance.0[0]), (3.0, 3.5));
        assert_eq!((mean.0[1], variance.0[1]), (0.0, 0.0));
    }

    #[test]
    fn running_statistics_move_towards_those_of_the_batch_and_are_unbiased() {
        let mut norm = Norm::new(1);
        let mut batch = Statistics::new(1);
        batch.mean[0].0[0] = 10.0;
        batch.variance[0].0[0] = 3.0;
        norm.update(&batch, 4);
        // Momentum 1/10 at first: 0.9 of 10; 0.1 of 1 plus 0.9 of 3 times 4/3.
        assert!((norm.mean[0].0[0] - 9.0).abs() < 1e-5 && (norm.variance[0].0[0] - 3.7).abs() < 1e-5);
        norm.update(&batch, 1);
        assert_eq!(norm.updates, 1);
    }
}

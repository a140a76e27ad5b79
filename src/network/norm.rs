//! Batch norm: each neuron's input normalized over the batch (Ioffe, Szegedy 2015).

use ndarray::{ArrayView2, ArrayViewMut2};

use super::blocks::{rows, rows_mut};

/// Added to the variance, as in Keras.
pub(super) const EPSILON: f32 = 1e-3;
/// The most that the running statistics keep of their past at each step, as in Keras.
const MOMENTUM: f32 = 0.99;

/// What a layer's batch norm learns and remembers; the shift after it is the layer's bias.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Norm {
    /// (O), from 1.
    pub gain: Vec<f32>,
    /// (O), running.
    pub mean: Vec<f32>,
    /// (O), running, unbiased.
    pub variance: Vec<f32>,
    /// How often the running statistics were updated.
    pub updates: u32,
}

impl Norm {
    pub fn new(width: usize) -> Self {
        Self { gain: vec![1.0; width], mean: vec![0.0; width], variance: vec![1.0; width], updates: 0 }
    }

    /// Moves the running statistics towards those of a batch of `size` samples.
    ///
    /// The momentum is `min(0.99, (1 + t) / (10 + t))` at update t: a plain 0.99 would still hold much of
    /// the initial values after the few hundred steps that a small data set gives. One sample has no
    /// variance and changes nothing.
    pub fn remember(&mut self, batch: &Statistics, size: usize) {
        if size < 2 {
            return;
        }
        let t = self.updates as f32;
        let momentum = MOMENTUM.min((1.0 + t) / (10.0 + t));
        let unbiased = size as f32 / (size as f32 - 1.0);
        let towards =
            |running: &mut f32, value: f32| *running = momentum * *running + (1.0 - momentum) * value;
        self.mean.iter_mut().zip(&batch.mean).for_each(|(m, &value)| towards(m, value));
        self.variance.iter_mut().zip(&batch.variance).for_each(|(v, &value)| towards(v, value * unbiased));
        self.updates = self.updates.saturating_add(1);
    }
}

/// What a layer's inputs were normalized by: (O) each.
#[derive(Clone, Debug)]
pub(super) struct Statistics {
    pub mean: Vec<f32>,
    /// Of the batch, biased.
    pub variance: Vec<f32>,
    /// `1 / sqrt(variance + EPSILON)`.
    pub inverse_deviation: Vec<f32>,
}

impl Statistics {
    pub fn new(width: usize) -> Self {
        let zeros = || vec![0.0; width];
        Self { mean: zeros(), variance: zeros(), inverse_deviation: zeros() }
    }
}

/// Mean and biased variance of each column of a (B, O) block, over the rows in their order.
pub(super) fn measure(block: &ArrayView2<'_, f32>, mean: &mut [f32], variance: &mut [f32]) {
    let share = (block.nrows() as f32).recip();
    mean.fill(0.0);
    variance.fill(0.0);
    for row in rows(block) {
        mean.iter_mut().zip(row).for_each(|(sum, y)| *sum += y);
    }
    mean.iter_mut().for_each(|sum| *sum *= share);
    for row in rows(block) {
        for ((sum, &mean), y) in variance.iter_mut().zip(&*mean).zip(row) {
            *sum += (y - mean) * (y - mean);
        }
    }
    variance.iter_mut().for_each(|sum| *sum *= share);
}

/// `1 / sqrt(variance + EPSILON)`.
pub(super) fn invert_deviation(variance: &[f32], inverse_deviation: &mut [f32]) {
    for (inverse, variance) in inverse_deviation.iter_mut().zip(variance) {
        *inverse = (variance + EPSILON).sqrt().recip();
    }
}

/// Normalizes a (B, O) block, in place and into `normalized`, and applies the gain in place.
pub(super) fn normalize(
    mut block: ArrayViewMut2<'_, f32>,
    mut normalized: ArrayViewMut2<'_, f32>,
    mean: &[f32],
    inverse_deviation: &[f32],
    gain: &[f32],
) {
    for (row, normalized) in rows_mut(&mut block).zip(rows_mut(&mut normalized)) {
        let columns = mean.iter().zip(inverse_deviation).zip(gain);
        for ((y, x), ((mean, inverse), gain)) in row.iter_mut().zip(normalized).zip(columns) {
            *x = (*y - mean) * inverse;
            *y = *x * gain;
        }
    }
}

/// Turns errors at the gain's output into errors at the layer's sums, in place, for a batch that was
/// normalized by its own statistics; writes the gain's gradient.
///
/// `e <- g / sigma (e - mean(e) - x mean(e x))`, with x the normalized sums and `sum(e)` given.
pub(super) fn backward(
    mut errors: ArrayViewMut2<'_, f32>,
    normalized: &ArrayView2<'_, f32>,
    inverse_deviation: &[f32],
    gain: &[f32],
    error_sum: &[f32],
    gain_gradient: &mut [f32],
) {
    gain_gradient.fill(0.0);
    for (errors, x) in rows_mut(&mut errors).zip(rows(normalized)) {
        for ((sum, e), x) in gain_gradient.iter_mut().zip(errors).zip(x) {
            *sum += *e * x;
        }
    }
    let share = (errors.nrows() as f32).recip();
    for (errors, x) in rows_mut(&mut errors).zip(rows(normalized)) {
        let columns = inverse_deviation.iter().zip(gain).zip(error_sum).zip(&*gain_gradient);
        for ((e, x), (((inverse, gain), sum), product)) in errors.iter_mut().zip(x).zip(columns) {
            *e = gain * inverse * (*e - share * sum - share * product * x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn a_normalized_column_has_mean_zero_and_variance_just_below_one() {
        let mut block: Array2<f32> = array![[1.0, -4.0], [3.0, 0.0], [5.0, 4.0]];
        let (mut mean, mut variance, mut inverse) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        measure(&block.view(), &mut mean, &mut variance);
        invert_deviation(&variance, &mut inverse);
        assert_eq!(mean, [3.0, 0.0]);
        assert!((variance[0] - 8.0 / 3.0).abs() < 1e-6 && (variance[1] - 32.0 / 3.0).abs() < 1e-6);
        let mut normalized = block.clone();
        normalize(block.view_mut(), normalized.view_mut(), &mean, &inverse, &[2.0, 2.0]);
        let expected = 2.0 / (8.0f32 / 3.0 + 0.001).sqrt();
        assert!((normalized[[2, 0]] - expected).abs() < 1e-6);
        assert_eq!(block, &normalized * 2.0);
    }

    #[test]
    fn running_statistics_forget_their_start_and_settle_on_the_unbiased_variance() {
        let mut norm = Norm::new(1);
        let batch = Statistics { mean: vec![2.0], variance: vec![3.0], inverse_deviation: vec![0.0] };
        norm.remember(&batch, 4);
        // The first update keeps a tenth: 0.1 0 + 0.9 2, and 0.1 1 + 0.9 (3 4 / 3).
        assert!((norm.mean[0] - 1.8).abs() < 1e-6 && (norm.variance[0] - 3.7).abs() < 1e-6);
        (0..200).for_each(|_| norm.remember(&batch, 4));
        assert!((norm.mean[0] - 2.0).abs() < 1e-5 && (norm.variance[0] - 4.0).abs() < 1e-5);
        norm.remember(&batch, 1);
        assert_eq!(norm.updates, 201);
    }
}

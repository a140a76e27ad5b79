//! The n-hot head: class scores from output neurons, and the loss on them.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::Key;
use super::blocks::{for_each_block, rows, rows_mut};
use super::matmul::multiply;

/// The key with what the passes need of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    pub key: Key,
    /// (N, K)
    signs: Array2<f32>,
    /// (K): sum of each class's signs.
    sums: Vec<f32>,
}

impl Head {
    pub fn new(key: Key) -> Self {
        let signs = key.signs();
        let sums = signs.columns().into_iter().map(|column| column.sum()).collect();
        Self { key, signs, sums }
    }

    /// (B, K) scores `(2a - 1)(2 Kᵀ - 1)` of output activations a (B, N); exact where a is 0 or 1.
    pub fn scores(&self, outputs: ArrayView2<'_, f32>, mut scores: ArrayViewMut2<'_, f32>) {
        multiply(outputs, self.signs.view(), scores.view_mut());
        for row in rows_mut(&mut scores) {
            row.iter_mut().zip(&self.sums).for_each(|(score, sum)| *score = 2.0 * *score - sum);
        }
    }

    /// The mean cross-entropy of the softmax of `scores / temperature` (B, K) against `labels` (B), whose
    /// derivative by the output activations goes to `errors` (B, N).
    ///
    /// `differences` (B, K) is room to work in.
    pub fn loss(
        &self,
        scores: ArrayView2<'_, f32>,
        labels: &[u16],
        temperature: f32,
        mut differences: ArrayViewMut2<'_, f32>,
        errors: ArrayViewMut2<'_, f32>,
    ) -> f64 {
        let share = (labels.len() as f32).recip();
        let mut total = 0.0;
        for ((scores, differences), &label) in rows(&scores).zip(rows_mut(&mut differences)).zip(labels) {
            total += f64::from(cross_entropy(scores, temperature, usize::from(label), differences));
            // d score / d activation is twice the sign.
            differences.iter_mut().for_each(|difference| *difference *= 2.0 * share / temperature);
        }
        let differences = differences.view();
        for_each_block((errors, self.signs.t()), &|_, (errors, signs)| multiply(differences, signs, errors));
        total / labels.len() as f64
    }
}

/// `-ln softmax(scores / temperature)[label]`; its derivative by `scores / temperature` goes to `differences`.
fn cross_entropy(scores: &[f32], temperature: f32, label: usize, differences: &mut [f32]) -> f32 {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (difference, score) in differences.iter_mut().zip(scores) {
        *difference = ((score - highest) / temperature).exp();
        sum += *difference;
    }
    differences.iter_mut().for_each(|difference| *difference /= sum);
    differences[label] -= 1.0;
    sum.ln() - (scores[label] - highest) / temperature
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use ndarray::array;

    #[test]
    fn the_loss_of_equal_scores_is_the_logarithm_of_their_number() {
        let mut differences = [0.0; 4];
        assert!((cross_entropy(&[7.0; 4], 3.0, 2, &mut differences) - 4f32.ln()).abs() < 1e-6);
        assert_eq!(differences, [0.25, 0.25, -0.75, 0.25]);
    }

    #[test]
    fn a_sure_and_wrong_answer_costs_its_margin_and_stays_finite() {
        let mut differences = [0.0; 2];
        assert_eq!(cross_entropy(&[200.0, -200.0], 2.0, 1, &mut differences), 200.0);
        assert_eq!(differences, [1.0, -1.0]);
    }

    #[test]
    fn scores_of_spikes_are_the_integers_that_the_key_counts() {
        let key = Key::generate(4, 3, true, &Seed::root(5));
        let spikes = [true, false, false, true, true, false, true, false, true, true, false, false];
        let outputs = Array2::from_shape_fn((1, 12), |(_, n)| f32::from(u8::from(spikes[n])));
        let mut scores = array![[0.0; 4]];
        let expected = key.scores(&spikes);
        Head::new(key).scores(outputs.view(), scores.view_mut());
        assert_eq!(
            scores.into_raw_vec_and_offset().0,
            expected.iter().map(|&score| score as f32).collect::<Vec<_>>()
        );
    }
}

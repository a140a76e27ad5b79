//! The n-hot head: class scores from output neurons, and the loss on them.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::Key;
use super::matmul::multiply;

/// What a network is trained against.
///
/// The cross-entropy `-sum_k q_k ln p_k` of `p = softmax(scores / temperature)` and the target
/// `q = (1 - share) ((1 - smoothing) [k = label] + smoothing / K) + share softmax(teacher / temperature)`,
/// plus, for each hidden layer, `rate_penalty` times its mean activation.
///
/// Label smoothing: Szegedy et al. 2016. Distillation: Hinton, Vinyals, Dean 2015; scores of both networks
/// are divided by the same temperature, and the loss is not multiplied by its square.
#[derive(Clone, Copy, Debug)]
pub struct Loss<'a> {
    /// What class scores are divided by, above 0; higher asks for a wider margin.
    pub temperature: f32,
    /// The share of the target that is spread evenly over all classes, in [0, 1).
    pub smoothing: f32,
    /// Cost of a hidden layer in which every neuron is active on every sample, at least 0. Higher: fewer
    /// spikes, less energy. It moves no layer that is frozen.
    pub rate_penalty: f32,
    /// Who else says what is right.
    pub teacher: Option<Teacher<'a>>,
}

/// The scores of another network on the batch.
#[derive(Clone, Copy, Debug)]
pub struct Teacher<'a> {
    /// (B, K)
    pub scores: ArrayView2<'a, f32>,
    /// How much its word counts against the labels', in [0, 1].
    pub share: f32,
}

impl Loss<'_> {
    /// The plain cross-entropy with the labels.
    pub fn cross_entropy(temperature: f32) -> Self {
        Self { temperature, smoothing: 0.0, rate_penalty: 0.0, teacher: None }
    }
}

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

    /// The mean `loss` of `scores` (B, K) against `labels` (B), whose derivative by the output activations
    /// goes to `errors` (B, N); what `loss` asks of hidden layers is not in it.
    ///
    /// `differences` (B, K) is room to work in.
    pub fn loss(
        &self,
        scores: ArrayView2<'_, f32>,
        labels: &[u16],
        loss: Loss<'_>,
        mut differences: ArrayViewMut2<'_, f32>,
        errors: ArrayViewMut2<'_, f32>,
    ) -> f64 {
        let share = (labels.len() as f32).recip();
        let mut targets = vec![0.0; scores.ncols()];
        let mut total = 0.0;
        let samples = rows(&scores).zip(rows_mut(&mut differences)).zip(labels).enumerate();
        for (sample, ((scores, differences), &label)) in samples {
            loss.targets(sample, usize::from(label), &mut targets);
            total += f64::from(cross_entropy(scores, loss.temperature, &targets, differences));
            // d score / d activation is twice the sign.
            differences.iter_mut().for_each(|difference| *difference *= 2.0 * share / loss.temperature);
        }
        let differences = differences.view();
        multiply(differences, self.signs.t(), errors);
        total / labels.len() as f64
    }
}

#[cfg(test)]
impl Head {
    pub fn bytes(&self) -> u64 {
        let floats = (self.signs.len() + self.sums.len()) * size_of::<f32>();
        (self.key.members().len() + floats) as u64
    }
}

impl Loss<'_> {
    /// Writes to `targets` (K) the distribution that the softmax is compared with.
    fn targets(&self, sample: usize, label: usize, targets: &mut [f32]) {
        targets.fill(self.smoothing / targets.len() as f32);
        targets[label] += 1.0 - self.smoothing;
        if let Some(Teacher { scores, share }) = self.teacher {
            let mut taught = scores.row(sample).to_vec();
            softmax(&mut taught, self.temperature);
            for (target, taught) in targets.iter_mut().zip(taught) {
                *target = (1.0 - share) * *target + share * taught;
            }
        }
    }
}

/// `-sum targets ln softmax(scores / temperature)`; its derivative by `scores / temperature` goes to
/// `differences`.
fn cross_entropy(scores: &[f32], temperature: f32, targets: &[f32], differences: &mut [f32]) -> f32 {
    differences.copy_from_slice(scores);
    let (highest, sum) = softmax(differences, temperature);
    let mut matched = 0.0;
    for ((difference, target), score) in differences.iter_mut().zip(targets).zip(scores) {
        *difference -= target;
        matched += target * ((score - highest) / temperature);
    }
    sum.ln() - matched
}

/// Turns `scores` into the softmax of `scores / temperature`; returns the highest score, and the sum of
/// `exp((score - highest) / temperature)`.
fn softmax(scores: &mut [f32], temperature: f32) -> (f32, f32) {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in &mut *scores {
        *score = ((*score - highest) / temperature).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
    (highest, sum)
}

/// The rows of a row-major matrix.
fn rows<'a>(matrix: &'a ArrayView2<'_, f32>) -> impl Iterator<Item = &'a [f32]> {
    matrix.outer_iter().map(|row| row.to_slice().expect("a row of a row-major matrix is contiguous"))
}

/// The rows of a row-major matrix, to write to.
fn rows_mut<'a>(matrix: &'a mut ArrayViewMut2<'_, f32>) -> impl Iterator<Item = &'a mut [f32]> {
    matrix.outer_iter_mut().map(|row| row.into_slice().expect("a row of a row-major matrix is contiguous"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use ndarray::array;

    #[test]
    fn the_loss_of_equal_scores_is_the_logarithm_of_their_number() {
        let mut differences = [0.0; 4];
        let loss = cross_entropy(&[7.0; 4], 3.0, &[0.0, 0.0, 1.0, 0.0], &mut differences);
        assert!((loss - 4f32.ln()).abs() < 1e-6);
        assert_eq!(differences, [0.25, 0.25, -0.75, 0.25]);
    }

    #[test]
    fn a_sure_and_wrong_answer_costs_its_margin_and_stays_finite() {
        let mut differences = [0.0; 2];
        assert_eq!(cross_entropy(&[200.0, -200.0], 2.0, &[0.0, 1.0], &mut differences), 200.0);
        assert_eq!(differences, [1.0, -1.0]);
    }

    #[test]
    fn targets_mix_the_label_the_even_share_and_the_teacher() {
        // Scores 2 ln 3 and 0 at temperature 2: the teacher says 3/4 and 1/4.
        let scores = array![[9.0, 9.0], [2.0 * 3f32.ln(), 0.0]];
        let teacher = Some(Teacher { scores: scores.view(), share: 0.5 });
        let loss = Loss { smoothing: 0.2, teacher, ..Loss::cross_entropy(2.0) };
        let mut targets = [f32::NAN; 2];
        loss.targets(1, 1, &mut targets);
        // Half of (0.1, 0.9) and half of (0.75, 0.25).
        assert!((targets[0] - 0.425).abs() < 1e-6 && (targets[1] - 0.575).abs() < 1e-6, "{targets:?}");
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

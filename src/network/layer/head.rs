//! The n-hot head: class scores from n output neurons per class, and the loss of these scores.

use ndarray::ArrayView2;

use super::linear::Batch;
use super::parts::{BatchPart, Split, for_each_part};
use crate::network::Key;
use crate::network::kernels::{LANES, Lanes, Out, Rows, Runs, floats, floats_mut, multiply, panels};
use crate::network::pass::tensor::Tensor;

/// The loss that training minimizes.
///
/// It is the cross-entropy `-sum_k q_k ln p_k`, with the prediction `p = softmax(scores /
/// temperature)` and the target `q = (1 - share) ((1 - smoothing) [k = label] + smoothing / K) +
/// share softmax(teacher / temperature)`. Here k runs over the K classes, and `share` and `teacher`
/// belong to a [`Teacher`]. Each sample's cross-entropy is multiplied by the weight of its class. The
/// mean activation of each hidden layer times `rate_penalty` is added.
///
/// Label smoothing: Szegedy et al. 2016. Distillation: Hinton, Vinyals, Dean 2015, but with the
/// same temperature for both networks, and without the factor of the squared temperature.
#[derive(Clone, Copy, Debug)]
pub struct Loss<'a> {
    /// The divisor of class scores, above 0. A higher one makes training ask for a wider margin
    /// between classes.
    pub temperature: f32,
    /// The share of the target that is spread evenly over all classes, in [0, 1).
    pub smoothing: f32,
    /// What is added to the loss if all neurons of a hidden layer fire on every sample; at least 0.
    /// A higher one gives fewer spikes and less energy. Frozen layers do not change by it.
    pub rate_penalty: f32,
    /// What the cross-entropy of a sample is multiplied by, for each of the K classes of its label:
    /// above 0; 1 if there are none.
    pub class_weights: Option<&'a [f32]>,
    /// The teacher of knowledge distillation, if there is one.
    pub teacher: Option<Teacher<'a>>,
}

/// The teacher of knowledge distillation: the scores of another network on the batch.
#[derive(Clone, Copy, Debug)]
pub struct Teacher<'a> {
    /// The scores (B, K) of the teacher for B samples and K classes.
    pub scores: ArrayView2<'a, f32>,
    /// The teacher's share of the target, in [0, 1]; the rest belongs to the labels.
    pub share: f32,
}

impl Loss<'_> {
    /// The cross-entropy with the labels, without smoothing, penalty or teacher.
    pub fn cross_entropy(temperature: f32) -> Self {
        Self { temperature, smoothing: 0.0, rate_penalty: 0.0, class_weights: None, teacher: None }
    }
}

/// Where the derivative of a loss goes, and the memory that its computation needs.
pub(crate) struct LossBuffers<'a> {
    /// The derivative of the loss by half the scores: (B samples, K classes).
    pub differences: &'a mut Tensor,
    /// The loss of each sample: (B, 1).
    pub losses: &'a mut Tensor,
    /// The derivative of the loss by the output activations: (B, N output neurons).
    pub errors: &'a mut Tensor,
}

/// The head of a network: its key (which neurons belong to which class) in the forms that the
/// passes need.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    /// The key.
    pub key: Key,
    /// The signs of the key (+1 for members, else -1), in panels of 16 classes with a row for each
    /// output neuron.
    signs: Vec<Lanes>,
    /// The same signs in panels of 16 output neurons, with a row for each class.
    transposed_signs: Vec<Lanes>,
    /// For each of the K classes, the sum of its signs.
    sums: Vec<f32>,
}

impl Head {
    /// The head of a network with this key.
    pub fn new(key: Key) -> Self {
        let signs = key.signs();
        let sums = signs.columns().into_iter().map(|column| column.sum()).collect();
        Self { key, sums, transposed_signs: in_panels(signs.t()), signs: in_panels(signs.view()) }
    }

    /// Writes the class scores `(2a - 1)(2 Mᵀ - 1)` of `batch` samples to `scores` (B samples, K
    /// classes). a are the output activations in `outputs` (B, N output neurons). M is the key: 1
    /// where a neuron belongs to a class, else 0. Scores are exact where all a are 0 or 1.
    pub fn scores(&self, outputs: &Tensor, batch: usize, scores: &mut Tensor) {
        let parts = [BatchPart::of(scores, batch)];
        for_each_part(batch, self.split(batch), parts, &|range, [mut scores]| {
            let outputs = Batch::of(outputs, batch).samples(range.clone());
            product(outputs, (self.key.width(), &self.signs), &mut scores);
            for index in 0..range.len() {
                let scores = floats_mut(scores.sample(index)).iter_mut();
                scores.zip(&self.sums).for_each(|(score, sum)| *score = 2.0 * *score - sum);
            }
        });
    }

    /// The mean `loss` of `scores` (B samples, K classes) for `labels` (B), without the penalty on
    /// hidden layers. Its derivative by the output activations goes to the errors in `into`.
    pub fn loss(&self, scores: &Tensor, labels: &[u16], loss: Loss<'_>, into: LossBuffers<'_>) -> f64 {
        let (batch, classes) = (labels.len(), self.key.classes());
        let share = (batch as f32).recip();
        let LossBuffers { differences, losses, errors } = into;
        let parts = [&mut *differences, &mut *losses, errors].map(|tensor| BatchPart::of(tensor, batch));
        let scores = Batch::of(scores, batch);
        for_each_part(
            batch,
            self.split(batch),
            parts,
            &|range, [mut differences, mut losses, mut errors]| {
                for (index, sample) in range.clone().enumerate() {
                    let scores = &floats(scores.samples(sample..sample + 1).lanes)[..classes];
                    let differences = &mut floats_mut(differences.sample(index))[..classes];
                    // Each class has at least one output neuron, so a row of errors has space for the
                    // targets.
                    let targets = &mut floats_mut(errors.sample(index))[..classes];
                    let label = usize::from(labels[sample]);
                    loss.targets(sample, label, targets);
                    let weight = loss.class_weights.map_or(1.0, |weights| weights[label]);
                    let found = cross_entropy(scores, loss.temperature, targets, differences);
                    losses.sample(index)[0].0[0] = weight * found;
                    // The derivative of a score by an activation is twice the sign.
                    let factor = weight * (2.0 * share / loss.temperature);
                    differences.iter_mut().for_each(|difference| *difference *= factor);
                }
                let differences = Batch { lanes: differences.lanes, stride: differences.stride };
                product(differences, (classes, &self.transposed_signs), &mut errors);
            },
        );
        let losses = losses.first(batch).chunks_exact(losses.stride);
        losses.map(|loss| f64::from(loss[0].0[0])).sum::<f64>() / batch as f64
    }

    fn split(&self, batch: usize) -> Split {
        Split::of_pass(batch * self.key.width())
    }
}

/// The columns of a matrix in panels of 16; a panel has one lane for each row.
fn in_panels(matrix: ArrayView2<'_, f32>) -> Vec<Lanes> {
    let (rows, columns) = matrix.dim();
    let mut lanes = vec![Lanes::ZERO; panels(columns) * rows];
    for ((row, column), &value) in matrix.indexed_iter() {
        lanes[column / LANES * rows + row].0[column % LANES] = value;
    }
    lanes
}

/// Writes the product of `left` (B, T) with `weights` to `out` (B, M). `weights` has T = `terms` rows
/// and M columns, in panels of 16.
fn product(left: Batch<'_>, (terms, weights): (usize, &[Lanes]), out: &mut BatchPart<'_>) {
    let stride = out.stride;
    let (count, start) = (out.lanes.len() / stride, |row: usize| row * left.stride * LANES);
    let rows = Rows { lanes: left.lanes, count, start, runs: Runs::one(terms) };
    let out = Out { lanes: &mut *out.lanes, start: |row| row * stride, panel: 1 };
    multiply(&rows, weights, terms, out, false);
}

#[cfg(test)]
impl Head {
    /// The size of its buffers.
    pub fn bytes(&self) -> u64 {
        let lanes = (self.signs.len() + self.transposed_signs.len()) * size_of::<Lanes>();
        (self.key.members().len() + lanes + self.sums.len() * size_of::<f32>()) as u64
    }
}

impl Loss<'_> {
    /// Writes the target distribution of sample `sample` to `targets`, one number per class.
    fn targets(&self, sample: usize, label: usize, targets: &mut [f32]) {
        let even = self.smoothing / targets.len() as f32;
        let labelled = |k: usize| if k == label { even + (1.0 - self.smoothing) } else { even };
        let Some(Teacher { scores, share }) = self.teacher else {
            return targets.iter_mut().enumerate().for_each(|(k, target)| *target = labelled(k));
        };
        targets.iter_mut().zip(scores.row(sample)).for_each(|(target, &score)| *target = score);
        softmax(targets, self.temperature);
        for (k, target) in targets.iter_mut().enumerate() {
            *target = (1.0 - share) * labelled(k) + share * *target;
        }
    }
}

/// The cross-entropy `-sum targets ln softmax(scores / temperature)`. Its derivative by `scores /
/// temperature` goes to `differences`.
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

/// Turns `scores` into the softmax of `scores / temperature`. Returns the highest score, and the
/// sum of `exp((score - highest) / temperature)`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Volume;
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
        let mut outputs = Tensor::new(Volume::flat(12), 0, 1);
        outputs.matrix_mut(1).iter_mut().zip(spikes).for_each(|(a, spike)| *a = f32::from(u8::from(spike)));
        let mut scores = Tensor::new(Volume::flat(4), 0, 1);
        let expected = key.scores(&spikes);
        Head::new(key).scores(&outputs, 1, &mut scores);
        assert_eq!(
            scores.matrix(1).iter().copied().collect::<Vec<_>>(),
            expected.iter().map(|&score| score as f32).collect::<Vec<_>>()
        );
    }
}

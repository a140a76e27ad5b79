//! The network in slow and obvious `f64` loops, which the fast passes must match.

use super::{Network, Shape, Slope};

/// A matrix as rows.
pub type Rows = Vec<Vec<f64>>;

/// A dense layer: what `Network` holds of it.
#[derive(Clone, Debug)]
pub struct ReferenceLayer {
    /// (I, O)
    pub weights: Rows,
    /// (O)
    pub bias: Vec<f64>,
    /// (O), with batch norm only.
    pub gain: Option<Vec<f64>>,
    /// (O): running mean and variance, with batch norm only.
    pub running: Option<(Vec<f64>, Vec<f64>)>,
    /// In [0, 1].
    pub sharpness: f64,
}

/// The whole network.
#[derive(Clone, Debug)]
pub struct Reference {
    /// From the input up; the last are the output neurons.
    pub layers: Vec<ReferenceLayer>,
    /// (K, N)
    pub key: Vec<Vec<bool>>,
    /// What stands for the derivative of the steps.
    pub slope: Slope,
    /// What scores are divided by in the loss; 1 at first.
    pub temperature: f64,
    /// The share of the targets that is spread evenly; 0 at first.
    pub smoothing: f64,
    /// Cost of a hidden layer's mean activation; 0 at first.
    pub rate_penalty: f64,
    /// Scores (B, K) of another network on the batch, and their share of the targets; none at first.
    pub teacher: Option<(Rows, f64)>,
}

/// What one layer's forward pass leaves behind.
struct Trace {
    /// (B, I)
    inputs: Rows,
    /// (B, O), batch norm only.
    normalized: Option<Rows>,
    /// (O), batch norm only.
    deviation: Option<Vec<f64>>,
    /// (B, O): input of the step.
    potentials: Rows,
    /// (B, O)
    outputs: Rows,
}

/// The loss's derivative by one layer's parameters.
#[derive(Clone, Debug)]
pub struct ReferenceGradient {
    /// (I, O)
    pub weights: Rows,
    /// (O)
    pub bias: Vec<f64>,
    /// (O), with batch norm only.
    pub gain: Option<Vec<f64>>,
}

impl From<&Network> for Reference {
    fn from(network: &Network) -> Self {
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
        let layers =
            network.layers.iter().zip(&network.sharpness).map(|(layer, &sharpness)| ReferenceLayer {
                weights: layer
                    .weights
                    .outer_iter()
                    .map(|row| row.iter().map(|&w| f64::from(w)).collect())
                    .collect(),
                bias: wide(&layer.bias),
                gain: layer.norm.as_ref().map(|norm| wide(&norm.gain)),
                running: layer.norm.as_ref().map(|norm| (wide(&norm.mean), wide(&norm.variance))),
                sharpness: f64::from(sharpness),
            });
        let key = network.key().members();
        Self {
            layers: layers.collect(),
            key: key.outer_iter().map(|row| row.to_vec()).collect(),
            slope: network.slope,
            temperature: 1.0,
            smoothing: 0.0,
            rate_penalty: 0.0,
            teacher: None,
        }
    }
}

impl Reference {
    /// The mean loss of a training pass over `inputs` (B, I); `kept` (layer, B, O) multiplies activations,
    /// in place of dropout.
    pub fn loss(&self, inputs: &Rows, labels: &[u16], kept: &[Rows]) -> f64 {
        let traces = self.traces(inputs, kept);
        let outputs = &traces[traces.len() - 1].outputs;
        let mut total = 0.0;
        for (b, (outputs, &label)) in outputs.iter().zip(labels).enumerate() {
            let probabilities = self.softmax(&self.scores(outputs));
            for (target, probability) in self.targets(b, label).iter().zip(probabilities) {
                total -= target * probability.ln();
            }
        }
        let mut penalty = 0.0;
        for trace in &traces[..traces.len() - 1] {
            let activations = trace.outputs.concat();
            penalty += self.rate_penalty * activations.iter().sum::<f64>() / activations.len() as f64;
        }
        total / labels.len() as f64 + penalty
    }

    /// The gradient of [`loss`](Self::loss), layer by layer.
    pub fn gradients(&self, inputs: &Rows, labels: &[u16], kept: &[Rows]) -> Vec<ReferenceGradient> {
        let traces = self.traces(inputs, kept);
        let mut errors = self.output_errors(&traces[traces.len() - 1].outputs, labels);
        let mut gradients = Vec::new();
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let potential_errors = layer.potential_errors(&traces[i], &errors, &kept[i], self.slope);
            let (gradient, below) = layer.backward(&traces[i], &potential_errors);
            gradients.insert(0, gradient);
            let hidden = (below.len() * below[0].len()) as f64;
            errors = below;
            errors.iter_mut().flatten().for_each(|error| *error += self.rate_penalty / hidden);
        }
        gradients
    }

    /// (B, K) scores with every step exact, batch norm by its running statistics.
    pub fn deployed_scores(&self, inputs: &Rows) -> Rows {
        let mut values = inputs.clone();
        for layer in &self.layers {
            values = values.iter().map(|sample| layer.deployed(sample)).collect();
        }
        values.iter().map(|outputs| self.scores(outputs)).collect()
    }

    fn traces(&self, inputs: &Rows, kept: &[Rows]) -> Vec<Trace> {
        let mut traces: Vec<Trace> = Vec::new();
        for (layer, kept) in self.layers.iter().zip(kept) {
            let inputs = traces.last().map_or_else(|| inputs.clone(), |trace| trace.outputs.clone());
            traces.push(layer.trace(inputs, kept));
        }
        traces
    }

    fn scores(&self, outputs: &[f64]) -> Vec<f64> {
        let mut scores = vec![0.0; self.key.len()];
        for (score, members) in scores.iter_mut().zip(&self.key) {
            for (&member, a) in members.iter().zip(outputs) {
                *score += (2.0 * a - 1.0) * if member { 1.0 } else { -1.0 };
            }
        }
        scores
    }

    fn softmax(&self, scores: &[f64]) -> Vec<f64> {
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|score| ((score - highest) / self.temperature).exp()).sum();
        scores.iter().map(|score| ((score - highest) / self.temperature).exp() / sum).collect()
    }

    /// (K): what the probabilities of sample `b` of the batch should be.
    fn targets(&self, b: usize, label: u16) -> Vec<f64> {
        let classes = self.key.len();
        let mut targets = vec![self.smoothing / classes as f64; classes];
        targets[usize::from(label)] += 1.0 - self.smoothing;
        if let Some((scores, share)) = &self.teacher {
            let taught = self.softmax(&scores[b]);
            for k in 0..classes {
                targets[k] = (1.0 - share) * targets[k] + share * taught[k];
            }
        }
        targets
    }

    /// (B, N): derivative of the loss by the output activations.
    fn output_errors(&self, outputs: &Rows, labels: &[u16]) -> Rows {
        let mut errors = Vec::new();
        for (b, (outputs, &label)) in outputs.iter().zip(labels).enumerate() {
            let probabilities = self.softmax(&self.scores(outputs));
            let targets = self.targets(b, label);
            let mut row = vec![0.0; outputs.len()];
            for (k, members) in self.key.iter().enumerate() {
                for (n, error) in row.iter_mut().enumerate() {
                    let sign = if members[n] { 1.0 } else { -1.0 };
                    *error +=
                        (probabilities[k] - targets[k]) / self.temperature * 2.0 * sign / labels.len() as f64;
                }
            }
            errors.push(row);
        }
        errors
    }
}

impl ReferenceLayer {
    fn sums(&self, sample: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.bias.len()];
        for (x, weights) in sample.iter().zip(&self.weights) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += x * weight;
            }
        }
        sums
    }

    fn activation(&self, z: f64) -> f64 {
        if self.sharpness == 1.0 {
            return if z >= 0.5 { 1.0 } else { 0.0 };
        }
        ((z - 0.5) / (1.0 - self.sharpness + 0.001) + 0.5).clamp(0.0, 1.0)
    }

    fn derivative(&self, z: f64, slope: Slope) -> f64 {
        let Slope::Surrogate(surrogate) = slope else {
            let width = 1.0 - self.sharpness + 0.001;
            return if self.sharpness < 1.0 && (z - 0.5).abs() < width / 2.0 { 1.0 / width } else { 0.0 };
        };
        let width = f64::from(surrogate.width);
        let u = (z - 0.5) / width;
        let height = match surrogate.shape {
            Shape::Boxcar if u.abs() < 0.5 => 1.0,
            Shape::Triangle if u.abs() < 1.0 => 1.0 - u.abs(),
            Shape::Boxcar | Shape::Triangle => 0.0,
            Shape::SigmoidDerivative => (2.0 * u).cosh().powi(-2),
            Shape::Arctan => 1.0 / (1.0 + (std::f64::consts::PI * u).powi(2)),
        };
        height / width
    }

    fn trace(&self, inputs: Rows, kept: &Rows) -> Trace {
        let mut potentials: Rows = inputs.iter().map(|sample| self.sums(sample)).collect();
        let (mut normalized, mut deviation) = (None, None);
        if let Some(gain) = &self.gain {
            let (values, deviations) = normalize(&potentials);
            potentials =
                values.iter().map(|row| row.iter().zip(gain).map(|(x, g)| x * g).collect()).collect();
            (normalized, deviation) = (Some(values), Some(deviations));
        }
        for row in &mut potentials {
            row.iter_mut().zip(&self.bias).for_each(|(z, bias)| *z += bias);
        }
        let activate = |(row, kept): (&Vec<f64>, &Vec<f64>)| {
            row.iter().zip(kept).map(|(&z, kept)| self.activation(z) * kept).collect()
        };
        let outputs = potentials.iter().zip(kept).map(activate).collect();
        Trace { inputs, normalized, deviation, potentials, outputs }
    }

    fn deployed(&self, sample: &[f64]) -> Vec<f64> {
        let mut z = self.sums(sample);
        if let (Some(gain), Some((mean, variance))) = (&self.gain, &self.running) {
            for o in 0..z.len() {
                z[o] = gain[o] * (z[o] - mean[o]) / (variance[o] + 1e-3).sqrt();
            }
        }
        z.iter().zip(&self.bias).map(|(z, bias)| if z + bias >= 0.5 { 1.0 } else { 0.0 }).collect()
    }

    /// (B, O): derivative of the loss by the step's inputs.
    fn potential_errors(&self, trace: &Trace, errors: &Rows, kept: &Rows, slope: Slope) -> Rows {
        let mut result = errors.clone();
        for (b, row) in result.iter_mut().enumerate() {
            for (o, error) in row.iter_mut().enumerate() {
                *error *= kept[b][o] * self.derivative(trace.potentials[b][o], slope);
            }
        }
        result
    }

    /// Gradient of the parameters, and (B, I) errors at the inputs.
    fn backward(&self, trace: &Trace, errors: &Rows) -> (ReferenceGradient, Rows) {
        let column_sum = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..self.bias.len()).map(|o| (0..errors.len()).map(|b| f(b, o)).sum()).collect()
        };
        let bias = column_sum(&|b, o| errors[b][o]);
        let mut gain_gradient = None;
        let mut sum_errors = errors.clone();
        if let (Some(gain), Some(x), Some(deviation)) = (&self.gain, &trace.normalized, &trace.deviation) {
            gain_gradient = Some(column_sum(&|b, o| errors[b][o] * x[b][o]));
            sum_errors = normalization_errors(errors, x, gain, deviation);
        }
        let mut weights = vec![vec![0.0; self.bias.len()]; self.weights.len()];
        let mut below = vec![vec![0.0; self.weights.len()]; errors.len()];
        for (b, errors) in sum_errors.iter().enumerate() {
            for (i, row) in self.weights.iter().enumerate() {
                for (o, error) in errors.iter().enumerate() {
                    weights[i][o] += trace.inputs[b][i] * error;
                    below[b][i] += row[o] * error;
                }
            }
        }
        (ReferenceGradient { weights, bias, gain: gain_gradient }, below)
    }
}

/// Normalized columns, and the deviation of each, `sqrt(var + 0.001)`.
fn normalize(values: &Rows) -> (Rows, Vec<f64>) {
    let count = values.len() as f64;
    let (mut result, mut deviations) = (values.clone(), Vec::new());
    for o in 0..values[0].len() {
        let mean = values.iter().map(|row| row[o]).sum::<f64>() / count;
        let variance = values.iter().map(|row| (row[o] - mean).powi(2)).sum::<f64>() / count;
        let deviation = (variance + 1e-3).sqrt();
        result.iter_mut().for_each(|row| row[o] = (row[o] - mean) / deviation);
        deviations.push(deviation);
    }
    (result, deviations)
}

/// The chain rule through `x_b = (y_b - mean) / deviation` with its whole Jacobian,
/// `d x_b / d y_c = ([b = c] - 1/B - x_b x_c / B) / deviation`.
fn normalization_errors(errors: &Rows, x: &Rows, gain: &[f64], deviation: &[f64]) -> Rows {
    let count = errors.len();
    let mut result = vec![vec![0.0; gain.len()]; count];
    for o in 0..gain.len() {
        for b in 0..count {
            for c in 0..count {
                let same = if b == c { 1.0 } else { 0.0 };
                let jacobian = same - (1.0 + x[b][o] * x[c][o]) / count as f64;
                result[c][o] += errors[b][o] * gain[o] * jacobian / deviation[o];
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::dropout::drop_out;
    use crate::network::{Activations, Gradients, HeadSpec, LayerSpec, Loss, Pass, Spec, Surrogate, Teacher};
    use crate::seed::Seed;
    use ndarray::{Array2, ArrayView2};
    use rand::RngExt;

    /// A network and a batch for it.
    struct Case {
        network: Network,
        inputs: Array2<u8>,
        labels: Vec<u16>,
        /// Of dropout.
        seed: Seed,
    }

    const MAX: u8 = 7;
    const TEMPERATURE: f64 = 3.0;
    const SMOOTHING: f64 = 0.125;
    const RATE_PENALTY: f64 = 0.75;
    const SHARE: f64 = 0.25;

    impl Case {
        fn new(inputs: usize, widths: &[usize], batch: usize, batch_norm: bool, dropout: f32) -> Self {
            let seed = Seed::root((inputs * 1000 + batch * 10 + widths.len()) as u64);
            let hidden =
                widths.iter().map(|&width| LayerSpec::Dense { width, batch_norm, dropout }).collect();
            let head = HeadSpec { classes: 3, redundancy: 2, overlapping: false, batch_norm };
            let mut network =
                Network::build(&Spec { inputs, hidden, head }, &seed).expect("the plan is right");
            let mut stream = seed.child("case").stream();
            for layer in &mut network.layers {
                layer.bias.iter_mut().for_each(|bias| *bias = stream.random_range(0.1..0.6));
                if let Some(norm) = &mut layer.norm {
                    norm.gain.iter_mut().for_each(|gain| *gain = stream.random_range(-0.5..1.0));
                    norm.mean.iter_mut().for_each(|mean| *mean = stream.random_range(-0.5..0.5));
                    norm.variance.iter_mut().for_each(|variance| *variance = stream.random_range(0.1..2.0));
                }
            }
            for sharpness in &mut network.sharpness {
                *sharpness = stream.random_range(0.0..0.5);
            }
            Self {
                network,
                inputs: Array2::from_shape_simple_fn((batch, inputs), || stream.random_range(0..=MAX)),
                labels: (0..batch).map(|_| stream.random_range(0..3)).collect(),
                seed,
            }
        }

        /// Shapes that leave remainders everywhere: 1 x 1, primes, a batch of one, several blocks.
        fn odd_shapes() -> Vec<Self> {
            let shapes: [(usize, &[usize], usize); 6] = [
                (1, &[1], 1),
                (1, &[], 5),
                (3, &[7, 5], 2),
                (13, &[17, 1, 11], 7),
                (31, &[61], 13),
                (5, &[64], 1),
            ];
            let cases = shapes.iter().flat_map(|&(inputs, widths, batch)| {
                [(false, 0.0), (true, 0.0), (false, 0.3), (true, 0.3)]
                    .map(|(norm, dropout)| Self::new(inputs, widths, batch, norm, dropout))
            });
            cases.collect()
        }

        fn inputs(&self) -> Rows {
            let level = |&level: &u8| f64::from(level) / f64::from(MAX);
            self.inputs.outer_iter().map(|row| row.iter().map(level).collect()).collect()
        }

        /// What dropout multiplies the activations of each layer by; layers are no wider than a block.
        fn kept(&self) -> Vec<Rows> {
            let layer = |(layer, index): (&crate::network::dense::Dense, u64)| {
                let (mut ones, mut slopes) = (
                    Array2::ones((self.labels.len(), layer.width())),
                    Array2::ones((self.labels.len(), layer.width())),
                );
                if layer.dropout > 0.0 {
                    let seed = self.seed.index(index).index(0);
                    drop_out(layer.dropout, &seed, ones.view_mut(), slopes.view_mut());
                }
                rows(ones.view())
            };
            self.network.layers.iter().zip(0..).map(layer).collect()
        }

        /// Scores (B, K) of a teacher.
        fn taught(&self) -> Array2<f32> {
            let mut stream = self.seed.child("teacher").stream();
            Array2::from_shape_simple_fn((self.labels.len(), 3), || stream.random_range(-9.0..9.0))
        }

        fn reference(&self) -> Reference {
            Reference {
                temperature: TEMPERATURE,
                smoothing: SMOOTHING,
                rate_penalty: RATE_PENALTY,
                teacher: Some((rows(self.taught().view()), SHARE)),
                ..Reference::from(&self.network)
            }
        }

        fn run(&self) -> (f64, Activations, Gradients) {
            // Room for more than the batch: the rest of the buffers must not matter.
            let capacity = self.labels.len() + 3;
            let mut activations = Activations::new(&self.network, capacity);
            let mut gradients = Gradients::new(&self.network, capacity);
            let samples: Vec<u32> = (0..self.labels.len() as u32).collect();
            activations.load(self.inputs.view(), MAX, &samples);
            self.network.forward(&mut activations, Pass::Training(&self.seed));
            let taught = self.taught();
            let loss = Loss {
                temperature: TEMPERATURE as f32,
                smoothing: SMOOTHING as f32,
                rate_penalty: RATE_PENALTY as f32,
                teacher: Some(Teacher { scores: taught.view(), share: SHARE as f32 }),
            };
            let loss = self.network.backward(&activations, &self.labels, loss, &mut gradients);
            (loss, activations, gradients)
        }
    }

    fn rows(matrix: ArrayView2<'_, f32>) -> Rows {
        matrix.outer_iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
    }

    fn assert_agree(name: &str, fast: &[f32], slow: &[f64]) {
        assert_eq!(fast.len(), slow.len());
        let scale = slow.iter().fold(1e-3, |scale: f64, value| scale.max(value.abs()));
        for (fast, slow) in fast.iter().zip(slow) {
            // A few dozen roundings of f32, which normalizing may magnify by 1 / sqrt(0.001).
            assert!((f64::from(*fast) - slow).abs() <= 1e-4 * scale, "{name}: {fast} {slow}, scale {scale}");
        }
    }

    #[test]
    fn the_fast_passes_agree_with_the_reference_on_odd_shapes() {
        for case in Case::odd_shapes() {
            let reference = case.reference();
            let (loss, _, gradients) = case.run();
            let expected = reference.loss(&case.inputs(), &case.labels, &case.kept());
            assert!((loss - expected).abs() <= 1e-5 * expected.max(1.0), "{loss} {expected}");
            let slow = reference.gradients(&case.inputs(), &case.labels, &case.kept());
            for (fast, slow) in gradients.layers.iter().zip(slow) {
                let weights = fast.weights.as_slice().expect("gradients are contiguous");
                assert_agree("weights", weights, &slow.weights.concat());
                assert_agree("bias", &fast.bias, &slow.bias);
                assert_agree("gain", fast.gain.as_deref().unwrap_or(&[]), &slow.gain.unwrap_or_default());
            }
        }
    }

    #[test]
    fn the_surrogate_slope_reaches_every_layer_through_exact_steps() {
        let mut case = Case::new(13, &[17, 11], 7, true, 0.0);
        case.network.sharpness.fill(1.0);
        for shape in [Shape::Boxcar, Shape::Triangle, Shape::SigmoidDerivative, Shape::Arctan] {
            case.network.set_slope(Slope::Surrogate(Surrogate { shape, width: 1.5 }));
            let slow = case.reference().gradients(&case.inputs(), &case.labels, &case.kept());
            let (_, _, gradients) = case.run();
            for (fast, slow) in gradients.layers.iter().zip(slow) {
                assert!(slow.weights.concat().iter().any(|&gradient| gradient != 0.0));
                let weights = fast.weights.as_slice().expect("gradients are contiguous");
                assert_agree("weights", weights, &slow.weights.concat());
            }
        }
    }

    #[test]
    fn the_references_gradient_is_the_slope_of_its_loss() {
        for case in [Case::new(4, &[5, 3], 6, false, 0.3), Case::new(4, &[5, 3], 6, true, 0.3)] {
            let (inputs, kept) = (case.inputs(), case.kept());
            let reference = case.reference();
            let gradients = reference.gradients(&inputs, &case.labels, &kept);
            for (l, gradient) in gradients.iter().enumerate() {
                let flat = [
                    gradient.weights.concat(),
                    gradient.bias.clone(),
                    gradient.gain.clone().unwrap_or_default(),
                ];
                for (i, &analytic) in flat.concat().iter().enumerate() {
                    let moved = |by: f64| {
                        let mut reference = reference.clone();
                        let layer = &mut reference.layers[l];
                        let all = layer.weights.iter_mut().flatten().chain(&mut layer.bias);
                        let parameter = all.chain(layer.gain.iter_mut().flatten()).nth(i);
                        *parameter.expect("as many as derivatives") += by;
                        reference.loss(&inputs, &case.labels, &kept)
                    };
                    let numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    assert!(
                        (numeric - analytic).abs() < 1e-7,
                        "layer {l} parameter {i}: {numeric} {analytic}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_deployed_pass_agrees_with_the_reference() {
        for case in Case::odd_shapes() {
            let mut activations = Activations::new(&case.network, 20);
            let samples: Vec<u32> = (0..case.labels.len() as u32).collect();
            activations.load(case.inputs.view(), MAX, &samples);
            case.network.forward(&mut activations, Pass::Deployed);
            let expected = Reference::from(&case.network).deployed_scores(&case.inputs());
            assert_eq!(rows(activations.scores()), expected);
        }
    }

    #[test]
    fn the_settled_pass_of_exact_steps_is_the_deployed_one_and_of_soft_ones_is_not() {
        let mut case = Case::new(13, &[17, 11], 7, true, 0.3);
        let inputs = case.inputs.clone();
        let scores = |network: &Network, pass: Pass<'_>| {
            let mut activations = Activations::new(network, 7);
            activations.load(inputs.view(), MAX, &[0, 1, 2, 3, 4, 5, 6]);
            network.forward(&mut activations, pass);
            activations.scores().to_owned()
        };
        let deployed = scores(&case.network, Pass::Deployed);
        assert_ne!(scores(&case.network, Pass::Settled), deployed);
        case.network.sharpness.fill(1.0);
        assert_eq!(scores(&case.network, Pass::Settled), deployed);
    }

    #[test]
    fn a_finished_layer_freezes_itself_and_those_below() {
        let mut case = Case::new(5, &[7, 4], 9, true, 0.0);
        case.network.sharpness[1] = 1.0;
        assert_eq!(case.network.frozen(), 2);
        let (_, _, gradients) = case.run();
        let learning: Vec<usize> = case.network.learn(&gradients).map(|parameter| parameter.index).collect();
        assert_eq!(learning, [6, 7, 8]);
        // What a penalty would still do to their spikes does not reach them either.
        let reference = Reference { rate_penalty: 0.0, ..case.reference() };
        let slow = reference.gradients(&case.inputs(), &case.labels, &case.kept());
        assert!(slow[..2].iter().all(|layer| layer.weights.concat().iter().all(|&gradient| gradient == 0.0)));
    }
}

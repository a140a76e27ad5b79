//! A reference implementation of the network, in slow and plain loops in `f64`. The fast passes
//! must give the same results.

#[cfg(test)]
use super::LayerSpec;
use super::kernels::{LANES, Lanes};
use super::layer::Layer;
use super::layer::norm::EPSILON;
use super::{Network, Shape, Slope, Volume, Window};

/// A batch with one row per sample, in the order of the elements of a [`Volume`].
pub type Rows = Vec<Vec<f64>>;

/// A layer of the reference.
#[derive(Clone, Debug)]
pub struct ReferenceLayer {
    /// The shape of the inputs.
    pub input: Volume,
    /// The window of a convolution; `None` for a dense layer.
    pub window: Option<Window>,
    /// The shape of the weighted sums.
    pub sums: Volume,
    /// The window of max pooling, if there is any.
    pub max: Option<Window>,
    /// The shape of the potentials after max pooling.
    pub potentials: Volume,
    /// The side of the squares of average pooling; 1 without it.
    pub average: usize,
    /// The layer whose outputs a residual connection adds to those of this layer.
    pub adds: Option<usize>,
    /// The weights (channel, kernel element); elements are ordered by row, column, input channel.
    pub weights: Rows,
    /// The bias of each channel.
    pub bias: Vec<f64>,
    /// The gain of each channel; `None` without batch norm.
    pub gain: Option<Vec<f64>>,
    /// The running mean and variance of each channel; `None` without batch norm.
    pub running: Option<(Vec<f64>, Vec<f64>)>,
    /// The sharpness of the activation, in [0, 1].
    pub sharpness: f64,
}

/// The reference of a whole network, with its loss.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The layers, from the input to the output neurons.
    pub layers: Vec<ReferenceLayer>,
    /// The key (K classes, N output neurons): whether a neuron belongs to a class.
    pub key: Vec<Vec<bool>>,
    /// The derivative of the activation that the gradient uses.
    pub slope: Slope,
    /// The divisor of scores in the loss; 1 by default.
    pub temperature: f64,
    /// Label smoothing: the share of the target that is spread evenly over all classes; 0 by
    /// default.
    pub smoothing: f64,
    /// The factor on the mean activation of each hidden layer; 0 by default.
    pub rate_penalty: f64,
    /// The scores of a teacher (B samples, K classes), and the teacher's share of the targets;
    /// `None` by default.
    pub teacher: Option<(Rows, f64)>,
    /// The weight of each class in the loss; 1 by default.
    pub class_weights: Vec<f64>,
}

/// The values of one layer in a forward pass; B is the number of samples.
struct Trace {
    /// The inputs (B, inputs).
    inputs: Rows,
    /// The sums after normalization (B, sums); `None` without batch norm.
    normalized: Option<Rows>,
    /// The deviation of each channel; `None` without batch norm.
    deviation: Option<Vec<f64>>,
    /// The potentials after max pooling (B, potentials).
    potentials: Rows,
    /// For each potential, the index of the sum that it comes from (B, potentials).
    origins: Vec<Vec<usize>>,
    /// The outputs (B, outputs).
    outputs: Rows,
}

/// The gradient of one layer.
#[derive(Clone, Debug)]
pub struct ReferenceGradient {
    /// The gradient of the weights (channel, kernel element).
    pub weights: Rows,
    /// The gradient of the bias of each channel.
    pub bias: Vec<f64>,
    /// The gradient of the gain of each channel; `None` without batch norm.
    pub gain: Option<Vec<f64>>,
}

/// The first `count` numbers of `lanes`.
pub(super) fn wide(lanes: &[Lanes], count: usize) -> Vec<f64> {
    (0..count).map(|index| f64::from(lanes[index / LANES].0[index % LANES])).collect()
}

/// The weights of a layer (channel, kernel element), or other numbers with the same layout in
/// memory.
pub(super) fn elements(layer: &Layer, weights: &[Lanes]) -> Rows {
    let mut linear = layer.linear.clone();
    linear.weights.copy_from_slice(weights);
    let (height, width) = linear.receptive_field();
    let mut rows = Vec::new();
    for o in 0..layer.channels() {
        let mut row = Vec::new();
        for y in 0..height {
            for x in 0..width {
                for c in 0..linear.input.channels {
                    row.push(f64::from(linear.weight(o, linear.term(y, x, c))));
                }
            }
        }
        rows.push(row);
    }
    rows
}

impl From<&Network> for Reference {
    fn from(network: &Network) -> Self {
        let layers = network.layers.iter().zip(&network.sharpness).map(|(layer, &sharpness)| {
            let channels = layer.channels();
            ReferenceLayer {
                input: layer.linear.input,
                window: layer.linear.window(),
                sums: layer.activation.sums,
                max: layer.activation.max,
                potentials: layer.activation.potentials,
                average: layer.activation.average,
                adds: layer.adds,
                weights: elements(layer, &layer.linear.weights),
                bias: wide(&layer.bias, channels),
                gain: layer.norm.as_ref().map(|norm| wide(&norm.gain, channels)),
                running: layer
                    .norm
                    .as_ref()
                    .map(|norm| (wide(&norm.mean, channels), wide(&norm.variance, channels))),
                sharpness: f64::from(sharpness),
            }
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
            class_weights: vec![1.0; network.classes()],
        }
    }
}

impl Reference {
    /// The mean loss of a training pass over `inputs` (B samples, I inputs).
    ///
    /// `kept` (layer, B, outputs) holds the factors by which dropout multiplies the activations.
    pub fn loss(&self, inputs: &Rows, labels: &[u16], kept: &[Rows]) -> f64 {
        let traces = self.traces(inputs, kept);
        let outputs = &traces[traces.len() - 1].outputs;
        let mut total = 0.0;
        for (b, (outputs, &label)) in outputs.iter().zip(labels).enumerate() {
            let probabilities = self.softmax(&self.scores(outputs));
            for (target, probability) in self.targets(b, label).iter().zip(probabilities) {
                total -= self.class_weights[usize::from(label)] * target * probability.ln();
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
        let top = self.layers.len() - 1;
        let mut errors: Vec<Rows> = traces.iter().map(|trace| zeros(&trace.outputs)).collect();
        errors[top] = self.output_errors(&traces[top].outputs, labels);
        let mut gradients = Vec::new();
        for (i, layer) in self.layers.iter().enumerate().rev() {
            if i < top {
                let numbers = errors[i].concat().len() as f64;
                errors[i].iter_mut().flatten().for_each(|error| *error += self.rate_penalty / numbers);
            }
            let above = errors[i].clone();
            if let Some(from) = layer.adds {
                add(&mut errors[from], &above);
            }
            let potential_errors = layer.potential_errors(&traces[i], &above, &kept[i], self.slope);
            let (gradient, below) = layer.backward(&traces[i], &potential_errors);
            gradients.insert(0, gradient);
            if i > 0 {
                add(&mut errors[i - 1], &below);
            }
        }
        gradients
    }

    /// The class scores of the deployed network (B samples, K classes): at sharpness 1, and with
    /// the running statistics of batch norm.
    pub fn deployed_scores(&self, inputs: &Rows) -> Rows {
        let mut outputs: Vec<Rows> = Vec::new();
        for layer in &self.layers {
            let values = outputs.last().unwrap_or(inputs);
            let mut values: Rows = values.iter().map(|sample| layer.deployed(sample)).collect();
            if let Some(from) = layer.adds {
                add(&mut values, &outputs[from]);
            }
            outputs.push(values);
        }
        outputs[self.layers.len() - 1].iter().map(|outputs| self.scores(outputs)).collect()
    }

    fn traces(&self, inputs: &Rows, kept: &[Rows]) -> Vec<Trace> {
        let mut traces: Vec<Trace> = Vec::new();
        for (layer, kept) in self.layers.iter().zip(kept) {
            let inputs = traces.last().map_or_else(|| inputs.clone(), |trace| trace.outputs.clone());
            let mut trace = layer.trace(inputs, kept);
            if let Some(from) = layer.adds {
                add(&mut trace.outputs, &traces[from].outputs);
            }
            traces.push(trace);
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

    /// The target distribution of sample `b` of the batch, one number per class.
    fn targets(&self, b: usize, label: u16) -> Vec<f64> {
        let classes = self.key.len();
        let mut targets = vec![self.smoothing / classes as f64; classes];
        targets[usize::from(label)] += 1.0 - self.smoothing;
        if let Some((scores, share)) = &self.teacher {
            let of_teacher = self.softmax(&scores[b]);
            for k in 0..classes {
                targets[k] = (1.0 - share) * targets[k] + share * of_teacher[k];
            }
        }
        targets
    }

    /// The derivative of the loss by the output activations (B samples, N output neurons).
    fn output_errors(&self, outputs: &Rows, labels: &[u16]) -> Rows {
        let mut errors = Vec::new();
        for (b, (outputs, &label)) in outputs.iter().zip(labels).enumerate() {
            let probabilities = self.softmax(&self.scores(outputs));
            let targets = self.targets(b, label);
            let weight = self.class_weights[usize::from(label)] / labels.len() as f64;
            let mut row = vec![0.0; outputs.len()];
            for (k, members) in self.key.iter().enumerate() {
                for (n, error) in row.iter_mut().enumerate() {
                    let sign = if members[n] { 1.0 } else { -1.0 };
                    *error += weight * (probabilities[k] - targets[k]) / self.temperature * 2.0 * sign;
                }
            }
            errors.push(row);
        }
        errors
    }
}

fn zeros(rows: &Rows) -> Rows {
    rows.iter().map(|row| vec![0.0; row.len()]).collect()
}

fn add(rows: &mut Rows, more: &Rows) {
    rows.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(sum, value)| *sum += value);
}

/// Calls `visit(y, x, c)` for every element of `volume`, in its order.
fn for_each(volume: Volume, mut visit: impl FnMut(usize, usize, usize)) {
    for y in 0..volume.height {
        for x in 0..volume.width {
            for c in 0..volume.channels {
                visit(y, x, c);
            }
        }
    }
}

fn number(volume: Volume, (y, x, c): (usize, usize, usize)) -> usize {
    (y * volume.width + x) * volume.channels + c
}

impl ReferenceLayer {
    /// Calls `visit(sum, channel, input, element)` for every multiplication in the weighted sums of
    /// a sample.
    fn for_each_term(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let input = self.input;
        for_each(self.sums, |y, x, o| {
            let sum = number(self.sums, (y, x, o));
            let Some(window) = self.window else {
                return (0..input.len()).for_each(|i| visit(sum, o, i, i));
            };
            let inside = Volume { height: window.height, width: window.width, channels: input.channels };
            for_each(inside, |ky, kx, c| {
                let row = (y * window.stride + ky).checked_sub(window.padding);
                let column = (x * window.stride + kx).checked_sub(window.padding);
                let (Some(row), Some(column)) = (row, column) else { return };
                if row < input.height && column < input.width {
                    visit(sum, o, number(input, (row, column, c)), number(inside, (ky, kx, c)));
                }
            });
        });
    }

    fn sums(&self, sample: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.sums.len()];
        self.for_each_term(|sum, o, input, element| sums[sum] += sample[input] * self.weights[o][element]);
        sums
    }

    fn channel(&self, sum: usize) -> usize {
        sum % self.sums.channels
    }

    /// The maximum of each window of max pooling, and its index among `potentials`.
    fn pooled(&self, potentials: &[f64]) -> (Vec<f64>, Vec<usize>) {
        let Some(window) = self.max else { return (potentials.to_vec(), (0..potentials.len()).collect()) };
        let mut origins = Vec::new();
        for_each(self.potentials, |y, x, c| {
            let corner = (y * window.stride, x * window.stride);
            let mut origin = number(self.sums, (corner.0, corner.1, c));
            for ky in 0..window.height {
                for kx in 0..window.width {
                    let here = number(self.sums, (corner.0 + ky, corner.1 + kx, c));
                    if potentials[here] > potentials[origin] {
                        origin = here;
                    }
                }
            }
            origins.push(origin);
        });
        (origins.iter().map(|&origin| potentials[origin]).collect(), origins)
    }

    /// The index of the output to which a potential's activation goes, and its share of that
    /// output.
    fn output(&self, potential: usize) -> (usize, f64) {
        let Volume { height, width, channels } = self.potentials;
        let (c, pixel, side) = (potential % channels, potential / channels, self.average);
        let (y, x) = (pixel / width / side, pixel % width / side);
        let outputs = Volume { height: height / side, width: width / side, channels };
        (number(outputs, (y, x, c)), 1.0 / (side * side) as f64)
    }

    fn averaged(&self, activations: &[f64]) -> Vec<f64> {
        let mut outputs = vec![0.0; activations.len() / (self.average * self.average)];
        for (potential, activation) in activations.iter().enumerate() {
            let (output, share) = self.output(potential);
            outputs[output] += activation * share;
        }
        outputs
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
        let mut sums: Rows = inputs.iter().map(|sample| self.sums(sample)).collect();
        let (mut normalized, mut deviation) = (None, None);
        if let Some(gain) = &self.gain {
            let (values, deviations) = self.normalize(&sums);
            sums = values
                .iter()
                .map(|row| row.iter().enumerate().map(|(i, x)| x * gain[self.channel(i)]).collect())
                .collect();
            (normalized, deviation) = (Some(values), Some(deviations));
        }
        for row in &mut sums {
            row.iter_mut().enumerate().for_each(|(i, z)| *z += self.bias[self.channel(i)]);
        }
        let (potentials, origins): (Rows, Vec<_>) = sums.iter().map(|row| self.pooled(row)).unzip();
        let activate = |(row, kept): (&Vec<f64>, &Vec<f64>)| {
            let activations: Vec<f64> =
                row.iter().zip(kept).map(|(&z, kept)| self.activation(z) * kept).collect();
            self.averaged(&activations)
        };
        let outputs = potentials.iter().zip(kept).map(activate).collect();
        Trace { inputs, normalized, deviation, potentials, origins, outputs }
    }

    fn deployed(&self, sample: &[f64]) -> Vec<f64> {
        let mut z = self.sums(sample);
        for (i, z) in z.iter_mut().enumerate() {
            let o = self.channel(i);
            if let (Some(gain), Some((mean, variance))) = (&self.gain, &self.running) {
                *z = gain[o] * (*z - mean[o]) / (variance[o] + f64::from(EPSILON)).sqrt();
            }
            *z += self.bias[o];
        }
        let spikes: Vec<f64> = self.pooled(&z).0.iter().map(|&z| if z >= 0.5 { 1.0 } else { 0.0 }).collect();
        self.averaged(&spikes)
    }

    /// The derivative of the loss by the potentials before max pooling (B samples, sums).
    fn potential_errors(&self, trace: &Trace, errors: &Rows, kept: &Rows, slope: Slope) -> Rows {
        let mut result = vec![vec![0.0; self.sums.len()]; errors.len()];
        for (b, result) in result.iter_mut().enumerate() {
            for (potential, &origin) in trace.origins[b].iter().enumerate() {
                let (output, share) = self.output(potential);
                let derivative = self.derivative(trace.potentials[b][potential], slope);
                result[origin] += errors[b][output] * share * kept[b][potential] * derivative;
            }
        }
        result
    }

    /// The gradient of the parameters, and the derivative of the loss by the inputs (B samples,
    /// inputs).
    fn backward(&self, trace: &Trace, errors: &Rows) -> (ReferenceGradient, Rows) {
        let channel_sum = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            let mut sums = vec![0.0; self.bias.len()];
            for b in 0..errors.len() {
                (0..self.sums.len()).for_each(|i| sums[self.channel(i)] += f(b, i));
            }
            sums
        };
        let bias = channel_sum(&|b, i| errors[b][i]);
        let mut gain_gradient = None;
        let mut sum_errors = errors.clone();
        if let (Some(gain), Some(x), Some(deviation)) = (&self.gain, &trace.normalized, &trace.deviation) {
            gain_gradient = Some(channel_sum(&|b, i| errors[b][i] * x[b][i]));
            sum_errors = self.normalization_errors(errors, x, gain, deviation);
        }
        let mut weights = zeros(&self.weights);
        let mut below = zeros(&trace.inputs);
        for (b, errors) in sum_errors.iter().enumerate() {
            self.for_each_term(|sum, o, input, element| {
                weights[o][element] += trace.inputs[b][input] * errors[sum];
                below[b][input] += self.weights[o][element] * errors[sum];
            });
        }
        (ReferenceGradient { weights, bias, gain: gain_gradient }, below)
    }

    /// The (sample, index) of every sum of channel `o`.
    fn sums_of_channel(&self, samples: usize, o: usize) -> Vec<(usize, usize)> {
        let numbers = (0..self.sums.len()).filter(|&i| self.channel(i) == o);
        let numbers: Vec<usize> = numbers.collect();
        (0..samples).flat_map(|b| numbers.iter().map(move |&i| (b, i))).collect()
    }

    /// `values` normalized channel by channel, and the deviation of each channel, `sqrt(variance +
    /// epsilon)`.
    fn normalize(&self, values: &Rows) -> (Rows, Vec<f64>) {
        let (mut result, mut deviations) = (values.clone(), Vec::new());
        for o in 0..self.bias.len() {
            let sums = self.sums_of_channel(values.len(), o);
            let count = sums.len() as f64;
            let mean = sums.iter().map(|&(b, i)| values[b][i]).sum::<f64>() / count;
            let variance = sums.iter().map(|&(b, i)| (values[b][i] - mean).powi(2)).sum::<f64>() / count;
            let deviation = (variance + f64::from(EPSILON)).sqrt();
            sums.iter().for_each(|&(b, i)| result[b][i] = (result[b][i] - mean) / deviation);
            deviations.push(deviation);
        }
        (result, deviations)
    }

    /// Turns errors at the potentials into errors at the sums, by the whole Jacobian of the
    /// normalization. With `x_b = (y_b - mean) / deviation` for n sums y, it is `d x_b / d y_c =
    /// ([b = c] - 1/n - x_b x_c / n) / deviation`.
    fn normalization_errors(&self, errors: &Rows, x: &Rows, gain: &[f64], deviation: &[f64]) -> Rows {
        let mut result = zeros(errors);
        for o in 0..gain.len() {
            let sums = self.sums_of_channel(errors.len(), o);
            for &(b, i) in &sums {
                for &(c, j) in &sums {
                    let same = if (b, i) == (c, j) { 1.0 } else { 0.0 };
                    let jacobian = same - (1.0 + x[b][i] * x[c][j]) / sums.len() as f64;
                    result[c][j] += errors[b][i] * gain[o] * jacobian / deviation[o];
                }
            }
        }
        result
    }
}

/// Plans of hidden layers that use every kind of layer. They fit inputs with even sides of at least
/// 6.
#[cfg(test)]
pub(crate) fn plans(batch_norm: bool, dropout: f32) -> [Vec<LayerSpec>; 6] {
    let convolution = |channels, height, width, stride, padding| {
        let window = Window { height, width, stride, padding };
        LayerSpec::Convolution { channels, window, batch_norm, dropout }
    };
    let max = |size, stride| LayerSpec::MaxPool { size, stride };
    let dense = LayerSpec::Dense { width: 9, batch_norm, dropout };
    [
        vec![convolution(4, 3, 3, 1, 1), max(2, 2), dense.clone()],
        vec![convolution(18, 2, 3, 1, 1), convolution(5, 3, 2, 2, 1), max(2, 1)],
        vec![
            convolution(17, 3, 3, 1, 1),
            convolution(17, 3, 3, 1, 1),
            LayerSpec::Residual { back: 1 },
            dense,
        ],
        vec![convolution(3, 3, 1, 1, 0), LayerSpec::AveragePool { size: 2 }, convolution(4, 1, 1, 1, 0)],
        vec![
            convolution(2, 1, 1, 1, 0),
            convolution(2, 3, 3, 1, 1),
            LayerSpec::Residual { back: 1 },
            convolution(2, 1, 1, 1, 0),
            LayerSpec::Residual { back: 2 },
        ],
        vec![convolution(6, 5, 5, 1, 0)],
    ]
}

#[cfg(test)]
mod tests;

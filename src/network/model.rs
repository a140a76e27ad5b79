//! A network in training: its state, and its two passes.

use crate::seed::Seed;

use super::kernels::{LANES, floats, floats_mut, panels};
use super::layer::head::Head;
use super::layer::{Inputs, Layer, LayerGradients, Mode, add_volumes};
use super::{Activations, Gradients, Key, Loss, Slope, Volume};

/// Layers of sharpened neurons with an n-hot head.
///
/// Layers count from the input; the last are the output neurons, which are sharpened as well.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(super) input: Volume,
    pub(super) layers: Vec<Layer>,
    pub(super) head: Head,
    /// One a layer, in [0, 1].
    pub(super) sharpness: Vec<f32>,
    pub(super) slope: Slope,
}

/// What a forward pass is for.
#[derive(Clone, Copy, Debug)]
pub enum Pass<'a> {
    /// Learning: as sharp as each layer is, normalized by the batch; dropout draws from the seed, which is
    /// to be another one at each step.
    Training(&'a Seed),
    /// As sharp as each layer is, normalized by the running statistics, nothing dropped.
    Settled,
    /// The network as it will be deployed: every step exact, normalized by the running statistics, nothing
    /// dropped, and every sum added up term by term.
    Deployed,
}

/// A tensor of parameters with the loss's derivative by it.
pub struct Parameter<'a> {
    /// The parameters, in the order of memory; those of empty lanes never change.
    pub values: &'a mut [f32],
    /// As long as `values`.
    pub gradient: &'a [f32],
    /// Whether weight decay applies: weights, not biases and gains.
    pub decays: bool,
}

/// Tensors of a layer: weights, bias, and gain where it has batch norm.
const TENSORS: usize = 3;

impl Network {
    /// The length of a sample.
    pub fn inputs(&self) -> usize {
        self.input.len()
    }

    /// K.
    pub fn classes(&self) -> usize {
        self.head.key.classes()
    }

    /// From output neurons to classes.
    pub fn key(&self) -> &Key {
        &self.head.key
    }

    /// Outputs per layer, after pooling.
    pub fn widths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().map(|layer| layer.step.outputs().len())
    }

    /// How many numbers training may change.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Sharpness of each layer, in [0, 1].
    pub fn sharpness(&self) -> &[f32] {
        &self.sharpness
    }

    /// Sharpness of each layer, to set; in [0, 1].
    pub fn sharpness_mut(&mut self) -> &mut [f32] {
        &mut self.sharpness
    }

    /// Chooses what the backward pass takes for the derivative of the steps.
    pub fn set_slope(&mut self, slope: Slope) {
        self.slope = slope;
    }

    /// The number of lowest layers that no gradient reaches: those up to the highest finished one.
    pub fn frozen(&self) -> usize {
        match self.slope {
            Slope::Own => self.sharpness.iter().rposition(|&s| s == 1.0).map_or(0, |layer| layer + 1),
            Slope::Surrogate(_) => 0,
        }
    }

    /// Runs the batch that was loaded through all layers, to class scores.
    ///
    /// Activations and gradients must have been made for a network of the same shape.
    pub fn forward(&self, activations: &mut Activations, pass: Pass<'_>) {
        let batch = activations.batch();
        let Activations { inputs, sparse, layers: states, scores, seed: last, .. } = activations;
        *last = if let Pass::Training(seed) = pass { Some(seed.clone()) } else { None };
        for (i, layer) in self.layers.iter().enumerate() {
            let seed = self.seed(i, pass);
            let (below, here) = states.split_at_mut(i);
            let inputs = match below.last() {
                Some(state) => Inputs::Tensor(&state.outputs),
                None => Inputs::lowest(inputs, sparse),
            };
            layer.forward(inputs, &mut here[0], batch, self.mode(i, pass, seed.as_ref()));
            if let Some(from) = layer.adds {
                add_volumes(&below[from].outputs, &mut here[0].outputs, batch, true);
            }
        }
        let top = &states.last().expect("a network has an output layer").outputs;
        self.head.scores(top, batch, scores);
    }

    fn seed(&self, layer: usize, pass: Pass<'_>) -> Option<Seed> {
        if let Pass::Training(seed) = pass { Some(seed.index(layer as u64)) } else { None }
    }

    fn mode<'a>(&self, layer: usize, pass: Pass<'_>, training: Option<&'a Seed>) -> Mode<'a> {
        let plain = matches!(pass, Pass::Deployed);
        let sharpness = if plain { 1.0 } else { self.sharpness[layer] };
        Mode { sharpness, slope: self.slope, training, plain }
    }

    /// Runs back from the loss against `labels` (B) to every parameter that is not [`frozen`](Self::frozen);
    /// returns the mean `loss`.
    ///
    /// # Panics
    /// If the last forward pass was no training pass.
    pub fn backward(
        &self,
        activations: &Activations,
        labels: &[u16],
        loss: Loss<'_>,
        gradients: &mut Gradients,
    ) -> f64 {
        let batch = activations.batch();
        let seed = activations.seed.as_ref().expect("a training pass comes before");
        let Gradients { layers: states, differences, filled } = gradients;
        let top = states.last_mut().expect("a network has an output layer");
        let mut total = self.head.loss(activations.scores(), labels, loss, differences, &mut top.outputs);
        filled.fill(false);
        let frozen = self.frozen();
        for i in (frozen..self.layers.len()).rev() {
            let (below, here) = states.split_at_mut(i);
            let (layer, state, here) = (&self.layers[i], &activations.layers[i], &mut here[0]);
            if loss.rate_penalty > 0.0 && i + 1 < self.layers.len() {
                total += penalize(loss.rate_penalty, &state.outputs, &mut here.outputs, batch);
            }
            let inputs = match i {
                0 => Inputs::lowest(&activations.inputs, &activations.sparse),
                _ => Inputs::Tensor(&activations.layers[i - 1].outputs),
            };
            let pass = Pass::Training(seed);
            let seed = self.seed(i, pass);
            if let Some(from) = layer.adds.filter(|&from| from >= frozen) {
                add_volumes(&here.outputs, &mut below[from].outputs, batch, filled[from]);
                filled[from] = true;
            }
            let below = below.last_mut().filter(|_| i > frozen);
            let below = below.map(|below| (&mut below.outputs, filled[i - 1]));
            layer.backward(inputs, state, here, batch, self.mode(i, pass, seed.as_ref()), below);
        }
        total
    }

    /// Moves the running statistics of batch norm towards those of the training pass just done.
    pub fn remember(&mut self, activations: &Activations) {
        for (layer, state) in self.layers.iter_mut().zip(&activations.layers) {
            if let (Some(norm), Some(statistics)) = (&mut layer.norm, &state.statistics) {
                norm.remember(statistics, activations.batch() * layer.linear.output.area());
            }
        }
    }

    /// Calls `change`, in parallel, with every tensor that is not [`frozen`](Self::frozen), its gradient, and its
    /// state in `states`, of which there is one for each index of [`tensor_lengths`](Self::tensor_lengths).
    ///
    /// # Panics
    /// If there are fewer states.
    pub fn learn<S: Send>(
        &mut self,
        gradients: &Gradients,
        states: &mut [S],
        change: &(impl Fn(Parameter<'_>, &mut S) + Sync),
    ) {
        let frozen = self.frozen();
        let states = &mut states[..self.layers.len() * TENSORS][frozen * TENSORS..];
        for_each_tensor(&mut self.layers[frozen..], &gradients.layers[frozen..], states, change);
    }

    /// The length of each tensor, those of a layer side by side; 0 where there is none.
    pub fn tensor_lengths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().flat_map(|layer| {
            let gains = layer.norm.as_ref().map_or(0, |norm| norm.gain.len());
            [layer.linear.weights.len(), layer.bias.len(), gains].map(|lanes| lanes * LANES)
        })
    }

    /// Whether every parameter and running statistic is finite.
    pub fn is_finite(&self) -> bool {
        self.layers.iter().all(|layer| {
            let norm = layer.norm.iter().flat_map(|norm| [&norm.gain, &norm.mean, &norm.variance]);
            let mut tensors = [&layer.linear.weights, &layer.bias].into_iter().chain(norm);
            tensors.all(|tensor| floats(tensor).iter().all(|value| value.is_finite()))
        })
    }
}

/// Both halves of the layers at the same time, down to a single one: nothing has to be listed for that.
fn for_each_tensor<S: Send>(
    layers: &mut [Layer],
    gradients: &[LayerGradients],
    states: &mut [S],
    change: &(impl Fn(Parameter<'_>, &mut S) + Sync),
) {
    let [layer] = layers else {
        let middle = layers.len() / 2;
        if layers.is_empty() {
            return;
        }
        let (layers, states) = (layers.split_at_mut(middle), states.split_at_mut(middle * TENSORS));
        let gradients = gradients.split_at(middle);
        rayon::join(
            || for_each_tensor(layers.0, gradients.0, states.0, change),
            || for_each_tensor(layers.1, gradients.1, states.1, change),
        );
        return;
    };
    let gradient = &gradients[0];
    let gain = layer.norm.as_mut().zip(gradient.gain.as_ref());
    let tensors = [
        Some((&mut layer.linear.weights, &gradient.weights)),
        Some((&mut layer.bias, &gradient.bias)),
        gain.map(|(norm, gradient)| (&mut norm.gain, gradient)),
    ];
    for (number, (tensor, state)) in tensors.into_iter().zip(states).enumerate() {
        if let Some((values, gradient)) = tensor {
            let (values, gradient) = (floats_mut(values), floats(gradient));
            change(Parameter { values, gradient, decays: number == 0 }, state);
        }
    }
}

#[cfg(test)]
impl Network {
    /// What its tensors hold.
    pub(crate) fn bytes(&self) -> u64 {
        let statistics = self.layers.iter().filter_map(|layer| layer.norm.as_ref());
        let statistics = statistics.flat_map(|norm| [&norm.mean, &norm.variance]);
        let statistics: usize = statistics.map(|lanes| size_of_val(lanes.as_slice())).sum();
        let learnt = self.tensor_lengths().sum::<usize>() * size_of::<f32>();
        (learnt + statistics) as u64 + self.head.bytes()
    }
}

/// Adds to the errors at a layer's outputs what its activity costs, `penalty` times the mean output; returns
/// that cost.
fn penalize(
    penalty: f32,
    outputs: &super::pass::tensor::Tensor,
    errors: &mut super::pass::tensor::Tensor,
    batch: usize,
) -> f64 {
    let volume = outputs.volume;
    let numbers = (batch * volume.len()) as f64;
    let share = (f64::from(penalty) / numbers) as f32;
    let mut sum = 0.0;
    for sample in 0..batch {
        for panel in 0..panels(volume.channels) {
            let lanes = LANES.min(volume.channels - panel * LANES);
            for y in 0..volume.height {
                let row = outputs.row_start(panel, y);
                for place in row..row + volume.width {
                    let output = &outputs.lanes[sample * outputs.stride + place].0[..lanes];
                    let error = &mut errors.lanes[sample * errors.stride + place].0[..lanes];
                    error.iter_mut().for_each(|error| *error += share);
                    sum += output.iter().map(|&output| f64::from(output)).sum::<f64>();
                }
            }
        }
    }
    f64::from(penalty) * sum / numbers
}

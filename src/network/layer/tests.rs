//! Tests of one layer: by hand, and against finite differences.

use rand::RngExt;

use super::linear::InputLayout;
use super::*;
use crate::network::kernels::{floats_mut, padded};
use crate::network::{Volume, Window};

/// At this sharpness the ramp is 1/2 wide: `a = clip(2 (z - 1/2) + 1/2)`, which has the slope 2 on
/// the ramp.
const HALF: Mode<'_> = Mode { sharpness: 0.501, slope: Slope::Own, training: None, term_by_term: false };

/// A dense layer of two inputs and two neurons.
fn dense() -> Layer {
    let volume = Volume::flat(2);
    let mut linear = Linear::new(volume, volume, InputLayout::Dense);
    linear.weights[0].0[..2].copy_from_slice(&[0.5, -1.0]);
    linear.weights[1].0[..2].copy_from_slice(&[-0.25, 1.0]);
    let activation = SpikeActivation { sums: volume, max: None, potentials: volume, average: 1 };
    let bias = padded([0.3125, 0.875].into_iter());
    Layer { linear, bias, norm: None, activation, dropout: 0.0, adds: None }
}

/// A tensor of samples with two channels.
fn pairs(samples: &[[f32; 2]]) -> Tensor {
    let mut tensor = Tensor::new(Volume::flat(2), 0, samples.len());
    tensor.matrix_mut(samples.len()).iter_mut().zip(samples.as_flattened()).for_each(|(to, x)| *to = *x);
    tensor
}

fn assert_close(name: &str, found: impl IntoIterator<Item = f32>, expected: &[f32]) {
    let found: Vec<f32> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "{name}");
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5);
    assert!(near, "{name}: {found:?} is not {expected:?}");
}

#[test]
fn a_dense_layer_forward_and_backward_by_hand() {
    let (layer, inputs) = (dense(), pairs(&[[1.0, 0.5], [0.5, 1.0]]));
    let mut state = LayerActivations::new(&layer, 2, 0);
    layer.forward(Inputs::Tensor(&inputs), &mut state, 2, HALF);
    // Neuron 0: y = 1/2 - 1/8 and 1/4 - 1/4; neuron 1: -1 + 1/2 and -1/2 + 1.
    assert_close("sums", state.sums.matrix(2).iter().copied(), &[0.375, -0.5, 0.0, 0.5]);
    // z = 0.6875 and 0.3125; 0.375 and 1.375, which is off the ramp.
    assert_close("outputs", state.outputs.matrix(2).iter().copied(), &[0.875, 0.25, 0.125, 1.0]);

    let mut gradients = LayerGradients::new(&layer, 2, &state.outputs, false);
    gradients.outputs = pairs(&[[1.0, 2.0], [3.0, -4.0]]);
    let mut below = pairs(&[[9.0; 2]; 2]);
    let inputs = Inputs::Tensor(&inputs);
    layer.backward(inputs, &state, &mut gradients, 2, HALF, Some((&mut below, false)));
    // The slope is 2 on the ramp and 0 off it.
    assert_close("errors at the sums", gradients.sums.matrix(2).iter().copied(), &[2.0, 4.0, 6.0, 0.0]);
    assert_close("bias", gradients.bias[0].0[..2].iter().copied(), &[8.0, 4.0]);
    // Neuron 0: 2 (1, 1/2) + 6 (1/2, 1); neuron 1: 4 (1, 1/2).
    assert_close("weights of input 0", gradients.weights[0].0[..2].iter().copied(), &[5.0, 4.0]);
    assert_close("weights of input 1", gradients.weights[1].0[..2].iter().copied(), &[7.0, 2.0]);
    // 2 (1/2, -1/4) + 4 (-1, 1) and 6 (1/2, -1/4).
    assert_close("errors at the inputs", below.matrix(2).iter().copied(), &[-3.0, 3.5, 3.0, -1.5]);
    layer.backward(inputs, &state, &mut gradients, 2, HALF, Some((&mut below, true)));
    assert_close("added errors", below.matrix(2).iter().copied(), &[-6.0, 7.0, 6.0, -3.0]);
}

#[test]
fn outside_of_training_batch_norm_uses_the_running_statistics() {
    let mut norm = Norm::new(2);
    norm.mean[0].0[..2].copy_from_slice(&[0.25, -0.5]);
    norm.variance[0].0[..2].copy_from_slice(&[0.249, 3.999]);
    norm.gain[0].0[..2].copy_from_slice(&[1.0, -0.5]);
    let layer = Layer { norm: Some(norm), bias: padded([0.5, 0.5].into_iter()), ..dense() };
    let inputs = pairs(&[[1.0, 0.5], [0.5, 1.0]]);
    let mut state = LayerActivations::new(&layer, 2, 0);
    layer.forward(Inputs::Tensor(&inputs), &mut state, 2, HALF);
    // Deviations 1/2 and 2. Neuron 0: z = 1/2 + 2 (0.125 and -0.25) = 3/4 and 0; neuron 1:
    // z = 1/2 - (0 and 1) / 4 = 1/2 and 1/4.
    assert_close("outputs", state.outputs.matrix(2).iter().copied(), &[1.0, 0.5, 0.0, 0.0]);
}

/// A convolution with batch norm, max pooling and dropout on images with a border. Potentials stay
/// on the ramp of sharpness 0, where the layer is smooth.
fn convolution(stream: &mut crate::seed::Stream) -> Layer {
    let input = Volume { height: 4, width: 6, channels: 2 };
    let sums = Volume { channels: 3, ..input };
    let window = Window { padding: 1, ..Window::square(3, 1) };
    let mut linear = Linear::new(input, sums, InputLayout::Window(window));
    for (o, y, x, c) in (0..3).flat_map(|o| (0..18).map(move |i| (o, i / 6, i / 2 % 3, i % 2))) {
        let term = linear.term(y, x, c);
        *linear.weight_mut(o, term) = stream.random_range(-1.0..1.0);
    }
    let mut norm = Norm::new(3);
    norm.gain[0].0[..3].copy_from_slice(&[0.1, -0.08, 0.06]);
    let potentials = Volume { height: 2, width: 3, channels: 3 };
    let activation = SpikeActivation { sums, max: Some(Window::square(2, 2)), potentials, average: 1 };
    let bias = padded([0.5, 0.45, 0.55].into_iter());
    Layer { linear, bias, norm: Some(norm), activation, dropout: 0.25, adds: None }
}

/// The indices of the floats of `tensor` that hold a pixel of an image, not its border.
fn pixels(tensor: &Tensor, samples: usize) -> Vec<usize> {
    let Volume { height, width, channels } = tensor.volume;
    let mut indices = Vec::new();
    for (sample, y, x) in
        (0..samples).flat_map(|b| (0..height * width).map(move |i| (b, i / width, i % width)))
    {
        let lane = sample * tensor.stride + tensor.row_start(0, y) + x;
        indices.extend((0..channels).map(|c| lane * LANES + c));
    }
    indices
}

/// A layer, a batch, and a loss that is linear in the outputs.
struct Case {
    layer: Layer,
    inputs: Tensor,
    /// The derivative of the loss by each output.
    errors: Tensor,
    seed: Seed,
}

impl Case {
    const SAMPLES: usize = 3;

    fn new() -> Self {
        let seed = Seed::root(12);
        let stream = &mut seed.stream();
        let layer = convolution(stream);
        let mut inputs = layer.linear.input_tensor(Self::SAMPLES);
        let mut errors = Tensor::new(layer.activation.outputs(), 1, Self::SAMPLES);
        for tensor in [&mut inputs, &mut errors] {
            for index in pixels(tensor, Self::SAMPLES) {
                floats_mut(&mut tensor.lanes)[index] = stream.random_range(-1.0..1.0);
            }
        }
        Self { layer, inputs, errors, seed }
    }

    fn mode(&self) -> Mode<'_> {
        Mode { sharpness: 0.0, training: Some(&self.seed), ..HALF }
    }

    fn forward(&self) -> LayerActivations {
        let mut state = LayerActivations::new(&self.layer, Self::SAMPLES, 1);
        self.layer.forward(Inputs::Tensor(&self.inputs), &mut state, Self::SAMPLES, self.mode());
        state
    }

    fn loss(&self) -> f64 {
        let outputs = self.forward().outputs.lanes;
        let products = outputs.iter().zip(&self.errors.lanes).flat_map(|(outputs, errors)| {
            outputs.0.into_iter().zip(errors.0).map(|(output, error)| f64::from(output) * f64::from(error))
        });
        products.sum()
    }

    /// The central difference of the loss by the float that `number` selects.
    fn difference(&mut self, number: impl Fn(&mut Self) -> &mut f32) -> f64 {
        const STEP: f32 = 1.0 / 1024.0;
        let start = *number(self);
        *number(self) = start + STEP;
        let above = self.loss();
        *number(self) = start - STEP;
        let below = self.loss();
        *number(self) = start;
        (above - below) / f64::from(2.0 * STEP)
    }
}

fn assert_slope(name: &str, analytic: f32, numeric: f64) {
    // Single precision leaves 1e-6 / STEP of a difference uncertain, and batch norm is curved.
    assert!((f64::from(analytic) - numeric).abs() < 2e-3, "{name}: {analytic} is not {numeric}");
}

#[test]
fn gradients_of_a_convolution_are_finite_differences_of_its_outputs() {
    let mut case = Case::new();
    let state = case.forward();
    let mut gradients = LayerGradients::new(&case.layer, Case::SAMPLES, &state.outputs, false);
    gradients.outputs = case.errors.clone();
    let mut below = case.layer.linear.input_tensor(Case::SAMPLES);
    let into = Some((&mut below, false));
    let inputs = Inputs::Tensor(&case.inputs);
    case.layer.backward(inputs, &state, &mut gradients, Case::SAMPLES, case.mode(), into);

    let gain = gradients.gain.expect("the layer has batch norm");
    for o in 0..3 {
        let numeric = case.difference(|case| &mut case.layer.bias[0].0[o]);
        assert_slope("bias", gradients.bias[0].0[o], numeric);
        let numeric = case
            .difference(|case| &mut case.layer.norm.as_mut().expect("the layer has batch norm").gain[0].0[o]);
        assert_slope("gain", gain[0].0[o], numeric);
        for element in 0..18 {
            let term = case.layer.linear.term(element / 6, element / 2 % 3, element % 2);
            let numeric = case.difference(|case| case.layer.linear.weight_mut(o, term));
            assert_slope("weight", gradients.weights[term].0[o], numeric);
        }
    }
    let errors = floats_mut(&mut below.lanes).to_vec();
    for index in pixels(&case.inputs, Case::SAMPLES) {
        let numeric = case.difference(|case| &mut floats_mut(&mut case.inputs.lanes)[index]);
        assert_slope("input", errors[index], numeric);
    }
    assert!(errors.iter().any(|error| error.abs() > 0.02), "{errors:?}");
}

#[test]
fn volumes_are_added_inside_of_their_borders() {
    let volume = Volume { height: 1, width: 2, channels: 1 };
    let (mut from, mut to) = (Tensor::new(volume, 0, 2), Tensor::new(volume, 1, 2));
    for (sample, values) in [[1.0, 2.0], [3.0, 4.0]].into_iter().enumerate() {
        for (x, value) in values.into_iter().enumerate() {
            from.lanes[sample * from.stride + x].0[0] = value;
        }
    }
    add_volumes(&from, &mut to, 2, false);
    add_volumes(&from, &mut to, 2, true);
    let (first, second) = (to.row_start(0, 0), to.stride + to.row_start(0, 0));
    let filled: Vec<(usize, f32)> =
        to.lanes.iter().map(|lanes| lanes.0[0]).enumerate().filter(|&(_, value)| value != 0.0).collect();
    assert_eq!(filled, [(first, 2.0), (first + 1, 4.0), (second, 6.0), (second + 1, 8.0)]);
}

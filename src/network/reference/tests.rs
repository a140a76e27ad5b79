//! Tests of the fast passes against the reference, and of the reference against finite differences.

use super::*;
use crate::network::kernels::floats_mut;
use crate::network::layer::dropout::Dropout;
use crate::network::{Activations, Gradients, HeadSpec, Loss, Pass, Spec, Surrogate, Teacher};
use crate::seed::Seed;
use ndarray::{Array2, ArrayView2};
use rand::RngExt;

/// A network and a batch for it.
struct Case {
    network: Network,
    inputs: Array2<u8>,
    labels: Vec<u16>,
    /// The seed of dropout.
    seed: Seed,
}

const MAX: u8 = 7;
const TEMPERATURE: f64 = 3.0;
const SMOOTHING: f64 = 0.125;
const RATE_PENALTY: f64 = 0.75;
const SHARE: f64 = 0.25;
const CLASS_WEIGHTS: [f32; 3] = [0.5, 1.0, 2.25];

impl Case {
    fn dense(inputs: usize, widths: &[usize], batch: usize, batch_norm: bool, dropout: f32) -> Self {
        let hidden = widths.iter().map(|&width| LayerSpec::Dense { width, batch_norm, dropout }).collect();
        Self::new(Volume::flat(inputs), hidden, batch, batch_norm)
    }

    fn new(input: Volume, hidden: Vec<LayerSpec>, batch: usize, batch_norm: bool) -> Self {
        let seed = Seed::root((input.len() * 1000 + batch * 10 + hidden.len()) as u64);
        let head = HeadSpec { classes: 3, redundancy: 2, overlapping: false, batch_norm };
        let mut network = Network::build(&Spec { input, hidden, head }, &seed).expect("the plan is right");
        let mut stream = seed.child("case").stream();
        for layer in &mut network.layers {
            let channels = layer.channels();
            let mut fill = |lanes: &mut [Lanes], range: std::ops::Range<f32>| {
                floats_mut(lanes)[..channels].fill_with(|| stream.random_range(range.clone()));
            };
            fill(&mut layer.bias, 0.1..0.6);
            if let Some(norm) = &mut layer.norm {
                fill(&mut norm.gain, -0.5..1.0);
                fill(&mut norm.mean, -0.5..0.5);
                fill(&mut norm.variance, 0.1..2.0);
            }
        }
        for sharpness in &mut network.sharpness {
            *sharpness = stream.random_range(0.0..0.5);
        }
        Self {
            network,
            inputs: Array2::from_shape_simple_fn((batch, input.len()), || stream.random_range(0..=MAX)),
            labels: (0..batch).map(|_| stream.random_range(0..3)).collect(),
            seed,
        }
    }

    /// Cases with shapes that fill no panel or tile: 1 x 1, primes, a batch of one, several panels.
    fn odd_shapes() -> Vec<Self> {
        let shapes: [(usize, &[usize], usize); 6] = [
            (1, &[1], 1),
            (1, &[], 5),
            (3, &[7, 5], 2),
            (13, &[17, 1, 11], 7),
            (31, &[61], 13),
            (5, &[64], 1),
        ];
        let dense = shapes.iter().flat_map(|&(inputs, widths, batch)| {
            [(false, 0.0), (true, 0.0), (false, 0.3), (true, 0.3)]
                .map(|(norm, dropout)| Self::dense(inputs, widths, batch, norm, dropout))
        });
        dense.chain(Self::images()).chain([Self::wide()]).collect()
    }

    /// A case with convolutions of 3x3 over several panels, and a residual connection.
    fn wide() -> Self {
        let window = Window { padding: 1, ..Window::square(3, 1) };
        let convolution =
            |channels| LayerSpec::Convolution { channels, window, batch_norm: true, dropout: 0.1 };
        let hidden = vec![
            convolution(20),
            convolution(20),
            convolution(20),
            LayerSpec::Residual { back: 2 },
            convolution(33),
        ];
        Self::new(Volume { height: 4, width: 8, channels: 1 }, hidden, 5, true)
    }

    /// Cases with convolutions of few and of many channels. They have windows that are not square,
    /// strides, padding, both poolings, residual connections, and a dense layer on top.
    fn images() -> Vec<Self> {
        let shapes = [((6, 8, 1), 3), ((6, 6, 3), 1), ((8, 6, 19), 2)];
        let cases = shapes.iter().flat_map(|&((height, width, channels), batch)| {
            let input = Volume { height, width, channels };
            [(false, 0.0), (true, 0.3)].into_iter().flat_map(move |(norm, dropout)| {
                plans(norm, dropout).into_iter().map(move |hidden| Self::new(input, hidden, batch, norm))
            })
        });
        cases.collect()
    }

    fn inputs(&self) -> Rows {
        let level = |&level: &u8| f64::from(level) / f64::from(MAX);
        self.inputs.outer_iter().map(|row| row.iter().map(level).collect()).collect()
    }

    /// The factors by which dropout multiplies the activations of each layer.
    fn kept(&self) -> Vec<Rows> {
        let layer = |(layer, index): (&Layer, u64)| {
            let potentials = layer.activation.potentials;
            let sample = |sample: usize| {
                let dropout = Dropout::new(layer.dropout, &self.seed.index(index), sample);
                let mut row = Vec::new();
                for_each(potentials, |y, x, c| {
                    let lane =
                        ((c / LANES * potentials.height + y) * potentials.width + x) * LANES + c % LANES;
                    row.push(dropout.map_or(1.0, |dropout| f64::from(dropout.factor(lane as u32))));
                });
                row
            };
            (0..self.labels.len()).map(sample).collect()
        };
        self.network.layers.iter().zip(0..).map(layer).collect()
    }

    /// The scores (B samples, K classes) of a teacher.
    fn teacher_scores(&self) -> Array2<f32> {
        let mut stream = self.seed.child("teacher").stream();
        Array2::from_shape_simple_fn((self.labels.len(), 3), || stream.random_range(-9.0..9.0))
    }

    fn reference(&self) -> Reference {
        Reference {
            temperature: TEMPERATURE,
            smoothing: SMOOTHING,
            rate_penalty: RATE_PENALTY,
            teacher: Some((rows(self.teacher_scores().view()), SHARE)),
            class_weights: CLASS_WEIGHTS.map(f64::from).to_vec(),
            ..Reference::from(&self.network)
        }
    }

    fn run(&self) -> (f64, Activations, Gradients) {
        // The capacity is larger than the batch: the rest of the buffers must not change the
        // results.
        let capacity = self.labels.len() + 3;
        let mut activations = Activations::new(&self.network, capacity);
        let mut gradients = Gradients::new(&self.network, capacity);
        let samples: Vec<u32> = (0..self.labels.len() as u32).collect();
        activations.load(self.inputs.view(), MAX, &samples);
        self.network.forward(&mut activations, Pass::Training(&self.seed));
        let scores = self.teacher_scores();
        let loss = Loss {
            temperature: TEMPERATURE as f32,
            smoothing: SMOOTHING as f32,
            rate_penalty: RATE_PENALTY as f32,
            class_weights: Some(&CLASS_WEIGHTS),
            teacher: Some(Teacher { scores: scores.view(), share: SHARE as f32 }),
        };
        let loss = self.network.backward(&activations, &self.labels, loss, &mut gradients);
        (loss, activations, gradients)
    }
}

fn rows(matrix: ArrayView2<'_, f32>) -> Rows {
    matrix.outer_iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
}

fn assert_agree(name: &str, fast: &[f64], slow: &[f64]) {
    assert_eq!(fast.len(), slow.len());
    let scale = slow.iter().fold(1e-3, |scale: f64, value| scale.max(value.abs()));
    for (fast, slow) in fast.iter().zip(slow) {
        // A few dozen roundings of f32, which batch norm may magnify by 1 / sqrt(0.001).
        assert!((fast - slow).abs() <= 1e-4 * scale, "{name}: {fast} {slow}, scale {scale}");
    }
}

fn assert_gradients_agree(case: &Case, gradients: &Gradients, slow: Vec<ReferenceGradient>) {
    for ((layer, fast), slow) in case.network.layers.iter().zip(&gradients.layers).zip(slow) {
        let channels = layer.channels();
        assert_agree("weights", &elements(layer, &fast.weights).concat(), &slow.weights.concat());
        assert_agree("bias", &wide(&fast.bias, channels), &slow.bias);
        let gain = fast.gain.as_ref().map(|gain| wide(gain, channels));
        assert_agree("gain", &gain.unwrap_or_default(), &slow.gain.unwrap_or_default());
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
        assert_gradients_agree(&case, &gradients, slow);
    }
}

#[test]
fn the_surrogate_slope_reaches_every_layer_through_exact_steps() {
    let mut case = Case::dense(13, &[17, 11], 7, true, 0.0);
    case.network.sharpness.fill(1.0);
    for shape in [Shape::Boxcar, Shape::Triangle, Shape::SigmoidDerivative, Shape::Arctan] {
        case.network.set_slope(Slope::Surrogate(Surrogate { shape, width: 1.5 }));
        let slow = case.reference().gradients(&case.inputs(), &case.labels, &case.kept());
        let (_, _, gradients) = case.run();
        assert!(slow.iter().all(|layer| layer.weights.concat().iter().any(|&gradient| gradient != 0.0)));
        assert_gradients_agree(&case, &gradients, slow);
    }
}

#[test]
fn the_references_gradient_is_the_slope_of_its_loss() {
    let dense = [Case::dense(4, &[5, 3], 6, false, 0.3), Case::dense(4, &[5, 3], 6, true, 0.3)];
    let input = Volume { height: 4, width: 6, channels: 2 };
    let images = plans(true, 0.3).into_iter().take(5).map(|mut plan| {
        plan.truncate(3);
        Case::new(input, plan, 2, true)
    });
    for case in dense.into_iter().chain(images) {
        let (inputs, kept) = (case.inputs(), case.kept());
        let reference = case.reference();
        let gradients = reference.gradients(&inputs, &case.labels, &kept);
        for (l, gradient) in gradients.iter().enumerate() {
            let flat =
                [gradient.weights.concat(), gradient.bias.clone(), gradient.gain.clone().unwrap_or_default()];
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
                assert!((numeric - analytic).abs() < 1e-7, "layer {l} parameter {i}: {numeric} {analytic}");
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
fn the_evaluation_pass_equals_the_deployed_pass_at_sharpness_one_only() {
    let mut case = Case::dense(13, &[17, 11], 7, true, 0.3);
    let inputs = case.inputs.clone();
    let scores = |network: &Network, pass: Pass<'_>| {
        let mut activations = Activations::new(network, 7);
        activations.load(inputs.view(), MAX, &[0, 1, 2, 3, 4, 5, 6]);
        network.forward(&mut activations, pass);
        activations.scores().to_owned()
    };
    let deployed = scores(&case.network, Pass::Deployed);
    assert_ne!(scores(&case.network, Pass::Evaluation), deployed);
    case.network.sharpness.fill(1.0);
    assert_eq!(scores(&case.network, Pass::Evaluation), deployed);
}

#[test]
fn a_finished_layer_freezes_itself_and_those_below() {
    let mut case = Case::dense(5, &[7, 4], 9, true, 0.0);
    case.network.sharpness[1] = 1.0;
    assert_eq!(case.network.frozen(), 2);
    let (_, _, gradients) = case.run();
    let mut learning: Vec<Vec<f32>> = case.network.tensor_lengths().map(|length| vec![0.0; length]).collect();
    let states = learning.iter_mut().map(|learns| [learns.as_mut_slice(), &mut []]);
    case.network.learn(&gradients, states, |_, [learns, _]| learns.fill(1.0));
    let learnt: Vec<f32> =
        learning.iter().map(|learns| learns.iter().sum::<f32>() / learns.len() as f32).collect();
    assert_eq!(learnt, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    // The penalty on spikes does not reach frozen layers, so the reference goes without it.
    let reference = Reference { rate_penalty: 0.0, ..case.reference() };
    let slow = reference.gradients(&case.inputs(), &case.labels, &case.kept());
    assert!(slow[..2].iter().all(|layer| layer.weights.concat().iter().all(|&gradient| gradient == 0.0)));
}

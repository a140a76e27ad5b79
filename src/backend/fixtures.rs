//! Networks, inputs and chips that tests share, and a slow reference for the simulation.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, array};
use rand::RngExt;

use super::simulate::Block;
use super::{Chip, ChipProfile, Deployment, IntegerLayer};
use crate::network::{BinaryLayer, BinaryNetwork, Connectivity, Decision, Key, fixtures};
use crate::seed::Seed;

/// A random network of dense layers. Weights are whole multiples of `2^exponent`, from `-largest`
/// to `largest` of them. Each class has two output neurons.
pub(super) struct Random {
    pub widths: Vec<usize>,
    pub classes: usize,
    pub input_max: u8,
    pub largest: i64,
    pub exponent: i32,
    pub seed: u64,
}

impl Random {
    /// Builds the network.
    pub fn network(&self) -> BinaryNetwork {
        let mut widths = self.widths.clone();
        widths.push(2 * self.classes);
        let layers = (1..widths.len()).map(|index| self.layer(index - 1, widths[index - 1], widths[index]));
        let members =
            Array2::from_shape_fn((self.classes, 2 * self.classes), |(class, n)| n % self.classes == class);
        BinaryNetwork { input_max: self.input_max, layers: layers.collect(), key: Key::from_members(members) }
    }

    fn layer(&self, index: usize, inputs: usize, outputs: usize) -> BinaryLayer {
        let mut stream = Seed::root(self.seed).child("layer").index(index as u64).stream();
        let unit = 2f64.powi(self.exponent);
        let spread = self.largest * inputs as i64 / 2;
        let mut whole = |largest: i64| stream.random_range(-largest..=largest) as f64 * unit;
        let weights = Array2::from_shape_simple_fn((outputs, inputs), || whole(self.largest));
        let thresholds = Array1::from_shape_simple_fn(outputs, || whole(spread));
        dense(index, weights, thresholds, self.exponent)
    }

    /// Random inputs, one row for each of N samples; half of them are zero.
    pub fn inputs(&self, samples: usize) -> Array2<u8> {
        let mut stream = Seed::root(self.seed).child("inputs").stream();
        Array2::from_shape_simple_fn((samples, self.widths[0]), || {
            if stream.random_bool(0.5) { stream.random_range(1..=self.input_max) } else { 0 }
        })
    }
}

/// The network's own decision, in plain loops of `f64`.
pub(super) fn reference(network: &BinaryNetwork, inputs: ArrayView1<'_, u8>) -> Decision {
    let outputs = fixtures::direct(network, inputs).pop().expect("a layer");
    let spikes: Vec<bool> = outputs.into_iter().map(|spike| spike == 1.0).collect();
    Decision::of(&network.key.scores(&spikes))
}

/// Whether each neuron of each layer fires on each sample of `inputs`: one list of layers per
/// sample.
pub(super) fn spikes(deployment: &Deployment, inputs: ArrayView2<'_, u8>) -> Vec<Vec<Vec<bool>>> {
    let layers = &deployment.network().layers;
    let mut block = Block::default();
    deployment.runner.simulator.run(0, inputs, &mut block).expect("inputs fit");
    let of_layer = |(layer, active): (&IntegerLayer, &[u32])| {
        let mut fired = vec![false; layer.neurons()];
        active.iter().for_each(|&neuron| fired[neuron as usize] = true);
        fired
    };
    let of_sample = |sample| layers.iter().zip(block.events(sample).skip(1)).map(of_layer).collect();
    (0..inputs.nrows()).map(of_sample).collect()
}

pub(super) fn chip(name: &str) -> Chip {
    Chip::new(ChipProfile::builtin(name).expect("a built-in chip"))
}

/// A network small enough to compute by hand: three inputs a, b and c, two hidden neurons, two
/// output neurons, two classes.
///
/// Hidden neuron h1 fires if a + b >= 1, and h2 if b - c >= 1. The first output neuron fires if h1
/// >= 1, the second if h1 + h2 >= 2.
pub(super) fn by_hand() -> BinaryNetwork {
    let layer = |source, weights, thresholds| dense(source, weights, thresholds, 0);
    BinaryNetwork {
        input_max: 1,
        layers: vec![
            layer(0, array![[1.0, 1.0, 0.0], [0.0, 1.0, -1.0]], array![1.0, 1.0]),
            layer(1, array![[1.0, 0.0], [1.0, 1.0]], array![1.0, 2.0]),
        ],
        key: Key::from_members(array![[true, false], [false, true]]),
    }
}

/// A dense layer with input `source` and `weights` of shape (outputs, inputs).
pub(super) fn dense(
    source: usize,
    weights: Array2<f64>,
    thresholds: Array1<f64>,
    exponent: i32,
) -> BinaryLayer {
    let (outputs, inputs) = weights.dim();
    let connectivity = Connectivity::Dense { inputs, outputs };
    BinaryLayer { connectivity, sources: vec![source], weights, thresholds, exponent }
}

/// Dense layers of these widths with all weights 1; the neurons of the last layer vote for two
/// classes.
pub(super) fn full(widths: &[usize]) -> BinaryNetwork {
    let outputs = widths.last().copied().unwrap_or(0);
    let full = |(source, pair): (usize, &[usize])| {
        dense(source, Array2::ones((pair[1], pair[0])), Array1::ones(pair[1]), 0)
    };
    BinaryNetwork {
        input_max: 1,
        layers: widths.windows(2).enumerate().map(full).collect(),
        key: Key::from_members(Array2::from_shape_fn((2, outputs), |(class, n)| n % 2 == class)),
    }
}

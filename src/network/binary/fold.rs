//! Folding: how weights and thresholds of the deployed network follow from a trained network.
//!
//! A trained neuron fires where `g (y - mean) / sigma + b >= 1/2`. Here `y = W x` is the weighted
//! sum of its inputs x. Batch norm has the gain g, the mean and the deviation sigma; b is the bias.
//! In the deployed form the inputs are whole numbers `u = m x` up to m. So the neuron fires where
//! `(g / sigma) W u >= m (1/2 - b + g mean / sigma)`. The formula multiplies by `g / sigma` and
//! does not divide by it. So all neurons have a common scale, and gains may have any sign or be 0.

use ndarray::{Array1, Array2};

use crate::network::kernels::LANES;
use crate::network::layer::Layer;
use crate::network::layer::norm::EPSILON;
use crate::network::{BinaryLayer, BinaryNetwork, Connectivity, Network, Volume, Window};

/// Bits that a whole number may have to be exact in `f64` (53), less one, since rounding to the
/// grid can make a sum grow.
const EXACT_BITS: i32 = 52;

impl Network {
    /// The deployed form of the network: every neuron sends exactly 0 or 1, and batch norm uses its
    /// running statistics. Inputs are whole numbers from 0 to `input_max` instead of numbers in [0,
    /// 1].
    ///
    /// Max pooling becomes a layer of its own. Average pooling is folded into the weights of the
    /// next layer, which are divided by the area of the pooled square. A residual connection gives
    /// the next layer two sources.
    ///
    /// Weights are rounded to the nearest multiple of a power of two (the grid). Thresholds are
    /// rounded up to the grid, which does not change which sums on the grid reach them. The grid is
    /// the finest on which any partial sum is exact in `f64`.
    pub fn fold(&self, input_max: u8) -> BinaryNetwork {
        let mut folded: Vec<BinaryLayer> = Vec::new();
        // For each layer so far: the sources of the layer after it.
        let mut presynaptic: Vec<Vec<usize>> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let sources = presynaptic.last().cloned().unwrap_or_else(|| vec![0]);
            let max = if index == 0 { input_max } else { sources.len() as u8 };
            let average = if index == 0 { 1 } else { self.layers[index - 1].activation.average };
            // Only the network's input is scaled; spikes and sums of spikes count as they are.
            let scale = if index == 0 { f64::from(input_max) } else { 1.0 };
            let (connectivity, neurons) = (connectivity(layer, average), neurons(layer, average, scale));
            let (weights, thresholds) = neurons;
            folded.push(BinaryLayer::on_grid(connectivity, sources, weights, thresholds, max));
            if let Some(window) = layer.activation.max {
                folded.push(BinaryLayer::pool(layer.activation.sums, window, vec![folded.len()]));
            }
            let mut sources = vec![folded.len()];
            if let Some(from) = layer.adds {
                sources.extend_from_slice(&presynaptic[from]);
            }
            presynaptic.push(sources);
        }
        BinaryNetwork { input_max, layers: folded, key: self.head.key.clone() }
    }
}

/// The connectivity of the deployed `layer`. `average` is the side of the average pooling below it,
/// 1 if there is none.
fn connectivity(layer: &Layer, average: usize) -> Connectivity {
    let linear = &layer.linear;
    let below = linear.input;
    let input =
        Volume { height: below.height * average, width: below.width * average, channels: below.channels };
    match linear.window() {
        None => Connectivity::Dense { inputs: input.len(), outputs: layer.channels() },
        Some(window) => {
            let Window { height, width, stride, padding } = window;
            let window = Window {
                height: height * average,
                width: width * average,
                stride: stride * average,
                padding: padding * average,
            };
            Connectivity::Convolution { input, window, channels: layer.channels() }
        }
    }
}

/// Weights (channels, kernel elements) and thresholds (channels).
type Neurons = (Array2<f64>, Array1<f64>);

/// The weights and thresholds of `layer`, with batch norm, bias and the average pooling below it
/// folded in. `average` is the side of that pooling. Inputs are `scale` times as large as in
/// training.
fn neurons(layer: &Layer, average: usize, scale: f64) -> Neurons {
    let linear = &layer.linear;
    let ((height, width), channels) = (linear.receptive_field(), linear.input.channels);
    let share = ((average * average) as f64).recip();
    let elements = height * width * channels * average * average;
    let mut weights = Array2::zeros((layer.channels(), elements));
    for (o, mut weights) in weights.outer_iter_mut().enumerate() {
        for (element, weight) in weights.iter_mut().enumerate() {
            let (pixel, c) = (element / channels, element % channels);
            let (y, x) = (pixel / (width * average), pixel % (width * average));
            *weight = f64::from(linear.weight(o, linear.term(y / average, x / average, c))) * share;
        }
    }
    let lane = |lanes: &[crate::network::kernels::Lanes], o: usize| f64::from(lanes[o / LANES].0[o % LANES]);
    let mut thresholds: Array1<f64> = (0..layer.channels()).map(|o| 0.5 - lane(&layer.bias, o)).collect();
    if let Some(norm) = &layer.norm {
        for (o, mut weights) in weights.outer_iter_mut().enumerate() {
            let deviation = (lane(&norm.variance, o) + f64::from(EPSILON)).sqrt();
            let factor = lane(&norm.gain, o) / deviation;
            weights *= factor;
            thresholds[o] += factor * lane(&norm.mean, o);
        }
    }
    (weights, thresholds * scale)
}

impl BinaryLayer {
    /// A layer with these weights (channels, kernel elements) and thresholds (channels), rounded to
    /// a grid: the multiples of a power of two.
    ///
    /// Its inputs are whole numbers up to `max`. Weights and thresholds must be finite and far
    /// below the largest `f64`. Weights are rounded to the nearest point of the finest grid on
    /// which every partial sum is exact in `f64`. Thresholds are rounded up, which does not change
    /// which sums reach them. A threshold above or below all possible sums is moved to the nearest
    /// point with the same effect.
    pub fn on_grid(
        connectivity: Connectivity,
        sources: Vec<usize>,
        weights: Array2<f64>,
        thresholds: Array1<f64>,
        max: u8,
    ) -> Self {
        let largest_sum = |rows: &Array2<f64>| {
            let sums = rows.outer_iter().map(|row| row.iter().map(|weight| weight.abs()).sum::<f64>());
            sums.fold(0.0, f64::max) * f64::from(max)
        };
        let exponent = exponent_above(largest_sum(&weights)) - EXACT_BITS;
        let unit = 2f64.powi(exponent);
        let weights = weights.map(|weight| (weight / unit).round() * unit);
        let edge = largest_sum(&weights);
        let thresholds =
            thresholds.map(|threshold| (threshold.clamp(-edge, edge + unit) / unit).ceil() * unit);
        Self { connectivity, sources, weights, thresholds, exponent }
    }
}

/// The least whole number e with `value <= 2^e`, but at least -900.
fn exponent_above(value: f64) -> i32 {
    // Far above f64's smallest exponent, so that the grid's unit is a normal number.
    value.max(2f64.powi(-900)).log2().ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::kernels::{Lanes, floats_mut};
    use crate::network::reference::plans;
    use crate::network::{Activations, HeadSpec, LayerSpec, Pass, Spec};
    use crate::seed::Seed;
    use proptest::prelude::*;
    use rand::RngExt;

    fn network(inputs: usize, widths: &[usize], batch_norm: bool, seed: &Seed) -> Network {
        let hidden =
            widths.iter().map(|&width| LayerSpec::Dense { width, batch_norm, dropout: 0.0 }).collect();
        let head = HeadSpec { classes: 3, redundancy: 3, overlapping: true, batch_norm };
        let mut network = Network::build(&Spec { input: Volume::flat(inputs), hidden, head }, seed)
            .expect("the plan is right");
        let mut stream = seed.child("values").stream();
        for layer in &mut network.layers {
            let channels = layer.channels();
            let mut fill = |lanes: &mut [Lanes], range: std::ops::Range<f32>| {
                floats_mut(lanes)[..channels].fill_with(|| stream.random_range(range.clone()));
            };
            fill(&mut layer.bias, 0.0..0.6);
            if let Some(norm) = &mut layer.norm {
                fill(&mut norm.gain, -1.0..1.0);
                norm.gain[0].0[0] = 0.0;
                fill(&mut norm.mean, -0.5..0.5);
                fill(&mut norm.variance, 0.0..2.0);
            }
        }
        network
    }

    fn samples(count: usize, inputs: usize, max: u8, seed: &Seed) -> Array2<u8> {
        let mut stream = seed.child("samples").stream();
        Array2::from_shape_simple_fn((count, inputs), || stream.random_range(0..=max))
    }

    /// The layer's spikes in whole numbers, which no order of summation can change.
    fn spikes(layer: &BinaryLayer, inputs: &[u8]) -> Vec<bool> {
        let unit = 2f64.powi(layer.exponent);
        let whole = |value: f64| {
            assert_eq!(value, (value / unit).round() * unit, "on the grid");
            (value / unit) as i128
        };
        let fires = |(weights, &threshold): (ndarray::ArrayView1<'_, f64>, &f64)| {
            let sum: i128 = weights.iter().zip(inputs).map(|(&w, &u)| whole(w) * i128::from(u)).sum();
            let reach: i128 = weights.iter().zip(inputs).map(|(&w, &u)| whole(w).abs() * i128::from(u)).sum();
            assert!(reach <= 1 << 53, "every partial sum is exact");
            sum >= whole(threshold)
        };
        layer.weights.outer_iter().zip(&layer.thresholds).map(fires).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_hard_pass_is_whole_number_arithmetic(
            inputs in 1usize..40, widths in prop::collection::vec(1usize..20, 0..3),
            max in prop::sample::select(vec![1u8, 4, 255]), batch_norm: bool, seed: u64
        ) {
            let seed = Seed::root(seed);
            let binary = network(inputs, &widths, batch_norm, &seed).fold(max);
            let samples = samples(70, inputs, max, &seed);
            let scores = binary.scores(samples.view());
            for (sample, scores) in samples.outer_iter().zip(scores.outer_iter()) {
                let mut values = sample.to_vec();
                for layer in &binary.layers {
                    values = spikes(layer, &values).into_iter().map(u8::from).collect();
                }
                let outputs: Vec<bool> = values.iter().map(|&value| value == 1).collect();
                prop_assert_eq!(binary.key.scores(&outputs), scores.to_vec());
            }
        }
    }

    /// Every layer gets the same inputs in both forms, so that the rounding of one neuron does not
    /// spread.
    #[test]
    fn folding_changes_a_spike_only_within_single_precision_of_the_threshold() {
        let seed = Seed::root(11);
        for batch_norm in [false, true] {
            let network = network(200, &[150, 100], batch_norm, &seed);
            let samples = samples(256, 200, 255, &seed);
            let mut activations = Activations::new(&network, 256);
            activations.load(samples.view(), 255, &(0..256).collect::<Vec<u32>>());
            network.forward(&mut activations, Pass::Deployed);
            let mut inputs = samples.map(|&level| f64::from(level));
            for (l, layer) in network.fold(255).layers.iter().enumerate() {
                let outputs = activations.layers[l].outputs.matrix(256).map(|&output| f64::from(output));
                let sums = inputs.dot(&layer.weights.t());
                let reach = inputs.dot(&layer.weights.t().map(|weight| weight.abs()));
                for ((b, o), &output) in outputs.indexed_iter() {
                    let margin = (sums[[b, o]] - layer.thresholds[o]).abs();
                    let fires = if sums[[b, o]] >= layer.thresholds[o] { 1.0 } else { 0.0 };
                    // A few units in the last place of f32 of the largest partial sum.
                    let rounding =
                        4.0 * f64::from(f32::EPSILON) * (reach[[b, o]] + layer.thresholds[o].abs());
                    assert!(fires == output || margin <= rounding, "{margin} {rounding}");
                }
                inputs = outputs;
            }
        }
    }

    /// With weights and biases so coarse that `f32` is exact, both forms must give the same scores.
    #[test]
    fn convolutions_poolings_and_residual_connections_fold_exactly() {
        let input = Volume { height: 6, width: 6, channels: 3 };
        for (index, hidden) in plans(false, 0.0).into_iter().enumerate() {
            let seed = Seed::root(index as u64);
            let head = HeadSpec { classes: 3, redundancy: 3, overlapping: true, batch_norm: false };
            let mut network =
                Network::build(&Spec { input, hidden, head }, &seed).expect("the plan is right");
            let mut stream = seed.child("values").stream();
            for layer in &mut network.layers {
                let eighths = |weight: &mut f32| *weight = (*weight * 16.0).round() / 8.0;
                floats_mut(&mut layer.linear.weights).iter_mut().for_each(eighths);
                let channels = layer.channels();
                floats_mut(&mut layer.bias)[..channels]
                    .fill_with(|| (stream.random_range(0.0f32..0.7) * 32.0).round() / 32.0);
            }
            let samples = samples(40, input.len(), 8, &seed);
            let mut activations = Activations::new(&network, 40);
            activations.load(samples.view(), 8, &(0..40).collect::<Vec<u32>>());
            network.forward(&mut activations, Pass::Deployed);
            let binary = network.fold(8);
            assert_eq!(binary.check(), Ok(()));
            let scores = binary.scores(samples.view()).map(|&score| score as f32);
            assert_eq!(scores, activations.scores(), "{}", network.topology());
            assert!(scores.outer_iter().any(|row| row != scores.row(0)), "samples differ in their scores");
        }
    }

    #[test]
    fn a_neuron_with_a_gain_of_zero_fires_by_its_bias_alone() {
        let mut network = network(4, &[2], true, &Seed::root(1));
        let norm = network.layers[0].norm.as_mut().expect("it has batch norm");
        norm.gain.fill(Lanes::ZERO);
        network.layers[0].bias[0].0[..2].copy_from_slice(&[0.5, 0.499]);
        let layer = &network.fold(255).layers[0];
        for sample in [[0; 4], [255; 4]] {
            assert_eq!(spikes(layer, &sample), [true, false]);
        }
    }

    #[test]
    fn a_sum_equal_to_the_threshold_fires() {
        // The sum is the weight 1/4, the threshold 1/2 - 1/4.
        let mut network = network(1, &[], false, &Seed::root(1));
        network.layers[0].linear.weights.fill(Lanes::splat(0.25));
        network.layers[0].bias.fill(Lanes::splat(0.25));
        let layer = &network.fold(1).layers[0];
        assert_eq!(spikes(layer, &[1]), [true; 9]);
        assert_eq!(spikes(layer, &[0]), [false; 9]);
    }
}

//! For tests: random networks of every connectivity. Their forward pass loops directly over all
//! windows.

use ndarray::{Array1, Array2, ArrayView1};
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::{BinaryLayer, BinaryNetwork, Connectivity, Key, Volume, Window};
use crate::seed::{Seed, Stream};

/// A random shape, whose sides are one, small primes or powers of two.
pub(crate) fn volume(stream: &mut Stream) -> Volume {
    let mut side = || *[1, 2, 3, 4, 5, 7, 8].choose(stream).expect("a side");
    let (height, width) = (side(), side());
    Volume { height, width, channels: stream.random_range(1..=5) }
}

/// A random connectivity for inputs of shape `input`, with windows up to the whole image and
/// strides up to 3.
pub(crate) fn connectivity(input: Volume, stream: &mut Stream) -> Connectivity {
    let height = stream.random_range(1..=input.height);
    let width = stream.random_range(1..=input.width);
    let (stride, padding) = (stream.random_range(1..=3), stream.random_range(0..height.min(width)));
    let window = Window { height, width, stride, padding };
    match stream.random_range(0..5) {
        0 => Connectivity::Dense { inputs: input.len(), outputs: stream.random_range(1..=20) },
        1 => Connectivity::Pool { input, window },
        _ => Connectivity::Convolution { input, window, channels: stream.random_range(1..=9) },
    }
}

/// A random network of one to four layers and an output layer. It has residual connections where
/// sizes allow.
///
/// Weights are whole multiples of `2^exponent`, from `-largest` to `largest` times.
pub(crate) fn network(seed: u64, input_max: u8, largest: i64, exponent: i32) -> BinaryNetwork {
    let stream = &mut Seed::root(seed).child("network").stream();
    let mut volumes = vec![volume(stream)];
    let mut layers = Vec::new();
    for index in 0..stream.random_range(1..=4) {
        let connectivity = match stream.random_bool(0.4) {
            true => same_size(volumes[index], stream),
            false => connectivity(volumes[index], stream),
        };
        layers.push(layer(connectivity, &volumes, input_max, (largest, exponent), stream));
        volumes.push(connectivity.output());
    }
    let outputs = Connectivity::Dense { inputs: volumes[layers.len()].len(), outputs: 6 };
    layers.push(layer(outputs, &volumes, input_max, (largest, exponent), stream));
    let key = Key::from_members(Array2::from_shape_fn((3, 6), |(class, neuron)| neuron % 3 == class));
    BinaryNetwork { input_max, layers, key }
}

/// A random convolution that keeps the shape, so that a residual connection may follow.
fn same_size(input: Volume, stream: &mut Stream) -> Connectivity {
    let side = if input.height.min(input.width) > 1 && stream.random_bool(0.7) { 3 } else { 1 };
    let window = Window { height: side, width: side, stride: 1, padding: side / 2 };
    Connectivity::Convolution { input, window, channels: input.channels }
}

/// A random layer. Its sources are the layer below and some earlier layers of the same size.
fn layer(
    connectivity: Connectivity,
    volumes: &[Volume],
    input_max: u8,
    (largest, exponent): (i64, i32),
    stream: &mut Stream,
) -> BinaryLayer {
    let below = volumes.len() - 1;
    let graded = |source: usize| input_max > 1 && (source == 0 || below == 0);
    let fits = |&source: &usize| volumes[source].len() == connectivity.input().len() && !graded(source);
    let mut sources = vec![below];
    sources.extend((0..below).filter(fits).filter(|_| stream.random_bool(0.5)));
    if let Connectivity::Pool { input, window } = connectivity {
        return BinaryLayer::pool(input, window, sources);
    }
    let unit = 2f64.powi(exponent);
    let spread = largest * connectivity.elements() as i64 / 4;
    let mut whole = |largest: i64| stream.random_range(-largest..=largest) as f64 * unit;
    let weights =
        Array2::from_shape_simple_fn((connectivity.weight_channels(), connectivity.elements()), || {
            whole(largest)
        });
    let thresholds = Array1::from_shape_simple_fn(connectivity.weight_channels(), || whole(spread));
    BinaryLayer { connectivity, sources, weights, thresholds, exponent }
}

/// Random inputs (N samples, I inputs), of which half are 0.
pub(crate) fn inputs(network: &BinaryNetwork, samples: usize, seed: u64) -> Array2<u8> {
    let stream = &mut Seed::root(seed).child("inputs").stream();
    Array2::from_shape_simple_fn((samples, network.inputs()), || {
        if stream.random_bool(0.5) { stream.random_range(1..=network.input_max) } else { 0 }
    })
}

/// The outputs of every layer on one sample.
pub(crate) fn direct(network: &BinaryNetwork, sample: ArrayView1<'_, u8>) -> Vec<Vec<f64>> {
    let mut values = vec![sample.iter().map(|&level| f64::from(level)).collect::<Vec<f64>>()];
    for layer in &network.layers {
        let presynaptic: Vec<f64> = (0..layer.connectivity.input().len())
            .map(|input| layer.sources.iter().map(|&source| values[source][input]).sum())
            .collect();
        let sums =
            direct_sums(&layer.connectivity, layer.weights.t().as_standard_layout().view(), &presynaptic);
        let channels = layer.connectivity.weight_channels();
        let fires =
            |(neuron, &sum): (usize, &f64)| f64::from(u8::from(sum >= layer.thresholds[neuron % channels]));
        values.push(sums.iter().enumerate().map(fires).collect());
    }
    values.remove(0);
    values
}

/// The sum of each neuron, by the definition of its connectivity. `weights` has the shape (kernel
/// elements, channels).
pub(crate) fn direct_sums<T>(
    connectivity: &Connectivity,
    weights: ndarray::ArrayView2<'_, T>,
    presynaptic: &[T],
) -> Vec<T>
where
    T: Copy + Default + std::ops::AddAssign + std::ops::Mul<Output = T>,
{
    let output = connectivity.output();
    let mut sums = vec![T::default(); output.len()];
    for (neuron, sum) in sums.iter_mut().enumerate() {
        let (position, o) = (neuron / output.channels, neuron % output.channels);
        let (row, column) = (position / output.width, position % output.width);
        match *connectivity {
            Connectivity::Dense { inputs, .. } => {
                (0..inputs).for_each(|i| *sum += weights[[i, o]] * presynaptic[i])
            }
            Connectivity::Convolution { input, window, .. } => {
                for_window(input, window, (row, column), |pixel, element| {
                    for c in 0..input.channels {
                        let weight = weights[[element * input.channels + c, o]];
                        *sum += weight * presynaptic[pixel * input.channels + c];
                    }
                });
            }
            Connectivity::Pool { input, window } => for_window(input, window, (row, column), |pixel, _| {
                *sum += weights[[0, 0]] * presynaptic[pixel * input.channels + o];
            }),
        }
    }
    sums
}

/// Calls `visit(pixel, element)` for every pixel of `input` in the window at (row, column).
fn for_window(
    input: Volume,
    window: Window,
    (row, column): (usize, usize),
    mut visit: impl FnMut(usize, usize),
) {
    for ky in 0..window.height {
        for kx in 0..window.width {
            let (y, x) = (row * window.stride + ky, column * window.stride + kx);
            let inside = y >= window.padding && x >= window.padding;
            if inside && y - window.padding < input.height && x - window.padding < input.width {
                let pixel = (y - window.padding) * input.width + x - window.padding;
                visit(pixel, ky * window.width + kx);
            }
        }
    }
}

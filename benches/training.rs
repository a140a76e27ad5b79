//! Time of a training step, and of the hard pass over a test set.
//!
//! Throughput is samples a second. Run with `cargo bench --bench training`; the pool has as many threads as
//! the machine, or `RAYON_NUM_THREADS`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use rand::RngExt;
use spiketune::data::Coded;
use spiketune::network::{HeadSpec, LayerSpec, Network, Spec, Volume, Window};
use spiketune::seed::Seed;
use spiketune::training::{Method, Rule, Sharpener, Simple, Trainer, TrainingConfig};

struct Shape {
    name: &'static str,
    image: [usize; 3],
    /// Channels and side of the window of each convolution, and whether max pooling by 2 follows.
    convolutions: &'static [(usize, usize, bool)],
    padded: bool,
    dense: &'static [usize],
    batch: usize,
    batch_norm: bool,
    dropout: f32,
}

const MNIST: [usize; 3] = [28, 28, 1];
const PLAIN: Shape = Shape {
    name: "784-512-512-100",
    image: MNIST,
    convolutions: &[],
    padded: false,
    dense: &[512, 512],
    batch: 128,
    batch_norm: false,
    dropout: 0.0,
};
const LENET: Shape = Shape {
    name: "28x28x1-32c5-p2-64c5-p2-512-100",
    convolutions: &[(32, 5, true), (64, 5, true)],
    dense: &[512],
    ..PLAIN
};

/// Whetstone's dense example, and a network of the usual size for 28 x 28 images: plain, with all that the
/// search may add, and at the batch sizes on either side; a LeNet, and a small VGG.
const SHAPES: [Shape; 11] = [
    Shape { name: "784-256-64-100", dense: &[256, 64], ..PLAIN },
    PLAIN,
    Shape { name: "784-512-512-100 norm", batch_norm: true, dropout: 0.2, ..PLAIN },
    Shape { batch: 32, ..PLAIN },
    Shape { batch: 512, ..PLAIN },
    LENET,
    Shape { batch: 32, ..LENET },
    Shape { batch: 512, ..LENET },
    Shape { batch: 32, ..VGG },
    VGG,
    Shape { batch: 512, ..VGG },
];
const VGG: Shape = Shape {
    name: "32x32x3-64c3-64c3-p2-128c3-128c3-p2-256-100",
    image: [32, 32, 3],
    convolutions: &[(64, 3, false), (64, 3, true), (128, 3, false), (128, 3, true)],
    padded: true,
    dense: &[256],
    ..PLAIN
};

impl Shape {
    fn network(&self) -> Network {
        let (batch_norm, dropout) = (self.batch_norm, self.dropout);
        let mut hidden = Vec::new();
        for &(channels, side, pooled) in self.convolutions {
            let padding = if self.padded { side / 2 } else { 0 };
            let window = Window { padding, ..Window::square(side, 1) };
            hidden.push(LayerSpec::Convolution { channels, window, batch_norm, dropout });
            if pooled {
                hidden.push(LayerSpec::MaxPool { size: 2, stride: 2 });
            }
        }
        hidden.extend(self.dense.iter().map(|&width| LayerSpec::Dense { width, batch_norm, dropout }));
        let head = HeadSpec { classes: 10, redundancy: 10, overlapping: true, batch_norm };
        Network::build(&Spec { input: Volume::from(self.image), hidden, head }, &Seed::root(1))
            .expect("the plan is right")
    }

    /// Steps of an epoch: fewer where each takes long.
    fn steps(&self) -> usize {
        if self.convolutions.is_empty() { 50 } else { 5 }
    }
}

/// Images with a fifth of their pixels on, as in MNIST.
fn coded(count: usize, shape: [usize; 3]) -> Coded {
    let mut stream = Seed::root(2).stream();
    let pixel = || if stream.random_bool(0.2) { stream.random() } else { 0 };
    let inputs = Array2::from_shape_simple_fn((count, shape.iter().product()), pixel);
    Coded { inputs, shape, max: 255, labels: (0..count).map(|sample| (sample % 10) as u16).collect() }
}

/// Soft epochs of 50 whole steps, of 5 with convolutions: gather, both passes, the rule; room is made beforehand.
fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("steps");
    for shape in &SHAPES {
        let samples = shape.batch * shape.steps();
        let (network, set) = (shape.network(), coded(samples, shape.image));
        let validation = coded(1, shape.image);
        // Soft for ever: the steps of a layer that is exact cost less.
        let simple = Simple { start_epoch: u32::MAX / 2, ..Simple::default() };
        let method = Method::Sharpen { sharpener: Sharpener::Simple(simple) };
        let whetstone = TrainingConfig { epochs: u32::MAX, method, ..TrainingConfig::whetstone() };
        for (rule, name) in [(Rule::adam(0.001), "adam"), (Rule::whetstone(), "adadelta")] {
            let config = TrainingConfig { rule, batch_size: shape.batch, ..whetstone.clone() };
            group.throughput(Throughput::Elements(samples as u64));
            group.bench_function(format!("{} batch {} {name}", shape.name, shape.batch), |bencher| {
                let (mut network, seed) = (network.clone(), Seed::root(3));
                let mut trainer = Trainer::new(&mut network, &set, &validation, &config, &seed)
                    .expect("the settings are right");
                bencher.iter(|| trainer.epoch().expect("nothing diverges"));
            });
        }
    }
    group.finish();
}

fn hard_pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hard pass");
    let set = coded(1000, MNIST);
    for shape in &SHAPES[..2] {
        let binary = shape.network().fold(255);
        group.throughput(Throughput::Elements(1000));
        group.bench_function(shape.name, |bencher| {
            bencher.iter(|| black_box(binary.predict(set.inputs.view())))
        });
    }
    group.finish();
}

criterion_group!(benches, steps, hard_pass);
criterion_main!(benches);

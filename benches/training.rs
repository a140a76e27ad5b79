//! Time of a training step, and of the hard pass over a test set.
//!
//! Throughput is samples a second. Run with `cargo bench --bench training`; the pool has as many threads as
//! the machine, or `RAYON_NUM_THREADS`.

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use rand::RngExt;
use spiketune::data::Coded;
use spiketune::network::{HeadSpec, LayerSpec, Network, Spec};
use spiketune::seed::Seed;
use spiketune::training::{EpochReport, Rule, TrainingConfig, train};

struct Shape {
    name: &'static str,
    hidden: &'static [usize],
    batch: usize,
    batch_norm: bool,
    dropout: f32,
}

/// Whetstone's dense example, and a network of the usual size for 28 x 28 images: plain, with all that the
/// search may add, and at the batch sizes on either side.
const SHAPES: [Shape; 5] = [
    Shape { name: "784-256-64-100", hidden: &[256, 64], batch: 128, batch_norm: false, dropout: 0.0 },
    Shape { name: "784-512-512-100", hidden: &[512, 512], batch: 128, batch_norm: false, dropout: 0.0 },
    Shape { name: "784-512-512-100 norm", hidden: &[512, 512], batch: 128, batch_norm: true, dropout: 0.2 },
    Shape { name: "784-512-512-100", hidden: &[512, 512], batch: 32, batch_norm: false, dropout: 0.0 },
    Shape { name: "784-512-512-100", hidden: &[512, 512], batch: 512, batch_norm: false, dropout: 0.0 },
];

impl Shape {
    fn network(&self) -> Network {
        let layer =
            |&width: &usize| LayerSpec::Dense { width, batch_norm: self.batch_norm, dropout: self.dropout };
        let hidden = self.hidden.iter().map(layer).collect();
        let head = HeadSpec { classes: 10, redundancy: 10, overlapping: true, batch_norm: self.batch_norm };
        Network::build(&Spec { inputs: 784, hidden, head }, &Seed::root(1)).expect("the plan is right")
    }
}

/// Images with a fifth of their pixels on, as in MNIST.
fn coded(count: usize) -> Coded {
    let mut stream = Seed::root(2).stream();
    let pixel = || if stream.random_bool(0.2) { stream.random() } else { 0 };
    let inputs = Array2::from_shape_simple_fn((count, 784), pixel);
    let labels = (0..count).map(|sample| (sample % 10) as u16).collect();
    Coded { inputs, shape: [28, 28, 1], max: 255, labels }
}

/// Soft epochs of 50 whole steps: gather, both passes, the rule.
fn steps(criterion: &mut Criterion) {
    const STEPS: usize = 50;
    let mut group = criterion.benchmark_group("steps");
    let validation = coded(1);
    for shape in &SHAPES {
        let (network, set) = (shape.network(), coded(shape.batch * STEPS));
        let config = TrainingConfig { epochs: 1, batch_size: shape.batch, ..TrainingConfig::whetstone() };
        for (rule, name) in [(Rule::adam(0.001), "adam"), (Rule::whetstone(), "adadelta")] {
            let config = TrainingConfig { rule, ..config.clone() };
            group.throughput(Throughput::Elements((shape.batch * STEPS) as u64));
            group.bench_function(format!("{} batch {} {name}", shape.name, shape.batch), |bencher| {
                bencher.iter(|| {
                    let observer = &mut |_: &EpochReport| ControlFlow::Continue(());
                    train(&mut network.clone(), &set, &validation, &config, &Seed::root(3), observer)
                });
            });
        }
    }
    group.finish();
}

fn hard_pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hard pass");
    let set = coded(1000);
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

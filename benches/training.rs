//! The time of a training step, and of the deployed pass over a test set.
//!
//! Throughput is in samples per second. Run with `cargo bench --bench training`; the pool has one
//! thread per core, or `RAYON_NUM_THREADS`. A table after the steps shows floating-point operations
//! per second, counted by the direct sums, and their share of the peak of one thread in the same
//! run. Winograd's convolution and several threads may exceed that peak.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spiketune::seed::Seed;
use spiketune::training::{Rule, Trainer};
use support::nets::{LENET, MLP, Net, VGG, images, soft};

#[path = "support/mod.rs"]
mod support;

/// The networks with their batch sizes: Whetstone's dense example, a dense network of the usual
/// size for 28 x 28 images, the same with batch norm and dropout, a LeNet, and a small VGG.
const NETS: [(Net, usize); 11] = [
    (Net { name: "784-256-64-100", dense: &[256, 64], ..MLP }, 128),
    (MLP, 32),
    (MLP, 128),
    (MLP, 512),
    (Net { name: "784-512-512-100 norm", batch_norm: true, dropout: 0.2, ..MLP }, 128),
    (LENET, 32),
    (LENET, 128),
    (LENET, 512),
    (VGG, 32),
    (VGG, 128),
    (VGG, 512),
];

/// Steps of an epoch; fewer for convolutional networks, whose steps take longer.
fn steps_of(net: &Net) -> usize {
    if net.convolutions.is_empty() { 50 } else { 5 }
}

/// Gives `measure` a function that runs one epoch of soft steps: load, both passes, the rule. All
/// buffers are allocated before.
fn with_epochs(net: &Net, batch: usize, rule: Rule, measure: impl FnOnce(&mut dyn FnMut())) {
    let (mut network, set) = (net.build(), images(batch * steps_of(net), net.image));
    let (validation, config, seed) = (images(1, net.image), soft(rule, batch), Seed::root(3));
    let mut trainer =
        Trainer::new(&mut network, &set, &validation, &config, &seed).expect("the settings are right");
    measure(&mut || {
        trainer.epoch().expect("nothing diverges");
    });
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("steps");
    for (net, batch) in &NETS {
        for (rule, name) in [(Rule::adam(0.001), "adam"), (Rule::whetstone(), "adadelta")] {
            group.throughput(Throughput::Elements((batch * steps_of(net)) as u64));
            group.bench_function(format!("{} batch {batch} {name}", net.name), |bencher| {
                with_epochs(net, *batch, rule, |epoch| bencher.iter(epoch));
            });
        }
    }
    group.finish();
}

/// The seconds of the fastest of `calls` calls.
fn fastest(calls: usize, mut call: impl FnMut()) -> f64 {
    let mut seconds = f64::INFINITY;
    for _ in 0..calls {
        let start = Instant::now();
        call();
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    seconds
}

#[expect(clippy::print_stdout, reason = "a table for people")]
fn shares(_: &mut Criterion) {
    const ROUNDS: usize = 1_000_000;
    let peak = support::peak::operations(ROUNDS) as f64
        / fastest(20, || {
            black_box(support::peak::fused(black_box(ROUNDS)));
        });
    println!("peak of one thread: {:.1} GFLOP/s", peak / 1e9);
    println!(
        "{:<44} {:>5} {:>9} {:>11} {:>8} {:>6}",
        "net", "batch", "ms/step", "images/s", "GFLOP/s", "share"
    );
    for (net, batch) in &NETS {
        with_epochs(net, *batch, Rule::adam(0.001), |epoch| {
            let step = fastest(4, epoch) / steps_of(net) as f64;
            let images = *batch as f64 / step;
            let speed = images * net.operations() as f64;
            let (name, step, share) = (net.name, step * 1e3, 100.0 * speed / peak);
            println!("{name:<44} {batch:>5} {step:>9.3} {images:>11.0} {:>8.1} {share:>5.0}%", speed / 1e9);
        });
    }
}

fn hard_pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hard pass");
    let set = images(1000, MLP.image);
    for (net, _) in &NETS[..2] {
        let binary = net.build().fold(255);
        group.throughput(Throughput::Elements(1000));
        group.bench_function(net.name, |bencher| {
            bencher.iter(|| black_box(binary.predict(set.inputs.view())))
        });
    }
    group.finish();
}

criterion_group!(benches, steps, shares, hard_pass);
criterion_main!(benches);

//! For tests: a small problem, a network for it, and settings that solve it.

use std::ops::ControlFlow;

use ndarray::Array2;
use rand::RngExt;

use crate::data::Coded;
use crate::network::{HeadSpec, LayerSpec, Network, Spec, Volume};
use crate::seed::Seed;

use super::{Method, Rule, Sharpener, Simple, Summary, TrainingConfig, TrainingError, train};

/// `count` samples of two patterns of 20 bits. About two bits of each sample are flipped.
pub fn patterns(count: usize, seed: u64) -> Coded {
    let mut stream = Seed::root(seed).stream();
    let labels: Vec<u16> = (0..count).map(|sample| (sample % 2) as u16).collect();
    let inputs = Array2::from_shape_fn((count, 20), |(sample, i)| {
        let spike = (i / 2 + usize::from(labels[sample]) * (i % 3)) % 2 == 0;
        u8::from(spike != stream.random_bool(0.1))
    });
    Coded { inputs, shape: [4, 5, 1], max: 1, labels }
}

/// A network with two hidden layers of 70 neurons.
pub fn network(batch_norm: bool, dropout: f32) -> Network {
    let hidden = vec![LayerSpec::Dense { width: 70, batch_norm, dropout }; 2];
    let head = HeadSpec { classes: 2, redundancy: 8, overlapping: false, batch_norm };
    Network::build(&Spec { input: Volume::flat(20), hidden, head }, &Seed::root(1))
        .expect("the plan is right")
}

/// Settings whose sharpening ends after 32 of 40 epochs.
pub fn config() -> TrainingConfig {
    let simple = Simple { start_epoch: 8, steps: 8, ..Simple::default() };
    TrainingConfig {
        epochs: 40,
        batch_size: 32,
        rule: Rule::adam(0.005),
        method: Method::Sharpen { sharpener: Sharpener::Simple(simple) },
        ..TrainingConfig::whetstone()
    }
}

/// Trains `network` on a thousand patterns.
pub fn run(network: &mut Network, config: &TrainingConfig) -> Result<Summary, TrainingError> {
    let (set, validation) = (patterns(1000, 1), patterns(300, 2));
    train(network, &set, &validation, config, &Seed::root(3), &mut |_| ControlFlow::Continue(()))
}

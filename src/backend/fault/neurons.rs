//! Faults of neurons.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::backend::mapping::LayerMapping;
use crate::backend::simulate::circuit::Circuit;
use crate::seed::{Seed, Stream};

/// The threshold of a neuron that never fires.
pub(super) const NEVER: i64 = i64::MAX;
/// The threshold of a neuron that always fires.
pub(super) const ALWAYS: i64 = i64::MIN;

/// Gives a random share `rate` of the neurons the threshold `at`.
pub(super) fn set_thresholds(circuit: &mut Circuit<'_>, at: i64, rate: f64, stream: &mut Stream) {
    for threshold in &mut circuit.thresholds {
        if stream.random::<f64>() < rate {
            *threshold = at;
        }
    }
}

/// Adds a random number from a normal distribution to each threshold. Its standard deviation is
/// `deviation` times the root of the neuron's summed squared weights.
pub(super) fn shift(circuit: &mut Circuit<'_>, deviation: f64, stream: &mut Stream) {
    let layer = circuit.layer;
    let repeats = layer.connectivity.inputs_per_element() as f64;
    let square = |&weight: &i64| (weight as f64).powi(2);
    let spreads: Vec<f64> = layer
        .weights
        .columns()
        .into_iter()
        .map(|channel| (channel.iter().map(square).sum::<f64>() * repeats).sqrt())
        .collect();
    for (threshold, spread) in circuit.thresholds.iter_mut().zip(spreads.iter().cycle()) {
        let normal: f64 = StandardNormal.sample(stream);
        *threshold = threshold.saturating_add((deviation * spread * normal).round() as i64);
    }
}

/// Silences all neurons on masked cores, a random share `rate` of the cores. The draw for a core
/// depends only on `seed` and the core's number.
pub(super) fn mask(circuit: &mut Circuit<'_>, mapping: &LayerMapping, rate: f64, seed: &Seed) {
    let neurons = circuit.thresholds.len();
    for core in &mapping.cores {
        if seed.index(core.number as u64).stream().random::<f64>() < rate {
            (core.first..core.first + core.neurons)
                .for_each(|placed| circuit.thresholds[placed % neurons] = NEVER);
        }
    }
}

//! Loss of spikes. Spikes of inputs, hidden neurons and output neurons can get lost.

use rand::RngExt;

use super::events::EventLists;
use crate::seed::{Seed, Stream};

/// A rate at which spikes are lost.
#[derive(Clone, Debug)]
pub(in crate::backend) struct SpikeDrop {
    /// The probability that a spike is lost, 0 to 1.
    pub rate: f64,
    /// The seed of all samples' draws.
    pub seed: Seed,
}

/// The random draws of one sample.
pub(super) struct SampleDrops {
    rate: f64,
    stream: Stream,
}

impl SpikeDrop {
    /// The draws of sample number `sample`.
    pub(super) fn of_sample(&self, sample: usize) -> SampleDrops {
        SampleDrops { rate: self.rate, stream: self.seed.index(sample as u64).stream() }
    }
}

impl SampleDrops {
    fn keeps(&mut self) -> bool {
        self.stream.random::<f64>() >= self.rate
    }
}

/// Drops spikes of each sample; an empty `drops` keeps all spikes.
pub(super) fn drop_spikes(spikes: &mut EventLists, drops: &mut [SampleDrops]) {
    if !drops.is_empty() {
        spikes.retain(|sample, _| drops[sample].keeps());
    }
}

/// Drops inputs and their levels; an empty `drops` keeps all inputs.
pub(super) fn drop_inputs(inputs: &mut EventLists, levels: &mut Vec<u8>, drops: &mut [SampleDrops]) {
    if drops.is_empty() {
        return;
    }
    let mut kept = 0;
    inputs.retain(|sample, at| {
        let keeps = drops[sample].keeps();
        if keeps && !levels.is_empty() {
            levels[kept] = levels[at];
            kept += 1;
        }
        keeps
    });
    levels.truncate(kept);
}

//! Spikes that get lost on their way, those of the input and of the output too.

use rand::RngExt;

use super::events::EventLists;
use crate::seed::{Seed, Stream};

/// How spikes get lost.
#[derive(Clone, Debug)]
pub(in crate::backend) struct SpikeDrop {
    /// How probably one does, in [0, 1].
    pub rate: f64,
    /// What each sample's draws come from.
    pub seed: Seed,
}

/// The draws of one sample.
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

/// Drops spikes of each sample, of which `drops` has one draw each, or none if nothing gets lost.
pub(super) fn drop_spikes(spikes: &mut EventLists, drops: &mut [SampleDrops]) {
    if !drops.is_empty() {
        spikes.retain(|sample, _| drops[sample].keeps());
    }
}

/// Drops inputs together with their levels, if there are any.
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

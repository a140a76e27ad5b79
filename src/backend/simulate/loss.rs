//! Spikes that get lost on their way, those of the input and of the output too.

use rand::RngExt;

use super::events::Lists;
use crate::seed::{Seed, Stream};

/// How spikes get lost.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Loss {
    /// How probably one does, in [0, 1].
    pub rate: f64,
    /// What each sample's draws come from.
    pub seed: Seed,
}

/// The draws of one sample.
pub(super) struct Losing {
    rate: f64,
    stream: Stream,
}

impl Loss {
    /// The draws of sample number `sample`.
    pub(super) fn of_sample(&self, sample: usize) -> Losing {
        Losing { rate: self.rate, stream: self.seed.index(sample as u64).stream() }
    }
}

impl Losing {
    fn keeps(&mut self) -> bool {
        self.stream.random::<f64>() >= self.rate
    }
}

/// Drops spikes of each sample, of which `losing` has one draw each, or none if nothing gets lost.
pub(super) fn lose(spikes: &mut Lists, losing: &mut [Losing]) {
    if !losing.is_empty() {
        spikes.retain(|sample, _| losing[sample].keeps());
    }
}

/// Drops inputs together with their levels, if there are any.
pub(super) fn lose_inputs(inputs: &mut Lists, levels: &mut Vec<u8>, losing: &mut [Losing]) {
    if losing.is_empty() {
        return;
    }
    let mut kept = 0;
    inputs.retain(|sample, at| {
        let keeps = losing[sample].keeps();
        if keeps && !levels.is_empty() {
            levels[kept] = levels[at];
            kept += 1;
        }
        keeps
    });
    levels.truncate(kept);
}

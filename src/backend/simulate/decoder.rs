//! From the spikes of the output neurons to a decision.

use crate::network::{Decision, Key};

/// Counts the output neurons' votes: the scores are linear in the spikes, so each spike adds its share.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    /// (K): the scores without a spike.
    silent: Vec<i32>,
    /// (N) rows of (K): what a neuron's spike adds.
    shares: Vec<i32>,
}

impl Decoder {
    pub fn new(key: &Key) -> Self {
        let mut spikes = vec![false; key.width()];
        let silent = key.scores(&spikes);
        let mut shares = Vec::with_capacity(key.width() * key.classes());
        for neuron in 0..key.width() {
            spikes[neuron] = true;
            shares.extend(key.scores(&spikes).iter().zip(&silent).map(|(one, none)| one - none));
            spikes[neuron] = false;
        }
        Self { silent, shares }
    }

    /// The decision on the output neurons that fired; `scores` is memory that is used again.
    pub fn decide(&self, spikes: &[u32], scores: &mut Vec<i32>) -> Decision {
        let classes = self.silent.len();
        scores.clear();
        scores.extend_from_slice(&self.silent);
        for &neuron in spikes {
            let shares = &self.shares[neuron as usize * classes..][..classes];
            for (score, share) in scores.iter_mut().zip(shares) {
                *score += share;
            }
        }
        Decision::of(scores)
    }
}

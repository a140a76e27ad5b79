//! From the spikes of the output neurons to a decision.

use crate::network::{Decision, Key};

/// Scores that are added at once.
const CHUNK: usize = 16;

/// Counts the output neurons' votes: the scores are linear in the spikes, so each spike adds its share.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    /// (K): the scores without a spike.
    silent: Vec<i32>,
    /// (N) rows of (K), filled up to whole chunks: what a neuron's spike adds.
    shares: Vec<[i32; CHUNK]>,
}

impl Decoder {
    pub fn new(key: &Key) -> Self {
        let mut spikes = vec![false; key.width()];
        let silent = key.scores(&spikes);
        let mut shares = Vec::new();
        for neuron in 0..key.width() {
            spikes[neuron] = true;
            let added: Vec<i32> =
                key.scores(&spikes).iter().zip(&silent).map(|(one, none)| one - none).collect();
            let filled = |chunk: &[i32]| std::array::from_fn(|class| chunk.get(class).copied().unwrap_or(0));
            shares.extend(added.chunks(CHUNK).map(filled));
            spikes[neuron] = false;
        }
        Self { silent, shares }
    }

    /// The decision on the output neurons that fired; `scores` is memory that is used again.
    pub fn decide(&self, spikes: &[u32], scores: &mut Vec<i32>) -> Decision {
        let classes = self.silent.len();
        let chunks = classes.div_ceil(CHUNK);
        scores.clear();
        scores.extend_from_slice(&self.silent);
        scores.resize(chunks * CHUNK, 0);
        let (scores, _) = scores.as_chunks_mut::<CHUNK>();
        for &neuron in spikes {
            let shares = &self.shares[neuron as usize * chunks..][..chunks];
            for (scores, shares) in scores.iter_mut().zip(shares) {
                scores.iter_mut().zip(shares).for_each(|(score, share)| *score += share);
            }
        }
        Decision::of(&scores.as_flattened()[..classes])
    }
}

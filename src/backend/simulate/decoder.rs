//! Decisions from the spikes of the output neurons.

use ndarray::ArrayView2;

use super::matrix_unit::Line;
use super::tiles::{Tiles, rows};
use crate::network::{Decision, Key};

/// Scores classes from spikes: scores are linear in the spikes, so each spike adds its share.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    /// (K): the scores without any spike.
    silent: Vec<i32>,
    /// Rows of (K), one per neuron: what its spike adds to the scores.
    shares: Vec<i32>,
    /// The shares in tiles, if there is a matrix unit.
    tiles: Option<Tiles<i32>>,
}

impl Decoder {
    /// The decoder for the assignment `key` of output neurons to classes.
    pub fn new(key: &Key) -> Self {
        let mut spikes = vec![false; key.width()];
        let silent = key.scores(&spikes);
        let mut shares = Vec::with_capacity(key.width() * key.classes());
        for neuron in 0..key.width() {
            spikes[neuron] = true;
            shares.extend(key.scores(&spikes).iter().zip(&silent).map(|(one, none)| one - none));
            spikes[neuron] = false;
        }
        let table = ArrayView2::from_shape((key.width(), key.classes()), &shares).expect("a row a neuron");
        let tiles = Tiles::new(table.mapv(i64::from).view());
        Self { silent, shares, tiles }
    }

    /// Writes to `scores` the class scores of each sample. `lines` has the spikes of the output
    /// neurons, in the layout of [`tile_rows`](super::tiles::tile_rows). Returns the length of one
    /// sample's row in `scores`.
    ///
    /// # Panics
    /// If there is no matrix unit.
    #[inline(always)]
    pub fn score_lines(&self, lines: &[Line], samples: usize, scores: &mut Vec<i32>) -> usize {
        let tiles = self.tiles.as_ref().expect("a matrix unit");
        scores.resize(rows(samples) * tiles.width(), 0);
        tiles.sum_lines(lines, scores);
        for scores in scores.chunks_exact_mut(tiles.width()) {
            scores.iter_mut().zip(&self.silent).for_each(|(score, silent)| *score += silent);
        }
        tiles.width()
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.silent.len()
    }

    /// The decision for the output neurons that fired; the memory of `scores` is reused.
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

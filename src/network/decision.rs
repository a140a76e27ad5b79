//! The hard forward pass: every activation 0 or 1, every sum exact.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::{BinaryLayer, BinaryNetwork};

/// Samples that share a thread's buffers.
const CHUNK: usize = 64;

/// What the network takes a sample for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The class of the highest score; the lowest of equals.
    pub class: u16,
    /// Whether several classes share the highest score.
    pub tied: bool,
}

impl Decision {
    /// The decision on scores (K), at least one.
    pub fn of(scores: &[i32]) -> Self {
        let highest = scores.iter().copied().max().unwrap_or_default();
        let mut winners = (0..).zip(scores).filter(|&(_, &score)| score == highest).map(|(class, _)| class);
        Self { class: winners.next().unwrap_or_default(), tied: winners.next().is_some() }
    }
}

impl BinaryNetwork {
    /// (N, K) scores of `inputs` (N, I): integers, the same for any order of summation.
    pub fn scores(&self, inputs: ArrayView2<'_, u8>) -> Array2<i32> {
        let classes = self.key.classes();
        let fans: Vec<Array2<f64>> = self.layers.iter().map(fan_out).collect();
        let mut scores = vec![0; inputs.nrows() * classes];
        scores.par_chunks_mut(CHUNK * classes).enumerate().for_each(|(chunk, scores)| {
            let mut pass = HardPass::new(self, &fans);
            for (i, scores) in scores.chunks_mut(classes).enumerate() {
                let sample = inputs.row(chunk * CHUNK + i);
                scores.copy_from_slice(&self.key.scores(pass.run(sample.iter().copied())));
            }
        });
        Array2::from_shape_vec((inputs.nrows(), classes), scores).expect("one score per sample and class")
    }

    /// The decision on each of `inputs` (N, I).
    pub fn decide(&self, inputs: ArrayView2<'_, u8>) -> Vec<Decision> {
        let scores = self.scores(inputs).into_raw_vec_and_offset().0;
        scores.chunks(self.key.classes()).map(Decision::of).collect()
    }

    /// The class of each of `inputs` (N, I).
    pub fn predict(&self, inputs: ArrayView2<'_, u8>) -> Vec<u16> {
        self.decide(inputs).into_iter().map(|decision| decision.class).collect()
    }

    /// The share of `inputs` (N, I) whose class is their label; NaN of no samples.
    pub fn accuracy(&self, inputs: ArrayView2<'_, u8>, labels: &[u16]) -> f64 {
        let right = self.predict(inputs).iter().zip(labels).filter(|(class, label)| class == label).count();
        right as f64 / labels.len() as f64
    }
}

/// (I, O): what each input adds to all neurons, side by side.
fn fan_out(layer: &BinaryLayer) -> Array2<f64> {
    layer.weights.t().as_standard_layout().into_owned()
}

/// One thread's way through the layers, driven by active inputs alone.
struct HardPass<'a> {
    network: &'a BinaryNetwork,
    /// Per layer: (I, O).
    fans: &'a [Array2<f64>],
    /// Of the layer at hand: (O).
    sums: Vec<f64>,
    spikes: Vec<bool>,
}

impl<'a> HardPass<'a> {
    fn new(network: &'a BinaryNetwork, fans: &'a [Array2<f64>]) -> Self {
        Self { network, fans, sums: Vec::new(), spikes: Vec::new() }
    }

    /// The output neurons' spikes (N) on one sample.
    fn run(&mut self, sample: impl Iterator<Item = u8>) -> &[bool] {
        let mut layers = self.network.layers.iter().zip(self.fans);
        if let Some((first, fan)) = layers.next() {
            gather(fan, sample.map(f64::from), &mut self.sums);
            fire(first, &self.sums, &mut self.spikes);
        }
        for (layer, fan) in layers {
            gather(fan, self.spikes.iter().map(|&spike| f64::from(u8::from(spike))), &mut self.sums);
            fire(layer, &self.sums, &mut self.spikes);
        }
        &self.spikes
    }
}

fn gather(fan: &Array2<f64>, inputs: impl Iterator<Item = f64>, sums: &mut Vec<f64>) {
    sums.clear();
    sums.resize(fan.ncols(), 0.0);
    for (input, weights) in inputs.zip(fan.outer_iter()).filter(|&(input, _)| input != 0.0) {
        sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += input * weight);
    }
}

fn fire(layer: &BinaryLayer, sums: &[f64], spikes: &mut Vec<bool>) {
    spikes.clear();
    spikes.extend(sums.iter().zip(&layer.thresholds).map(|(sum, threshold)| sum >= threshold));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_of_equal_scores_wins_and_is_called_tied() {
        assert_eq!(Decision::of(&[-3, 5, 5]), Decision { class: 1, tied: true });
        assert_eq!(Decision::of(&[-3, 5, 6]), Decision { class: 2, tied: false });
    }
}

//! Inverted dropout: some activations are set to 0, and the others are scaled so that the mean
//! stays the same (Srivastava et al. 2014).

use crate::seed::Seed;

use crate::network::kernels::{LANES, Lanes};

/// The dropout of one sample in one layer and one training step.
///
/// A hash of an activation's index and a key decides whether it is dropped. So the backward pass
/// finds the same activations again, without a mask in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    key: u32,
    /// Activations whose hash is below this are dropped.
    threshold: u32,
    /// The factor on activations that are kept.
    scale: f32,
}

impl Dropout {
    /// Dropout of a `share` in [0, 1) of the activations of sample `sample`; `None` at 0.
    pub fn new(share: f32, seed: &Seed, sample: usize) -> Option<Self> {
        if share == 0.0 {
            return None;
        }
        let key = seed.index(sample as u64).to_u64() as u32;
        // The cast from a float saturates, so even a share next to 1 keeps one value in 2^32.
        let threshold = (f64::from(share) * 2f64.powi(32)) as u32;
        let scale = (2f64.powi(32) / (2f64.powi(32) - f64::from(threshold))) as f32;
        Some(Self { key, threshold, scale })
    }

    /// The factor on the activation with index `number`: 0 or the scale.
    #[inline(always)]
    pub fn factor(&self, number: u32) -> f32 {
        if mixed(number ^ self.key) < self.threshold { 0.0 } else { self.scale }
    }

    /// Multiplies `values` by their factors. `values` begin with lane `first` (of 16 activations)
    /// of the sample.
    #[inline(always)]
    pub fn apply(&self, first: usize, values: &mut [Lanes]) {
        for (index, values) in (first..).zip(values) {
            let start = (index * LANES) as u32;
            for lane in 0..LANES {
                values.0[lane] *= self.factor(start + lane as u32);
            }
        }
    }
}

/// A hash of 32 bits: every input bit changes about half of the output bits. It multiplies and
/// xor-shifts twice, with the constants of Wellons 2018, Prospecting for hash functions.
#[inline(always)]
fn mixed(number: u32) -> u32 {
    let mut x = number;
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_the_asked_share_and_keeps_the_mean() {
        let seed = Seed::root(1);
        assert!(Dropout::new(0.0, &seed, 0).is_none());
        let mut dropped = 0;
        for sample in 0..1000 {
            let dropout = Dropout::new(0.25, &seed, sample).expect("something is dropped");
            let mut values = [Lanes::splat(3.0); 5];
            dropout.apply(0, &mut values);
            for value in values.iter().flat_map(|lanes| lanes.0) {
                assert!(value == 0.0 || value == 4.0);
                dropped += usize::from(value == 0.0);
            }
        }
        // Four standard deviations of a share of 80,000 draws: 4 sqrt(0.25 0.75 / 80000) = 0.0061.
        assert!((dropped as f64 / 80_000.0 - 0.25).abs() < 0.0061, "{dropped}");
    }

    #[test]
    fn samples_drop_differently_and_a_piece_drops_as_the_whole() {
        let seed = Seed::root(2);
        let mask = |sample| {
            let mut values = [Lanes::splat(1.0); 8];
            Dropout::new(0.5, &seed, sample).expect("something is dropped").apply(0, &mut values);
            values
        };
        assert_ne!(mask(0), mask(1));
        let mut piece = [Lanes::splat(1.0); 3];
        Dropout::new(0.5, &seed, 7).expect("something is dropped").apply(5, &mut piece);
        assert_eq!(piece, mask(7)[5..]);
    }
}

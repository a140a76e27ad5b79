//! Weights as the chip will hold them, while they are still learnt.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::network::Network;
use crate::network::kernels::LANES;

use crate::training::TrainingError;
use crate::training::check::require;

/// Scales that are tried for a neuron: `2^(-i/8)` of the one that holds its largest weight, for i below this.
const CLIPPINGS: i32 = 32;

/// Quantization-aware training: both passes see rounded weights, and the gradient changes those behind them
/// (the straight-through estimator of Courbariaux et al. 2015).
///
/// Each output neuron has its own scale s, chosen at the beginning of every epoch for the least squared
/// error. A weight w becomes `s round(w / s)`, at most `2^(bits - 1) - 1` units to either side. Training ends
/// with the rounded weights in the network: a chip with as many bits and a scale for each neuron holds them
/// exactly, since batch norm folds into the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantized {
    /// Of a weight, sign included, 2 to 16.
    pub bits: u8,
    /// How many of the last epochs, at least 1.
    pub epochs: u32,
}

impl Quantized {
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        let bits = f64::from(self.bits);
        require("bits", bits, (2.0..=16.0).contains(&bits), "must lie in 2..=16")?;
        require("quantized.epochs", f64::from(self.epochs), self.epochs > 0, "must be positive")
    }

    fn largest_code(self) -> f32 {
        f32::from((1u16 << (self.bits - 1)) - 1)
    }
}

/// Scales, and the weights behind the rounded ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rounding {
    largest_code: f32,
    /// A scale for each neuron of each panel.
    scales: Vec<[f32; LANES]>,
    /// Per panel: the weights while the network holds rounded ones.
    behind: Vec<Vec<[f32; LANES]>>,
}

impl Rounding {
    /// Chooses the scales for `network` as it is.
    pub fn new(quantized: Quantized, network: &mut Network) -> Self {
        let largest_code = quantized.largest_code();
        let panels: Vec<_> = network.weight_panels_mut().collect();
        let behind = panels.iter().map(|panel| vec![[0.0; LANES]; panel.len()]).collect();
        let scales = panels.into_par_iter().map(|panel| {
            std::array::from_fn(|lane| scale(panel.iter().map(move |weights| weights[lane]), largest_code))
        });
        Self { largest_code, scales: scales.collect(), behind }
    }

    /// Rounds the weights of `network`, and keeps those behind.
    pub fn round(&mut self, network: &mut Network) {
        let panels = network.weight_panels_mut().zip(&mut self.behind).zip(&self.scales);
        panels.par_bridge().for_each(|((panel, behind), scales)| {
            behind.copy_from_slice(panel);
            for (weight, &scale) in panel.iter_mut().flat_map(|weights| weights.iter_mut().zip(scales)) {
                *weight = rounded(*weight, scale, self.largest_code);
            }
        });
    }

    /// Undoes [`round`](Self::round).
    pub fn restore(&self, network: &mut Network) {
        network
            .weight_panels_mut()
            .zip(&self.behind)
            .for_each(|(panel, behind)| panel.copy_from_slice(behind));
    }
}

/// A scale of 0 belongs to weights that are all 0.
fn rounded(weight: f32, scale: f32, largest_code: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { (weight / scale).round().clamp(-largest_code, largest_code) * scale }
}

/// The scale that leaves the least sum of squared errors; with few bits, clipping rare large weights costs
/// less than a coarse step for all the others.
fn scale(weights: impl Iterator<Item = f32> + Clone, largest_code: f32) -> f32 {
    let widest = weights.clone().fold(0.0, |most: f32, weight| most.max(weight.abs())) / largest_code;
    let error = |scale: f32| -> f64 {
        let errors = weights.clone().map(|weight| f64::from(weight - rounded(weight, scale, largest_code)));
        errors.map(|error| error * error).sum()
    };
    let scales = (0..CLIPPINGS).map(|eighths| widest * (-(eighths as f32) / 8.0).exp2());
    let (mut best, mut least) = (widest, f64::INFINITY);
    for scale in scales {
        let error = error(scale);
        if error < least {
            (best, least) = (scale, error);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{HeadSpec, Spec, Volume};
    use crate::seed::Seed;

    fn network() -> Network {
        let head = HeadSpec { classes: 5, redundancy: 14, overlapping: true, batch_norm: false };
        let spec = Spec { input: Volume::flat(33), hidden: vec![], head };
        Network::build(&spec, &Seed::root(1)).expect("the plan is right")
    }

    #[test]
    fn each_neuron_has_no_more_values_than_codes_on_one_grid() {
        let mut network = network();
        let mut rounding = Rounding::new(Quantized { bits: 3, epochs: 1 }, &mut network);
        rounding.round(&mut network);
        for panel in network.weight_panels_mut() {
            for lane in 0..LANES {
                let neuron = || panel.iter().map(|weights| weights[lane]);
                let widest = neuron().fold(0.0, |most: f32, weight| most.max(weight.abs()));
                let unit = if widest == 0.0 { 1.0 } else { widest / 3.0 };
                assert!(neuron().map(|weight| weight / unit).all(|code| (code - code.round()).abs() < 1e-5));
            }
        }
    }

    #[test]
    fn what_was_rounded_can_be_restored_bit_for_bit() {
        let mut network = network();
        let before = network.clone();
        let mut rounding = Rounding::new(Quantized { bits: 4, epochs: 1 }, &mut network);
        rounding.round(&mut network);
        assert_ne!(network, before);
        rounding.restore(&mut network);
        assert_eq!(network, before);
    }

    #[test]
    fn weights_on_a_grid_are_kept_and_a_rare_large_one_is_clipped() {
        let scale_of = |weights: Vec<f32>, code| scale(weights.into_iter(), code);
        assert_eq!(scale_of(vec![0.5, -1.5, 1.0], 3.0), 0.5);
        assert_eq!(scale_of(vec![0.0, 0.0], 3.0), 0.0);
        // One weight of 4 among a thousand of 1, with the codes -1, 0, 1: a unit near 1 is best.
        let mut weights = vec![1.0; 1000];
        weights[7] = 4.0;
        assert_eq!(scale_of(weights, 1.0), 1.0);
    }
}

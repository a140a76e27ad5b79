//! Quantization-aware training: while weights are learnt, they are rounded to the values that the
//! chip can hold.

use serde::{Deserialize, Serialize};

use crate::network::Network;
use crate::network::kernels::LANES;
use crate::team;

use crate::training::TrainingError;
use crate::training::check::require;

/// How many scales are tried for a neuron: `2^(-i/8)` times the scale that holds its largest
/// weight, for whole i from 0.
const CLIPPINGS: i32 = 32;

/// Quantization-aware training. Both passes use rounded weights, and the gradient changes the
/// unrounded weights behind them (the straight-through estimator of Courbariaux et al. 2015).
///
/// Each neuron has its own scale s. It is chosen at the beginning of every epoch for the least
/// squared rounding error. A weight w becomes `s round(w / s)`, clipped to `2^(bits - 1) - 1` times
/// s on either side. Training ends with the rounded weights in the network. A chip with the same
/// number of bits and a scale per neuron holds them exactly, since batch norm folds into the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantized {
    /// Bits of a weight, sign included, 2 to 16.
    pub bits: u8,
    /// The number of epochs at the end of the training that use rounded weights, at least 1.
    pub epochs: u32,
}

impl Quantized {
    /// Checks that the settings lie in their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        let bits = f64::from(self.bits);
        require("bits", bits, (2.0..=16.0).contains(&bits), "must be 2 to 16")?;
        require("quantized.epochs", f64::from(self.epochs), self.epochs > 0, "must be positive")
    }

    /// The largest whole number to which `w / s` is rounded.
    fn largest_code(self) -> f32 {
        f32::from((1u16 << (self.bits - 1)) - 1)
    }
}

/// The scales of a network's weights. While the network holds rounded weights, the unrounded ones
/// are here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rounding {
    largest_code: f32,
    /// The scale of each neuron, in panels of 16 neurons.
    scales: Vec<[f32; LANES]>,
    /// The unrounded weights, in panels of 16 neurons.
    unrounded: Vec<Vec<[f32; LANES]>>,
}

impl Rounding {
    /// Chooses the scales for the current weights of `network`.
    pub fn new(quantized: Quantized, network: &mut Network) -> Self {
        let largest_code = quantized.largest_code();
        let panels: Vec<_> = network.weight_panels_mut().collect();
        let unrounded = panels.iter().map(|panel| vec![[0.0; LANES]; panel.len()]).collect();
        let mut scales = vec![[0.0; LANES]; panels.len()];
        team::for_each(panels.into_iter().zip(&mut scales), |(panel, scales)| {
            *scales = std::array::from_fn(|lane| {
                scale(panel.iter().map(move |weights| weights[lane]), largest_code)
            });
        });
        Self { largest_code, scales, unrounded }
    }

    /// The scale of each neuron, those that fill the last panel included.
    pub fn scales_mut(&mut self) -> &mut [f32] {
        self.scales.as_flattened_mut()
    }

    /// Rounds the weights of `network`, and keeps the unrounded ones here.
    pub fn round(&mut self, network: &mut Network) {
        let panels = network.weight_panels_mut().zip(&mut self.unrounded).zip(&self.scales);
        team::for_each(panels, |((panel, unrounded), scales)| {
            unrounded.copy_from_slice(panel);
            for (weight, &scale) in panel.iter_mut().flat_map(|weights| weights.iter_mut().zip(scales)) {
                *weight = rounded(*weight, scale, self.largest_code);
            }
        });
    }

    /// Gives `network` its unrounded weights back, after [`round`](Self::round).
    pub fn restore(&self, network: &mut Network) {
        let panels = network.weight_panels_mut().zip(&self.unrounded);
        team::for_each(panels, |(panel, unrounded)| panel.copy_from_slice(unrounded));
    }
}

/// `weight` rounded to a multiple of `scale`. If `scale` is 0, all weights of the neuron are 0.
fn rounded(weight: f32, scale: f32, largest_code: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { (weight / scale).round().clamp(-largest_code, largest_code) * scale }
}

/// The scale of a neuron with the least sum of squared rounding errors. With few bits it is better
/// to clip rare large weights than to round all others more coarsely.
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
        // One weight of 4 among a thousand of 1, with the codes -1, 0, 1: a scale of 1 is best.
        let mut weights = vec![1.0; 1000];
        weights[7] = 4.0;
        assert_eq!(scale_of(weights, 1.0), 1.0);
    }
}

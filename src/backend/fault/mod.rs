//! Faults: what a deployed network predicts on a damaged chip.
//!
//! A seed decides what fails, and the faults change the deployed integers. Every synapse of a
//! convolution has a weight of its own that can fail, unless the neurons of a core share their
//! kernel. Every neuron has its own threshold. Max pooling has no weights that could fail, but its
//! neurons can. If copies of a neuron lie on several cores, all of them fail together.
//!
//! The random numbers do not depend on the rate: what fails at one rate also fails at every higher
//! rate.

mod neurons;
mod weights;

use std::fmt;

use ndarray::{ArrayView2, s};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deployment::Deployment;
use super::error::RunError;
use super::simulate::circuit::Circuit;
use super::simulate::{BLOCK, Block, Simulator, SpikeDrop};
use crate::input;
use crate::seed::Seed;

/// A kind of fault, with the meaning of its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Share of synapses whose weight is stuck at 0.
    StuckAtZero,
    /// Share of synapses whose weight is stuck at the largest code.
    StuckAtMax,
    /// Share of flipped bits among the bits of all weights. A weight has the bits of its two's
    /// complement. On a crossbar, a weight of two bits has one bit for +1 and one for -1.
    BitFlip,
    /// Every weight is multiplied by a random factor from a normal distribution around 1. The rate
    /// is its standard deviation. Integer weights are rounded to 1/256 of a unit.
    WeightVariation,
    /// Share of neurons that never fire.
    DeadNeuron,
    /// Share of neurons that always fire.
    SaturatedNeuron,
    /// A random number from a normal distribution around 0 is added to every threshold, and rounded
    /// to a whole number. The rate is its standard deviation, in units of the root of the neuron's
    /// summed squared weights. That unit is the standard deviation of the neuron's sum over
    /// independent inputs of variance 1.
    ThresholdShift,
    /// Share of spikes that are lost, drawn anew for every sample. Spikes of inputs and of output
    /// neurons can be lost too.
    DroppedSpike,
    /// Share of the cores in use whose neurons never fire.
    MaskedCore,
}

/// Why a fault cannot be applied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// Exact weights have neither a largest code nor bits.
    #[error("{fault}: the weights of {chip} are exact and have no bits: choose --weight-bits")]
    ExactWeights {
        /// The fault.
        fault: Fault,
        /// The chip's name.
        chip: String,
    },
    /// The rate is outside its range.
    #[error("{fault}: rate {rate} must be {rule}")]
    Rate {
        /// The fault.
        fault: Fault,
        /// The rate.
        rate: f64,
        /// The range of the rate, in words.
        rule: &'static str,
    },
}

/// Text that names no fault, with the nearest name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such fault{0}")]
pub struct UnknownFault(String);

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 9] = [
        Self::StuckAtZero,
        Self::StuckAtMax,
        Self::BitFlip,
        Self::WeightVariation,
        Self::DeadNeuron,
        Self::SaturatedNeuron,
        Self::ThresholdShift,
        Self::DroppedSpike,
        Self::MaskedCore,
    ];

    /// The fault's name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::StuckAtZero => "stuck-at-zero",
            Self::StuckAtMax => "stuck-at-max",
            Self::BitFlip => "bit-flip",
            Self::WeightVariation => "weight-variation",
            Self::DeadNeuron => "dead-neuron",
            Self::SaturatedNeuron => "saturated-neuron",
            Self::ThresholdShift => "threshold-shift",
            Self::DroppedSpike => "dropped-spike",
            Self::MaskedCore => "masked-core",
        }
    }

    /// Whether it changes bits, which exact weights do not have.
    pub fn needs_bits(self) -> bool {
        matches!(self, Self::StuckAtMax | Self::BitFlip)
    }

    /// Whether it changes weights. Each synapse of a convolution then has a weight of its own.
    pub fn changes_weights(self) -> bool {
        matches!(self, Self::StuckAtZero | Self::StuckAtMax | Self::BitFlip | Self::WeightVariation)
    }

    /// Whether its rate is a standard deviation rather than a share.
    fn is_deviation(self) -> bool {
        matches!(self, Self::WeightVariation | Self::ThresholdShift)
    }

    /// Checks that the rate is in its range: 0 to 1 for a share, 0 to 100 for a standard deviation.
    /// Sums of larger weights would not fit 64 bits.
    ///
    /// # Errors
    /// [`FaultError::Rate`] with the range.
    pub fn check_rate(self, rate: f64) -> Result<(), FaultError> {
        let (is_right, rule) = match self.is_deviation() {
            true => ((0.0..=100.0).contains(&rate), "from 0 to 100"),
            false => ((0.0..=1.0).contains(&rate), "from 0 to 1"),
        };
        match is_right {
            true => Ok(()),
            false => Err(FaultError::Rate { fault: self, rate, rule }),
        }
    }

    fn check(self, rate: f64, deployment: &Deployment) -> Result<(), FaultError> {
        self.check_rate(rate)?;
        let has_bits = deployment.network.weight_bits.is_some();
        match self.needs_bits() && !has_bits {
            true => Err(FaultError::ExactWeights { fault: self, chip: deployment.profile.name.clone() }),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == text);
        found.ok_or_else(|| UnknownFault(input::suggestion(text, Self::ALL.map(Self::name))))
    }
}

/// A deployed network with a fault.
#[derive(Clone, Debug)]
pub struct Damaged {
    simulator: Simulator,
}

impl Deployment {
    /// The network damaged by `fault` at `rate`; `seed` decides which parts are damaged.
    ///
    /// With the same seed, a higher rate damages the same parts and more.
    ///
    /// # Errors
    /// The rate is out of range, or `fault` changes bits and the weights are exact, without bits.
    pub fn damaged(&self, fault: Fault, rate: f64, seed: &Seed) -> Result<Damaged, FaultError> {
        fault.check(rate, self)?;
        let drop = (fault == Fault::DroppedSpike).then(|| SpikeDrop { rate, seed: seed.child("sample") });
        let circuits = self.circuits(fault, rate, seed.clone());
        Ok(Damaged { simulator: Simulator::of(&self.network, circuits, drop) })
    }

    /// Each layer of the network, damaged by `fault`.
    fn circuits(&self, fault: Fault, rate: f64, seed: Seed) -> impl Iterator<Item = Circuit<'_>> {
        self.network.layers.iter().enumerate().map(move |(index, layer)| {
            let mut circuit = Circuit::new(layer, self.network.compare);
            let stream = &mut seed.child("layer").index(index as u64).stream();
            let whole_layers = self.profile.core.convolutions.is_some();
            let kernels = weights::KernelStorage { map: &self.mapping.layers[index], whole_layers };
            match fault {
                Fault::StuckAtZero | Fault::StuckAtMax | Fault::BitFlip => {
                    weights::damage(&mut circuit, &kernels, self.weight_encoding(), fault, rate, stream);
                }
                Fault::WeightVariation => {
                    let bits = self.network.weight_bits.is_some();
                    weights::vary(&mut circuit, &kernels, bits, rate, stream);
                }
                Fault::DeadNeuron => neurons::set_thresholds(&mut circuit, neurons::NEVER, rate, stream),
                Fault::SaturatedNeuron => {
                    neurons::set_thresholds(&mut circuit, neurons::ALWAYS, rate, stream)
                }
                Fault::ThresholdShift => neurons::shift(&mut circuit, rate, stream),
                Fault::DroppedSpike => {}
                Fault::MaskedCore => {
                    neurons::mask(&mut circuit, &self.mapping.layers[index], rate, &seed.child("core"));
                }
            }
            circuit
        })
    }

    fn weight_encoding(&self) -> weights::WeightEncoding {
        weights::WeightEncoding::new(&self.profile.weights, self.network.weight_bits)
    }
}

impl Damaged {
    /// The predicted class of each sample of `inputs`: N rows of I inputs.
    ///
    /// Runs samples in parallel on the current rayon pool; the result is the same on any pool.
    ///
    /// # Errors
    /// The inputs have another width than the network's, or a level above its largest.
    pub fn predict(&self, inputs: ArrayView2<'_, u8>) -> Result<Vec<u16>, RunError> {
        self.simulator.check_width(inputs.ncols())?;
        let samples = inputs.nrows();
        let blocks: Vec<usize> = (0..samples).step_by(BLOCK).collect();
        let block = |first: usize| {
            let mut block = Block::default();
            let samples = first..(first + BLOCK).min(samples);
            self.simulator.run(first, inputs.slice(s![samples, ..]), &mut block)?;
            Ok(block.decisions.iter().map(|decision| decision.class).collect())
        };
        let blocks: Vec<Result<Vec<u16>, RunError>> = blocks.into_par_iter().map(block).collect();
        Ok(blocks.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }
}

#[cfg(test)]
mod tests;

//! Number formats of a chip: weights, thresholds, inputs, and when a neuron fires.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The values that a weight can take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum WeightFormat {
    /// Weights keep their trained values, unless `weight_bits` asks for fewer bits.
    Exact,
    /// Signed integers of b bits from -(2^(b-1) - 1) to 2^(b-1) - 1, shifted left before they are
    /// added to the membrane potential.
    Integer {
        /// Fewest bits of a weight, sign included; 2 or more.
        min_bits: u8,
        /// Most bits of a weight, sign included; 16 or fewer.
        max_bits: u8,
        /// Bits of a weight if `weight_bits` is not given.
        default_bits: u8,
        /// Least and greatest left shift of a layer's weights into the membrane.
        shift: [u8; 2],
    },
    /// A crossbar of synapses that are there or not. The weight of a synapse is the value that its
    /// neuron has for the axon's type.
    ///
    /// A weight of b bits takes b axons of different types for each input. With 2 bits the values
    /// are 1 and -1 (Esser et al. 2016); with more they are the digits of two's complement.
    Palette {
        /// Number of axon types, 2 or more.
        types: u8,
        /// Bits of a neuron's value for an axon type, sign included.
        value_bits: u8,
        /// Bits of a weight if `weight_bits` is not given; at most `types`.
        default_bits: u8,
    },
}

impl WeightFormat {
    /// The bits of a weight if `weight_bits` is not given; `None` where weights are exact.
    pub fn default_bits(&self) -> Option<u8> {
        match *self {
            Self::Exact => None,
            Self::Integer { default_bits, .. } | Self::Palette { default_bits, .. } => Some(default_bits),
        }
    }
}

/// Potential, threshold and firing rule of a neuron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeuronFormat {
    /// The comparison that decides whether a neuron fires.
    pub compare: Compare,
    /// Bits of the membrane potential, sign included; null: no limit.
    pub membrane_bits: Option<u8>,
    /// The values that a threshold can take; null: any whole number.
    pub threshold: Option<ThresholdFormat>,
}

/// The comparison that decides whether a neuron fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// Fires where potential > threshold.
    Gt,
    /// Fires where potential >= threshold.
    Ge,
}

/// The values that a threshold can take: an unsigned register, minus a constant bias that the chip
/// adds to the potential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdFormat {
    /// Bits of the register.
    pub bits: u8,
    /// One step of the register is `2^shift` in units of the membrane.
    pub shift: u8,
    /// Least value of the register. It is 1 on chips whose neurons decide only when an event
    /// arrives, so that no neuron fires without input.
    pub least: u8,
    /// The bias; without one no threshold can be below zero.
    pub bias: Option<BiasFormat>,
}

/// A constant added to the potential: `mantissa * 2^exponent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BiasFormat {
    /// Bits of the mantissa, sign included.
    pub bits: u8,
    /// Largest exponent; the smallest is 0.
    pub max_exponent: u8,
}

/// The information that an input spike carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InputSpikes {
    /// A spike or none.
    Binary,
    /// A whole number.
    Graded,
}

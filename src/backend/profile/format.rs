//! What weights, thresholds and inputs can be on a chip, and how its neurons decide.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a weight can be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum WeightFormat {
    /// Weights stay as trained, unless fewer bits are asked for.
    Exact,
    /// Signed integers, `-(2^(b-1) - 1) ..= 2^(b-1) - 1`, shifted into the membrane.
    Integer {
        /// Fewest bits, sign included; 2 or more.
        min_bits: u8,
        /// Most bits, sign included.
        max_bits: u8,
        /// Bits where none are asked for.
        default_bits: u8,
        /// Least and greatest left shift of a layer's weights into the membrane.
        shift: [u8; 2],
    },
    /// A crossbar of bits; each neuron has one value per axon type.
    ///
    /// A weight of b bits takes b axons of different types for each input. With 2 bits the values are
    /// 1 and -1 (Esser et al. 2016); with more they are the digits of two's complement.
    Palette {
        /// Axon types, 2 or more.
        types: u8,
        /// Bits of a neuron's value for a type, sign included.
        value_bits: u8,
        /// Bits of a weight where none are asked for; at most `types`.
        default_bits: u8,
    },
}

/// How a neuron decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeuronFormat {
    /// When it fires.
    pub compare: Compare,
    /// Bits of the membrane potential, sign included.
    pub membrane_bits: Option<u8>,
    /// What a threshold can be; null: any whole number.
    pub threshold: Option<ThresholdFormat>,
}

/// When a neuron fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// potential > threshold
    Gt,
    /// potential >= threshold
    Ge,
}

/// What a threshold can be: an unsigned register, less what a constant bias adds to the potential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdFormat {
    /// Bits of the register.
    pub bits: u8,
    /// The register counts in steps of `2^shift` of the membrane.
    pub shift: u8,
    /// The least number in the register: 1 where neurons decide only on events, so that none fires without any.
    pub least: u8,
    /// The bias, without which a threshold cannot be below zero.
    pub bias: Option<BiasFormat>,
}

/// A constant that is added to the potential: `mantissa * 2^exponent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BiasFormat {
    /// Bits of the mantissa, sign included.
    pub bits: u8,
    /// The largest exponent.
    pub max_exponent: u8,
}

/// What an input spike can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InputSpikes {
    /// That it happened, and nothing else.
    Binary,
    /// A whole number.
    Graded,
}

//! Networks to and from other programs, in the neuromorphic intermediate representation NIR.
//!
//! [`write()`] makes a file of the integers on a chip, [`NirFile`] reads a file of anybody's and makes the
//! binary network that it is in one step: Affine, Linear, Conv2d, Flatten, SumPool2d, AvgPool2d, Scale,
//! Threshold, IF, and LIF where its leak changes nothing. A file that holds something else is refused with the
//! node's name.
//!
//! Of other programs' files, inputs are numbers in [0, 1], a list of them goes channel by channel, and each
//! output neuron is a class. Ours say otherwise in the graph's metadata: `input_max` (whole numbers up to it),
//! `input_order`, `input_coding`, `key` (K, N: which output neuron, in the graph's order, votes for which
//! class); `chip`, `weight_bits` and at each node `scales` (what a weight of 1 stands for, by unit) are there
//! for readers.
//!
//! - Pedersen et al. 2024: Neuromorphic intermediate representation: a unified instruction set for
//!   interoperable brain-inspired computing. Nature Communications 15.

mod error;
mod export;
mod graph;
mod import;
mod metadata;
mod neurons;
mod stage;
#[cfg(test)]
mod tests;
mod tree;

pub use error::NirError;

use super::quantize::IntegerNetwork;
use crate::data::InputCoding;
use crate::network::BinaryNetwork;
use graph::Graph;
use metadata::Metadata;

/// What a network's neurons are called in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `Threshold`: what they are, which few programs read.
    Threshold,
    /// `IF`: the same spikes in the first step from rest, which most programs read.
    IntegrateAndFire,
}

/// What a file says of its network beside layers and key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Export<'a> {
    /// What neurons are called.
    pub flavour: Flavour,
    /// The chip whose integers they are.
    pub chip: &'a str,
    /// The largest input.
    pub input_max: u8,
    /// How inputs are coded, if that is known.
    pub coding: Option<InputCoding>,
}

/// The bytes of a NIR file (HDF5) of `network`.
///
/// # Errors
/// A layer hears spikes of one shape as another, which no training here makes.
pub fn write(network: &IntegerNetwork, export: &Export<'_>) -> Result<Vec<u8>, NirError> {
    tree::write(&export::graph(network, export)?.to_tree())
}

/// A NIR file.
#[derive(Clone, Debug, PartialEq)]
pub struct NirFile {
    graph: Graph,
}

impl NirFile {
    /// Reads the bytes of a file; what it claims to hold is checked before it is read.
    ///
    /// # Errors
    /// It is damaged, too large, no NIR graph, or has a node that no binary network can hold.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, NirError> {
        Ok(Self { graph: Graph::from_tree(&tree::read(bytes)?)? })
    }

    /// How its inputs are coded, if it says so.
    ///
    /// # Errors
    /// It says something that is no coding.
    pub fn coding(&self) -> Result<Option<InputCoding>, NirError> {
        Metadata::new(&self.graph.metadata).coding()
    }

    /// The network for samples of a shape (height, width, channels), whose inputs are whole numbers up to
    /// `input_max`.
    ///
    /// Weights and thresholds are rounded to a grid that keeps sums exact, finer than 64-bit floats would.
    ///
    /// # Errors
    /// The graph is not a chain of layers of spikes without recurrence, or not one for such samples.
    pub fn network(&self, shape: [usize; 3], input_max: u8) -> Result<BinaryNetwork, NirError> {
        self.graph.network(shape.into(), input_max)
    }
}

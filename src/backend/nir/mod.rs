//! Import and export in the neuromorphic intermediate representation (NIR).
//!
//! [`write()`] makes a file of the integers on a chip. [`NirFile`] reads a file of any program and
//! makes a binary network of it. Supported nodes are Affine, Linear, Conv2d, Flatten, SumPool2d,
//! AvgPool2d, Scale, Threshold, IF, and LIF if its leak changes nothing. A file with another node
//! is refused with the node's name.
//!
//! In files of other programs, inputs are numbers from 0 to 1, lists of them go channel by channel,
//! and each output neuron is a class. Our files override this in the graph's metadata:
//!
//! - `input_max`: inputs are whole numbers up to it
//! - `input_order`, `input_coding`: order and coding of the inputs
//! - `key`, (K, N): which output neuron, in the graph's order, votes for which class
//! - `chip`, `weight_bits`, and at each node `scales` (the real weight of a weight of 1, by
//!   channel): for readers only
//!
//! Source:
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

/// The node type that stands for the neurons of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `Threshold`: exact, but few programs read it.
    Threshold,
    /// `IF`: the same spikes in the first step from rest; most programs read it.
    IntegrateAndFire,
}

/// Settings and metadata of an exported file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Export<'a> {
    /// The node type of neurons.
    pub flavour: Flavour,
    /// The name of the chip that has these integers.
    pub chip: &'a str,
    /// The largest input.
    pub input_max: u8,
    /// The input coding, if it is known.
    pub coding: Option<InputCoding>,
}

/// The bytes of a NIR file (HDF5) of `network`.
///
/// # Errors
/// A layer receives spikes of one shape as another, which no training here makes.
pub fn write(network: &IntegerNetwork, export: &Export<'_>) -> Result<Vec<u8>, NirError> {
    tree::write(&export::graph(network, export)?.to_tree())
}

/// A NIR file.
#[derive(Clone, Debug, PartialEq)]
pub struct NirFile {
    graph: Graph,
}

impl NirFile {
    /// Reads the bytes of a file; declared sizes are checked before anything is read.
    ///
    /// # Errors
    /// The file is damaged, too large, not a NIR graph, or has a node that no binary network can
    /// hold.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, NirError> {
        Ok(Self { graph: Graph::from_tree(&tree::read(bytes)?)? })
    }

    /// The input coding, if the file has one.
    ///
    /// # Errors
    /// The entry is not an input coding.
    pub fn coding(&self) -> Result<Option<InputCoding>, NirError> {
        Metadata::new(&self.graph.metadata).coding()
    }

    /// The network for samples of `shape` (height, width, channels), whose inputs are whole numbers
    /// up to `input_max`.
    ///
    /// Weights and thresholds are rounded to a grid that keeps sums exact, finer than 64-bit floats
    /// would.
    ///
    /// # Errors
    /// The graph is not a chain of spiking layers without recurrence, or does not fit such samples.
    pub fn network(&self, shape: [usize; 3], input_max: u8) -> Result<BinaryNetwork, NirError> {
        self.graph.network(shape.into(), input_max)
    }
}

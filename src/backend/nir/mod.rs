//! Import and export in the neuromorphic intermediate representation (NIR).
//!
//! [`write()`] makes a file of the integers on a chip. [`NirFile`] reads a file of any program and
//! makes a binary network of it, which computes one time step from rest. Supported nodes are
//! Affine, Linear, Conv1d, Conv2d, Flatten, SumPool2d, AvgPool2d, Scale, Threshold, I, IF, LI, LIF,
//! CubaLI, CubaLIF, and graphs of these. A file with another node is refused with the node's name.
//!
//! In files of other programs, inputs are numbers from 0 to 1, and a list of inputs is ordered
//! channel by channel. Each output neuron is a class. If the number of classes is known and divides
//! the number of output neurons, each class has a block of neighbouring output neurons. Metadata of
//! the graph overrides this:
//!
//! - `time_step`, `timestep` or `dt`: the time step, in the unit of the time constants
//! - `input_max`: inputs are whole numbers from 0 to it
//! - `input_order`, `input_coding`: order and coding of the inputs
//! - `key`, (K, N): which output neuron, in the graph's order, votes for which class
//! - `tune`: what `tune` knows of a network of its own beside the graph, as JSON
//! - `chip`, `weight_bits`, and at each node `scales` (the real weight of a weight of 1, by
//!   channel): for readers only
//!
//! Source:
//!
//! - Pedersen et al. 2024: Neuromorphic intermediate representation: a unified instruction set for
//!   interoperable brain-inspired computing. Nature Communications 15.

mod error;
mod export;
mod fields;
#[cfg(test)]
mod foreign_tests;
mod graph;
mod import;
mod metadata;
mod neurons;
mod operation;
mod stage;
#[cfg(test)]
mod tests;
mod time;
mod tree;
mod wide;

pub use error::NirError;

use super::quantize::IntegerNetwork;
use crate::data::InputCoding;
use crate::network::BinaryNetwork;
use graph::Graph;
use metadata::Metadata;
use operation::Operation;
use time::TimeStep;

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
    /// Whether a list of inputs is ordered pixel by pixel, rather than channel by channel.
    pub by_pixel: bool,
    /// Whether the key is written: which output neurons vote for which class.
    pub keyed: bool,
    /// What is known of the network beside its graph, in one text; `None`: nothing.
    pub description: Option<&'a str>,
}

/// The bytes of a NIR file (HDF5) of `network`.
///
/// # Errors
/// A layer reads spikes as an image of another shape than that of the layer that sends them. No
/// network trained here does.
pub fn write(network: &IntegerNetwork, export: &Export<'_>) -> Result<Vec<u8>, NirError> {
    tree::write(&export::graph(network, export)?.to_tree())
}

/// Facts about a file that the reader knows, and the file may not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The time step, in the unit of the file's time constants; `None`: found in the file.
    pub time_step: Option<f64>,
    /// The number of classes, for a file without a key (the classes that its output neurons vote
    /// for).
    pub classes: Option<usize>,
}

/// A NIR file.
#[derive(Clone, Debug, PartialEq)]
pub struct NirFile {
    graph: Graph,
    /// The version of NIR that the file names.
    version: Option<String>,
}

impl NirFile {
    /// Reads the bytes of a file; the sizes that it declares are checked before memory is taken.
    ///
    /// # Errors
    /// The file is damaged, too large, not a NIR graph, or has a node that no binary network can
    /// hold.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, NirError> {
        let tree = tree::read(bytes)?;
        let version = match tree.get("version") {
            Some(tree::Item::Text(version)) => Some(version.clone()),
            _ => None,
        };
        Ok(Self { graph: Graph::from_tree(&tree)?, version })
    }

    /// The input coding, if the file has one.
    ///
    /// # Errors
    /// The entry is not an input coding.
    pub fn coding(&self) -> Result<Option<InputCoding>, NirError> {
        Metadata::new(&self.graph.metadata).coding()
    }

    /// The largest input, if the file names one: a whole number from 1 to 255.
    ///
    /// # Errors
    /// The entry is not such a number.
    pub fn input_max(&self) -> Result<Option<u8>, NirError> {
        let max = Metadata::new(&self.graph.metadata).input_max()?;
        let whole = |max: f64| {
            let is_level = max.fract() == 0.0 && (1.0..=255.0).contains(&max);
            let problem = || format!("is {max}, must be a whole number from 1 to 255");
            is_level
                .then_some(max as u8)
                .ok_or_else(|| NirError::Metadata { name: metadata::INPUT_MAX, problem: problem() })
        };
        max.map(whole).transpose()
    }

    /// The shape (height, width, channels) of the samples that the file takes. `None` if the graph
    /// does not have exactly one input, or the input has more axes.
    pub fn shape(&self) -> Option<[usize; 3]> {
        let mut shapes = self.graph.nodes.values().filter_map(|node| match &node.operation {
            Operation::Input { shape } => Some(shape.as_slice()),
            _ => None,
        });
        let shape = shapes.next().filter(|_| shapes.next().is_none())?;
        match *shape {
            [length] | [1, length] => Some([1, 1, length]),
            [channels, width] => Some([1, width, channels]),
            [channels, height, width] | [1, channels, height, width] => Some([height, width, channels]),
            _ => None,
        }
    }

    /// Whether a list of inputs is ordered pixel by pixel, rather than channel by channel.
    pub fn is_by_pixel(&self) -> bool {
        Metadata::new(&self.graph.metadata).is_in_our_order()
    }

    /// What is known of the network beside its graph, as [`Export::description`] said it.
    pub fn description(&self) -> Option<&str> {
        Metadata::new(&self.graph.metadata).description()
    }

    /// Whether the file says which output neuron votes for which class.
    pub fn has_key(&self) -> bool {
        Metadata::new(&self.graph.metadata).has_key()
    }

    /// Lines for the user: what the file does not say, and how it is read instead.
    ///
    /// # Errors
    /// The time step is invalid, or neither the user nor the file tells it.
    pub fn remarks(&self, reading: Reading) -> Result<Vec<String>, NirError> {
        let major =
            self.version.as_deref().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        let version = self.version.as_deref().filter(|_| major.is_some_and(|major| major > 1));
        let version =
            version.map(|version| format!("is of version {version} of NIR: it is read as version 1"));
        let step = TimeStep::of(&self.graph, reading.time_step)?.remark();
        Ok(version.into_iter().chain(step).chain(self.remark_on_key(reading.classes)).collect())
    }

    /// A line on how outputs decide between `classes`, if the file does not say.
    fn remark_on_key(&self, classes: Option<usize>) -> Option<String> {
        let classes = classes.filter(|_| !self.has_key())?;
        let width = self.graph.nodes.values().find_map(|node| match &node.operation {
            Operation::Output { shape } => {
                Some(shape.iter().fold(1usize, |width, &size| width.saturating_mul(size)))
            }
            _ => None,
        })?;
        match classes < width && import::shares(width, classes) {
            true => Some(format!(
                "no key in the metadata: {width} output neurons vote for {classes} classes, {} in a row for each",
                width / classes
            )),
            false => Some(format!(
                "no key in the metadata: each of {width} output neurons is a class, and the first that fires wins \
                 (class 0 if none fires)"
            )),
        }
    }

    /// The network for samples of `shape` (height, width, channels), whose inputs are whole numbers
    /// up to `input_max`.
    ///
    /// Weights and thresholds are rounded to a grid of numbers on which sums are exact in 64-bit
    /// floats.
    ///
    /// # Errors
    /// The graph is not a feedforward network of spiking layers, or does not fit such samples. Or
    /// nothing tells its time step.
    pub fn network(
        &self,
        shape: [usize; 3],
        input_max: u8,
        reading: Reading,
    ) -> Result<BinaryNetwork, NirError> {
        self.graph.network(shape.into(), input_max, reading)
    }
}

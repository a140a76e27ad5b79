//! Errors of deploying a network and of running it.

use std::fmt;

use crate::network::Malformed;

/// Why a network cannot be deployed on a chip.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeployError {
    /// The network needs more than the chip has.
    #[error("too large for {chip}: {}needs {needed} {limit}, the chip has {available}", place(*layer))]
    TooLarge {
        /// The chip's name.
        chip: String,
        /// The limit that the network breaks.
        limit: Limit,
        /// The amount that the network needs.
        needed: u64,
        /// The amount that the chip has.
        available: u64,
        /// The layer, counted from 0; `None`: the network as a whole.
        layer: Option<usize>,
    },
    /// The network needs so many more cores than the chip has that they are not counted to the end.
    #[error("too large for {chip}: needs more than {needed} cores, the chip has {available}")]
    TooManyCores {
        /// The chip's name.
        chip: String,
        /// A number of cores that is not enough.
        needed: u64,
        /// The number of cores that the chip has.
        available: u64,
    },
    /// Inputs are graded and the chip takes plain spikes.
    #[error(
        "input_max = {input_max}: {chip} takes no graded spikes: choose another input coding, or train with --chip {chip}"
    )]
    GradedInput {
        /// The chip's name.
        chip: String,
        /// The network's largest input.
        input_max: u8,
    },
    /// The chip has no weights of this many bits.
    #[error("weight_bits = {bits}: {chip} takes {min} to {max}")]
    WeightBits {
        /// The chip's name.
        chip: String,
        /// The bits that were asked for.
        bits: u8,
        /// The fewest bits.
        min: u8,
        /// The most bits.
        max: u8,
    },
    /// The chip has no windows with this stride.
    #[error("layer {layer}: stride {stride}: {chip} takes {}", list(strides))]
    Stride {
        /// The chip's name.
        chip: String,
        /// The layer, counted from 0.
        layer: usize,
        /// The layer's stride.
        stride: usize,
        /// The strides that the chip has.
        strides: Vec<u32>,
    },
    /// Every layer fits on some core, but there are not enough such cores.
    #[error(
        "too large for {chip}: no free core has {kernel_words} words of kernel and {neuron_words} of neuron \
         memory for layer {layer}"
    )]
    NoCoreLeft {
        /// The chip's name.
        chip: String,
        /// The layer, counted from 0.
        layer: usize,
        /// The kernel memory that the layer needs, in words.
        kernel_words: u64,
        /// The neuron memory that the layer needs, in words.
        neuron_words: u64,
    },
    /// The network is malformed: sizes do not match, or numbers are off the grid.
    #[error("layer {layer}: {problem}")]
    Malformed {
        /// The layer, counted from 0.
        layer: usize,
        /// What is wrong with the layer.
        problem: String,
    },
}

impl From<Malformed> for DeployError {
    fn from(Malformed { layer, problem }: Malformed) -> Self {
        Self::Malformed { layer, problem }
    }
}

/// A limit of a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Cores of the chip.
    Cores,
    /// Axons into one core.
    InAxons,
    /// Axons out of one core.
    OutAxons,
    /// Synapses of one neuron.
    FanIn,
    /// Bits of one core's synapse memory.
    SynapseMemory,
    /// Bits of a membrane potential.
    MembraneBits,
    /// Words of one core's kernel memory.
    KernelWords,
    /// Words of one core's neuron memory.
    NeuronWords,
    /// Rows or columns of a layer's input.
    InputSide,
    /// Rows or columns of a layer's output.
    OutputSide,
    /// Channels of a layer's input or output.
    Channels,
    /// Rows or columns of a window.
    WindowSide,
    /// Rows or columns of zeros around an input.
    Padding,
    /// Layers that receive the spikes of one layer.
    Destinations,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Cores => "cores",
            Limit::InAxons => "axons into a core",
            Limit::OutAxons => "axons out of a core",
            Limit::FanIn => "synapses per neuron",
            Limit::SynapseMemory => "bits of synapse memory per neuron",
            Limit::MembraneBits => "membrane bits",
            Limit::KernelWords => "words of kernel memory",
            Limit::NeuronWords => "words of neuron memory",
            Limit::InputSide => "rows or columns of input",
            Limit::OutputSide => "rows or columns of output",
            Limit::Channels => "channels",
            Limit::WindowSide => "rows or columns of a window",
            Limit::Padding => "rows or columns of padding",
            Limit::Destinations => "receiving layers",
        })
    }
}

fn list(strides: &[u32]) -> String {
    strides.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn place(layer: Option<usize>) -> String {
    layer.map_or_else(String::new, |layer| format!("layer {layer} "))
}

/// Why inputs cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The inputs have another width than the network's.
    #[error("inputs are {found} wide; the network takes {expected}")]
    Width {
        /// The width of the inputs.
        found: usize,
        /// The width that the network takes.
        expected: usize,
    },
    /// An input is above the network's largest.
    #[error("input {level} of sample {sample}: the network takes 0 to {input_max}")]
    Level {
        /// The input.
        level: u8,
        /// The number of the sample, counted from 0.
        sample: usize,
        /// The largest input of the network.
        input_max: u8,
    },
}

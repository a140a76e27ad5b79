//! Chip profiles: what a chip can hold, how it computes, and what that costs.
//!
//! A profile is a JSON file. `null` for a limit means that the chip has no such limit. `null` for a
//! physical quantity means that no value is published; reports then leave out every figure that
//! needs it. Zero means a known value of zero.

pub(super) mod check;
pub(super) mod constants;
pub(super) mod constants_list;
pub(super) mod format;
pub(super) mod missing_constants;
pub(super) mod quantity;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::{InputError, from_json, suggestion};
use constants::{AreaConstants, EnergyConstants, TimeConstants};
use format::{InputSpikes, NeuronFormat, WeightFormat};

/// Name and JSON text of the built-in profiles.
const BUILTIN: [(&str, &str); 9] = [
    ("dynapcnn", include_str!("../../../configs/chips/dynapcnn.json")),
    ("ideal", include_str!("../../../configs/chips/ideal.json")),
    ("loihi1", include_str!("../../../configs/chips/loihi1.json")),
    ("loihi1-sanafe", include_str!("../../../configs/chips/loihi1-sanafe.json")),
    ("loihi2", include_str!("../../../configs/chips/loihi2.json")),
    ("odin", include_str!("../../../configs/chips/odin.json")),
    ("risp-127", include_str!("../../../configs/chips/risp-127.json")),
    ("spinnaker1", include_str!("../../../configs/chips/spinnaker1.json")),
    ("truenorth", include_str!("../../../configs/chips/truenorth.json")),
];

/// Why a chip profile cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProfileError {
    /// No built-in profile has this name.
    #[error("no chip is called \"{name}\"{hint}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The nearest name, or all names.
        hint: String,
    },
    /// The text is not a profile.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// A chip profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipProfile {
    /// Address of the JSON Schema, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema_url: Option<String>,
    /// Version of this format; must be 1.
    pub schema: u32,
    /// The chip's name, with the variant of its numbers if there are several.
    pub name: String,
    /// One or two sentences about the chip and its numbers.
    pub description: String,
    /// Citations by key; every physical quantity names one of these keys.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub sources: IndexMap<String, String>,
    /// Layout of the cores.
    pub topology: Topology,
    /// Capacity of one core.
    pub core: CoreLimits,
    /// The values that a weight can take.
    pub weights: WeightFormat,
    /// Potential, threshold and firing rule of a neuron.
    pub neuron: NeuronFormat,
    /// The information that an input spike carries.
    pub input: InputSpikes,
    /// Rules for counting operations, packets and steps.
    pub counting: Counting,
    /// Energies and powers.
    pub energy: EnergyConstants,
    /// Durations.
    pub time: TimeConstants,
    /// Areas of silicon.
    pub area: AreaConstants,
}

impl ChipProfile {
    /// Whether there are networks that the chip cannot hold.
    pub fn has_limits(&self) -> bool {
        let CoreLimits {
            neurons,
            in_axons,
            out_axons,
            fan_in,
            axons_per_neuron,
            synapse_memory,
            convolutions,
        } = &self.core;
        let of_core =
            [neurons, in_axons, out_axons, fan_in, axons_per_neuron].iter().any(|limit| limit.is_some());
        let of_numbers = self.weights != WeightFormat::Exact
            || self.neuron.membrane_bits.is_some()
            || self.neuron.threshold.is_some()
            || self.input == InputSpikes::Binary;
        let of_memory = synapse_memory.is_some() || convolutions.is_some();
        self.topology.cores.is_some() || of_core || of_numbers || of_memory
    }
}

/// Layout of the cores of a chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Number of chips that can be joined, side by side from west to east; 1 or more.
    pub chips: u32,
    /// Number of cores on one chip; null: no limit.
    pub cores: Option<u32>,
    /// Whether parts of several layers may share one core.
    pub layers_share_cores: bool,
    /// Number of cores that share a router.
    pub cores_per_tile: u32,
    /// Number of tiles from west to east and from north to south; null: no mesh, every core is next
    /// to every other.
    pub mesh: Option<[u32; 2]>,
    /// Rule that chooses the cores of the mesh for a network.
    pub placement: Placement,
}

/// Rule that chooses the cores of the mesh for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Row by row, layer after layer.
    RowMajor,
    /// Cores that keep the paths of spikes short. On several chips, or without a mesh, row by row.
    ShortWays,
}

/// Capacity of one core; null: no limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoreLimits {
    /// Number of neurons.
    pub neurons: Option<u32>,
    /// Number of incoming axons.
    pub in_axons: Option<u32>,
    /// Number of outgoing axons: pairs of a neuron and a core that receives its spikes.
    pub out_axons: Option<u32>,
    /// Number of synapses of one neuron.
    pub fan_in: Option<u32>,
    /// Number of axons on other cores that one neuron can drive. A neuron that needs more is placed
    /// several times.
    pub axons_per_neuron: Option<u32>,
    /// Memory that holds the weights.
    pub synapse_memory: Option<SynapseMemory>,
    /// Cores that each hold one whole layer as a convolution; null: a core holds any part of any
    /// layer.
    pub convolutions: Option<ConvolutionCores>,
}

/// Cores that each hold one whole layer as a convolution.
///
/// A dense layer is a convolution whose window covers all of its input. A pool is a convolution
/// whose output channels each receive one input channel. Say a layer has C input channels, a window
/// of h x w, F output channels and Y x X positions. It takes `C 2^(ceil(log2(h w)) + ceil(log2 F))`
/// kernel words and `F 2^(ceil(log2 Y) + ceil(log2 X))` neuron words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionCores {
    /// Most rows or columns of an input.
    pub max_input: u32,
    /// Most rows or columns of an output.
    pub max_output: u32,
    /// Most channels of an input or output.
    pub max_channels: u32,
    /// Most rows or columns of a window.
    pub max_window: u32,
    /// Most rows or columns of zeros on one side of an input.
    pub max_padding: u32,
    /// The strides that a window can have.
    pub strides: Vec<u32>,
    /// Most layers that can receive the spikes of one layer.
    pub max_destinations: u32,
    /// Memory of each core, in the order of their numbers; one entry for each core of the chip.
    pub memories: Vec<ConvolutionMemory>,
}

/// Memory of one core that holds a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionMemory {
    /// Number of words for kernels, one weight each.
    pub kernel_words: u32,
    /// Number of words for neurons, one neuron each.
    pub neuron_words: u32,
}

/// Memory for lists of weights; each list begins in a new word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapseMemory {
    /// Number of bits on one core.
    pub bits: u64,
    /// Number of bits in a word.
    pub word_bits: u64,
    /// Number of bits before the first weight of a list.
    pub header_bits: u64,
    /// Whether the axons of a convolution share lists of weights: one list per kernel element
    /// instead of one per axon.
    pub shared_kernels: bool,
}

/// Rules for counting operations, packets and steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counting {
    /// Synaptic operations counted for an incoming spike.
    pub synaptic_operations: OperationCounting,
    /// Packets counted for an outgoing spike.
    pub packets: PacketCounting,
    /// Packets counted for the spikes of output neurons.
    pub outputs: OutputCounting,
    /// How inferences share the steps of the chip.
    pub steps: StepCounting,
}

/// Synaptic operations counted for an incoming spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationCounting {
    /// One for each synapse with a weight other than zero.
    Effective,
    /// One for each neuron that the core can hold, connected or not.
    CrossbarRow,
}

/// Packets counted for an outgoing spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PacketCounting {
    /// One for each core that receives the spike.
    PerDestinationCore,
    /// One for each axon that carries the spike.
    PerDestinationAxon,
}

/// Packets counted for the spikes of output neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutputCounting {
    /// One for each spike, sent off the chip through the tile of core 0.
    Sent,
    /// None: spikes are read on their own cores.
    ReadInPlace,
}

/// How inferences share the steps of the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepCounting {
    /// A new inference begins with every step of the chip. Each neuron makes one step per
    /// inference.
    Pipelined,
    /// An inference begins when the one before it ends. It takes one step for the input and one for
    /// each layer, and every neuron makes all of them. A potential that a neuron keeps lasts for
    /// one more step.
    OneByOne,
}

impl ChipProfile {
    /// The built-in profile called `name`.
    ///
    /// ```
    /// use spiketune::backend::ChipProfile;
    ///
    /// let loihi = ChipProfile::builtin("loihi1")?;
    /// assert_eq!(loihi.core.neurons, Some(1024));
    /// let error = ChipProfile::builtin("liohi1").unwrap_err().to_string();
    /// assert_eq!(error, r#"no chip is called "liohi1"; did you mean "loihi1"?"#);
    /// # Ok::<(), spiketune::backend::ProfileError>(())
    /// ```
    ///
    /// # Errors
    /// [`ProfileError::Unknown`] with the nearest name.
    pub fn builtin(name: &str) -> Result<Self, ProfileError> {
        match BUILTIN.into_iter().find(|&(known, _)| known == name) {
            Some((_, text)) => Ok(Self::from_json(text, &format!("configs/chips/{name}.json"))?),
            None => Err(ProfileError::Unknown {
                name: name.to_owned(),
                hint: suggestion(name, Self::builtin_names()),
            }),
        }
    }

    /// The names of the built-in profiles, in alphabetical order.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> + Clone {
        BUILTIN.into_iter().map(|(name, _)| name)
    }

    /// Reads a profile from JSON and checks it. Errors call the profile by the name `file`.
    ///
    /// # Errors
    /// One line with the file, the key, the value and the rule that it breaks.
    pub fn from_json(text: &str, file: &str) -> Result<Self, InputError> {
        let profile: Self = from_json(text, file)?;
        profile.check().map_err(|broken| InputError::new(file, &broken.path, broken.problem))?;
        Ok(profile)
    }

    /// The JSON Schema of a profile.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(ChipProfile).to_value()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn configs() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/configs"))
    }

    #[test]
    fn every_profile_in_the_folder_is_built_in_under_its_name_and_passes_the_schema() {
        let validator = jsonschema::validator_for(&ChipProfile::schema()).unwrap();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(configs().join("chips")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(ChipProfile::builtin(&name).unwrap(), ChipProfile::from_json(&text, &name).unwrap());
            assert_eq!(ChipProfile::builtin(&name).unwrap().name, name);
            validator.validate(&serde_json::from_str(&text).unwrap()).unwrap();
            found.push(name);
        }
        found.sort();
        assert_eq!(found, ChipProfile::builtin_names().collect::<Vec<_>>());
    }

    #[test]
    fn a_profile_is_the_same_after_writing_and_reading() {
        for name in ChipProfile::builtin_names() {
            let profile = ChipProfile::builtin(name).unwrap();
            let text = serde_json::to_string(&profile).unwrap();
            assert_eq!(ChipProfile::from_json(&text, name).unwrap(), profile);
        }
    }
}

//! Chip profiles: what a chip can hold, how it computes, and what that costs.
//!
//! A profile is a JSON file. `null` for a limit means that the chip has none. `null` for a physical
//! number means that none is published: whatever needs it is then not reported at all. Zero is a statement.

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

/// The profiles that come with the program: name and JSON text.
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

/// Why there is no such profile.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProfileError {
    /// No profile of this name comes with the program.
    #[error("chip = \"{name}\": no such chip{hint}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// The file is not a profile.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// A chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipProfile {
    /// Where the JSON Schema is, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema_url: Option<String>,
    /// Version of this format: 1.
    pub schema: u32,
    /// The chip's name, with the variant of its numbers where there are several.
    pub name: String,
    /// What it is, in one or two sentences.
    pub description: String,
    /// Citations by the keys that the numbers name.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub sources: IndexMap<String, String>,
    /// How its cores are laid out.
    pub topology: Topology,
    /// What one core can hold.
    pub core: CoreLimits,
    /// What a weight can be.
    pub weights: WeightFormat,
    /// How a neuron decides.
    pub neuron: NeuronFormat,
    /// What an input spike can carry.
    pub input: InputSpikes,
    /// What is counted as one operation or one packet.
    pub counting: Counting,
    /// Energies and powers.
    pub energy: EnergyConstants,
    /// Durations.
    pub time: TimeConstants,
    /// Areas of silicon.
    pub area: AreaConstants,
}

/// How the cores of a chip are laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Chips that can be joined, side by side from west to east; 1 or more.
    pub chips: u32,
    /// Cores of one chip.
    pub cores: Option<u32>,
    /// Whether parts of several layers may lie on one core.
    pub layers_share_cores: bool,
    /// Cores that share a router.
    pub cores_per_tile: u32,
    /// Tiles from east to west and from north to south; null: every core is next to every other.
    pub mesh: Option<[u32; 2]>,
    /// Which cores of the mesh a network takes.
    pub placement: Placement,
}

/// Which cores of the mesh a network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Row by row, layer after layer.
    RowMajor,
    /// Those that make the ways of spikes short. On several chips, or without a mesh, row by row.
    ShortWays,
}

/// What one core can hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoreLimits {
    /// Neurons.
    pub neurons: Option<u32>,
    /// Axons that come in.
    pub in_axons: Option<u32>,
    /// Axons that go out: pairs of a neuron and a core that it sends to.
    pub out_axons: Option<u32>,
    /// Synapses of one neuron.
    pub fan_in: Option<u32>,
    /// Axons on other cores that one neuron can drive; a neuron that needs more is placed several times.
    pub axons_per_neuron: Option<u32>,
    /// Memory that holds the weights.
    pub synapse_memory: Option<SynapseMemory>,
    /// Cores that each hold one whole layer, as a convolution; null: cores hold any part of any layer.
    pub convolutions: Option<ConvolutionCores>,
}

/// Cores that each hold one whole layer, as a convolution: a dense layer is one whose window covers all of its
/// input, a pool one whose channels hear themselves.
///
/// A layer of C input channels, a window of h x w, F output channels and Y x X places takes
/// `C 2^(ceil(log2(h w)) + ceil(log2 F))` kernel words and `F 2^(ceil(log2 Y) + ceil(log2 X))` neuron words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionCores {
    /// Rows and columns of an input, at most.
    pub max_input: u32,
    /// Rows and columns of an output, at most.
    pub max_output: u32,
    /// Channels of an input or output, at most.
    pub max_channels: u32,
    /// Rows and columns of a window, at most.
    pub max_window: u32,
    /// Rows and columns of zeros around an input, at most.
    pub max_padding: u32,
    /// Strides of a window.
    pub strides: Vec<u32>,
    /// Layers that hear one layer, at most.
    pub max_destinations: u32,
    /// Of each core, in the order of their numbers: one for each of the chip.
    pub memories: Vec<ConvolutionMemory>,
}

/// What one of several unlike cores holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionMemory {
    /// Words of kernels, a weight each.
    pub kernel_words: u32,
    /// Words of neurons, one each.
    pub neuron_words: u32,
}

/// Weights are kept in lists, each beginning in a new word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapseMemory {
    /// Bits of one core.
    pub bits: u64,
    /// Bits of a word.
    pub word_bits: u64,
    /// Bits before the first weight of a list.
    pub header_bits: u64,
    /// Whether the axons of a convolution share lists: one for each input of its window, rather than one for
    /// each axon.
    pub shared_kernels: bool,
}

/// What is counted as one operation or one packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counting {
    /// Synaptic operations of a spike that comes in.
    pub synaptic_operations: OperationCounting,
    /// Packets of a spike that goes out.
    pub packets: PacketCounting,
    /// Packets of the output neurons' spikes.
    pub outputs: OutputCounting,
    /// Steps of an inference.
    pub steps: StepCounting,
}

/// Synaptic operations of a spike that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationCounting {
    /// One for every synapse whose weight is not zero.
    Effective,
    /// One for every neuron that the core can hold, connected or not.
    CrossbarRow,
}

/// Packets of a spike that goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PacketCounting {
    /// One for every core that it goes to.
    PerDestinationCore,
    /// One for every axon that it goes to.
    PerDestinationAxon,
}

/// Packets of the output neurons' spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutputCounting {
    /// Each is sent off the chip, over the tile of core 0.
    Sent,
    /// They are read where they are: no packets.
    ReadInPlace,
}

/// Steps of an inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepCounting {
    /// Inferences follow one another through the layers: of each, every neuron makes one step, and a new one
    /// begins with every step of the chip.
    Pipelined,
    /// An inference begins when the one before is over: one step for the input and one for each layer, and
    /// every neuron makes them all. A potential that a neuron keeps is there in its next step, then forgotten.
    OneByOne,
}

impl ChipProfile {
    /// The profile called `name` that comes with the program.
    ///
    /// ```
    /// use spiketune::backend::ChipProfile;
    ///
    /// let loihi = ChipProfile::builtin("loihi1")?;
    /// assert_eq!(loihi.core.neurons, Some(1024));
    /// let error = ChipProfile::builtin("liohi1").unwrap_err().to_string();
    /// assert_eq!(error, r#"chip = "liohi1": no such chip; did you mean "loihi1"?"#);
    /// # Ok::<(), spiketune::backend::ProfileError>(())
    /// ```
    ///
    /// # Errors
    /// If there is none; the error names the nearest.
    pub fn builtin(name: &str) -> Result<Self, ProfileError> {
        match BUILTIN.into_iter().find(|&(known, _)| known == name) {
            Some((_, text)) => Ok(Self::from_json(text, &format!("configs/chips/{name}.json"))?),
            None => Err(ProfileError::Unknown {
                name: name.to_owned(),
                hint: suggestion(name, Self::builtin_names()),
            }),
        }
    }

    /// The names that [`ChipProfile::builtin`] knows, in alphabetical order.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> + Clone {
        BUILTIN.into_iter().map(|(name, _)| name)
    }

    /// Reads a profile; `file` is what errors call it.
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

//! Which neurons live on which core.
//!
//! A core holds neurons of one layer, next to each other. A layer takes the fewest cores that its limits
//! allow and spreads over them evenly, since the slowest core decides how long a step takes. Cores are
//! taken in row-major order of the mesh, layer after layer. What a core sends depends on how many cores
//! the next layer has, so layers are cut from the output down.
//!
//! Synapses are kept as dense lists: an axon's list holds a weight for every neuron of the core. An input
//! whose weights are all zero needs no axon.

use super::error::{DeployError, Limit};
use super::profile::{ChipProfile, CoreLimits, SynapseMemory, WeightFormat};
use super::quantize::{IntegerLayer, IntegerNetwork};

/// A part of a layer on a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// The core's number on the chip, in row-major order.
    pub number: usize,
    /// The first of its neurons in the order of the layer's placed neurons.
    pub first: usize,
    /// How many there are.
    pub neurons: usize,
    /// Axons that come in.
    pub in_axons: u64,
    /// Axons that go out.
    pub out_axons: u64,
    /// Bits of synapse memory, whole words.
    pub synapse_bits: u64,
}

/// A layer on its cores.
///
/// Where a neuron drives fewer axons than it must, it is placed `copies` times: placed neuron p computes
/// neuron `p % neurons` of the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerMapping {
    /// In the order of the placed neurons.
    pub cores: Vec<Core>,
    /// Neurons of the layer.
    pub neurons: usize,
    /// How often each of them is placed.
    pub copies: usize,
    /// Axons that each neuron's spike goes to.
    pub targets: usize,
    /// Axons that bring one input to a core.
    pub axons_per_input: usize,
}

/// A network on the cores of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// From the input to the output neurons.
    pub layers: Vec<LayerMapping>,
}

impl Mapping {
    /// Places `network` on the chip of `profile`.
    ///
    /// # Errors
    /// [`DeployError::TooLarge`] with the limit that it breaks.
    pub fn new(network: &IntegerNetwork, profile: &ChipProfile) -> Result<Self, DeployError> {
        let mut layers: Vec<LayerMapping> = Vec::with_capacity(network.layers.len());
        for (index, layer) in network.layers.iter().enumerate().rev() {
            // The output neurons' spikes leave the chip over one axon each.
            let targets = layers.last().map_or(1, |above| above.cores.len() * above.axons_per_input);
            let plan = Plan::new(layer, index, targets, network.weight_bits, profile);
            layers.push(plan.place()?);
        }
        layers.reverse();
        let mapping = Self::numbered(layers);
        mapping.check_cores(profile)?;
        Ok(mapping)
    }

    /// Cores in use.
    pub fn cores(&self) -> usize {
        self.layers.iter().map(|layer| layer.cores.len()).sum()
    }

    fn numbered(mut layers: Vec<LayerMapping>) -> Self {
        let cores = layers.iter_mut().flat_map(|layer| &mut layer.cores);
        for (number, core) in cores.enumerate() {
            core.number = number;
        }
        Self { layers }
    }

    fn check_cores(&self, profile: &ChipProfile) -> Result<(), DeployError> {
        let needed = self.cores() as u64;
        match profile.topology.cores.map(u64::from) {
            Some(available) if needed > available => Err(DeployError::TooLarge {
                chip: profile.name.clone(),
                limit: Limit::Cores,
                needed,
                available,
                layer: None,
            }),
            _ => Ok(()),
        }
    }
}

impl LayerMapping {
    /// The index in `cores` of the core that holds placed neuron `placed`.
    pub fn core_of(&self, placed: usize) -> usize {
        self.cores.partition_point(|core| core.first <= placed) - 1
    }
}

/// What a layer asks of every core that holds a part of it.
struct Plan<'a> {
    chip: &'a str,
    limits: &'a CoreLimits,
    layer: usize,
    neurons: usize,
    /// Inputs that have a weight.
    inputs: u64,
    axons_per_input: u64,
    weight_bits: u64,
    targets: u64,
    copies: u64,
}

impl<'a> Plan<'a> {
    fn new(
        layer: &IntegerLayer,
        index: usize,
        targets: usize,
        weight_bits: Option<u8>,
        profile: &'a ChipProfile,
    ) -> Self {
        let used = layer.weights.rows().into_iter().filter(|row| row.iter().any(|&weight| weight != 0)).count();
        let bits = u64::from(weight_bits.unwrap_or(0));
        let per_neuron = profile.core.axons_per_neuron.map_or(u64::MAX, u64::from);
        Self {
            chip: &profile.name,
            limits: &profile.core,
            layer: index,
            neurons: layer.neurons(),
            inputs: used as u64,
            axons_per_input: if matches!(profile.weights, WeightFormat::Palette { .. }) { bits } else { 1 },
            weight_bits: bits,
            targets: targets as u64,
            copies: (targets as u64).div_ceil(per_neuron),
        }
    }

    fn place(&self) -> Result<LayerMapping, DeployError> {
        self.check_neuron()?;
        let placed = self.neurons * self.copies as usize;
        let count = (placed as u64).div_ceil(self.capacity()).max(1) as usize;
        let cores = (0..count).map(|index| self.core(placed * index / count, placed * (index + 1) / count));
        Ok(LayerMapping {
            cores: cores.collect(),
            neurons: self.neurons,
            copies: self.copies as usize,
            targets: self.targets as usize,
            axons_per_input: self.axons_per_input as usize,
        })
    }

    fn core(&self, first: usize, end: usize) -> Core {
        let neurons = (end - first) as u64;
        Core {
            number: 0,
            first,
            neurons: end - first,
            in_axons: self.in_axons(),
            out_axons: neurons * self.out_axons_per_neuron(),
            synapse_bits: self.limits.synapse_memory.as_ref().map_or(0, |memory| self.memory(memory, neurons)),
        }
    }

    fn in_axons(&self) -> u64 {
        self.inputs * self.axons_per_input
    }

    /// Of one placed neuron.
    fn out_axons_per_neuron(&self) -> u64 {
        self.targets.div_ceil(self.copies)
    }

    /// Bits that `neurons` neurons take, in whole words.
    fn memory(&self, memory: &SynapseMemory, neurons: u64) -> u64 {
        let list = memory.header_bits + neurons * self.weight_bits;
        self.in_axons() * list.div_ceil(memory.word_bits) * memory.word_bits
    }

    /// Whether a single neuron fits on a core; with it, [`Plan::capacity`] is 1 or more.
    fn check_neuron(&self) -> Result<(), DeployError> {
        let memory = self.limits.synapse_memory.as_ref();
        let needs = [
            (Limit::FanIn, self.in_axons(), self.limits.fan_in.map(u64::from)),
            (Limit::InAxons, self.in_axons(), self.limits.in_axons.map(u64::from)),
            (Limit::OutAxons, self.out_axons_per_neuron(), self.limits.out_axons.map(u64::from)),
            (
                Limit::SynapseMemory,
                memory.map_or(0, |memory| self.memory(memory, 1)),
                memory.map(|memory| memory.bits),
            ),
        ];
        for (limit, needed, available) in needs {
            if let Some(available) = available.filter(|&available| needed > available) {
                let (chip, layer) = (self.chip.to_owned(), Some(self.layer));
                return Err(DeployError::TooLarge { chip, limit, needed, available, layer });
            }
        }
        Ok(())
    }

    /// The most neurons that a core can hold.
    fn capacity(&self) -> u64 {
        let neurons = self.limits.neurons.map_or(u64::MAX, u64::from);
        let sending =
            self.limits.out_axons.map_or(u64::MAX, |axons| u64::from(axons) / self.out_axons_per_neuron());
        let storing = self.limits.synapse_memory.as_ref().map_or(u64::MAX, |memory| self.stored(memory));
        neurons.min(sending).min(storing)
    }

    /// The most neurons whose weights fit into a core's memory.
    fn stored(&self, memory: &SynapseMemory) -> u64 {
        match self.in_axons() {
            0 => u64::MAX,
            axons => {
                let words = memory.bits / memory.word_bits / axons;
                (words * memory.word_bits).saturating_sub(memory.header_bits) / self.weight_bits
            }
        }
    }
}

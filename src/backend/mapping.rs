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
use super::format::WeightFormat;
use super::profile::{ChipProfile, CoreLimits, SynapseMemory};
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
        let used =
            layer.weights.rows().into_iter().filter(|row| row.iter().any(|&weight| weight != 0)).count();
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
            synapse_bits: self
                .limits
                .synapse_memory
                .as_ref()
                .map_or(0, |memory| self.memory(memory, neurons)),
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

#[cfg(test)]
mod tests {
    use super::super::DeployOptions;
    use super::super::fixtures::{chip, full};
    use super::*;

    fn profile() -> ChipProfile {
        ChipProfile::builtin("loihi1").unwrap()
    }

    fn mapped(profile: &ChipProfile, widths: &[usize]) -> Result<Mapping, DeployError> {
        let network = IntegerNetwork::new(&full(widths), profile, &DeployOptions::default())?;
        Mapping::new(&network, profile)
    }

    /// Neurons of each core, layer by layer.
    fn neurons(mapping: &Mapping) -> Vec<Vec<usize>> {
        let layer = |layer: &LayerMapping| layer.cores.iter().map(|core| core.neurons).collect();
        mapping.layers.iter().map(layer).collect()
    }

    fn message(profile: &ChipProfile, widths: &[usize]) -> String {
        mapped(profile, widths).unwrap_err().to_string()
    }

    #[test]
    fn a_core_of_neurons_is_filled_to_the_last_and_one_more_takes_another() {
        assert_eq!(neurons(&mapped(&profile(), &[10, 1024]).unwrap()), [[1024]]);
        assert_eq!(neurons(&mapped(&profile(), &[10, 1025]).unwrap()), [[512, 513]]);
    }

    #[test]
    fn synapse_memory_is_filled_to_the_last_word() {
        // 784 axons in 16,384 words leave 20 words an axon: 1,280 bits, 10 of them a header, 8 a weight: 158.
        let mapping = mapped(&profile(), &[784, 158]).unwrap();
        assert_eq!(neurons(&mapping), [[158]]);
        assert_eq!(mapping.layers[0].cores[0].synapse_bits, 784 * 20 * 64);
        assert_eq!(neurons(&mapped(&profile(), &[784, 159]).unwrap()), [[79, 80]]);
        let mut small = profile();
        small.core.synapse_memory.as_mut().unwrap().bits = 100 * 64;
        assert!(mapped(&small, &[100, 2]).is_ok());
        assert_eq!(
            message(&small, &[101, 2]),
            "too large for loihi1: layer 0 needs 6464 bits of synapse memory per neuron, the chip has 6400"
        );
    }

    #[test]
    fn axons_in_are_those_of_inputs_that_have_a_weight() {
        assert!(mapped(&profile(), &[4096, 2]).is_ok());
        assert_eq!(
            message(&profile(), &[4097, 2]),
            "too large for loihi1: layer 0 needs 4097 axons into a core, the chip has 4096"
        );
        let mut network = full(&[4097, 2]);
        network.layers[0].weights.column_mut(7).fill(0.0);
        assert!(chip("loihi1").deploy(&network, &DeployOptions::default()).is_ok());
    }

    #[test]
    fn axons_out_limit_how_many_neurons_share_a_core() {
        let mut profile = profile();
        profile.core.out_axons = Some(20);
        // Sixty output neurons send over one axon each and take three cores; each neuron below needs three.
        assert_eq!(neurons(&mapped(&profile, &[5, 6, 60]).unwrap())[0], [6]);
        assert_eq!(neurons(&mapped(&profile, &[5, 7, 60]).unwrap())[0], [3, 4]);
        profile.core.out_axons = Some(2);
        assert_eq!(
            message(&profile, &[5, 6, 6]),
            "too large for loihi1: layer 0 needs 3 axons out of a core, the chip has 2"
        );
    }

    #[test]
    fn the_last_core_fits_and_one_more_does_not() {
        assert_eq!(mapped(&profile(), &[1, 128 * 1024]).unwrap().cores(), 128);
        assert_eq!(
            message(&profile(), &[1, 128 * 1024 + 1]),
            "too large for loihi1: needs 129 cores, the chip has 128"
        );
    }

    #[test]
    fn a_crossbar_takes_two_axons_an_input_and_a_copy_for_every_axon_that_is_driven() {
        let profile = ChipProfile::builtin("truenorth").unwrap();
        // 300 output neurons take two cores, each input of which has two axons: four copies of 100.
        let mapping = mapped(&profile, &[128, 100, 300]).unwrap();
        assert_eq!(neurons(&mapping), [vec![200, 200], vec![150, 150]]);
        assert_eq!(mapping.layers[0].copies, 4);
        assert_eq!(mapping.layers[0].cores[0].in_axons, 256);
        assert_eq!(mapping.layers[1].cores.iter().map(|core| core.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(
            message(&profile, &[129, 100]),
            "too large for truenorth: layer 0 needs 258 synapses per neuron, the chip has 256"
        );
    }

    #[test]
    fn every_placed_neuron_has_its_core() {
        let layer = &mapped(&profile(), &[784, 500]).unwrap().layers[0];
        for (index, core) in layer.cores.iter().enumerate() {
            assert_eq!(layer.core_of(core.first), index);
            assert_eq!(layer.core_of(core.first + core.neurons - 1), index);
        }
        assert_eq!(layer.cores.iter().map(|core| core.neurons).sum::<usize>(), 500);
    }
}

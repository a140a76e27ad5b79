//! The mapping of a network: which neurons lie on which core, and what they take there.

use super::connect::CoresByInput;
use crate::backend::profile::{CoreLimits, Topology};

/// A part of a layer on a core; no other part shares that core unless the chip allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// The core's number, in row-major order of the mesh, chip after chip.
    pub number: usize,
    /// The first neuron of the part, in the order of the layer's placed neurons.
    pub first: usize,
    /// Number of neurons.
    pub neurons: usize,
    /// Number of incoming axons.
    pub in_axons: u64,
    /// Number of outgoing axons.
    pub out_axons: u64,
    /// Bits of synapse memory, rounded up to whole words.
    pub synapse_bits: u64,
    /// Bits of synapse memory if no kernels were shared.
    pub unshared_bits: u64,
}

/// The chips, tiles and cores that a network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Number of chips.
    pub chips: u32,
    /// Number of tiles on all chips.
    pub tiles: u32,
    /// Number of cores on all chips.
    pub cores: usize,
}

/// A layer on its cores.
///
/// A neuron can send spikes to a limited number of axons. If a neuron needs more, all neurons of
/// the layer are placed `copies` times. Placed neuron p computes neuron `p % neurons` of the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerMapping {
    /// The parts of the layer, in the order of the placed neurons.
    pub cores: Vec<Core>,
    /// Number of neurons of the layer.
    pub neurons: usize,
    /// Number of times that each neuron is placed.
    pub copies: usize,
    /// The largest number of axons that the spike of one neuron goes to.
    pub targets: usize,
    /// Number of axons that bring one input of one source to a core.
    pub axons_per_input: usize,
    /// Sources of the layer: 0 is the network's input, l the spikes of layer l - 1.
    pub(crate) sources: Vec<usize>,
    /// For each input the receiving cores, as indices in `cores`. Each has the number of its
    /// neurons that the input reaches.
    pub(crate) receivers: CoresByInput,
}

/// A network on the cores of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The layers from the input to the output neurons.
    pub layers: Vec<LayerMapping>,
}

impl Mapping {
    /// The number of cores in use.
    pub fn cores(&self) -> usize {
        let mut numbers: Vec<usize> = self.parts().map(|core| core.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len()
    }

    /// All parts of all layers, layer by layer.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Core> {
        self.layers.iter().flat_map(|layer| &layer.cores)
    }

    /// The contents of each core in use, all layers together, in the order of core numbers.
    pub(crate) fn by_core(&self) -> Vec<Core> {
        let mut cores: Vec<Core> = self.parts().cloned().collect();
        cores.sort_by_key(|core| core.number);
        let together = |core: &mut Core, next: &mut Core| {
            let same = core.number == next.number;
            if same {
                *next = next.with(core);
            }
            same
        };
        cores.dedup_by(together);
        cores
    }

    /// The number of chips, tiles and cores that the network takes.
    pub(crate) fn size(&self, topology: &Topology) -> Size {
        let numbers = || self.parts().map(|core| core.number);
        Size {
            chips: numbers().map(|core| topology.chip(core) + 1).max().unwrap_or(0),
            tiles: topology.tiles(numbers()),
            cores: self.cores(),
        }
    }

    /// The core numbers of the axons that carry a spike of `neuron` of `source`; one entry per
    /// axon. Source 0 is the network's input, source l the spikes of layer l - 1.
    ///
    /// Spikes of output neurons leave the chip at core 0.
    pub(crate) fn axons(&self, source: usize, neuron: usize) -> Vec<usize> {
        if source == self.layers.len() {
            return vec![0];
        }
        let above = self.layers.iter().filter(|layer| layer.sources.contains(&source));
        above.flat_map(|layer| layer.axons(neuron)).collect()
    }
}

impl Core {
    /// The contents of a core that holds `self` and `other`.
    pub(crate) fn with(&self, other: &Core) -> Self {
        Self {
            number: self.number,
            first: self.first,
            neurons: self.neurons + other.neurons,
            in_axons: self.in_axons + other.in_axons,
            out_axons: self.out_axons + other.out_axons,
            synapse_bits: self.synapse_bits + other.synapse_bits,
            unshared_bits: self.unshared_bits + other.unshared_bits,
        }
    }

    /// Whether the contents are within the limits of one core.
    pub(crate) fn fits(&self, limits: &CoreLimits) -> bool {
        let within = |needed: u64, limit: Option<u64>| limit.is_none_or(|limit| needed <= limit);
        within(self.neurons as u64, limits.neurons.map(u64::from))
            && within(self.in_axons, limits.in_axons.map(u64::from))
            && within(self.out_axons, limits.out_axons.map(u64::from))
            && within(self.synapse_bits, limits.synapse_memory.as_ref().map(|memory| memory.bits))
    }
}

impl LayerMapping {
    /// The number of inputs I.
    pub(crate) fn inputs(&self) -> usize {
        self.receivers.inputs()
    }

    /// The numbers of the cores that hold the copies of `neuron`.
    pub(crate) fn copies_of(&self, neuron: usize) -> Vec<usize> {
        let core = |copy| self.cores[self.core_of(copy * self.neurons + neuron)].number;
        (0..self.copies).map(core).collect()
    }

    /// The index in `cores` of the core that holds placed neuron `placed`.
    pub fn core_of(&self, placed: usize) -> usize {
        self.cores.partition_point(|core| core.first <= placed) - 1
    }

    /// The number of axons in this layer that a spike of `neuron` of `source` goes to.
    pub(super) fn axons_of(&self, source: usize, neuron: usize) -> usize {
        match self.sources.contains(&source) {
            true => self.receivers.of(neuron).len() * self.axons_per_input,
            false => 0,
        }
    }

    /// The core number of each axon that brings `input`.
    fn axons(&self, input: usize) -> impl Iterator<Item = usize> {
        let number = |&(core, _): &(u32, u32)| self.cores[core as usize].number;
        self.receivers
            .of(input)
            .iter()
            .map(number)
            .flat_map(|core| std::iter::repeat_n(core, self.axons_per_input))
    }
}

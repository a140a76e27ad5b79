//! A mapping: which neurons of which layer lie on which core, and what they take there.

use super::connect::CoresByInput;
use crate::backend::profile::{CoreLimits, Topology};

/// A part of a layer on a core, which no other shares unless the chip says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// The core's number, in row-major order, chip after chip.
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
    /// The same if no kernels were shared.
    pub unshared_bits: u64,
}

/// How much of a chip a network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Chips.
    pub chips: u32,
    /// Tiles of all of them.
    pub tiles: u32,
    /// Cores of all of them.
    pub cores: usize,
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
    /// The most axons that the spike of one neuron goes to.
    pub targets: usize,
    /// Axons that bring one input of one source to a core.
    pub axons_per_input: usize,
    /// What the layer hears: 0 is the network's input, l the spikes of layer l - 1.
    pub(crate) sources: Vec<usize>,
    /// For each input the indices in `cores` of those that hear it, with the neurons that it reaches there.
    pub(crate) receivers: CoresByInput,
}

/// A network on the cores of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// From the input to the output neurons.
    pub layers: Vec<LayerMapping>,
}

impl Mapping {
    /// Cores in use.
    pub fn cores(&self) -> usize {
        let mut numbers: Vec<usize> = self.parts().map(|core| core.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len()
    }

    /// Every part of a layer on a core, layer by layer.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Core> {
        self.layers.iter().flat_map(|layer| &layer.cores)
    }

    /// What each core in use holds, by number.
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

    /// How much of the chip it takes.
    pub(crate) fn size(&self, topology: &Topology) -> Size {
        let numbers = || self.parts().map(|core| core.number);
        Size {
            chips: numbers().map(|core| topology.chip(core) + 1).max().unwrap_or(0),
            tiles: topology.tiles(numbers()),
            cores: self.cores(),
        }
    }

    /// For each axon that a spike of `neuron` of `source` goes to the number of its core; of the output
    /// neurons core 0, where spikes leave the chip.
    pub(crate) fn axons(&self, source: usize, neuron: usize) -> Vec<usize> {
        if source == self.layers.len() {
            return vec![0];
        }
        let above = self.layers.iter().filter(|layer| layer.sources.contains(&source));
        above.flat_map(|layer| layer.axons(neuron)).collect()
    }
}

impl Core {
    /// What a core holds that holds this and `other`.
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

    /// Whether it is within the limits of one core.
    pub(crate) fn fits(&self, limits: &CoreLimits) -> bool {
        let within = |needed: u64, limit: Option<u64>| limit.is_none_or(|limit| needed <= limit);
        within(self.neurons as u64, limits.neurons.map(u64::from))
            && within(self.in_axons, limits.in_axons.map(u64::from))
            && within(self.out_axons, limits.out_axons.map(u64::from))
            && within(self.synapse_bits, limits.synapse_memory.as_ref().map(|memory| memory.bits))
    }
}

impl LayerMapping {
    /// I
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

    /// How many axons a spike of `neuron` of `source` goes to in this layer.
    pub(super) fn axons_of(&self, source: usize, neuron: usize) -> usize {
        match self.sources.contains(&source) {
            true => self.receivers.of(neuron).len() * self.axons_per_input,
            false => 0,
        }
    }

    /// For each axon that brings `input` the number of its core.
    fn axons(&self, input: usize) -> impl Iterator<Item = usize> {
        let number = |&(core, _): &(u32, u32)| self.cores[core as usize].number;
        self.receivers
            .of(input)
            .iter()
            .map(number)
            .flat_map(|core| std::iter::repeat_n(core, self.axons_per_input))
    }
}

//! Partition of one layer into parts that each fit on a core.

use std::ops::Range;

use super::connect::{Connections, CoresByInput, Counter};
use super::core::{Core, LayerMapping};
use crate::backend::error::{DeployError, Limit};
use crate::backend::profile::format::WeightFormat;
use crate::backend::profile::{ChipProfile, CoreLimits, SynapseMemory};
use crate::backend::quantize::IntegerLayer;
use crate::network::Connectivity;

/// A layer that needs more than so many times the cores of all chips is refused without a count. Where
/// neurons are copied for their receivers, copies of copies would grow beyond all bounds.
const COUNTED: u64 = 16;

/// Partitions one layer, within the chip's limits for one core.
pub(crate) struct Partitioner<'a> {
    chip: &'a str,
    limits: &'a CoreLimits,
    index: usize,
    layer: &'a IntegerLayer,
    connections: Connections<'a>,
    /// (O): number of axons that the spike of each neuron goes to.
    targets: &'a [u64],
    copies: u64,
    axons_per_input: u64,
    weight_bits: u64,
    /// The number of cores of all chips; `None`: no limit.
    cores: Option<u64>,
}

/// A core, and for each of its inputs the number of neurons that the input reaches there.
type FilledCore = (Core, Vec<(u32, u32)>);

impl<'a> Partitioner<'a> {
    pub(crate) fn new(
        layer: &'a IntegerLayer,
        index: usize,
        targets: &'a [u64],
        weight_bits: Option<u8>,
        profile: &'a ChipProfile,
    ) -> Self {
        let bits = match (weight_bits, layer.connectivity) {
            (None, _) => 0,
            // All weights of a pool are 1.
            (Some(_), Connectivity::Pool { .. }) => 1,
            (Some(bits), _) => u64::from(bits),
        };
        let per_neuron = profile.core.axons_per_neuron.map_or(u64::MAX, u64::from);
        let most = targets.iter().copied().max().unwrap_or(0);
        Self {
            chip: &profile.name,
            limits: &profile.core,
            index,
            layer,
            connections: Connections::new(layer),
            targets,
            copies: most.div_ceil(per_neuron).max(1),
            axons_per_input: axons_per_input(profile, bits),
            weight_bits: bits,
            cores: profile.topology.all_cores(),
        }
    }

    /// Maps the layer to the fewest cores on which every part fits.
    ///
    /// # Errors
    /// [`DeployError::TooLarge`] if a single neuron does not fit on a core, and
    /// [`DeployError::TooManyCores`].
    pub(crate) fn place(&self) -> Result<LayerMapping, DeployError> {
        self.check_neuron()?;
        let placed = self.layer.neurons() * self.copies as usize;
        let per_core = self.limits.neurons.map_or(placed, |neurons| neurons as usize);
        let counted = self.cores.map_or(u64::MAX, |cores| cores * COUNTED);
        let last = placed.min(usize::try_from(counted).unwrap_or(usize::MAX));
        let mut counter = Counter::new(self.layer.inputs());
        let parts = (placed.div_ceil(per_core)..=last).find_map(|count| self.cut(count, &mut counter));
        let parts = parts.ok_or_else(|| DeployError::TooManyCores {
            chip: self.chip.to_owned(),
            needed: last as u64,
            available: self.cores.expect("each neuron fits on a core of its own"),
        })?;
        let (cores, inputs): (Vec<Core>, Vec<_>) = parts.into_iter().unzip();
        Ok(LayerMapping {
            cores,
            neurons: self.layer.neurons(),
            copies: self.copies as usize,
            targets: self.targets.iter().copied().max().unwrap_or(0) as usize,
            axons_per_input: self.axons_per_input as usize,
            sources: self.layer.sources.clone(),
            receivers: CoresByInput::new(self.layer.inputs(), &inputs),
        })
    }

    /// Cuts the layer into `count` even parts, one per core; `None` if a part does not fit on its
    /// core.
    fn cut(&self, count: usize, counter: &mut Counter) -> Option<Vec<FilledCore>> {
        let placed = self.layer.neurons() * self.copies as usize;
        let part = |index| placed * index / count..placed * (index + 1) / count;
        (0..count)
            .map(|index| Some(self.part(part(index), counter)).filter(|(core, _)| core.fits(self.limits)))
            .collect()
    }

    fn part(&self, placed: Range<usize>, counter: &mut Counter) -> FilledCore {
        let (first, neurons) = (placed.start, placed.len());
        let sends = |neuron: usize| self.targets[neuron % self.layer.neurons()].div_ceil(self.copies);
        let out_axons = placed.clone().map(sends).sum();
        // For each kernel element the range of channels that it reaches on this core.
        let mut kernel: Vec<Range<usize>> =
            vec![0..0; if self.shares_kernels() { self.layer.weights.nrows() } else { 0 }];
        self.connections.for_each(placed, |input, element, channels| {
            counter.add(input, channels.len());
            if let Some(all) = kernel.get_mut(element) {
                *all = if all.start == all.end {
                    channels
                } else {
                    all.start.min(channels.start)..all.end.max(channels.end)
                };
            }
        });
        let inputs = counter.take();
        let unshared_bits = self.lists(inputs.iter().map(|&(_, synapses)| synapses as usize));
        let core = Core {
            number: 0,
            first,
            neurons,
            in_axons: inputs.len() as u64 * self.axons(),
            out_axons,
            synapse_bits: match self.shares_kernels() {
                true => {
                    self.lists(kernel.iter().map(|channels| channels.end - channels.start)).min(unshared_bits)
                }
                false => unshared_bits,
            },
            unshared_bits,
        };
        (core, inputs)
    }

    /// Whether the axons of this layer share their lists of weights.
    fn shares_kernels(&self) -> bool {
        let memory = self.limits.synapse_memory.as_ref();
        memory.is_some_and(|memory| memory.shared_kernels)
            && matches!(self.layer.connectivity, Connectivity::Convolution { .. })
    }

    /// Bits of memory for weight lists of these lengths, for all sources.
    fn lists(&self, lengths: impl Iterator<Item = usize>) -> u64 {
        let Some(memory) = &self.limits.synapse_memory else { return 0 };
        let bits = |length: usize| list_bits(memory, length as u32, self.weight_bits);
        lengths.filter(|&length| length > 0).map(bits).sum::<u64>() * self.axons()
    }

    /// Number of axons that bring one input to a core, over all sources.
    fn axons(&self) -> u64 {
        self.axons_per_input * self.layer.sources.len() as u64
    }

    /// Checks that a single neuron fits on a core.
    fn check_neuron(&self) -> Result<(), DeployError> {
        let out_axons = self.targets.iter().copied().max().unwrap_or(0).div_ceil(self.copies);
        let broken =
            |inputs: u64| broken_limit(self.limits, inputs * self.axons(), out_axons, self.weight_bits);
        // Counting neuron by neuron takes long, and most layers are far from the limit.
        let Some((limit, needed, available)) =
            broken(self.connections.most_inputs()).and_then(|_| broken(self.connections.fan_in()))
        else {
            return Ok(());
        };
        let (chip, layer) = (self.chip.to_owned(), Some(self.index));
        Err(DeployError::TooLarge { chip, limit, needed, available, layer })
    }
}

/// Number of axons that bring one input of one source to a core, with weights of `bits`.
pub(super) fn axons_per_input(profile: &ChipProfile, bits: u64) -> u64 {
    if matches!(profile.weights, WeightFormat::Palette { .. }) { bits } else { 1 }
}

/// Bits of one axon's list of `synapses` weights, in whole words.
fn list_bits(memory: &SynapseMemory, synapses: u32, weight_bits: u64) -> u64 {
    let bits = memory.header_bits + u64::from(synapses) * weight_bits;
    bits.div_ceil(memory.word_bits) * memory.word_bits
}

/// The first limit of a core that one neuron with these axons breaks, what it needs and what there is.
pub(super) fn broken_limit(
    limits: &CoreLimits,
    in_axons: u64,
    out_axons: u64,
    weight_bits: u64,
) -> Option<(Limit, u64, u64)> {
    let memory = limits.synapse_memory.as_ref();
    let needs = [
        (Limit::FanIn, in_axons, limits.fan_in.map(u64::from)),
        (Limit::InAxons, in_axons, limits.in_axons.map(u64::from)),
        (Limit::OutAxons, out_axons, limits.out_axons.map(u64::from)),
        (
            Limit::SynapseMemory,
            memory.map_or(0, |memory| in_axons * list_bits(memory, 1, weight_bits)),
            memory.map(|memory| memory.bits),
        ),
    ];
    let mut known = needs.into_iter().filter_map(|(limit, needed, most)| Some((limit, needed, most?)));
    known.find(|&(_, needed, available)| needed > available)
}

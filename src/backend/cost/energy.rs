//! The energy model: numbers of events times the energy of one event. The energies are constants of
//! the chip profile, see [`EnergyConstants`](crate::backend::EnergyConstants).
//!
//! - synapse: synaptic operations of each layer times `synaptic_operation`
//! - neuron: see [`NeuronCost`]
//! - network: packets times `spike`, plus hops times `hop_east_west` or `hop_north_south`, plus
//!   crossings between chips times `chip_crossing`
//! - static: the duration times the static power. Each core in use draws `static_per_core`. Each
//!   chip in use draws `static_fixed`, plus the frequency times the slope of `clock`.

use super::core_activity::CoreActivity;
use crate::backend::mapping::core::Size;
use crate::backend::mapping::route::Route;
use crate::backend::profile::ChipProfile;
use crate::backend::profile::constants::{ClockPower, NeuronCost};
use crate::backend::profile::quantity::{EnergyUnit, Quantity};
use crate::backend::quantize::IntegerNetwork;
use crate::units::{Joules, Seconds, Watts};

/// Counts of events that cost energy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventCounts {
    /// Synaptic operations of each layer.
    pub operations: Vec<u64>,
    /// Activity of all cores.
    pub activity: CoreActivity,
    pub packets: u64,
    pub hops_east_west: u64,
    pub hops_north_south: u64,
    pub crossings: u64,
}

impl EventCounts {
    /// Counts at zero, for a network with this number of layers.
    pub(crate) fn new(layers: usize) -> Self {
        Self { operations: vec![0; layers], ..Self::default() }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.operations.iter_mut().zip(&other.operations).for_each(|(sum, more)| *sum += more);
        self.activity += &other.activity;
        self.packets += other.packets;
        self.hops_east_west += other.hops_east_west;
        self.hops_north_south += other.hops_north_south;
        self.crossings += other.crossings;
    }

    pub(crate) fn send(&mut self, route: &Route) {
        self.packets += route.packets;
        self.hops_east_west += route.hops_east_west;
        self.hops_north_south += route.hops_north_south;
        self.crossings += route.crossings;
    }
}

/// Energies by cause in joules; `None`: the profile lacks a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// Energy of synaptic operations.
    pub synapse: Option<Joules>,
    /// Energy of the updates and spikes of neurons.
    pub neuron: Option<Joules>,
    /// Energy of packets: each one, each hop, and each crossing to another chip.
    pub network: Option<Joules>,
    /// Energy of static power during one period.
    pub idle: Option<Joules>,
}

impl Energy {
    /// The sum of synapse, neuron and network energy, if all are known.
    pub fn dynamic(&self) -> Option<Joules> {
        Some(self.synapse? + self.neuron? + self.network?)
    }

    /// The sum of all energies, if all are known.
    pub fn total(&self) -> Option<Joules> {
        Some(self.dynamic()? + self.idle?)
    }
}

/// Energy per event, and the static power of a mapped network.
#[derive(Clone, Debug)]
pub(crate) struct EnergyModel {
    /// Energy of an operation in each layer.
    operations: Option<Vec<Joules>>,
    neuron: Option<NeuronCost<Joules>>,
    packet: Option<PacketEnergies>,
    power: Option<Watts>,
}

/// Energies of one packet, of its hops and of its crossings.
#[derive(Clone, Copy, Debug)]
struct PacketEnergies {
    packet: Joules,
    east_west: Joules,
    north_south: Joules,
    crossing: Joules,
}

impl PacketEnergies {
    /// The energies of packets in a network on this number of chips.
    fn new(profile: &ChipProfile, chips: u32) -> Option<Self> {
        let (energy, none) = (&profile.energy, Some(Joules(0.0)));
        let energy_of = |needed: bool, number: &Option<Quantity<EnergyUnit>>| match needed {
            true => number.as_ref().map(|number| number.energy()),
            false => none,
        };
        let mesh = profile.topology.mesh.is_some();
        Some(Self {
            packet: energy_of(true, &energy.spike)?,
            east_west: energy_of(mesh, &energy.hop_east_west)?,
            north_south: energy_of(mesh, &energy.hop_north_south)?,
            crossing: energy_of(chips > 1, &energy.chip_crossing)?,
        })
    }

    fn energy(&self, counts: &EventCounts) -> Joules {
        self.packet * counts.packets as f64
            + self.east_west * counts.hops_east_west as f64
            + self.north_south * counts.hops_north_south as f64
            + self.crossing * counts.crossings as f64
    }
}

impl EnergyModel {
    /// The model for `network`, which takes `size` of the chip.
    pub(crate) fn new(profile: &ChipProfile, network: &IntegerNetwork, size: Size) -> Self {
        let energy = &profile.energy;
        let operation = energy.synaptic_operation.as_ref();
        let layers = || network.layers.iter();
        Self {
            operations: operation
                .map(|cost| layers().map(|layer| cost.of(&layer.connectivity).energy()).collect()),
            neuron: energy.neuron.as_ref().map(|cost| cost.map(|number| number.energy())),
            packet: PacketEnergies::new(profile, size.chips),
            power: power(profile, size),
        }
    }

    /// Whether packets cost energy; if not, they need not be counted.
    pub(crate) fn has_packets(&self) -> bool {
        self.packet.is_some()
    }

    /// Whether the profile has no energy and no power at all.
    pub(crate) fn is_unknown(&self) -> bool {
        self.operations.is_none() && self.neuron.is_none() && self.packet.is_none() && self.power.is_none()
    }

    /// The energies of the events in `counts` during `time`.
    pub(crate) fn energy(&self, counts: &EventCounts, time: Option<Seconds>) -> Energy {
        let synapse = |energies: &Vec<Joules>| {
            energies.iter().zip(&counts.operations).map(|(&energy, &count)| energy * count as f64).sum()
        };
        Energy {
            synapse: self.operations.as_ref().map(synapse),
            neuron: self.neuron.map(|cost| cost.of(&counts.activity)),
            network: self.packet.map(|energies| energies.energy(counts)),
            idle: self.power.zip(time).map(|(power, time)| Joules(power.0 * time.0)),
        }
    }
}

/// Static power of the cores in use and of the rest of their chips.
pub(crate) fn power(profile: &ChipProfile, size: Size) -> Option<Watts> {
    let energy = &profile.energy;
    let (core, fixed) = energy.static_per_core.as_ref().zip(energy.static_fixed.as_ref())?;
    let clock = energy.clock.as_ref().map_or(Watts(0.0), ClockPower::power);
    Some(core.power() * size.cores as f64 + (fixed.power() + clock) * f64::from(size.chips))
}

//! Energies of what is counted, by the profile's numbers.
//!
//! synapse = operations e_s; neuron = active e_a + inactive e_i; network = packets e_p + east-west hops e_x +
//! north-south hops e_y; static = (cores p_c + p_f) time.

use super::profile::ChipProfile;
use super::route::Route;
use crate::units::{Joules, Seconds, Watts};

/// What is counted on the chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub operations: u64,
    pub active_updates: u64,
    pub inactive_updates: u64,
    pub packets: u64,
    pub hops_east_west: u64,
    pub hops_north_south: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.active_updates += other.active_updates;
        self.inactive_updates += other.inactive_updates;
        self.packets += other.packets;
        self.hops_east_west += other.hops_east_west;
        self.hops_north_south += other.hops_north_south;
    }

    pub(super) fn send(&mut self, route: &Route) {
        self.packets += route.packets;
        self.hops_east_west += route.hops_east_west;
        self.hops_north_south += route.hops_north_south;
    }
}

/// Energies that the profile has numbers for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// Of synaptic operations.
    pub synapse: Option<Joules>,
    /// Of neuron updates.
    pub neuron: Option<Joules>,
    /// Of packets.
    pub network: Option<Joules>,
    /// Of static power during one period.
    pub idle: Option<Joules>,
}

impl Energy {
    /// The sum, if every part is known.
    pub fn total(&self) -> Option<Joules> {
        Some(self.synapse? + self.neuron? + self.network? + self.idle?)
    }
}

/// Energies of the profile, and the power of the cores in use.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    operation: Option<Joules>,
    update: Option<(Joules, Joules)>,
    packet: Option<(Joules, Joules, Joules)>,
    power: Option<Watts>,
}

impl Prices {
    pub(super) fn new(profile: &ChipProfile, cores: usize) -> Self {
        let energy = &profile.energy;
        let hops = match profile.topology.mesh {
            None => Some((Joules(0.0), Joules(0.0))),
            Some(_) => energy
                .hop_east_west
                .as_ref()
                .zip(energy.hop_north_south.as_ref())
                .map(|(x, y)| (x.energy(), y.energy())),
        };
        let update = energy.neuron_active.as_ref().zip(energy.neuron_inactive.as_ref());
        let power = energy.static_per_core.as_ref().zip(energy.static_fixed.as_ref());
        Self {
            operation: energy.synaptic_operation.as_ref().map(|number| number.energy()),
            update: update.map(|(active, inactive)| (active.energy(), inactive.energy())),
            packet: energy.spike.as_ref().zip(hops).map(|(spike, (x, y))| (spike.energy(), x, y)),
            power: power.map(|(core, fixed)| core.power() * cores as f64 + fixed.power()),
        }
    }

    /// Energies of what `tally` counts while `time` passes.
    pub(super) fn energy(&self, tally: &Tally, time: Option<Seconds>) -> Energy {
        let neuron = |(active, inactive): (Joules, Joules)| {
            active * tally.active_updates as f64 + inactive * tally.inactive_updates as f64
        };
        let network = |(packet, x, y): (Joules, Joules, Joules)| {
            packet * tally.packets as f64
                + x * tally.hops_east_west as f64
                + y * tally.hops_north_south as f64
        };
        Energy {
            synapse: self.operation.map(|price| price * tally.operations as f64),
            neuron: self.update.map(neuron),
            network: self.packet.map(network),
            idle: self.power.zip(time).map(|(power, time)| Joules(power.0 * time.0)),
        }
    }
}

//! The physical numbers of a chip profile.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measured::{Basis, EnergyUnit, Measured, PowerUnit, TimeUnit, Unit};
use super::profile::ChipProfile;

/// Energies and powers; null where none is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnergyConstants {
    /// Of one synaptic operation.
    pub synaptic_operation: Option<Measured<EnergyUnit>>,
    /// Of one update of a neuron that received events in this step.
    pub neuron_active: Option<Measured<EnergyUnit>>,
    /// Of one update of a neuron that received none.
    pub neuron_inactive: Option<Measured<EnergyUnit>>,
    /// Of one packet, whatever its way.
    pub spike: Option<Measured<EnergyUnit>>,
    /// Of one packet's hop to the east or west; not needed without a mesh.
    pub hop_east_west: Option<Measured<EnergyUnit>>,
    /// Of one packet's hop to the north or south; not needed without a mesh.
    pub hop_north_south: Option<Measured<EnergyUnit>>,
    /// Drawn all the time by one core in use.
    pub static_per_core: Option<Measured<PowerUnit>>,
    /// Drawn all the time by the rest of the chip.
    pub static_fixed: Option<Measured<PowerUnit>>,
}

/// Durations; null where none is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeConstants {
    /// Of a step, on a chip whose steps all take the same time; the others are then not needed.
    pub step: Option<Measured<TimeUnit>>,
    /// Of one synaptic operation; a core does one after the other.
    pub synaptic_operation: Option<Measured<TimeUnit>>,
    /// Of one update of a neuron that received events in this step.
    pub neuron_active: Option<Measured<TimeUnit>>,
    /// Of one update of a neuron that received none.
    pub neuron_inactive: Option<Measured<TimeUnit>>,
    /// Of one packet within its tile.
    pub spike: Option<Measured<TimeUnit>>,
    /// Of one packet's hop to the east or west; not needed without a mesh.
    pub hop_east_west: Option<Measured<TimeUnit>>,
    /// Of one packet's hop to the north or south; not needed without a mesh.
    pub hop_north_south: Option<Measured<TimeUnit>>,
    /// The agreement of all tiles that a step is over.
    pub barrier: Option<Barrier>,
}

/// Duration of a barrier, linear in the tiles that take part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Barrier {
    /// The fewest and the most tiles that were measured.
    pub tiles: [u32; 2],
    /// With the fewest.
    pub shortest: Measured<TimeUnit>,
    /// With the most.
    pub longest: Measured<TimeUnit>,
}

/// One physical number of a profile, with its place in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Constant {
    /// The key's path in the profile: `energy.spike`.
    pub name: String,
    /// The number, in `unit`.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// How it came about.
    pub basis: Basis,
    /// Where it was published; in a profile the key of a source, in a report the source itself.
    pub source: String,
}

impl Constant {
    /// The number at `name`, if the profile states it.
    pub(super) fn new<U: Unit>(name: &str, stated: Option<&Measured<U>>) -> Option<Self> {
        stated.map(|number| Self {
            name: name.to_owned(),
            value: number.value,
            unit: number.unit.symbol().to_owned(),
            basis: number.basis,
            source: number.source.clone(),
        })
    }
}

impl ChipProfile {
    /// Every physical number that the profile states, in the order of the file.
    pub fn constants(&self) -> Vec<Constant> {
        let (energy, time, barrier) = (&self.energy, &self.time, self.time.barrier.as_ref());
        let stated = [
            Constant::new("energy.synaptic_operation", energy.synaptic_operation.as_ref()),
            Constant::new("energy.neuron_active", energy.neuron_active.as_ref()),
            Constant::new("energy.neuron_inactive", energy.neuron_inactive.as_ref()),
            Constant::new("energy.spike", energy.spike.as_ref()),
            Constant::new("energy.hop_east_west", energy.hop_east_west.as_ref()),
            Constant::new("energy.hop_north_south", energy.hop_north_south.as_ref()),
            Constant::new("energy.static_per_core", energy.static_per_core.as_ref()),
            Constant::new("energy.static_fixed", energy.static_fixed.as_ref()),
            Constant::new("time.step", time.step.as_ref()),
            Constant::new("time.synaptic_operation", time.synaptic_operation.as_ref()),
            Constant::new("time.neuron_active", time.neuron_active.as_ref()),
            Constant::new("time.neuron_inactive", time.neuron_inactive.as_ref()),
            Constant::new("time.spike", time.spike.as_ref()),
            Constant::new("time.hop_east_west", time.hop_east_west.as_ref()),
            Constant::new("time.hop_north_south", time.hop_north_south.as_ref()),
            Constant::new("time.barrier.shortest", barrier.map(|barrier| &barrier.shortest)),
            Constant::new("time.barrier.longest", barrier.map(|barrier| &barrier.longest)),
        ];
        stated.into_iter().flatten().collect()
    }
}

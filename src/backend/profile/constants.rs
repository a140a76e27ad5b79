//! The physical numbers of a chip profile.

use std::ops::{Add, Mul};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{AreaUnit, ClockPowerUnit, EnergyUnit, FrequencyUnit, PowerUnit, Quantity, TimeUnit};
use crate::backend::cost::core_activity::CoreActivity;
use crate::network::Connectivity;
use crate::units::Watts;

/// Energies and powers; null where none is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnergyConstants {
    /// Of one synaptic operation.
    pub synaptic_operation: Option<OperationCost<Quantity<EnergyUnit>>>,
    /// Of one neuron in one step.
    pub neuron: Option<NeuronCost<Quantity<EnergyUnit>>>,
    /// Of one packet, whatever its way.
    pub spike: Option<Quantity<EnergyUnit>>,
    /// Of one packet's hop to the east or west; not needed without a mesh.
    pub hop_east_west: Option<Quantity<EnergyUnit>>,
    /// Of one packet's hop to the north or south; not needed without a mesh.
    pub hop_north_south: Option<Quantity<EnergyUnit>>,
    /// Of one packet's way from a chip to the next; not needed where none goes it.
    pub chip_crossing: Option<Quantity<EnergyUnit>>,
    /// Drawn all the time by one core in use.
    pub static_per_core: Option<Quantity<PowerUnit>>,
    /// Drawn all the time by the rest of each chip in use.
    pub static_fixed: Option<Quantity<PowerUnit>>,
    /// Drawn all the time by each chip in use in proportion to its clock; null: no source tells it apart from the static powers.
    pub clock: Option<ClockPower>,
}

/// Durations; null where none is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeConstants {
    /// Of a step, on a chip whose steps all take the same time; the others are then not needed.
    pub step: Option<Quantity<TimeUnit>>,
    /// Of one synaptic operation; a core does one after the other.
    pub synaptic_operation: Option<OperationCost<Quantity<TimeUnit>>>,
    /// Of one neuron in one step; a core does one after the other.
    pub neuron: Option<NeuronCost<Quantity<TimeUnit>>>,
    /// Of one packet within its tile.
    pub spike: Option<Quantity<TimeUnit>>,
    /// Of one packet's hop to the east or west; not needed without a mesh.
    pub hop_east_west: Option<Quantity<TimeUnit>>,
    /// Of one packet's hop to the north or south; not needed without a mesh.
    pub hop_north_south: Option<Quantity<TimeUnit>>,
    /// Of one packet's way from a chip to the next; not needed where none goes it.
    pub chip_crossing: Option<Quantity<TimeUnit>>,
    /// The agreement of all tiles that a step is over, by the tiles that take part: one entry or more, tiles
    /// rising. Linear between two entries; outside them the nearest counts.
    pub barrier: Option<Vec<Barrier>>,
}

/// Areas of silicon; null where none is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaConstants {
    /// Of one core.
    pub core: Option<Quantity<AreaUnit>>,
    /// Of what each chip in use has besides cores.
    pub fixed: Option<Quantity<AreaUnit>>,
}

/// What a synaptic operation costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OperationCost<T> {
    /// The same, however connections are kept.
    Any(T),
    /// By how the connections of a layer are kept.
    ByConnection {
        /// Dense layers: a list of weights, one for every neuron of the core.
        dense: T,
        /// Pools: a list of the neurons that an input reaches.
        sparse: T,
        /// Convolutions: weights that neurons share.
        convolution: T,
    },
}

/// What a neuron costs in one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum NeuronCost<T> {
    /// The same for every neuron in every step.
    PerStep(T),
    /// By whether its core received an event in the step.
    ByCore {
        /// It did.
        active: T,
        /// It did not.
        inactive: T,
    },
    /// By what it does; the parts add.
    ByEvent {
        /// Every neuron in every step.
        access: T,
        /// A neuron that received an event, or whose potential is not zero when the step begins, or that
        /// fires.
        update: T,
        /// A neuron that fires.
        fire: T,
    },
}

/// Power in proportion to the frequency of a clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockPower {
    /// At which the chip runs.
    pub frequency: Quantity<FrequencyUnit>,
    /// Drawn for each unit of frequency.
    pub slope: Quantity<ClockPowerUnit>,
}

/// Duration of a barrier with some number of tiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Barrier {
    /// Tiles that take part, 1 or more.
    pub tiles: u32,
    /// How long it takes.
    pub duration: Quantity<TimeUnit>,
}

impl<T> OperationCost<T> {
    /// Of an operation in a layer that is wired so.
    pub(crate) fn of(&self, connectivity: &Connectivity) -> &T {
        match (self, connectivity) {
            (Self::Any(cost), _) => cost,
            (Self::ByConnection { dense, .. }, Connectivity::Dense { .. }) => dense,
            (Self::ByConnection { sparse, .. }, Connectivity::Pool { .. }) => sparse,
            (Self::ByConnection { convolution, .. }, Connectivity::Convolution { .. }) => convolution,
        }
    }
}

impl<T> NeuronCost<T> {
    /// What `price` makes of each number.
    pub(crate) fn map<S>(&self, price: impl Fn(&T) -> S) -> NeuronCost<S> {
        match self {
            Self::PerStep(cost) => NeuronCost::PerStep(price(cost)),
            Self::ByCore { active, inactive } => {
                NeuronCost::ByCore { active: price(active), inactive: price(inactive) }
            }
            Self::ByEvent { access, update, fire } => {
                NeuronCost::ByEvent { access: price(access), update: price(update), fire: price(fire) }
            }
        }
    }

    /// Of all neurons that did `work`: s e; a e_a + (s - a) e_i; or s e_access + u e_update + f e_fire, with s
    /// neuron steps, a of them active, u updates and f spikes.
    pub(crate) fn of(&self, activity: &CoreActivity) -> T
    where
        T: Copy + Mul<f64, Output = T> + Add<Output = T>,
    {
        let CoreActivity { steps, active, updated, fired, .. } = *activity;
        match *self {
            Self::PerStep(cost) => cost * steps as f64,
            Self::ByCore { active: busy, inactive } => {
                busy * active as f64 + inactive * (steps - active) as f64
            }
            Self::ByEvent { access, update, fire } => {
                access * steps as f64 + update * updated as f64 + fire * fired as f64
            }
        }
    }
}

impl ClockPower {
    /// The power.
    pub(crate) fn power(&self) -> Watts {
        Watts(self.frequency.in_si() * self.slope.in_si())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Joules;

    #[test]
    fn a_neuron_costs_by_the_rule_of_its_profile() {
        let activity = CoreActivity { operations: 9, steps: 10, active: 4, updated: 3, fired: 2 };
        let joules = |cost: NeuronCost<Joules>| cost.of(&activity).0;
        assert_eq!(joules(NeuronCost::PerStep(Joules(2.0))), 20.0);
        assert_eq!(joules(NeuronCost::ByCore { active: Joules(3.0), inactive: Joules(1.0) }), 18.0);
        let by_event = NeuronCost::ByEvent { access: Joules(1.0), update: Joules(10.0), fire: Joules(100.0) };
        assert_eq!(joules(by_event), 240.0);
    }

    #[test]
    fn an_operation_costs_by_how_its_layer_is_wired() {
        let cost = OperationCost::ByConnection { dense: 1, sparse: 2, convolution: 3 };
        assert_eq!(*cost.of(&Connectivity::Dense { inputs: 1, outputs: 1 }), 1);
        assert_eq!(*OperationCost::Any(7).of(&Connectivity::Dense { inputs: 1, outputs: 1 }), 7);
    }

    #[test]
    fn a_clock_draws_in_proportion_to_its_frequency() {
        let text = r#"{
            "frequency": {"value": 75, "unit": "MHz", "basis": "silicon", "source": "x"},
            "slope": {"value": 1.78, "unit": "uW/MHz", "basis": "silicon", "source": "x"}
        }"#;
        let clock: ClockPower = serde_json::from_str(text).unwrap();
        assert!((clock.power().0 - 133.5e-6).abs() < 1e-15);
    }
}

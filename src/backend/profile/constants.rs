//! The physical quantities of a chip profile: energies, powers, durations and areas.

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
    /// Energy of one synaptic operation.
    pub synaptic_operation: Option<OperationCost<Quantity<EnergyUnit>>>,
    /// Energy of one neuron in one step.
    pub neuron: Option<NeuronCost<Quantity<EnergyUnit>>>,
    /// Energy of sending one packet, however far.
    pub spike: Option<Quantity<EnergyUnit>>,
    /// Energy of one hop of a packet to the east or west; not needed without a mesh.
    pub hop_east_west: Option<Quantity<EnergyUnit>>,
    /// Energy of one hop of a packet to the north or south; not needed without a mesh.
    pub hop_north_south: Option<Quantity<EnergyUnit>>,
    /// Energy of moving one packet to the next chip; not needed while a network fits on one chip.
    pub chip_crossing: Option<Quantity<EnergyUnit>>,
    /// Static power of one core in use.
    pub static_per_core: Option<Quantity<PowerUnit>>,
    /// Static power of the rest of each chip in use.
    pub static_fixed: Option<Quantity<PowerUnit>>,
    /// Power that each chip in use draws in proportion to its clock frequency. Null: no source
    /// separates it from the static powers.
    pub clock: Option<ClockPower>,
}

/// Durations; null where none is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeConstants {
    /// Duration of a step on a chip whose steps all take the same time. The other durations are
    /// then not needed.
    pub step: Option<Quantity<TimeUnit>>,
    /// Duration of one synaptic operation; a core does them one after the other.
    pub synaptic_operation: Option<OperationCost<Quantity<TimeUnit>>>,
    /// Duration of one neuron in one step; a core updates neurons one after the other.
    pub neuron: Option<NeuronCost<Quantity<TimeUnit>>>,
    /// Duration of sending one packet within its tile.
    pub spike: Option<Quantity<TimeUnit>>,
    /// Duration of one hop of a packet to the east or west; not needed without a mesh.
    pub hop_east_west: Option<Quantity<TimeUnit>>,
    /// Duration of one hop of a packet to the north or south; not needed without a mesh.
    pub hop_north_south: Option<Quantity<TimeUnit>>,
    /// Duration of moving one packet to the next chip; not needed while a network fits on one chip.
    pub chip_crossing: Option<Quantity<TimeUnit>>,
    /// Duration of the barrier at which all tiles agree that a step is over, by the number of tiles
    /// in use. One entry or more, in rising order of tiles. Linear between two entries, constant
    /// beyond the first and last.
    pub barrier: Option<Vec<Barrier>>,
}

/// Areas of silicon; null where none is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaConstants {
    /// Area of one core.
    pub core: Option<Quantity<AreaUnit>>,
    /// Area of each chip in use besides its cores.
    pub fixed: Option<Quantity<AreaUnit>>,
}

/// Energy or time of one synaptic operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OperationCost<T> {
    /// The same for all layers.
    Any(T),
    /// Depends on how the connections of a layer are stored.
    ByConnection {
        /// Dense layers, stored as lists of weights: one for each neuron of the core.
        dense: T,
        /// Pools, stored as lists of the neurons that an input reaches.
        sparse: T,
        /// Convolutions, stored as weights that neurons share.
        convolution: T,
    },
}

/// Energy or time of one neuron in one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum NeuronCost<T> {
    /// The same for every neuron in every step.
    PerStep(T),
    /// Depends on whether the neuron's core received an event in the step.
    ByCore {
        /// The core received an event.
        active: T,
        /// The core received no event.
        inactive: T,
    },
    /// The sum of what the neuron does in the step.
    ByEvent {
        /// Cost of every neuron in every step.
        access: T,
        /// Cost of a neuron that receives an event, fires, or starts the step with a potential
        /// other than zero.
        update: T,
        /// Cost of a neuron that fires.
        fire: T,
    },
}

/// Power in proportion to a clock frequency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockPower {
    /// Frequency at which the chip runs.
    pub frequency: Quantity<FrequencyUnit>,
    /// Power per unit of frequency.
    pub slope: Quantity<ClockPowerUnit>,
}

/// Duration of a barrier for a number of tiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Barrier {
    /// Number of tiles in use, 1 or more.
    pub tiles: u32,
    /// Duration of the barrier.
    pub duration: Quantity<TimeUnit>,
}

impl<T> OperationCost<T> {
    /// The cost of one synaptic operation in a layer with this connectivity.
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
    /// The same rule with `convert` applied to each number.
    pub(crate) fn map<S>(&self, convert: impl Fn(&T) -> S) -> NeuronCost<S> {
        match self {
            Self::PerStep(cost) => NeuronCost::PerStep(convert(cost)),
            Self::ByCore { active, inactive } => {
                NeuronCost::ByCore { active: convert(active), inactive: convert(inactive) }
            }
            Self::ByEvent { access, update, fire } => {
                NeuronCost::ByEvent { access: convert(access), update: convert(update), fire: convert(fire) }
            }
        }
    }

    /// The cost of all neurons in `activity`. It has s neuron steps, of which a are on cores that
    /// received an event, u updates and f spikes.
    ///
    /// - per step: `s * cost`
    /// - by core: `a * active + (s - a) * inactive`
    /// - by event: `s * access + u * update + f * fire`
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
    /// Frequency times slope.
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

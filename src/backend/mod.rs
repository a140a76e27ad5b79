//! The chip: what it can hold, the integers that a trained network becomes on it, and what running it costs.
//!
//! A [`Chip`] takes a [`BinaryNetwork`] and gives a [`Deployment`]: weights and thresholds quantized to the
//! chip's formats, neurons mapped to its cores. [`Deployment::run`] simulates it, event by event and bit by
//! bit, and models energy and time by the numbers of the [`ChipProfile`].
//!
//! Axes: N samples, I inputs, O outputs, K classes.

mod cost;
mod error;
mod fault;
#[cfg(test)]
mod fixtures;
mod mapping;
mod metrics;
pub mod nir;
mod profile;
#[cfg(test)]
mod published_figures;
mod quantize;
#[cfg(test)]
mod reference_simulators;
mod report;
mod run;
mod simulate;

pub use cost::energy::Energy;
pub use error::{DeployError, Limit, RunError};
pub use fault::{Damaged, Fault, FaultError, UnknownFault};
pub use mapping::{Core, LayerMapping, Mapping};
pub use metrics::{Metrics, SynapticOperations};
pub use profile::constants::{
    AreaConstants, Barrier, ClockPower, EnergyConstants, NeuronCost, OperationCost, TimeConstants,
};
pub use profile::constants_list::Constant;
pub use profile::format::{BiasFormat, Compare, InputSpikes, NeuronFormat, ThresholdFormat, WeightFormat};
pub use profile::missing_constants::{Figure, Unmodelled};
pub use profile::quantity::{
    AreaUnit, Basis, ClockPowerUnit, EnergyUnit, FrequencyUnit, PowerUnit, Quantity, TimeUnit, Unit,
};
pub use profile::{
    ChipProfile, ConvolutionCores, ConvolutionMemory, CoreLimits, Counting, OperationCounting,
    OutputCounting, PacketCounting, Placement, ProfileError, StepCounting, SynapseMemory, Topology,
};
pub use quantize::{Granularity, IntegerLayer, IntegerNetwork};
pub use report::{ChipReport, CoreUse, EnergyReport, Utilisation};
pub use run::{LayerActivity, MeanAndMax, Run};

use ndarray::ArrayView2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::BinaryNetwork;
use cost::CostModel;
use run::Machine;
use simulate::Simulator;

/// A chip to deploy networks on.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    profile: ChipProfile,
}

/// What may be chosen when a network is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeployOptions {
    /// Bits of a weight, sign included; `None`: the chip's default, which is exact on a chip without limits.
    pub weight_bits: Option<u8>,
    /// How many weights share a scale.
    pub granularity: Granularity,
}

/// A network on a chip.
#[derive(Clone, Debug)]
pub struct Deployment {
    profile: ChipProfile,
    network: IntegerNetwork,
    mapping: Mapping,
    machine: Machine,
}

impl Chip {
    /// The chip that `profile` describes.
    pub fn new(profile: ChipProfile) -> Self {
        Self { profile }
    }

    /// What the chip is.
    pub fn profile(&self) -> &ChipProfile {
        &self.profile
    }

    /// Whether networks with graded inputs can be deployed on it.
    pub fn takes_graded_inputs(&self) -> bool {
        self.profile.input == InputSpikes::Graded
    }

    /// Quantizes `network`, maps it to cores and makes it ready to run.
    ///
    /// # Errors
    /// If it does not fit, with the limit that it breaks; if its inputs are graded and the chip takes
    /// plain spikes; if the chip has no weights of the bits asked for; if the network is malformed.
    pub fn deploy(
        &self,
        network: &BinaryNetwork,
        options: &DeployOptions,
    ) -> Result<Deployment, DeployError> {
        let input_max = network.input_max;
        if input_max > 1 && !self.takes_graded_inputs() {
            return Err(DeployError::GradedInput { chip: self.profile.name.clone(), input_max });
        }
        let integers = IntegerNetwork::new(network, &self.profile, options)?;
        let mapping = Mapping::new(&integers, &self.profile)?;
        Ok(Deployment::new(self.profile.clone(), integers, mapping))
    }
}

impl Deployment {
    fn new(profile: ChipProfile, network: IntegerNetwork, mapping: Mapping) -> Self {
        let machine = Machine {
            simulator: Simulator::new(&network),
            cost: CostModel::new(&network, &mapping, &profile),
            fan_out: network.layers.iter().map(fan_out).collect(),
        };
        Self { profile, network, mapping, machine }
    }

    /// The integers on the chip.
    pub fn network(&self) -> &IntegerNetwork {
        &self.network
    }

    /// Which neurons are on which core.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Runs samples, (N, I): the chip's decisions, bit for bit, and their modelled cost.
    ///
    /// Parallel over samples on the current rayon pool; the result does not depend on its size.
    ///
    /// # Errors
    /// If the inputs are of another width than the network's, or above its largest.
    pub fn run(&self, inputs: ArrayView2<'_, u8>) -> Result<Run, RunError> {
        self.machine.run(inputs)
    }

    /// What is reported of the deployed network and a run of it.
    pub fn report(&self, run: &Run) -> ChipReport {
        ChipReport::new(self, run)
    }
}

/// (I): weights that are not zero which a spike of each input meets.
fn fan_out(layer: &IntegerLayer) -> Vec<u64> {
    let used = |row: ndarray::ArrayView1<'_, i64>| row.iter().filter(|&&weight| weight != 0).count() as u64;
    let used: Vec<u64> = layer.weights.rows().into_iter().map(used).collect();
    let met = |input| {
        let mut sum = 0;
        layer.connectivity.for_each_position(input, |_, element| sum += used[element]);
        sum
    };
    (0..layer.inputs()).map(met).collect()
}

#[cfg(test)]
mod tests {
    use super::fixtures::{by_hand, chip};
    use super::*;

    #[test]
    fn graded_inputs_go_to_chips_that_take_them() {
        let mut network = by_hand();
        network.input_max = 4;
        assert!(chip("ideal").deploy(&network, &DeployOptions::default()).is_ok());
        assert_eq!(
            chip("loihi1").deploy(&network, &DeployOptions::default()).unwrap_err().to_string(),
            "input_max = 4: loihi1 takes no graded spikes; choose another input coding"
        );
    }

    #[test]
    fn options_are_read_strictly() {
        let options: DeployOptions = serde_json::from_str(r#"{"weight_bits": 4}"#).unwrap();
        assert_eq!(options, DeployOptions { weight_bits: Some(4), granularity: Granularity::Channel });
        assert!(serde_json::from_str::<DeployOptions>(r#"{"bits": 4}"#).is_err());
    }
}

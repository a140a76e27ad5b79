//! The chip: what it can hold, the integers of a trained network on it, and the cost of running it.
//!
//! A [`Chip`] turns a [`BinaryNetwork`](crate::network::BinaryNetwork) into a [`Deployment`].
//! Weights and thresholds are then in the chip's formats, and neurons lie on its cores.
//! [`Deployment::run`] simulates the deployment, spike by spike and exact in every bit. It models
//! energy and time with the constants of the [`ChipProfile`].
//!
//! Letters for the axes of arrays: N samples, I inputs, O outputs, K classes.

mod cost;
mod deployment;
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

pub use cost::bounds::CostBounds;
pub use cost::energy::Energy;
pub use deployment::{Chip, Deployment};
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
pub use quantize::{DeployOptions, Granularity, IntegerLayer, IntegerNetwork};
pub use report::{ChipReport, CoreUse, EnergyReport, Utilisation};
pub use run::{LayerActivity, MeanAndMax, Run};

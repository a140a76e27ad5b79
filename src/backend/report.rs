//! The report of a deployed network and a run of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deployment::Deployment;
use super::mapping::core::{Core, Size};
use super::metrics::Metrics;
use super::profile::ChipProfile;
use super::profile::constants_list::Constant;
use super::profile::missing_constants::{Figure, Unmodelled};
use super::quantize::IntegerLayer;
use super::run::{LayerActivity, Run};
use crate::units::Joules;

/// A deployed network in numbers. Energies and times are modelled with the constants listed; null
/// if the profile lacks a constant that they need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChipReport {
    /// The profile's name.
    pub chip: String,
    /// Number of cores in use.
    pub cores: usize,
    /// Number of neurons of the network, output neurons included.
    pub neurons: usize,
    /// Number of neurons on the cores; larger than `neurons` if neurons are placed several times.
    pub placed_neurons: usize,
    /// Kind of each layer: dense, convolution or pool.
    pub kinds: Vec<String>,
    /// Number of connections with a weight other than zero.
    pub synapses: usize,
    /// Bits of a weight, sign included; null: weights are exact.
    pub weight_bits: Option<u8>,
    /// Relative rounding error of each layer's weights: the root mean square of the errors, divided
    /// by the root mean square of the weights.
    pub weight_errors: Vec<f64>,
    /// Number of neurons that got the nearest threshold because the chip lacks the exact one.
    pub thresholds_changed: usize,
    /// Mean number of spikes of all neurons per inference.
    pub spikes_per_inference: f64,
    /// Mean share of each layer's neurons that fire.
    pub activity: Vec<f64>,
    /// Mean number of weights other than zero on active inputs, per inference.
    pub synaptic_operations_per_inference: f64,
    /// Mean number of synaptic operations per inference, as the chip counts them.
    pub chip_operations_per_inference: f64,
    /// NeuroBench's metrics of the deployed network.
    pub neurobench: Metrics,
    /// Share of samples on which several classes had the highest score.
    pub ties: f64,
    /// Modelled: energy per inference.
    pub energy_j: EnergyReport,
    /// Modelled: mean duration of one inference in seconds.
    pub latency_s: Option<f64>,
    /// Modelled: the longest duration of one inference in seconds.
    pub latency_max_s: Option<f64>,
    /// Modelled: inferences per second, each starting as early as the chip allows.
    pub throughput_hz: Option<f64>,
    /// Modelled: mean energy times mean latency, in joule seconds.
    pub energy_delay_product_js: Option<f64>,
    /// Modelled: area of the cores in use and of the rest of their chips, in square millimetres.
    pub area_mm2: Option<f64>,
    /// Figures that cannot be modelled, each with the constants that the profile lacks for it. If
    /// the steps of a chip take no time, its throughput is infinite. It is then listed here with
    /// the constants of a step, which are 0.
    pub unmodelled: BTreeMap<String, Vec<String>>,
    /// Number of chips in use.
    pub chips: u32,
    /// Bits of synapse memory on all cores in use; 0 if the chip stores synapses elsewhere.
    pub synapse_memory_bits: u64,
    /// Bits of synapse memory if no kernels of convolutions were shared.
    pub unshared_synapse_memory_bits: u64,
    /// Mean utilisation of the cores in use.
    pub utilisation: Utilisation,
    /// Contents of each core in use, in the order of core numbers.
    pub core_use: Vec<CoreUse>,
    /// The constants behind energies and times, with their basis and source.
    pub constants: Vec<Constant>,
}

/// Modelled energy per inference in joules.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnergyReport {
    /// Mean energy of synaptic operations.
    pub synapse: Option<f64>,
    /// Mean energy of the updates and spikes of neurons.
    pub neuron: Option<f64>,
    /// Mean energy of packets.
    pub network: Option<f64>,
    /// Mean energy of the static power of the cores in use.
    #[serde(rename = "static")]
    pub idle: Option<f64>,
    /// Mean of all energies but the static one.
    pub dynamic: Option<f64>,
    /// Mean of all energies.
    pub total: Option<f64>,
    /// Largest total energy of the samples.
    pub total_max: Option<f64>,
}

/// Mean share of a core's capacity that the cores in use take; null if there is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Utilisation {
    /// Share of neurons.
    pub neurons: Option<f64>,
    /// Share of synapse memory.
    pub synapse_memory: Option<f64>,
    /// Share of incoming axons.
    pub in_axons: Option<f64>,
    /// Share of outgoing axons.
    pub out_axons: Option<f64>,
}

/// Contents of one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CoreUse {
    /// The core's number, in row-major order of the mesh, chip after chip.
    pub core: usize,
    /// Number of neurons.
    pub neurons: usize,
    /// Number of incoming axons.
    pub in_axons: u64,
    /// Number of outgoing axons.
    pub out_axons: u64,
    /// Bits of synapse memory, rounded up to whole words.
    pub synapse_bits: u64,
}

impl Deployment {
    /// The report of the deployed network and a run of it.
    pub fn report(&self, run: &Run) -> ChipReport {
        ChipReport::new(self, run)
    }
}

impl ChipReport {
    pub(super) fn new(deployment: &Deployment, run: &Run) -> Self {
        let (network, mapping, profile) = (&deployment.network, &deployment.mapping, &deployment.profile);
        let samples = run.predictions.len().max(1) as f64;
        let per_inference = |total: u64| total as f64 / samples;
        let layers = || network.layers.iter();
        let activity =
            |(layer, neurons): (&LayerActivity, usize)| per_inference(layer.spikes) / neurons as f64;
        let size = mapping.size(&profile.topology);
        let cores = mapping.by_core();
        let latency = run.latency.map(|latency| latency.mean.0);
        let energy = run.total_energy.map(|energy| energy.mean.0);
        Self {
            chip: profile.name.clone(),
            cores: mapping.cores(),
            neurons: layers().map(|layer| layer.neurons()).sum(),
            placed_neurons: mapping.parts().map(|core| core.neurons).sum(),
            kinds: layers().map(|layer| layer.connectivity.kind().to_owned()).collect(),
            synapses: layers().zip(&deployment.runner.fan_out).map(synapses).sum(),
            weight_bits: network.weight_bits,
            weight_errors: layers().map(|layer| layer.weight_error).collect(),
            thresholds_changed: layers().map(|layer| layer.thresholds_changed).sum(),
            spikes_per_inference: per_inference(run.layers.iter().map(|layer| layer.spikes).sum()),
            activity: run.layers.iter().zip(layers().map(|layer| layer.neurons())).map(activity).collect(),
            synaptic_operations_per_inference: per_inference(
                run.layers.iter().map(|layer| layer.synaptic_operations).sum(),
            ),
            chip_operations_per_inference: run.chip_operations,
            neurobench: Metrics::new(network, run),
            ties: run.ties as f64 / samples,
            energy_j: EnergyReport::new(run),
            latency_s: latency,
            latency_max_s: run.latency.map(|latency| latency.max.0),
            throughput_hz: throughput(run),
            energy_delay_product_js: energy.zip(latency).map(|(energy, latency)| energy * latency),
            area_mm2: area(profile, size),
            unmodelled: unmodelled(profile, size, run),
            chips: size.chips,
            synapse_memory_bits: cores.iter().map(|core| core.synapse_bits).sum(),
            unshared_synapse_memory_bits: cores.iter().map(|core| core.unshared_bits).sum(),
            utilisation: Utilisation::new(&cores, profile),
            core_use: cores.iter().map(CoreUse::new).collect(),
            constants: cited(profile),
        }
    }
}

impl EnergyReport {
    fn new(run: &Run) -> Self {
        let joules = |part: Option<Joules>| part.map(|energy| energy.0);
        Self {
            synapse: joules(run.energy.synapse),
            neuron: joules(run.energy.neuron),
            network: joules(run.energy.network),
            idle: joules(run.energy.idle),
            dynamic: joules(run.energy.dynamic()),
            total: run.total_energy.map(|energy| energy.mean.0),
            total_max: run.total_energy.map(|energy| energy.max.0),
        }
    }
}

impl Utilisation {
    fn new(cores: &[Core], profile: &ChipProfile) -> Self {
        let share = |limit: Option<u64>, used: fn(&Core) -> u64| {
            let used = cores.iter().map(used).sum::<u64>() as f64;
            limit.map(|limit| used / (limit as f64 * cores.len() as f64))
        };
        let limits = &profile.core;
        Self {
            neurons: share(limits.neurons.map(u64::from), |core| core.neurons as u64),
            synapse_memory: share(limits.synapse_memory.as_ref().map(|memory| memory.bits), |core| {
                core.synapse_bits
            }),
            in_axons: share(limits.in_axons.map(u64::from), |core| core.in_axons),
            out_axons: share(limits.out_axons.map(u64::from), |core| core.out_axons),
        }
    }
}

impl CoreUse {
    fn new(core: &Core) -> Self {
        Self {
            core: core.number,
            neurons: core.neurons,
            in_axons: core.in_axons,
            out_axons: core.out_axons,
            synapse_bits: core.synapse_bits,
        }
    }
}

/// The area in square millimetres, if the profile has the constants.
fn area(profile: &ChipProfile, size: Size) -> Option<f64> {
    let (core, fixed) = profile.area.core.as_ref().zip(profile.area.fixed.as_ref())?;
    Some(1e6 * (core.in_si() * size.cores as f64 + fixed.in_si() * f64::from(size.chips)))
}

/// Inferences per second, if the profile has the constants and a step takes time.
fn throughput(run: &Run) -> Option<f64> {
    run.period.map(|period| 1.0 / period.0).filter(|rate| rate.is_finite())
}

/// Every figure that cannot be modelled for a network of this `size`, with the paths of the
/// constants that the profile lacks.
fn unmodelled(profile: &ChipProfile, size: Size, run: &Run) -> BTreeMap<String, Vec<String>> {
    let missing = Figure::ALL.into_iter().filter_map(|figure| profile.models_on(figure, size.chips).err());
    let names = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
    let named = |missing: Unmodelled| (missing.figure.name().to_owned(), names(&missing.keys));
    let mut unmodelled: BTreeMap<String, Vec<String>> = missing.map(named).collect();
    if run.period.is_some() && throughput(run).is_none() {
        unmodelled.insert(Figure::Throughput.name().to_owned(), names(&profile.step_constants()));
    }
    unmodelled
}

/// Number of connections with a weight other than zero. `fan_out` has that number for each input of
/// one source.
fn synapses((layer, fan_out): (&IntegerLayer, &Vec<u64>)) -> usize {
    layer.sources.len() * fan_out.iter().sum::<u64>() as usize
}

/// The profile's constants with full citations as sources.
fn cited(profile: &ChipProfile) -> Vec<Constant> {
    let mut constants = profile.constants();
    for constant in &mut constants {
        if let Some(citation) = profile.sources.get(&constant.source) {
            constant.source.clone_from(citation);
        }
    }
    constants
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::fixtures::{by_hand, chip};
    use super::super::{Chip, DeployOptions};
    use super::*;

    fn report(name: &str) -> ChipReport {
        let deployment = chip(name).deploy(&by_hand(), &DeployOptions::default()).unwrap();
        let run = deployment.run(array![[1, 0, 1], [0, 0, 0]].view()).unwrap();
        deployment.report(&run)
    }

    #[test]
    fn a_report_tells_size_activity_and_cost_per_inference() {
        let report = report("loihi1");
        assert_eq!((report.cores, report.neurons, report.synapses, report.weight_bits), (2, 4, 7, Some(8)));
        assert_eq!((report.spikes_per_inference, report.activity), (1.0, vec![0.25, 0.25]));
        assert_eq!(report.synaptic_operations_per_inference, 2.0);
        assert_eq!(report.ties, 0.5);
        assert_eq!(report.utilisation.neurons, Some(4.0 / 2048.0));
        assert_eq!(
            report.core_use.iter().map(|core| (core.core, core.neurons)).collect::<Vec<_>>(),
            [(0, 2), (1, 2)]
        );
        assert_eq!(report.chips, 1);
        assert!((report.area_mm2.unwrap() - 2.0 * 0.46875).abs() < 1e-12);
        assert_eq!(
            report.energy_delay_product_js.unwrap(),
            report.energy_j.total.unwrap() * report.latency_s.unwrap()
        );
        assert!(report.unmodelled.is_empty());
        assert!(report.energy_j.total_max > report.energy_j.total);
        let first = &report.constants[0];
        assert_eq!(
            (first.name.as_str(), first.value, first.unit.as_str()),
            ("energy.synaptic_operation.any", 23.6, "pJ")
        );
        assert!(first.source.starts_with("Davies et al. 2018"));
    }

    #[test]
    fn what_is_unknown_is_null_and_not_zero() {
        let json = serde_json::to_value(report("ideal")).unwrap();
        for part in ["synapse", "neuron", "network", "static", "dynamic", "total", "total_max"] {
            assert_eq!(json["energy_j"][part], serde_json::Value::Null, "{part}");
        }
        assert_eq!(
            (&json["latency_s"], &json["weight_bits"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
    }

    #[test]
    fn steps_that_take_no_time_have_no_throughput_and_the_report_says_why() {
        let without_time = |name: &str, keys: &[&str]| {
            let mut json = serde_json::to_value(ChipProfile::builtin(name).unwrap()).unwrap();
            for key in keys {
                json["time"][key]["value"] = 0.into();
            }
            let chip = Chip::new(ChipProfile::from_json(&json.to_string(), name).unwrap());
            let deployment = chip.deploy(&by_hand(), &DeployOptions::default()).unwrap();
            deployment.report(&deployment.run(array![[1, 0, 1]].view()).unwrap())
        };
        let report = without_time("truenorth", &["step"]);
        assert_eq!((report.latency_s, report.throughput_hz), (Some(0.0), None));
        assert_eq!(report.unmodelled["throughput"], ["time.step"]);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<ChipReport>(&text).unwrap(), report);
        assert!(without_time("truenorth", &[]).throughput_hz.is_some());
    }

    #[test]
    fn a_report_is_the_same_after_writing_and_reading() {
        let report = report("truenorth");
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<ChipReport>(&text).unwrap(), report);
    }
}

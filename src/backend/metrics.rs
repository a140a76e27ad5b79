//! NeuroBench's metrics of a deployed network, with NeuroBench's names and definitions.
//!
//! Yik et al. 2025, The NeuroBench framework for benchmarking neuromorphic computing algorithms and
//! systems, Nature Communications 16; details follow its Python package 2.3. Counts are those of
//! the same network in PyTorch. There a dense layer or a convolution has weights, and one bias per
//! channel, the negative threshold. A step function follows. A pool is max pooling, without
//! parameters, operations and activations of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantize::{IntegerLayer, IntegerNetwork};
use super::run::Run;
use crate::network::Connectivity;

/// NeuroBench's metrics of a deployed network on a number of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Metrics {
    /// Number of weights and thresholds; a convolution's kernel counts once.
    pub parameter_count: u64,
    /// Bytes of the parameters. A weight takes its bits, rounded up to whole bytes, or 4 bytes if
    /// it is exact. A threshold takes 4 bytes.
    pub footprint: u64,
    /// Share of weights that are 0, to four decimals; null: there are no weights.
    pub connection_sparsity: Option<f64>,
    /// Share of neurons that stay silent, as a mean over the samples; output neurons included.
    pub activation_sparsity: f64,
    /// Mean numbers of synaptic operations per inference.
    pub synaptic_operations: SynapticOperations,
}

/// Mean numbers of pairs of an input and a weight that multiplies the input, per inference. Each
/// pair is one synaptic operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapticOperations {
    /// Pairs in which neither is 0, in layers with an input above 1 on some sample: the weight is
    /// multiplied.
    #[serde(rename = "Effective_MACs")]
    pub effective_macs: f64,
    /// Pairs in which neither is 0, in layers whose inputs are all 0 or 1: the weight is only
    /// added.
    #[serde(rename = "Effective_ACs")]
    pub effective_acs: f64,
    /// All pairs. Positions of a window beyond the border of an image are no inputs.
    #[serde(rename = "Dense")]
    pub dense: f64,
}

impl Metrics {
    /// The metrics of `network` during `run`.
    pub(super) fn new(network: &IntegerNetwork, run: &Run) -> Self {
        let weighted = || network.layers.iter().zip(&run.layers).filter(|(layer, _)| has_weights(layer));
        let sum = |number: fn(&IntegerLayer) -> u64| weighted().map(|(layer, _)| number(layer)).sum::<u64>();
        let samples = run.predictions.len() as u64;
        let weights = sum(|layer| layer.weights.len() as u64);
        let thresholds = sum(|layer| layer.thresholds.len() as u64);
        let zeros = sum(|layer| layer.weights.iter().filter(|&&weight| weight == 0).count() as u64);
        let neurons = samples * sum(|layer| layer.neurons() as u64);
        let spikes = weighted().map(|(_, activity)| activity.spikes).sum::<u64>();
        let effective = |multiplied: bool| {
            let layers = weighted().filter(|(_, activity)| activity.graded == multiplied);
            share(layers.map(|(_, activity)| activity.effective_operations).sum(), samples)
        };
        Self {
            parameter_count: weights + thresholds,
            footprint: weights * network.weight_bits.map_or(4, |bits| u64::from(bits.div_ceil(8)))
                + 4 * thresholds,
            connection_sparsity: (weights > 0).then(|| to_four_decimals(zeros as f32 / weights as f32)),
            activation_sparsity: share(neurons - spikes, neurons),
            synaptic_operations: SynapticOperations {
                effective_macs: effective(true),
                effective_acs: effective(false),
                dense: share(samples * sum(|layer| layer.connectivity.connections()), samples),
            },
        }
    }
}

/// Whether the layer is not a pool.
fn has_weights(layer: &IntegerLayer) -> bool {
    !matches!(layer.connectivity, Connectivity::Pool { .. })
}

/// `part / whole`, or 0 if `whole` is 0, as NeuroBench defines it.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Rounds to four decimals; NeuroBench divides in PyTorch's 32 bits and rounds the quotient.
fn to_four_decimals(quotient: f32) -> f64 {
    format!("{:.4}", f64::from(quotient)).parse().expect("a number just written")
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::super::fixtures::{by_hand, chip};
    use super::super::{Compare, DeployOptions};
    use super::*;
    use crate::backend::reference_simulators::{self, RecordedLayer};
    use crate::network::{BinaryLayer, BinaryNetwork, Key, Volume, Window};

    fn metrics(name: &str, network: &BinaryNetwork, inputs: &Array2<u8>, weight_bits: Option<u8>) -> Metrics {
        let options = DeployOptions { weight_bits, ..DeployOptions::default() };
        let deployment = chip(name).deploy(network, &options).unwrap();
        let run = deployment.run(inputs.view()).unwrap();
        deployment.report(&run).neurobench
    }

    #[test]
    fn a_small_network_by_hand() {
        // Weights 1 1 0, 0 1 -1 and 1 0, 1 1: ten, three of them 0; four thresholds. Sample a: one
        // weight, h1 fires, two weights, o1 fires. Sample b: two weights, h1 and h2 fire, three
        // weights, o1 and o2.
        let inputs = array![[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]];
        let expected = Metrics {
            parameter_count: 14,
            footprint: 56,
            connection_sparsity: Some(0.3),
            activation_sparsity: (16.0 - 6.0) / 16.0,
            synaptic_operations: SynapticOperations {
                effective_macs: 0.0,
                effective_acs: (1.0 + 2.0 + 2.0 + 3.0) / 4.0,
                dense: 10.0,
            },
        };
        assert_eq!(metrics("ideal", &by_hand(), &inputs, None), expected);
        let quantized = metrics("loihi1", &by_hand(), &inputs, Some(9));
        assert_eq!(quantized, Metrics { footprint: 10 * 2 + 4 * 4, ..expected });
    }

    #[test]
    fn a_graded_input_makes_its_layer_multiply_for_all_samples() {
        let mut network = by_hand();
        network.input_max = 9;
        let found = metrics("ideal", &network, &array![[1, 0, 0], [9, 0, 0]], None).synaptic_operations;
        let expected = SynapticOperations { effective_macs: 1.0, effective_acs: 2.0, dense: 10.0 };
        assert_eq!(found, expected);
    }

    #[test]
    fn taps_beyond_the_border_are_no_inputs() {
        // 3 x 3 windows with one zero around 4 x 4 pixels cover 10 rows and 10 columns; two
        // channels.
        let input = Volume { height: 4, width: 4, channels: 1 };
        let window = Window { height: 3, width: 3, stride: 1, padding: 1 };
        let layer = BinaryLayer {
            connectivity: Connectivity::Convolution { input, window, channels: 2 },
            sources: vec![0],
            weights: Array2::ones((2, 9)),
            thresholds: Array1::ones(2),
            exponent: 0,
        };
        let key = Key::from_members(Array2::from_shape_fn((2, 32), |(class, neuron)| neuron % 2 == class));
        let network = BinaryNetwork { input_max: 1, layers: vec![layer], key };
        let found = metrics("ideal", &network, &Array2::zeros((1, 16)), None);
        assert_eq!(found.synaptic_operations.dense, 200.0);
        assert_eq!((found.parameter_count, found.activation_sparsity), (20, 1.0));
    }

    #[test]
    fn names_are_neurobenchs() {
        let json = serde_json::to_value(metrics("ideal", &by_hand(), &array![[1, 0, 0]], None)).unwrap();
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            ["ParameterCount", "Footprint", "ConnectionSparsity", "ActivationSparsity", "SynapticOperations"]
        );
        let names: Vec<&String> = json["SynapticOperations"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["Effective_MACs", "Effective_ACs", "Dense"]);
    }

    /// The file that `tests/fixtures/make_neurobench.py` writes.
    #[derive(Deserialize)]
    struct Fixture {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        input_max: u8,
        layers: Vec<RecordedLayer>,
        inputs: Vec<Vec<u8>>,
        /// By the bits of a weight; `exact` for 32-bit floats.
        metrics: std::collections::BTreeMap<String, Metrics>,
    }

    #[test]
    fn every_metric_is_what_neurobench_says() {
        let text = include_str!("../../tests/fixtures/neurobench.json");
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        assert!(fixture.cases.len() >= 4);
        for case in &fixture.cases {
            let network = reference_simulators::network(&case.layers, Compare::Ge, case.input_max);
            let inputs = reference_simulators::inputs(case.inputs.iter());
            for (bits, expected) in &case.metrics {
                let found = metrics("ideal", &network, &inputs, bits.parse().ok());
                assert_eq!(&found, expected, "{} with weights of {bits} bits", case.name);
            }
        }
    }
}

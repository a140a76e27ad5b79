//! Spikes of other simulators, recorded by the scripts in `tests/fixtures/`, against ours.

use ndarray::{Array1, Array2};
use serde::Deserialize;

use super::fixtures::spikes;
use super::{Compare, Deployment};
use crate::network::{BinaryLayer, BinaryNetwork, Connectivity, Decision, Key};

/// A layer of a recorded network.
#[derive(Deserialize)]
pub(super) struct RecordedLayer {
    #[serde(rename = "wiring")]
    pub connectivity: Connectivity,
    pub sources: Vec<usize>,
    /// (channels, elements), whole numbers.
    pub weights: Vec<Vec<f64>>,
    /// (channels), whole numbers.
    pub thresholds: Vec<f64>,
}

impl RecordedLayer {
    fn layer(&self, compare: Compare) -> BinaryLayer {
        let (connectivity, sources) = (self.connectivity, self.sources.clone());
        let rows = self.weights.concat();
        let weights =
            Array2::from_shape_vec((connectivity.weight_channels(), connectivity.elements()), rows).unwrap();
        let more = if compare == Compare::Gt { 1.0 } else { 0.0 };
        let thresholds = self.thresholds.iter().map(|threshold| threshold + more).collect::<Array1<f64>>();
        BinaryLayer { connectivity, sources, weights, thresholds, exponent: 0 }
    }
}

/// The network of recorded `layers`, whose neurons fire as `compare` says. Output neurons vote for
/// the first and the second class in turn.
pub(super) fn network(layers: &[RecordedLayer], compare: Compare, input_max: u8) -> BinaryNetwork {
    let layers: Vec<BinaryLayer> = layers.iter().map(|layer| layer.layer(compare)).collect();
    let width = layers.last().expect("a layer").connectivity.output().len();
    let key = Key::from_members(Array2::from_shape_fn((2, width), |(class, n)| n % 2 == class));
    BinaryNetwork { input_max, layers, key }
}

/// The inputs of recorded samples, one row per sample.
pub(super) fn inputs<'a>(samples: impl Iterator<Item = &'a Vec<u8>>) -> Array2<u8> {
    let rows: Vec<&Vec<u8>> = samples.collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(sample, input)| rows[sample][input])
}

/// Spikes as the fixtures write them: a 0 or a 1 per neuron.
fn spelled(spikes: &[bool]) -> String {
    spikes.iter().map(|&spike| if spike { '1' } else { '0' }).collect()
}

/// A sample and the spikes that it caused.
#[derive(Deserialize)]
pub(super) struct Sample {
    pub inputs: Vec<u8>,
    /// One text per layer.
    pub spikes: Vec<String>,
}

/// Asserts that every spike and decision of `deployment` equals the recorded one.
pub(super) fn compare_spikes(deployment: &Deployment, samples: &[Sample], name: &str) {
    let inputs = inputs(samples.iter().map(|sample| &sample.inputs));
    let run = deployment.run(inputs.view()).expect("recorded inputs fit");
    for (index, (ours, sample)) in spikes(deployment, inputs.view()).iter().zip(samples).enumerate() {
        let spelled: Vec<String> = ours.iter().map(|layer| spelled(layer)).collect();
        assert_eq!(spelled, sample.spikes, "{name}, sample {index}");
        let last = sample.spikes.last().expect("a layer");
        let last: Vec<bool> = last.chars().map(|spike| spike == '1').collect();
        let decision = Decision::of(&deployment.network().key.scores(&last));
        assert_eq!(run.predictions[index], decision.class, "{name}, sample {index}");
    }
}

mod tests {
    use super::super::fixtures::chip;
    use super::super::nir::{self, Export, Flavour, NirFile, Reading};
    use super::super::{Chip, ChipProfile, DeployOptions, Placement};
    use super::*;

    fn fixture<T: serde::de::DeserializeOwned>(name: &str) -> T {
        let file = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(file).expect("a fixture")).expect("a fixture")
    }

    /// The file that `make_sanafe.py` writes.
    #[derive(Deserialize)]
    struct Sanafe {
        cases: Vec<SanafeCase>,
        /// Cases with thresholds below zero.
        restless: Vec<SanafeCase>,
    }

    #[derive(Deserialize)]
    struct SanafeCase {
        name: String,
        core_neurons: u32,
        layers: Vec<PlacedLayer>,
        samples: Vec<Sample>,
    }

    #[derive(Deserialize)]
    struct PlacedLayer {
        #[serde(flatten)]
        layer: RecordedLayer,
        /// The core of each neuron.
        cores: Vec<usize>,
    }

    /// Checks that `deployment` has the integers of the recorded `layers`, without any rounding.
    fn compare_integers<'a>(
        deployment: &Deployment,
        layers: impl Iterator<Item = &'a RecordedLayer>,
        name: &str,
    ) {
        for (ours, recorded) in deployment.network().layers.iter().zip(layers) {
            let real = |((_, channel), &weight): ((usize, usize), &i64)| weight as f64 * ours.scales[channel];
            let weights: Array2<f64> = ours
                .weights
                .indexed_iter()
                .map(real)
                .collect::<Array1<f64>>()
                .into_shape_with_order(ours.weights.dim())
                .expect("as many numbers");
            assert_eq!(weights.t().iter().copied().collect::<Vec<_>>(), recorded.weights.concat(), "{name}");
            assert_eq!(ours.thresholds_changed, 0, "{name}");
        }
    }

    #[test]
    fn spikes_and_places_are_those_of_sanafe() {
        let fixture: Sanafe = fixture("sanafe.json");
        assert!(fixture.cases.len() >= 5 && !fixture.restless.is_empty());
        for SanafeCase { name, core_neurons, layers, samples } in
            fixture.cases.into_iter().chain(fixture.restless)
        {
            let mut profile = ChipProfile::builtin("loihi1").unwrap();
            profile.core.neurons = Some(core_neurons);
            profile.topology.placement = Placement::RowMajor;
            let (layers, cores): (Vec<RecordedLayer>, Vec<Vec<usize>>) =
                layers.into_iter().map(|placed| (placed.layer, placed.cores)).unzip();
            let network = network(&layers, Compare::Gt, 1);
            let deployment = Chip::new(profile).deploy(&network, &DeployOptions::default()).unwrap();
            compare_integers(&deployment, layers.iter(), &name);
            let of_layer = |map: &super::super::LayerMapping| -> Vec<usize> {
                (0..map.neurons).map(|neuron| map.cores[map.core_of(neuron)].number).collect()
            };
            assert_eq!(deployment.mapping().layers.iter().map(of_layer).collect::<Vec<_>>(), cores, "{name}");
            compare_spikes(&deployment, &samples, &name);
        }
    }

    /// The file that `make_nengo_loihi.py` writes.
    #[derive(Deserialize)]
    struct NengoLoihi {
        cases: Vec<NengoCase>,
    }

    #[derive(Deserialize)]
    struct NengoCase {
        name: String,
        /// Thresholds in units of the membrane.
        layers: Vec<RecordedLayer>,
        samples: Vec<Sample>,
    }

    #[test]
    fn spikes_are_those_of_the_emulator_of_nengo_loihi() {
        let fixture: NengoLoihi = fixture("nengo-loihi.json");
        assert!(fixture.cases.len() >= 6);
        for NengoCase { name, layers, samples } in fixture.cases {
            let network = network(&layers, Compare::Gt, 1);
            let deployment = chip("loihi1").deploy(&network, &DeployOptions::default()).unwrap();
            compare_integers(&deployment, layers.iter(), &name);
            compare_spikes(&deployment, &samples, &name);
        }
    }

    /// The file that `make_norse.py` writes.
    #[derive(Deserialize)]
    struct Norse {
        samples: Vec<Sample>,
    }

    const EXPORTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nir/exported_if.nir");

    /// A network of convolutions, a pool and a dense layer on a chip, and its exported file.
    fn exported() -> (Deployment, Vec<u8>) {
        let fixture: Sanafe = fixture("sanafe.json");
        let mut cases = fixture.cases.into_iter();
        let case = cases.find(|case| case.name == "convolutions and a pool").expect("a recorded case");
        let layers: Vec<RecordedLayer> = case.layers.into_iter().map(|placed| placed.layer).collect();
        let network = network(&layers, Compare::Gt, 1);
        let deployment = chip("loihi1").deploy(&network, &DeployOptions::default()).expect("it fits");
        let flavour = Flavour::IntegrateAndFire;
        let export = Export {
            flavour,
            chip: "loihi1",
            input_max: 1,
            coding: None,
            by_pixel: true,
            keyed: true,
            description: None,
        };
        let bytes = nir::write(deployment.network(), &export).expect("NIR has these layers");
        (deployment, bytes)
    }

    #[test]
    #[ignore = "writes the file that make_norse.py runs"]
    fn writes_the_export_that_norse_runs() {
        std::fs::write(EXPORTED, exported().1).unwrap();
    }

    #[test]
    fn spikes_are_those_of_norse_running_the_export() {
        let (deployment, bytes) = exported();
        let ran = NirFile::from_bytes(std::fs::read(EXPORTED).unwrap()).unwrap();
        // Norse ran the network that is exported today.
        let network = |file: NirFile| file.network([8, 8, 2], 1, Reading::default()).unwrap();
        assert_eq!(network(ran), network(NirFile::from_bytes(bytes).unwrap()));
        let fixture: Norse = fixture("norse.json");
        assert!(fixture.samples.len() >= 20);
        compare_spikes(&deployment, &fixture.samples, "exported");
    }
}

//! Files of other programs give the spikes that PyTorch computes, our files read back the same, and
//! bad files are refused.

use ndarray::Array2;
use proptest::prelude::*;
use rand::RngExt;
use serde::Deserialize;

use super::super::fixtures::{by_hand, chip};
use super::super::{DeployOptions, IntegerNetwork};
use super::graph::Node;
use super::operation::{Operation, Padding};
use super::tree::{Array, Width};
use super::*;
use crate::backend::ChipProfile;
use crate::network::{Connectivity, Window, fixtures};
use crate::seed::Seed;

/// The file that `tests/fixtures/make_nir.py` writes.
#[derive(Deserialize)]
struct Answers {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    shape: [usize; 3],
    levels: u8,
    inputs: Vec<Vec<u8>>,
    /// A 0 or a 1 for each output neuron.
    spikes: Vec<String>,
    classes: Vec<u16>,
}

fn fixture(name: &str) -> Vec<u8> {
    let file = format!("{}/tests/fixtures/nir/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn networks_of_other_programs_answer_as_pytorch_says() {
    let answers: Answers = serde_json::from_slice(&fixture("answers.json")).unwrap();
    assert_eq!(answers.cases.len(), 6);
    for case in answers.cases {
        let file = NirFile::from_bytes(fixture(&format!("{}.nir", case.name))).unwrap();
        let network = file
            .network(case.shape, case.levels, Reading::default())
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let inputs =
            Array2::from_shape_vec((case.inputs.len(), network.inputs()), case.inputs.concat()).unwrap();
        for (sample, expected) in inputs.rows().into_iter().zip(&case.spikes) {
            let spikes = fixtures::direct(&network, sample).pop().expect("a layer");
            let spikes: String = spikes.iter().map(|&spike| if spike == 1.0 { '1' } else { '0' }).collect();
            assert_eq!(&spikes, expected, "{}", case.name);
        }
        let run =
            chip("ideal").deploy(&network, &DeployOptions::default()).unwrap().run(inputs.view()).unwrap();
        assert_eq!(run.predictions, case.classes, "{}", case.name);
    }
}

#[test]
fn what_a_binary_network_cannot_hold_is_named() {
    let message = |name: &str| {
        let read = NirFile::from_bytes(fixture(name))
            .and_then(|file| file.network([1, 1, 4], 1, Reading::default()));
        read.unwrap_err().to_string()
    };
    assert_eq!(
        message("recurrent.nir"),
        "node back: is on a cycle or after one: a sample passes each layer once, without recurrence"
    );
    assert!(
        message("leaking.nir").starts_with("node lif: leaks with tau 20, and the file has no time step: ")
    );
    assert_eq!(
        message("logits.nir"),
        "node output: must receive the spikes of one layer: end the network with Threshold, IF or LIF"
    );
}

#[test]
fn a_sample_of_another_shape_is_refused_with_both_shapes() {
    let file = NirFile::from_bytes(fixture("convolutions.nir")).unwrap();
    let message = file.network([8, 8, 1], 1, Reading::default()).unwrap_err().to_string();
    assert!(
        message.starts_with("node input: takes inputs of shape [2, 7, 6]; a sample is 64, or [1, 8, 8] "),
        "{message}"
    );
}

/// The shape of a network's samples.
fn shape(network: &BinaryNetwork) -> [usize; 3] {
    let image = |layer: &&crate::network::BinaryLayer| {
        layer.sources.contains(&0) && !matches!(layer.connectivity, Connectivity::Dense { .. })
    };
    match network.layers.iter().find(image).map(|layer| layer.connectivity.input()) {
        Some(volume) => [volume.height, volume.width, volume.channels],
        None => [1, 1, network.inputs()],
    }
}

fn written(network: &BinaryNetwork, name: &str, flavour: Flavour) -> Result<NirFile, NirError> {
    let profile = ChipProfile::builtin(name).unwrap();
    let integers = IntegerNetwork::new(network, &profile, &DeployOptions::default()).unwrap();
    let export = Export {
        flavour,
        chip: name,
        input_max: network.input_max,
        coding: None,
        by_pixel: true,
        keyed: true,
        description: None,
    };
    NirFile::from_bytes(write(&integers, &export)?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_network_decides_alike_before_writing_and_after_reading(
        seed: u64, input_max in prop::sample::select(vec![1u8, 4, 255]), fires: bool,
    ) {
        let network = fixtures::network(seed, input_max, 1 << 20, -10);
        let flavour = if fires { Flavour::IntegrateAndFire } else { Flavour::Threshold };
        match written(&network, "ideal", flavour) {
            // No training here makes such layers.
            Err(error) => prop_assert!(error.to_string().ends_with("receives spikes of one shape as another"), "{error}"),
            Ok(file) => {
                let read = file.network(shape(&network), input_max, Reading::default()).unwrap();
                let inputs = fixtures::inputs(&network, 30, seed);
                prop_assert_eq!(read.decide(inputs.view()), network.decide(inputs.view()));
                prop_assert_eq!(read.layers.len(), network.layers.len());
            }
        }
    }
}

#[test]
fn a_pool_over_one_pixel_receives_every_channel_at_any_stride() {
    let network = fixtures::network(5_251_405_650_466_014_395, 1, 1 << 20, -10);
    assert!(matches!(
        network.layers[1].connectivity,
        Connectivity::Pool { window: Window { stride: 3, .. }, .. }
    ));
    let read = written(&network, "ideal", Flavour::Threshold)
        .unwrap()
        .network(shape(&network), 1, Reading::default())
        .unwrap();
    let inputs = fixtures::inputs(&network, 30, 1);
    assert_eq!(read.decide(inputs.view()), network.decide(inputs.view()));
}

#[test]
fn the_integers_of_a_chip_come_back_as_the_same_integers() {
    for name in ["loihi1", "ideal"] {
        let file = written(&by_hand(), name, Flavour::Threshold).unwrap();
        let read = file.network([1, 1, 3], 1, Reading::default()).unwrap();
        let deployed = |network: &BinaryNetwork| {
            let profile = ChipProfile::builtin(name).unwrap();
            IntegerNetwork::new(network, &profile, &DeployOptions::default()).unwrap()
        };
        assert_eq!(deployed(&read), deployed(&by_hand()), "{name}");
    }
}

#[test]
fn coding_and_largest_input_are_read_back_and_checked() {
    let integers = |network| {
        let profile = ChipProfile::builtin("ideal").unwrap();
        IntegerNetwork::new(network, &profile, &DeployOptions::default()).unwrap()
    };
    let mut network = by_hand();
    network.input_max = 16;
    let coding = Some(InputCoding::Thermometer { levels: 3 });
    let export = Export {
        flavour: Flavour::Threshold,
        chip: "ideal",
        input_max: 16,
        coding,
        by_pixel: true,
        keyed: true,
        description: None,
    };
    let file = NirFile::from_bytes(write(&integers(&network), &export).unwrap()).unwrap();
    assert_eq!(file.coding(), Ok(coding));
    assert_eq!(file.network([1, 1, 3], 16, Reading::default()).unwrap().input_max, 16);
    assert_eq!(
        file.network([1, 1, 3], 255, Reading::default()).unwrap_err().to_string(),
        "metadata input_max: the network takes inputs up to 16, the samples have inputs up to 255"
    );
}

#[test]
fn a_damaged_file_is_refused_and_never_a_crash() {
    for name in ["logits.nir", "convolutions.nir"] {
        let whole = fixture(name);
        for length in (0..whole.len()).step_by(97) {
            assert!(NirFile::from_bytes(whole[..length].to_vec()).is_err(), "{name} cut to {length} bytes");
        }
        let mut stream = Seed::root(1).child(name).stream();
        for _ in 0..3000 {
            let mut bytes = whole.clone();
            for _ in 0..stream.random_range(1..=4) {
                let at = stream.random_range(0..bytes.len());
                bytes[at] = stream.random();
            }
            if let Ok(file) = NirFile::from_bytes(bytes) {
                // Whether it is read or refused, the call must return.
                let _ = file.network([7, 6, 2], 1, Reading::default());
            }
        }
    }
}

fn numbers(shape: &[usize]) -> Array {
    Array { shape: shape.to_vec(), values: vec![1.0; shape.iter().product()], width: Width::Double }
}

/// A graph of an input (1, 4, 4), the nodes in a chain, and an output.
fn chain(nodes: Vec<(&str, Operation)>) -> Graph {
    let ends = |name: &str, operation| (name.to_owned(), Node::plain(operation));
    let mut names = vec!["input".to_owned()];
    names.extend(nodes.iter().map(|(name, _)| (*name).to_owned()));
    names.push("output".to_owned());
    let mut graph = Graph { nodes: Default::default(), edges: Vec::new(), metadata: Default::default() };
    graph.nodes.extend([
        ends("input", Operation::Input { shape: vec![1, 4, 4] }),
        ends("output", Operation::Output { shape: vec![2] }),
    ]);
    graph.nodes.extend(nodes.into_iter().map(|(name, operation)| ends(name, operation)));
    graph.edges = names.windows(2).map(|pair| [pair[0].clone(), pair[1].clone()]).collect();
    graph
}

fn refusal(graph: &Graph) -> String {
    graph.network([4, 4, 1].into(), 1, Reading::default()).unwrap_err().to_string()
}

fn convolution(padding: usize, dilation: usize, groups: usize) -> Operation {
    Operation::Convolution {
        input: None,
        weight: numbers(&[2, 1, 3, 3]),
        stride: [1, 1],
        padding: Padding::Zeros([padding; 2]),
        dilation: [dilation; 2],
        groups,
        bias: numbers(&[2]),
    }
}

#[test]
fn sizes_that_no_network_has_are_refused_before_there_is_memory_for_them() {
    let of = |padding, dilation, groups| refusal(&chain(vec![("c", convolution(padding, dilation, groups))]));
    assert_eq!(
        of(0, 900_000_000, 1),
        "node c: window 1800000001 x 1800000001: larger than its padded input of 4 x 4"
    );
    assert_eq!(of(900_000_000, 1, 1), "node c: padding 900000000: must be less than the window of 3 x 3");
    assert_eq!(of(0, 1, 0), "node c: 2 outputs of 0 groups with 1 inputs: there are 1 channels");
    assert_eq!(of(0, 0, 1), "node c: weight or dilation of 0: each must be 1 or more");
}

#[test]
fn graphs_that_are_not_a_chain_of_layers_are_refused() {
    let flatten = || ("f", Operation::Flatten { start: 0, end: -1, input: None });
    let dense = |outputs, inputs| Operation::Dense { weight: numbers(&[outputs, inputs]), bias: None };
    let fire = |length| Operation::Threshold(numbers(&[length]));
    let twice = chain(vec![flatten(), ("a", dense(5, 16)), ("b", dense(2, 5)), ("t", fire(2))]);
    assert_eq!(refusal(&twice), "node b: weights follow weights: a threshold must be between them");
    let unflattened = chain(vec![("a", dense(2, 16)), ("t", fire(2))]);
    assert_eq!(refusal(&unflattened), "node a: receives channels, rows and columns: must come after Flatten");
    let wrong = chain(vec![flatten(), ("a", dense(2, 15)), ("t", fire(2))]);
    assert_eq!(refusal(&wrong), "node a: weight takes 15 inputs, there are 16");
    let many = chain(vec![flatten(), ("a", dense(2, 16)), ("t", fire(3))]);
    assert_eq!(refusal(&many), "node t: threshold has 3 numbers for 2 neurons");
    let within = Operation::Threshold(Array {
        shape: vec![2, 2, 2],
        values: (0..8).map(f64::from).collect(),
        width: Width::Double,
    });
    let channel = chain(vec![("c", convolution(0, 1, 1)), ("t", within)]);
    assert_eq!(refusal(&channel), "node t: threshold differs within a channel, whose neurons must share it");
    let mut open = chain(vec![flatten(), ("a", dense(2, 16)), ("t", fire(2))]);
    open.nodes.insert("x".to_owned(), Node::plain(fire(1)));
    assert_eq!(refusal(&open), "node x: receives nothing: no edge leads to it");
    let mut circle = chain(vec![flatten(), ("a", dense(2, 16)), ("t", fire(2))]);
    circle.edges.push(["a".to_owned(), "a".to_owned()]);
    assert!(refusal(&circle).starts_with("node a: is on a cycle or after one"));
}

#[test]
fn a_graph_is_the_same_after_writing_and_reading() {
    let leak = super::operation::Leak { tau: numbers(&[2]), rest: numbers(&[]), synapse: None };
    let mut graph = chain(vec![
        ("c", convolution(1, 1, 1)),
        ("p", Operation::Pool { average: true, size: [2, 1], stride: [2, 2], padding: [0, 0] }),
        ("f", Operation::Flatten { start: 0, end: -1, input: Some(vec![2, 2, 2]) }),
        ("s", Operation::Scale(numbers(&[]))),
        ("a", Operation::Dense { weight: numbers(&[2, 8]), bias: Some(numbers(&[2])) }),
        (
            "l",
            Operation::Fire {
                resistance: numbers(&[2]),
                threshold: numbers(&[2]),
                reset: None,
                leak: Some(leak),
            },
        ),
    ]);
    graph.metadata.insert("name".to_owned(), tree::Item::Text("größe".to_owned()));
    let read = Graph::from_tree(&tree::read(tree::write(&graph.to_tree()).unwrap()).unwrap());
    assert_eq!(read.unwrap(), graph);
}

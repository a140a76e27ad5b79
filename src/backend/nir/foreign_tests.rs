//! Files as other programs write them: what those programs decide, and a slow reference in `f64`.

use std::io::Read;

use flate2::read::GzDecoder;
use ndarray::Array2;
use proptest::prelude::*;
use serde::Deserialize;

use super::super::fixtures::chip;
use super::graph::{Graph, Node, tree as of};
use super::operation::{Leak, Operation, Padding, Synapse};
use super::tree::{Array, Item, Tree, Width};
use super::*;
use crate::backend::DeployOptions;
use crate::network::fixtures;

fn fixture(name: &str) -> Vec<u8> {
    let file = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn array(shape: &[usize], values: Vec<f64>) -> Array {
    Array { shape: shape.to_vec(), values, width: Width::Double }
}

fn list(values: &[f64]) -> Array {
    array(&[values.len()], values.to_vec())
}

/// A graph of an input, the nodes in a chain, and an output.
fn chain(input: &[usize], nodes: Vec<(&str, Operation)>, output: usize) -> Graph {
    let mut graph = Graph { nodes: Default::default(), edges: Vec::new(), metadata: Default::default() };
    let ends = [
        ("input", Operation::Input { shape: input.to_vec() }),
        ("output", Operation::Output { shape: vec![output] }),
    ];
    let names: Vec<&str> =
        ["input"].into_iter().chain(nodes.iter().map(|&(name, _)| name)).chain(["output"]).collect();
    graph.edges = names.windows(2).map(|pair| [pair[0].to_owned(), pair[1].to_owned()]).collect();
    let nodes = nodes.into_iter().chain(ends);
    graph.nodes.extend(nodes.map(|(name, operation)| (name.to_owned(), Node::plain(operation))));
    graph
}

/// The spikes of the last layer on `sample`, as zeros and ones in our order.
fn spikes(graph: &Graph, shape: [usize; 3], step: Option<f64>, sample: &[u8]) -> Result<String, String> {
    let reading = Reading { time_step: step, classes: None };
    let network = graph.network(shape.into(), 1, reading).map_err(|error| error.to_string())?;
    let last = fixtures::direct(&network, ndarray::aview1(sample)).pop().expect("a layer");
    Ok(last.iter().map(|&spike| if spike == 1.0 { '1' } else { '0' }).collect())
}

/// The file that `tests/fixtures/make_exports.py` writes.
#[derive(Deserialize)]
struct Exports {
    networks: std::collections::BTreeMap<String, Exported>,
}

#[derive(Deserialize)]
struct Exported {
    /// The class of each of the digits, one digit each.
    classes: String,
    /// As `classes`, but computed by the module that Norse makes of the file, for a step of 1e-6.
    #[serde(rename = "read_at_1e-6")]
    read: Option<String>,
}

#[test]
fn every_digit_gets_the_class_that_the_exporting_program_gives_it() {
    let mut text = String::new();
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/digits.csv.gz");
    GzDecoder::new(std::fs::File::open(packed).unwrap()).read_to_string(&mut text).unwrap();
    let pixels: Vec<u8> = text
        .lines()
        .flat_map(|line| line.split(',').take(64).map(|level| level.parse::<f64>().unwrap() as u8))
        .collect();
    let inputs = Array2::from_shape_vec((pixels.len() / 64, 64), pixels).unwrap();
    let exports: Exports = serde_json::from_slice(&fixture("nir/exports.json")).unwrap();
    assert_eq!(exports.networks.len(), 10);
    for (name, export) in exports.networks {
        let file = NirFile::from_bytes(fixture(&format!("nir/{name}.nir"))).unwrap();
        let reading = Reading { time_step: name.starts_with("norse").then_some(1e-6), classes: Some(10) };
        let network = file.network([8, 8, 1], 16, reading).unwrap_or_else(|error| panic!("{name}: {error}"));
        let run =
            chip("ideal").deploy(&network, &DeployOptions::default()).unwrap().run(inputs.view()).unwrap();
        let found: String = run.predictions.iter().map(u16::to_string).collect();
        assert_eq!(found, export.classes, "{name}");
        assert!(export.read.is_none_or(|read| read == found), "{name}");
    }
}

#[test]
fn floats_of_16_bits_and_truth_values_are_read() {
    #[derive(Deserialize)]
    struct Answers {
        inputs: Vec<Vec<u8>>,
        spikes: Vec<String>,
    }
    let answers: Answers = serde_json::from_slice(&fixture("nir/halves.json")).unwrap();
    let file = NirFile::from_bytes(fixture("nir/halves.nir")).unwrap();
    let reading = Reading::default();
    assert_eq!(file.remarks(reading).unwrap(), ["is of version 2.1.0 of NIR: it is read as version 1"]);
    let network = file.network([1, 1, 12], 1, reading).unwrap();
    assert_eq!((network.key.classes(), network.key.width()), (3, 6));
    for (sample, expected) in answers.inputs.iter().zip(&answers.spikes) {
        assert_eq!(&spikes(&file.graph, [1, 1, 12], None, sample).unwrap(), expected);
    }
}

fn leak(tau: f64, rest: f64, synapse: Option<(f64, f64)>) -> Option<Leak> {
    let synapse = synapse.map(|(tau, weight)| Synapse { tau: list(&[tau]), weight: list(&[weight]) });
    Some(Leak { tau: list(&[tau]), rest: list(&[rest]), synapse })
}

fn fire(r: f64, threshold: f64, leak: Option<Leak>) -> Operation {
    Operation::Fire { resistance: list(&[r]), threshold: list(&[threshold]), reset: None, leak }
}

fn dense(weights: &[f64], inputs: usize) -> Operation {
    let shape = [weights.len() / inputs, inputs];
    Operation::Dense { weight: array(&shape, weights.to_vec()), bias: None }
}

proptest! {
    #[test]
    fn one_step_is_forward_euler_from_rest(
        weights in prop::collection::vec(-2.0f64..2.0, 3), bias in -1.0f64..1.0,
        (r, w_in) in (0.1f64..4.0, 0.1f64..4.0), (tau, tau_syn) in (1e-3f64..0.1, 1e-3f64..0.1),
        (rest, threshold) in (-0.5f64..0.5, -0.5f64..0.5), step in 1e-4f64..1e-2, kind in 0usize..5,
    ) {
        let current: f64 = weights[0] + weights[2] + bias;
        // Each quantity starts at rest, and then takes one step of its own equation.
        let synapse = if matches!(kind, 1 | 4) { step / tau_syn * (w_in * current) } else { current };
        let potential = rest + step / tau * ((rest - rest) + r * synapse);
        prop_assume!((potential - threshold).abs() > 1e-9);
        let leaking = || leak(tau, rest, matches!(kind, 1 | 4).then_some((tau_syn, w_in)));
        let sums = Operation::Dense { weight: array(&[1, 3], weights), bias: Some(list(&[bias])) };
        let integrated = Operation::Integrate { resistance: list(&[r]), leak: leaking() };
        let nodes = match kind {
            0 | 1 => vec![("w", sums), ("n", fire(r, threshold, leaking()))],
            // A potential without spikes is a number, whose threshold may come later.
            _ => vec![("w", sums), ("n", integrated), ("t", Operation::Threshold(list(&[threshold])))],
        };
        let found = spikes(&chain(&[3], nodes, 1), [1, 1, 3], Some(step), &[1, 0, 1]);
        prop_assert_eq!(found.unwrap(), if potential > threshold { "1" } else { "0" });
    }

    #[test]
    fn windows_of_any_padding_sum_as_a_plain_loop_does(
        seed: u64, (height, width) in (1usize..4, 1usize..4), (down, across) in (0usize..3, 0usize..3),
        same: bool, pool in 1usize..3, average: bool,
    ) {
        // A window must be larger than its padding.
        let most = down.max(across);
        prop_assume!(height + most > 2 * down && width + most > 2 * across);
        let mut stream = crate::seed::Seed::root(seed).stream();
        let mut normal = |count: usize| -> Vec<f64> {
            (0..count).map(|_| rand::RngExt::random_range(&mut stream, -8i32..=8) as f64).collect()
        };
        let (weights, bias) = (normal(2 * height * width), normal(2));
        let sample: Vec<u8> = normal(30).into_iter().map(|number| u8::from(number > 0.0)).collect();
        let padding = if same { Padding::Same } else { Padding::Zeros([down, across]) };
        let (top, left, high, wide) = match same {
            true => ((height - 1) / 2, (width - 1) / 2, 5, 6),
            false => (down, across, 5 + 2 * down - height + 1, 6 + 2 * across - width + 1),
        };
        let convolution = Operation::Convolution {
            input: None, weight: array(&[2, 1, height, width], weights.clone()), stride: [1, 1], padding,
            dilation: [1, 1], groups: 1, bias: list(&bias),
        };
        let pools = Operation::Pool { average, size: [pool; 2], stride: [pool; 2], padding: [0; 2] };
        let (rows, columns) = (high / pool, wide / pool);
        let limit = 0.3;
        let nodes = vec![("c", convolution), ("p", pools), ("t", Operation::Threshold(list(&[limit])))];
        let graph = chain(&[1, 5, 6], nodes, 2 * rows * columns);
        let found = spikes(&graph, [5, 6, 1], None, &sample).unwrap();
        let sum = |channel: usize, row: usize, column: usize| -> f64 {
            let mut sum = bias[channel];
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (at_row, at_column) = ((row + y).wrapping_sub(top), (column + x).wrapping_sub(left));
                if at_row < 5 && at_column < 6 && sample[at_row * 6 + at_column] == 1 {
                    sum += weights[(channel * height + y) * width + x];
                }
            }
            sum
        };
        let mut expected = String::new();
        for (row, column, channel) in
            (0..rows).flat_map(|y| (0..columns).flat_map(move |x| (0..2).map(move |c| (y, x, c))))
        {
            let of_pool: f64 = (0..pool * pool)
                .map(|at| sum(channel, row * pool + at / pool, column * pool + at % pool)).sum();
            let number = if average { of_pool / (pool * pool) as f64 } else { of_pool };
            expected.push(if number > limit { '1' } else { '0' });
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn tiny_and_huge_weights_fire_as_ordinary_ones_do() {
    let mut cases = 0;
    for (weight, r, threshold) in [
        (1e-250, 1.0, 0.5e-250),
        (1e-300, 1e-300, 0.0),
        (3e-310, 1e-20, 0.0),
        (1e-200, 1e-100, 1e-320),
        (1e250, 1e250, 1.0),
        (1e-20, 1.0, 0.5e-20),
        (1e-160, 1e-160, -1e-322),
    ] {
        // Beside a neuron of ordinary weights, and alone.
        let beside = chain(
            &[2],
            vec![
                ("w", dense(&[weight, -weight, 1.0, 1.0], 2)),
                (
                    "n",
                    Operation::Fire {
                        resistance: list(&[r, 1.0]),
                        threshold: list(&[threshold, 1.5]),
                        reset: None,
                        leak: None,
                    },
                ),
            ],
            2,
        );
        let scaled = chain(
            &[2],
            vec![
                ("s", Operation::Scale(list(&[weight, weight]))),
                ("w", dense(&[r, -r], 2)),
                ("t", Operation::Threshold(list(&[threshold]))),
            ],
            1,
        );
        for (sample, sign) in [([1u8, 0u8], 1.0), ([0, 1], -1.0), ([1, 1], 0.0)] {
            let fires = if sign == 0.0 { threshold < 0.0 } else { sign > 0.0 };
            let (fires, both) = (if fires { "1" } else { "0" }, if sign == 0.0 { "1" } else { "0" });
            assert_eq!(
                spikes(&beside, [1, 1, 2], None, &sample).unwrap(),
                format!("{fires}{both}"),
                "{weight:e} {r:e}"
            );
            assert_eq!(spikes(&scaled, [1, 1, 2], None, &sample).unwrap(), fires, "{weight:e} {r:e}");
            cases += 1;
        }
    }
    assert_eq!(cases, 21);
}

#[test]
fn a_time_step_is_asked_for_stated_or_told_by_the_time_constants() {
    let infinite = f64::INFINITY;
    let of = |pairs: &[(f64, f64)], metadata: Option<Item>, asked| {
        let nodes = pairs.iter().map(|&(r, tau)| fire(r, 1.0, leak(tau, 0.0, None)));
        let names = ["a", "b"];
        let mut graph = chain(&[1], names.into_iter().zip(nodes).collect(), 1);
        graph.metadata.extend(metadata.map(|item| ("dt".to_owned(), item)));
        TimeStep::of(&graph, asked).map(|step| step.length).map_err(|error| error.to_string())
    };
    assert_eq!(of(&[(10.0, 1e-3), (infinite, infinite)], None, None), Ok(1e-4), "snnTorch");
    assert_eq!(of(&[(9.995, 1e-3), (2.0, 2e-4)], None, None), Ok(1e-4), "snnTorch in half precision");
    assert_eq!(of(&[(1.0, 1e-5), (1.0, 1.000_000_1e-5)], None, None), Ok(1e-5));
    assert_eq!(of(&[(1.0, 1.0), (2.0, 1e9)], None, None), Ok(1.0), "steps");
    assert_eq!(of(&[(1.0, 0.02), (1.0, 0.01)], None, Some(0.001)), Ok(0.001));
    assert_eq!(of(&[(1.0, 0.02), (1.0, 0.01)], Some(Item::Text("1e-3".to_owned())), None), Ok(0.001));
    assert_eq!(of(&[(1.0, 0.02)], Some(Item::Numbers(list(&[0.005]))), Some(0.001)), Ok(0.001));
    assert_eq!(
        of(&[(1.0, 0.02), (1.0, 0.01)], None, None).unwrap_err(),
        "node b: leaks with tau 0.01, node a with tau 0.02, and the file has no time step: name it with \
         --time-step, in the unit of tau (1 if tau counts steps)"
    );
    assert_eq!(
        of(&[(1.0, 0.02)], Some(Item::Numbers(list(&[0.0]))), None).unwrap_err(),
        "metadata dt: is 0: must be a finite number above 0"
    );
    assert_eq!(
        of(&[(1.0, 0.02)], Some(Item::Text("x".to_owned())), None).unwrap_err(),
        "metadata dt: is not one number"
    );
}

#[test]
fn a_neuron_that_nothing_can_move_is_refused_with_the_reason() {
    let message = |r, leak| {
        spikes(&chain(&[1], vec![("n", fire(r, 1.0, leak))], 1), [1, 1, 1], Some(0.1), &[1]).unwrap_err()
    };
    let infinite = f64::INFINITY;
    assert_eq!(
        message(2.0, leak(infinite, 0.0, None)),
        "node n: tau is infinite and r is 2: no input moves the potential"
    );
    assert_eq!(message(infinite, leak(0.1, 0.0, None)), "node n: r is inf: must be finite, as tau 0.1 is");
    assert_eq!(message(1.0, leak(-0.1, 0.0, None)), "node n: tau is -0.1: must be above 0");
    assert_eq!(message(1.0, leak(0.1, 0.0, Some((0.0, 1.0)))), "node n: tau_syn is 0: must be above 0");
    // One step is shorter than any infinite time constant: the strength says how far it goes.
    let endless = chain(&[1], vec![("n", fire(infinite, 0.5, leak(infinite, 0.0, None)))], 1);
    assert_eq!(spikes(&endless, [1, 1, 1], None, &[1]).unwrap(), "1");
    // A rest above the threshold fires without any input.
    let resting = chain(&[1], vec![("n", fire(1.0, 0.5, leak(1.0, 0.75, None)))], 1);
    assert_eq!(spikes(&resting, [1, 1, 1], None, &[0]).unwrap(), "1");
}

/// The graph that is read after its tree was changed.
fn changed(graph: &Graph, change: impl FnOnce(&mut Tree)) -> Result<Graph, String> {
    let mut file = graph.to_tree();
    let Some(Item::Group(node)) = file.get_mut("node") else { panic!("a group") };
    change(node);
    let bytes = tree::write(&file).unwrap();
    Graph::from_tree(&tree::read(bytes).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn graphs_within_a_graph_and_any_names_are_read() {
    let inner = |edges: &[[&str; 2]]| {
        let mut inner = chain(&[2], vec![("w/1", dense(&[1.0, -1.0], 2)), ("a.b", fire(1.0, 0.5, None))], 1);
        inner.edges.extend(edges.iter().map(|pair| pair.map(str::to_owned)));
        inner.to_tree().remove("node").expect("a graph")
    };
    let outer = chain(&[2], vec![("layer/0", Operation::Pass)], 1);
    let nested = |edges: &[[&str; 2]]| {
        changed(&outer, |node| {
            let Some(Item::Group(nodes)) = node.get_mut("nodes") else { panic!("a group") };
            nodes.remove("layer/0");
            // A slash in a name makes groups of its parts.
            nodes.insert("layer".to_owned(), Item::Group([("0".to_owned(), slashed(inner(edges)))].into()));
        })
    };
    let graph = nested(&[]).unwrap();
    assert!(graph.nodes.contains_key("layer/0.w/1"), "{:?}", graph.nodes.keys());
    for (sample, expected) in [([1, 0], "1"), ([1, 1], "0"), ([0, 1], "0")] {
        assert_eq!(spikes(&graph, [1, 1, 2], None, &sample).unwrap(), expected);
    }
    let recurrent = nested(&[["a.b", "w/1"]]).unwrap();
    let message = spikes(&recurrent, [1, 1, 2], None, &[1, 0]).unwrap_err();
    assert!(message.starts_with("node layer/0.a.b: is on a cycle or after one"), "{message}");
}

/// The node with the parts of names at slashes as groups.
fn slashed(item: Item) -> Item {
    let Item::Group(mut node) = item else { return item };
    if let Some(Item::Group(nodes)) = node.get_mut("nodes") {
        let inner = nodes.remove("w/1").expect("a node");
        nodes.insert("w".to_owned(), Item::Group([("1".to_owned(), inner)].into()));
    }
    Item::Group(node)
}

#[test]
fn shapes_may_begin_with_a_batch_and_flatten_may_count_it() {
    let sums = || ("w", dense(&[1.0, -1.0, 1.0, 1.0], 4));
    let flatten = |start, end| ("f", Operation::Flatten { start, end, input: None });
    let last = || ("n", fire(1.0, 0.5, None));
    for input in [vec![1, 4], vec![1, 1, 4], vec![4]] {
        let graph = chain(&input, vec![sums(), last()], 1);
        assert_eq!(spikes(&graph, [1, 1, 4], None, &[1, 0, 0, 0]).unwrap(), "1", "{input:?}");
    }
    for (start, end) in [(0, -1), (1, -1), (1, 3), (0, 2), (-3, -1)] {
        for input in [vec![1, 2, 2], vec![1, 1, 2, 2]] {
            let graph = chain(&input, vec![flatten(start, end), sums(), last()], 1);
            assert_eq!(
                spikes(&graph, [2, 2, 1], None, &[0, 1, 0, 0]).unwrap(),
                "0",
                "{start} {end} {input:?}"
            );
        }
    }
    let part = chain(&[1, 2, 2], vec![flatten(2, -1), sums(), last()], 1);
    assert_eq!(
        spikes(&part, [2, 2, 1], None, &[0; 4]).unwrap_err(),
        "node f: flattens dimensions 2 to -1 of 3: must flatten all (0 to -1)"
    );
    let line = Operation::Convolution {
        input: Some([1, 4]),
        weight: array(&[1, 1, 1, 3], vec![1.0, -1.0, 2.0]),
        stride: [1, 1],
        padding: Padding::Zeros([0, 1]),
        dilation: [1, 1],
        groups: 1,
        bias: list(&[0.0]),
    };
    let graph = chain(&[4], vec![("c", line), last()], 4);
    // Sums: -1 + 2, 1 - 1, 1 + 2, -1.
    assert_eq!(spikes(&graph, [1, 1, 4], None, &[1, 1, 0, 1]).unwrap(), "1010");
}

#[test]
fn a_key_may_be_truth_values_texts_or_json() {
    let key = |item: Item| {
        let metadata = of([("key", item)]);
        Metadata::new(&metadata).key(3).map(|key| key.map(|(_, members)| members))
    };
    let members = Ok(Some(vec![true, false, true, false, true, false]));
    let text = |text: &str| Item::Text(text.to_owned());
    assert_eq!(key(text("[[1, 0, 1], [0, 1, 0]]")), members);
    assert_eq!(key(text("[[True, False, True], [False, True, False]]")), members);
    let texts = ["True", "False", "1", "0", "true", "0.0"].map(str::to_owned).to_vec();
    assert_eq!(key(Item::Texts { shape: vec![2, 3], values: texts }), members);
    assert_eq!(key(text("[[1, 0, 1], [0, 1]]")), Err("metadata key holds no numbers".to_owned()));
    assert_eq!(key(text("[[1, 0, [1]], [0, 1, 0]]")), Err("metadata key holds no numbers".to_owned()));
    assert_eq!(key(text("[1, 0, 1]")), Err("metadata key has 1 axes, must have 2".to_owned()));
    assert_eq!(key(text("[[1, 0, 2]]")), Err("metadata key holds 2, must hold zeros and ones".to_owned()));
    let metadata = of([("input_coding", text("thermometer:3"))]);
    assert_eq!(Metadata::new(&metadata).coding(), Ok(Some(InputCoding::Thermometer { levels: 3 })));
}

#[test]
fn outputs_without_a_key_vote_in_blocks_and_the_user_is_told() {
    let identity: Vec<f64> = (0..36).map(|at| f64::from(u8::from(at % 7 == 0))).collect();
    let graph = chain(&[6], vec![("w", dense(&identity, 6)), ("n", fire(1.0, 0.5, None))], 6);
    let file = NirFile { graph, version: Some("1.0.9".to_owned()) };
    let decided = |classes, sample: [u8; 6]| {
        let network = file.network([1, 1, 6], 1, Reading { time_step: None, classes }).unwrap();
        network.predict(ndarray::aview1(&sample).insert_axis(ndarray::Axis(0)))[0]
    };
    assert_eq!(decided(Some(3), [0, 1, 1, 1, 0, 0]), 1);
    assert_eq!(decided(Some(6), [0, 1, 1, 1, 0, 0]), 1);
    assert_eq!(decided(Some(2), [0, 1, 0, 0, 1, 1]), 1);
    assert_eq!(decided(None, [0, 0, 0, 0, 1, 1]), 4);
    let remarks = |classes| file.remarks(Reading { time_step: None, classes }).unwrap();
    assert_eq!(
        remarks(Some(3)),
        ["no key in the metadata: 6 output neurons vote for 3 classes, 2 in a row for each"]
    );
    assert!(remarks(None).is_empty());
    assert_eq!(
        remarks(Some(4)),
        [
            "no key in the metadata: each of 6 output neurons is a class, and the first that fires wins (class 0 if none \
          fires)"
        ]
    );
}

#[test]
fn kinds_that_one_step_cannot_hold_are_refused_with_their_reason() {
    let graph = chain(&[2], vec![("n", fire(1.0, 0.5, None))], 2);
    let kind = |kind: &str| {
        changed(&graph, |node| {
            let Some(Item::Group(nodes)) = node.get_mut("nodes") else { panic!("a group") };
            nodes.insert("n".to_owned(), Item::Group(of([("type", Item::Text(kind.to_owned()))])));
        })
        .unwrap_err()
    };
    assert!(kind("Delay").contains("can hold: its spikes come after the one step of a sample: Input, "));
    assert!(
        kind("MaxPool2d")
            .starts_with("node n: MaxPool2d is not of the kinds that a binary network can hold: ")
    );
    let several = changed(&graph, |node| {
        let Some(Item::Group(nodes)) = node.get_mut("nodes") else { panic!("a group") };
        let input = nodes["input"].clone();
        nodes.insert("second".to_owned(), input);
    });
    assert_eq!(
        spikes(&several.unwrap(), [1, 1, 2], None, &[0, 0]).unwrap_err(),
        "not a NIR graph: 2 nodes Input and 1 Output: must be one of each"
    );
    let potentials = Operation::Integrate { resistance: list(&[1.0]), leak: leak(1.0, 0.0, None) };
    let message = spikes(
        &chain(&[2], vec![("w", dense(&[1.0; 4], 2)), ("li", potentials)], 2),
        [1, 1, 2],
        None,
        &[0; 2],
    );
    assert!(message.unwrap_err().starts_with("node output: must receive the spikes of one layer"));
}

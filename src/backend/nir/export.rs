//! Export: from the integers on a chip to a NIR graph.
//!
//! The graph has the integer weights. NIR neurons fire if their sum is above their threshold. For a
//! chip that fires at the threshold t too, the graph has the threshold t - 1. Sums are whole
//! numbers, so both fire alike. A max pool becomes a sum over the window, with neurons that fire
//! above 0.

use ndarray::Array2;

use super::error::NirError;
use super::graph::{Graph, Node, tree};
use super::metadata::{CODING, DESCRIPTION, INPUT_MAX, KEY, ORDER, OUR_ORDER};
use super::operation::{Operation, Padding};
use super::stage::place;
use super::tree::{Array, Item, Tree, Width};
use super::{Export, Flavour};
use crate::backend::profile::format::Compare;
use crate::backend::quantize::{IntegerLayer, IntegerNetwork};
use crate::network::{Connectivity, Volume, Window};

/// Whole numbers below this are exact in single precision.
const EXACT_IN_SINGLE: i64 = 1 << 24;

/// Converts `network` to a NIR graph.
///
/// # Errors
/// [`NirError::Unwritable`] with a layer that NIR cannot express.
pub(super) fn graph(network: &IntegerNetwork, export: &Export<'_>) -> Result<Graph, NirError> {
    let writer = Writer { network, flavour: export.flavour, images: images(network)? };
    let mut graph = Graph { nodes: Default::default(), edges: Vec::new(), metadata: Tree::new() };
    let first = writer.shape(0);
    graph.nodes.insert(source_name(0), Node::plain(Operation::Input { shape: first.clone() }));
    for index in 0..network.layers.len() {
        writer.layer(index, &mut graph)?;
    }
    let last = network.layers.len();
    let output = Node::plain(Operation::Output { shape: writer.shape(last) });
    graph.nodes.insert("output".to_owned(), output);
    graph.edges.push([source_name(last), "output".to_owned()]);
    graph.metadata = metadata(network, export, writer.volume(last));
    if first.len() == 1 && export.by_pixel {
        graph.metadata.insert(ORDER.to_owned(), Item::Text(OUR_ORDER.to_owned()));
    }
    Ok(graph)
}

fn metadata(network: &IntegerNetwork, export: &Export<'_>, outputs: Volume) -> Tree {
    let members = network.key.members();
    let mut key = Array2::zeros(members.dim());
    for ((class, number), member) in key.indexed_iter_mut() {
        *member = f64::from(u8::from(members[[class, place(outputs, number)]]));
    }
    let shape = key.shape().to_vec();
    let key = Array { shape, values: key.into_raw_vec_and_offset().0, width: Width::Whole };
    let mut metadata = tree([
        ("program", Item::Text(concat!("tune ", env!("CARGO_PKG_VERSION")).to_owned())),
        ("chip", Item::Text(export.chip.to_owned())),
        (INPUT_MAX, Item::Numbers(Array::whole(usize::from(export.input_max)))),
    ]);
    if export.keyed {
        metadata.insert(KEY.to_owned(), Item::Numbers(key));
    }
    if let Some(bits) = network.weight_bits {
        metadata.insert("weight_bits".to_owned(), Item::Numbers(Array::whole(usize::from(bits))));
    }
    if let Some(coding) = export.coding {
        let text = serde_json::to_string(&coding).expect("a coding can be written as JSON");
        metadata.insert(CODING.to_owned(), Item::Text(text));
    }
    if let Some(description) = export.description {
        metadata.insert(DESCRIPTION.to_owned(), Item::Text(description.to_owned()));
    }
    metadata
}

/// For each source (the input, then each layer) its volume if it is an image in the graph; `None`:
/// it is a list.
fn images(network: &IntegerNetwork) -> Result<Vec<Option<Volume>>, NirError> {
    let output = |layer: &IntegerLayer| match layer.connectivity {
        Connectivity::Dense { .. } => None,
        Connectivity::Convolution { .. } | Connectivity::Pool { .. } => Some(layer.connectivity.output()),
    };
    let input = |layer: &&IntegerLayer| {
        layer.sources.contains(&0) && !matches!(layer.connectivity, Connectivity::Dense { .. })
    };
    let image = network.layers.iter().find(input).map(|layer| layer.connectivity.input());
    let images: Vec<Option<Volume>> =
        std::iter::once(image).chain(network.layers.iter().map(output)).collect();
    for (index, layer) in network.layers.iter().enumerate() {
        let received = |&source: &usize| images[source];
        let first = layer.sources.first().and_then(received);
        let alike = layer.sources.iter().map(received).all(|image| image == first);
        let fits = matches!(layer.connectivity, Connectivity::Dense { .. })
            || first == Some(layer.connectivity.input());
        if !alike || !fits {
            let problem = "it receives spikes of one shape as another".to_owned();
            return Err(NirError::Unwritable { layer: index, problem });
        }
    }
    Ok(images)
}

fn source_name(source: usize) -> String {
    match source {
        0 => "input".to_owned(),
        layer => format!("layer_{}_spikes", layer - 1),
    }
}

struct Writer<'a> {
    network: &'a IntegerNetwork,
    flavour: Flavour,
    /// One entry per source, see [`images`].
    images: Vec<Option<Volume>>,
}

impl Writer<'_> {
    /// The volume of a source, in pixel order.
    fn volume(&self, source: usize) -> Volume {
        let length = match source {
            0 => self.network.layers.first().map_or(0, IntegerLayer::inputs),
            layer => self.network.layers[layer - 1].neurons(),
        };
        self.images[source].unwrap_or(Volume::flat(length))
    }

    /// The shape of a source in the graph: channels, rows and columns, or one length.
    fn shape(&self, source: usize) -> Vec<usize> {
        let Volume { height, width, channels } = self.volume(source);
        match self.images[source] {
            Some(_) => vec![channels, height, width],
            None => vec![channels],
        }
    }

    /// Adds the nodes of layer `index` and the edges to and between them.
    fn layer(&self, index: usize, graph: &mut Graph) -> Result<(), NirError> {
        let layer = &self.network.layers[index];
        let received = self.volume(layer.sources[0]);
        let sums = format!("layer_{index}_sums");
        let mut first = sums.clone();
        let width = width(layer);
        let mut node = Node::plain(match layer.connectivity {
            Connectivity::Dense { outputs, inputs } => {
                if self.images[layer.sources[0]].is_some() {
                    first = format!("layer_{index}_flatten");
                    let input = Some(self.shape(layer.sources[0]));
                    let flatten = Node::plain(Operation::Flatten { start: 0, end: -1, input });
                    graph.nodes.insert(first.clone(), flatten);
                    graph.edges.push([first.clone(), sums.clone()]);
                }
                let number = |at: usize| layer.weights[[place(received, at % inputs), at / inputs]] as f64;
                let values = (0..outputs * inputs).map(number).collect();
                Operation::Dense { weight: Array { shape: vec![outputs, inputs], values, width }, bias: None }
            }
            Connectivity::Convolution { window, .. } => convolution(layer, window, width),
            Connectivity::Pool { window, .. } => Operation::Pool {
                average: false,
                size: [window.height, window.width],
                stride: [window.stride; 2],
                padding: [window.padding; 2],
            },
        });
        if !matches!(layer.connectivity, Connectivity::Pool { .. }) {
            let scales = layer.scales.to_vec();
            let scales = Array { shape: vec![scales.len()], values: scales, width: Width::Double };
            node.metadata = tree([("scales", Item::Numbers(scales))]);
        }
        let sources = layer.sources.iter().map(|&source| [source_name(source), first.clone()]);
        graph.edges.extend(sources);
        graph.edges.push([sums.clone(), source_name(index + 1)]);
        graph.nodes.insert(sums, node);
        graph.nodes.insert(source_name(index + 1), Node::plain(self.step(index, width)));
        Ok(())
    }

    /// The neurons of layer `index`, each with its threshold.
    fn step(&self, index: usize, width: Width) -> Operation {
        let (layer, volume) = (&self.network.layers[index], self.volume(index + 1));
        let less = match self.network.compare {
            Compare::Gt => 0,
            Compare::Ge => 1,
        };
        let threshold =
            |number: usize| (layer.thresholds[place(volume, number) % layer.channels()] - less) as f64;
        let array = |values| Array { shape: self.shape(index + 1), values, width };
        let threshold = array((0..volume.len()).map(threshold).collect());
        match self.flavour {
            Flavour::Threshold => Operation::Threshold(threshold),
            Flavour::IntegrateAndFire => Operation::Fire {
                resistance: array(vec![1.0; volume.len()]),
                threshold,
                reset: Some(array(vec![0.0; volume.len()])),
                leak: None,
            },
        }
    }
}

/// The convolution of `layer`, with weights (outputs, channels, height, width).
fn convolution(layer: &IntegerLayer, window: Window, width: Width) -> Operation {
    let (volume, channels, elements) =
        (layer.connectivity.input(), layer.channels(), layer.connectivity.elements());
    let kernel = Volume { height: window.height, width: window.width, channels: volume.channels };
    let number = |at: usize| layer.weights[[place(kernel, at % elements), at / elements]] as f64;
    Operation::Convolution {
        input: Some([volume.height, volume.width]),
        weight: Array {
            shape: vec![channels, volume.channels, window.height, window.width],
            values: (0..channels * elements).map(number).collect(),
            width,
        },
        stride: [window.stride; 2],
        padding: Padding::Zeros([window.padding; 2]),
        dilation: [1, 1],
        groups: 1,
        bias: Array { shape: vec![channels], values: vec![0.0; channels], width },
    }
}

/// Single precision if every sum is exact in it, else double.
fn width(layer: &IntegerLayer) -> Width {
    let sums = layer.reach().into_iter().flat_map(|(low, high)| [low, high]);
    let largest = sums.chain(layer.thresholds.iter().copied()).map(i64::abs).max().unwrap_or(0);
    if largest < EXACT_IN_SINGLE { Width::Single } else { Width::Double }
}

//! NIR graphs: nodes with their numbers, and edges between them.
//!
//! The file has the layout of the Python package `nir` 1.0: `/version`, and under `/node` the names
//! `type`, `edges` (pairs of names), `nodes/NAME/...` (`type` and the fields of that type) and
//! `metadata/...`. Pedersen et al. 2024, Neuromorphic intermediate representation: a unified
//! instruction set for interoperable brain-inspired computing, Nature Communications 15.

use std::collections::BTreeMap;

use super::error::NirError;
use super::tree::{Array, Item, Tree};

/// The version of the Python package whose layout is written.
const VERSION: &str = "1.0.8";

/// The supported types, for messages.
const KNOWN: &str =
    "Input, Output, Affine, Linear, Conv2d, Flatten, SumPool2d, AvgPool2d, Scale, Threshold, IF, LIF";

/// Most nodes of a graph; far more than a network on a chip has layers.
const MOST_NODES: usize = 4096;

/// A graph: nodes by name, and edges from sender to receiver.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Graph {
    pub nodes: BTreeMap<String, Node>,
    pub edges: Vec<[String; 2]>,
    pub metadata: Tree,
}

/// A node of a graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub operation: Operation,
    pub metadata: Tree,
}

/// The operation of a node. Shapes are without the batch: lengths, or channels, height, width.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    Input {
        shape: Vec<usize>,
    },
    Output {
        shape: Vec<usize>,
    },
    /// `Affine`, or `Linear` without bias: weights (outputs, inputs), bias (outputs).
    Dense {
        weight: Array,
        bias: Option<Array>,
    },
    /// Weights (outputs, inputs of a group, height, width), bias (outputs); pairs are height,
    /// width.
    Convolution {
        input: Option<[usize; 2]>,
        weight: Array,
        stride: [usize; 2],
        padding: Padding,
        dilation: [usize; 2],
        groups: usize,
        bias: Array,
    },
    /// `SumPool2d`, or `AvgPool2d` if it averages.
    Pool {
        average: bool,
        size: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    },
    /// Flattens dimensions from `start` to `end`, counted from the back if negative.
    Flatten {
        start: i64,
        end: i64,
        input: Option<Vec<usize>>,
    },
    Scale(Array),
    /// Gives 1 where the input is above the threshold.
    Threshold(Array),
    /// `IF`, or `LIF` if it has a leak.
    Fire {
        resistance: Array,
        threshold: Array,
        reset: Option<Array>,
        leak: Option<Leak>,
    },
}

/// The leak of a neuron's potential.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leak {
    /// The time constant.
    pub tau: Array,
    /// The potential to which it falls.
    pub rest: Array,
}

/// How a window treats the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// This many zeros on each side.
    Zeros([usize; 2]),
    /// As many zeros as keep the size.
    Same,
}

impl Graph {
    /// Reads the graph of a file.
    ///
    /// # Errors
    /// A part of the graph is missing, malformed or of an unsupported type.
    pub fn from_tree(file: &Tree) -> Result<Self, NirError> {
        let graph = Fields { node: "graph", tree: group(file, "node")? };
        if graph.text("type")? != "NIRGraph" {
            return Err(NirError::NoGraph(format!("/node is a {}", graph.text("type")?)));
        }
        let nodes = group(graph.tree, "nodes")?;
        if nodes.len() > MOST_NODES {
            return Err(NirError::TooLarge { what: "nodes", limit: MOST_NODES as u64 });
        }
        let node = |(name, item): (&String, &Item)| match item {
            Item::Group(tree) => Ok((name.clone(), Node::from_tree(name, tree)?)),
            _ => Err(NirError::node(name, "is not a group")),
        };
        let nodes = nodes.iter().map(node).collect::<Result<BTreeMap<_, _>, _>>()?;
        let edges = edges(graph.tree)?;
        for name in edges.iter().flatten() {
            if !nodes.contains_key(name) {
                return Err(NirError::node(name, "an edge names it, but it is not there"));
            }
        }
        Ok(Self { nodes, edges, metadata: metadata(graph.tree) })
    }

    /// The content of the graph's file.
    pub fn to_tree(&self) -> Tree {
        let nodes = self.nodes.iter().map(|(name, node)| (name.clone(), Item::Group(node.to_tree())));
        let values: Vec<String> = self.edges.iter().flatten().cloned().collect();
        let mut graph = tree([
            ("type", Item::Text("NIRGraph".to_owned())),
            ("edges", Item::Texts { shape: vec![self.edges.len(), 2], values }),
            ("nodes", Item::Group(nodes.collect())),
        ]);
        add_metadata(&mut graph, &self.metadata);
        tree([("version", Item::Text(VERSION.to_owned())), ("node", Item::Group(graph))])
    }
}

impl Node {
    /// A node without metadata.
    pub fn plain(operation: Operation) -> Self {
        Self { operation, metadata: Tree::new() }
    }

    fn from_tree(name: &str, tree: &Tree) -> Result<Self, NirError> {
        let fields = Fields { node: name, tree };
        let operation = match fields.text("type")? {
            "Input" => Operation::Input { shape: fields.sizes("shape")? },
            "Output" => Operation::Output { shape: fields.sizes("shape")? },
            "Affine" => {
                Operation::Dense { weight: fields.array("weight")?, bias: Some(fields.array("bias")?) }
            }
            "Linear" => Operation::Dense { weight: fields.array("weight")?, bias: None },
            "Conv2d" => fields.convolution()?,
            "SumPool2d" => fields.pool(false)?,
            "AvgPool2d" => fields.pool(true)?,
            "Flatten" => Operation::Flatten {
                start: fields.whole("start_dim")?,
                end: fields.whole("end_dim")?,
                input: fields.has("input_type").then(|| fields.sizes("input_type")).transpose()?,
            },
            "Scale" => Operation::Scale(fields.array("scale")?),
            "Threshold" => Operation::Threshold(fields.array("threshold")?),
            "IF" => fields.fire(None)?,
            "LIF" => {
                let leak = Leak { tau: fields.array("tau")?, rest: fields.array("v_leak")? };
                fields.fire(Some(leak))?
            }
            other => {
                let problem = format!("{other} is not of the kinds that a binary network can hold: {KNOWN}");
                return Err(NirError::node(name, problem));
            }
        };
        Ok(Self { operation, metadata: metadata(tree) })
    }

    fn to_tree(&self) -> Tree {
        let sizes = |sizes: &[usize]| Item::Numbers(Array::wholes(sizes));
        let numbers = |array: &Array| Item::Numbers(array.clone());
        let (kind, fields) = match &self.operation {
            Operation::Input { shape } => ("Input", vec![("shape", sizes(shape))]),
            Operation::Output { shape } => ("Output", vec![("shape", sizes(shape))]),
            Operation::Dense { weight, bias: None } => ("Linear", vec![("weight", numbers(weight))]),
            Operation::Dense { weight, bias: Some(bias) } => {
                ("Affine", vec![("weight", numbers(weight)), ("bias", numbers(bias))])
            }
            Operation::Convolution { .. } => ("Conv2d", self.operation.convolution_fields()),
            Operation::Pool { average, size, stride, padding } => {
                let kind = if *average { "AvgPool2d" } else { "SumPool2d" };
                (
                    kind,
                    vec![
                        ("kernel_size", sizes(size)),
                        ("stride", sizes(stride)),
                        ("padding", sizes(padding)),
                    ],
                )
            }
            Operation::Flatten { start, end, input } => {
                let whole =
                    |value: i64| Item::Numbers(Array { values: vec![value as f64], ..Array::whole(0) });
                let mut fields = vec![("start_dim", whole(*start)), ("end_dim", whole(*end))];
                fields.extend(input.as_ref().map(|input| ("input_type", sizes(input))));
                ("Flatten", fields)
            }
            Operation::Scale(scale) => ("Scale", vec![("scale", numbers(scale))]),
            Operation::Threshold(threshold) => ("Threshold", vec![("threshold", numbers(threshold))]),
            Operation::Fire { resistance, threshold, reset, leak } => {
                let mut fields = vec![("r", numbers(resistance)), ("v_threshold", numbers(threshold))];
                fields.extend(reset.as_ref().map(|reset| ("v_reset", numbers(reset))));
                if let Some(Leak { tau, rest }) = leak {
                    fields.extend([("tau", numbers(tau)), ("v_leak", numbers(rest))]);
                }
                (if leak.is_some() { "LIF" } else { "IF" }, fields)
            }
        };
        let mut node = tree(fields);
        node.insert("type".to_owned(), Item::Text(kind.to_owned()));
        add_metadata(&mut node, &self.metadata);
        node
    }
}

impl Operation {
    /// The fields of a convolution; empty for other operations.
    fn convolution_fields(&self) -> Vec<(&'static str, Item)> {
        let Self::Convolution { input, weight, stride, padding, dilation, groups, bias } = self else {
            return Vec::new();
        };
        let sizes = |sizes: &[usize]| Item::Numbers(Array::wholes(sizes));
        let mut fields = vec![
            ("weight", Item::Numbers(weight.clone())),
            ("stride", sizes(stride)),
            (
                "padding",
                match padding {
                    Padding::Zeros(zeros) => sizes(zeros),
                    Padding::Same => Item::Text("same".to_owned()),
                },
            ),
            ("dilation", sizes(dilation)),
            ("groups", Item::Numbers(Array::whole(*groups))),
            ("bias", Item::Numbers(bias.clone())),
        ];
        fields.extend(input.map(|input| ("input_shape", sizes(&input))));
        fields
    }
}

/// The fields of a node.
struct Fields<'a> {
    node: &'a str,
    tree: &'a Tree,
}

impl<'a> Fields<'a> {
    fn error(&self, field: &str, problem: &str) -> NirError {
        NirError::node(self.node, format!("{field} {problem}"))
    }

    fn has(&self, field: &str) -> bool {
        self.tree.contains_key(field)
    }

    fn item(&self, field: &str) -> Result<&'a Item, NirError> {
        self.tree.get(field).ok_or_else(|| self.error(field, "is missing"))
    }

    fn text(&self, field: &str) -> Result<&'a str, NirError> {
        match self.item(field)? {
            Item::Text(text) => Ok(text),
            _ => Err(self.error(field, "is not a text")),
        }
    }

    /// The numbers of a field, which must be finite.
    fn array(&self, field: &str) -> Result<Array, NirError> {
        match self.item(field)? {
            Item::Numbers(array) => match array.values.iter().find(|value| !value.is_finite()) {
                None => Ok(array.clone()),
                Some(value) => Err(self.error(field, &format!("holds {value}"))),
            },
            Item::Other(kind) => Err(self.error(field, &format!("holds {kind}, must be plain numbers"))),
            _ => Err(self.error(field, "holds no numbers")),
        }
    }

    fn whole(&self, field: &str) -> Result<i64, NirError> {
        match self.array(field)?.values[..] {
            [value] if value.fract() == 0.0 && value.abs() < 1e9 => Ok(value as i64),
            _ => Err(self.error(field, "must be one whole number")),
        }
    }

    /// The whole numbers of a field, each 0 or more.
    fn sizes(&self, field: &str) -> Result<Vec<usize>, NirError> {
        let size = |value: f64| match value.fract() == 0.0 && (0.0..1e9).contains(&value) {
            true => Ok(value as usize),
            false => Err(self.error(field, &format!("holds {value}, must hold whole numbers from 0"))),
        };
        self.array(field)?.values.into_iter().map(size).collect()
    }

    /// Two sizes; a single one counts for both.
    fn pair(&self, field: &str) -> Result<[usize; 2], NirError> {
        match self.sizes(field)?[..] {
            [both] => Ok([both; 2]),
            [height, width] => Ok([height, width]),
            _ => Err(self.error(field, "must be one or two numbers")),
        }
    }

    fn convolution(&self) -> Result<Operation, NirError> {
        let padding = match self.item("padding")? {
            Item::Text(text) if text == "same" => Padding::Same,
            Item::Text(text) if text == "valid" => Padding::Zeros([0, 0]),
            Item::Text(text) => {
                return Err(self.error("padding", &format!("is \"{text}\", must be same or valid")));
            }
            _ => Padding::Zeros(self.pair("padding")?),
        };
        let groups = self.sizes("groups")?;
        Ok(Operation::Convolution {
            input: self.has("input_shape").then(|| self.pair("input_shape")).transpose()?,
            weight: self.array("weight")?,
            stride: self.pair("stride")?,
            padding,
            dilation: self.pair("dilation")?,
            groups: match groups[..] {
                [groups] => groups,
                _ => return Err(self.error("groups", "must be one number")),
            },
            bias: self.array("bias")?,
        })
    }

    fn pool(&self, average: bool) -> Result<Operation, NirError> {
        Ok(Operation::Pool {
            average,
            size: self.pair("kernel_size")?,
            stride: self.pair("stride")?,
            padding: self.pair("padding")?,
        })
    }

    fn fire(&self, leak: Option<Leak>) -> Result<Operation, NirError> {
        Ok(Operation::Fire {
            resistance: self.array("r")?,
            threshold: self.array("v_threshold")?,
            reset: self.has("v_reset").then(|| self.array("v_reset")).transpose()?,
            leak,
        })
    }
}

fn group<'a>(tree: &'a Tree, name: &str) -> Result<&'a Tree, NirError> {
    match tree.get(name) {
        Some(Item::Group(tree)) => Ok(tree),
        _ => Err(NirError::NoGraph(format!("there is no group {name}"))),
    }
}

fn edges(graph: &Tree) -> Result<Vec<[String; 2]>, NirError> {
    match graph.get("edges") {
        Some(Item::Texts { shape, values }) if matches!(shape[..], [_, 2]) => {
            let (pairs, _) = values.as_chunks::<2>();
            Ok(pairs.to_vec())
        }
        _ => Err(NirError::NoGraph("edges are not pairs of names".to_owned())),
    }
}

fn metadata(tree: &Tree) -> Tree {
    match tree.get("metadata") {
        Some(Item::Group(metadata)) => metadata.clone(),
        _ => Tree::new(),
    }
}

fn add_metadata(tree: &mut Tree, metadata: &Tree) {
    if !metadata.is_empty() {
        tree.insert("metadata".to_owned(), Item::Group(metadata.clone()));
    }
}

/// A tree of `items`.
pub(super) fn tree<'a>(items: impl IntoIterator<Item = (&'a str, Item)>) -> Tree {
    items.into_iter().map(|(name, item)| (name.to_owned(), item)).collect()
}

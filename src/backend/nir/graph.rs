//! NIR graphs: nodes with their numbers, and edges between them.
//!
//! The file has the layout of the Python package `nir` 1.0. It has `/version` and the group
//! `/node`, which has `type`, `edges` (pairs of names), `nodes/NAME/...` and `metadata/...`. Each
//! node in `nodes` has a `type` and the fields of that type.
//!
//! Pedersen et al. 2024, Neuromorphic intermediate representation: a unified instruction set for
//! interoperable brain-inspired computing, Nature Communications 15.

use std::collections::BTreeMap;

use super::error::NirError;
use super::fields::Fields;
use super::operation::Operation;
use super::tree::{Item, Tree};

/// The version of the Python package whose layout is written.
const VERSION: &str = "1.0.8";

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

impl Graph {
    /// Reads the graph of a file.
    ///
    /// # Errors
    /// A part of the graph is missing, malformed or of an unsupported type.
    pub fn from_tree(file: &Tree) -> Result<Self, NirError> {
        let tree = group(file, "node")?;
        let kind = Fields { node: "graph", tree }.text("type")?;
        if kind != "NIRGraph" {
            return Err(NirError::NoGraph(format!("/node is a {kind}")));
        }
        let mut graph = Self { nodes: BTreeMap::new(), edges: Vec::new(), metadata: metadata(tree) };
        graph.add(tree, "")?;
        for name in graph.edges.iter().flatten() {
            if !graph.nodes.contains_key(name) {
                return Err(NirError::node(name, "an edge names it, but it is not there"));
            }
        }
        Ok(graph)
    }

    /// Adds the nodes and edges of the graph in `tree`, with `prefix` before each name. Returns the
    /// names of the nodes that are the graph's inputs, and of those that are its outputs.
    fn add(&mut self, tree: &Tree, prefix: &str) -> Result<[Vec<String>; 2], NirError> {
        let mut groups = BTreeMap::new();
        named_groups(group(tree, "nodes")?, prefix, &mut groups)?;
        let mut ends = [Vec::new(), Vec::new()];
        // By the name of a graph within this one: the node to which edges lead, and that from which
        // they leave.
        let mut inner: BTreeMap<String, [String; 2]> = BTreeMap::new();
        for (name, tree) in groups {
            if self.nodes.len() >= MOST_NODES {
                return Err(NirError::TooLarge { what: "nodes", limit: MOST_NODES as u64 });
            }
            let fields = Fields { node: &name, tree };
            if fields.text("type")? == "NIRGraph" {
                let ends = self.add(tree, &format!("{name}."))?.map(<[String; 1]>::try_from);
                let [Ok([input]), Ok([output])] = ends else {
                    let problem = "is a graph with several inputs or outputs, or none: must have one of each";
                    return Err(NirError::node(&name, problem));
                };
                inner.insert(name, [input, output]);
                continue;
            }
            let mut operation = fields.operation()?;
            let end = match operation {
                Operation::Input { .. } => Some(0),
                Operation::Output { .. } => Some(1),
                _ => None,
            };
            if let Some(end) = end.filter(|_| !prefix.is_empty()) {
                ends[end].push(name.clone());
                operation = Operation::Pass;
            }
            self.nodes.insert(name, Node { operation, metadata: metadata(tree) });
        }
        for pair in edges(tree)? {
            let [from, to] = pair.map(|name| format!("{prefix}{name}"));
            let from = inner.get(&from).map_or(from, |[_, output]| output.clone());
            let to = inner.get(&to).map_or(to, |[input, _]| input.clone());
            self.edges.push([from, to]);
        }
        Ok(ends)
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

    fn to_tree(&self) -> Tree {
        let (kind, fields) = self.operation.fields();
        let mut node = tree(fields);
        node.insert("type".to_owned(), Item::Text(kind.to_owned()));
        add_metadata(&mut node, &self.metadata);
        node
    }
}

/// Collects the HDF5 groups of all nodes in `tree` by node name. HDF5 splits a name at its slashes
/// into nested groups; a group without a type is the first part of such names.
fn named_groups<'a>(
    tree: &'a Tree,
    prefix: &str,
    groups: &mut BTreeMap<String, &'a Tree>,
) -> Result<(), NirError> {
    for (part, item) in tree {
        let name = format!("{prefix}{part}");
        match item {
            Item::Group(tree) if tree.contains_key("type") || tree.is_empty() => {
                groups.insert(name, tree);
            }
            Item::Group(tree) if tree.values().all(|item| matches!(item, Item::Group(_))) => {
                named_groups(tree, &format!("{name}/"), groups)?;
            }
            Item::Group(_) => return Err(NirError::node(&name, "type is missing")),
            _ => return Err(NirError::node(&name, "is not a group")),
        }
    }
    Ok(())
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

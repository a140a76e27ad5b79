//! Errors of reading a NIR file and of writing a network to one.

/// What is wrong with a NIR file, or with a network for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NirError {
    /// The file is not HDF5, is damaged, or uses a part of HDF5 that is not supported.
    #[error("not an HDF5 file that can be read: {0}")]
    Form(String),
    /// The file holds more than any network needs.
    #[error("holds more than {limit} {what}")]
    TooLarge {
        /// The kind of content.
        what: &'static str,
        /// The most of it that is read.
        limit: u64,
    },
    /// The file is HDF5, but not NIR.
    #[error("not a NIR graph: {0}")]
    NoGraph(String),
    /// A node is damaged, or a binary network cannot hold it.
    #[error("node {node}: {problem}")]
    Node {
        /// The node's name.
        node: String,
        /// What is wrong with the node.
        problem: String,
    },
    /// An entry of the graph's metadata is wrong.
    #[error("metadata {name}: {problem}")]
    Metadata {
        /// The name of the entry.
        name: &'static str,
        /// What is wrong with the entry.
        problem: String,
    },
    /// NIR cannot express a layer of the network.
    #[error("layer {layer}: NIR cannot express it: {problem}")]
    Unwritable {
        /// The layer, counted from 0.
        layer: usize,
        /// The feature that NIR lacks.
        problem: String,
    },
}

impl NirError {
    pub(super) fn node(node: &str, problem: impl Into<String>) -> Self {
        Self::Node { node: node.to_owned(), problem: problem.into() }
    }
}

impl From<hdf5_pure::Error> for NirError {
    fn from(error: hdf5_pure::Error) -> Self {
        Self::Form(error.to_string())
    }
}

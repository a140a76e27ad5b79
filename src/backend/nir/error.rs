//! Why a file is no network that can be held, or a network cannot be written.

/// What is wrong with a NIR file, or with a network for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NirError {
    /// The file is not HDF5, damaged, or of a kind of HDF5 that is not read.
    #[error("not an HDF5 file that can be read: {0}")]
    Form(String),
    /// The file asks for more than any network needs.
    #[error("holds more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The most of it that is read.
        limit: u64,
    },
    /// The file is HDF5 and not NIR.
    #[error("not a NIR graph: {0}")]
    NoGraph(String),
    /// A node that is damaged, or more than a binary network can hold.
    #[error("node {node}: {problem}")]
    Node {
        /// The node's name.
        node: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What the file says of itself beside the graph.
    #[error("metadata {name}: {problem}")]
    Metadata {
        /// The name of the entry.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The network has something that NIR has no words for.
    #[error("layer {layer}: NIR cannot say it: {problem}")]
    Unwritable {
        /// The layer, counted from 0.
        layer: usize,
        /// What it is.
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

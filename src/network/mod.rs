//! One forward and one backward pass of a binary-communication network.
//!
//! Axes: B batch, I inputs, O outputs, N output neurons, K classes.

mod binary;
mod head;
mod spec;

pub use binary::{BinaryLayer, BinaryNetwork};
pub use head::Key;
pub use spec::{HeadSpec, LayerSpec, Spec};

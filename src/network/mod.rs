//! One forward and one backward pass of a binary-communication network.
//!
//! Axes: B batch, I inputs, O outputs, N output neurons, K classes.

mod binary;
mod decision;
mod key;
mod spec;

pub use binary::{BinaryLayer, BinaryNetwork};
pub use decision::Decision;
pub use key::Key;
pub use spec::{HeadSpec, LayerSpec, Spec};

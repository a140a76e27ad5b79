//! One forward and one backward pass of a binary-communication network.
//!
//! Axes: B batch, I inputs, O outputs, N output neurons, K classes.

mod activation;
mod binary;
mod dense;
mod dropout;
mod head;
mod norm;
#[doc(hidden)]
pub mod reference;
mod spec;

pub use binary::{BinaryLayer, BinaryNetwork};
pub use head::Key;
pub use spec::{HeadSpec, LayerSpec, Spec};

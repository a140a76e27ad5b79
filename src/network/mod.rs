//! One forward and one backward pass of a binary-communication network.
//!
//! Axes: B batch, I inputs, O outputs, N output neurons, K classes. Matrices are row-major.
//!
//! A layer computes, per neuron and sample,
//!
//! ```text
//! y = W x                                   weights (I, O)
//! z = y + b                                 or, with batch norm: z = g (y - mean) / sqrt(var + eps) + b
//! a = clip((z - 1/2) / (w + 0.001) + 1/2)   width w = 1 - sharpness; [z >= 1/2] at sharpness 1
//! ```
//!
//! and the head turns the last layer's activations into class scores `(2a - 1)(2 Kᵀ - 1)`.
//!
//! Results do not depend on the number of threads: neurons are split into blocks of a fixed size, and sums
//! over the batch run inside one block in the order of the samples.
//!
//! - Glorot, Bengio 2010: Understanding the difficulty of training deep feedforward neural networks.
//! - Ioffe, Szegedy 2015: Batch normalization.
//! - Severa, Vineyard, Dellana, Verzi, Aimone 2019: Training deep neural networks for binary communication
//!   with the Whetstone method. Nature Machine Intelligence 1.
//! - Srivastava et al. 2014: Dropout.

mod activation;
mod binary;
mod blocks;
mod build;
mod decision;
mod dense;
mod dropout;
mod file;
#[cfg(test)]
pub(crate) mod fixtures;
mod fold;
mod head;
mod key;
mod matmul;
mod model;
mod norm;
#[doc(hidden)]
pub mod reference;
mod spec;
mod spread;
mod wiring;
mod workspace;

pub use activation::{Slope, sharpened};
pub use binary::{BinaryLayer, BinaryNetwork, Malformed};
pub use decision::Decision;
pub use file::FileError;
pub use key::Key;
pub use model::{Network, Parameter, Pass};
pub use spec::{HeadSpec, LayerSpec, Spec, SpecError};
pub(crate) use spread::Spread;
pub use wiring::{Volume, Window, Wiring};
pub use workspace::{Activations, Gradients};

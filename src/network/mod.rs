//! Binary-communication (spiking) networks: their plan, their forward and backward pass, and their
//! deployed form.
//!
//! Array axes: B samples of a batch, I inputs, O outputs, N output neurons, K classes. A sample is
//! a [`Volume`] of height, width and channels.
//!
//! A layer computes, per neuron and sample,
//!
//! ```text
//! y = W x                                   x: all inputs (dense), or those in a window (convolution)
//! z = y + b                                 or, with batch norm: z = g (y - mean) / sqrt(var + eps) + b
//! a = clip((z - 1/2) / (w + 0.001) + 1/2)   width w = 1 - sharpness; [z >= 1/2] at sharpness 1
//! ```
//!
//! Here W are the weights, b is the bias, and g the gain of batch norm. `y` is the sum, `z` the
//! potential and `a` the activation. Training raises the sharpness from 0 to 1; at 1 the activation
//! is a spike or none. The output layer gives class scores `(2a - 1)(2 Mᵀ - 1)`, where the key M
//! (K, N) is 1 where a neuron belongs to a class.
//!
//! Max pooling takes the greatest z of a window, which is the OR of the spikes. Average pooling and
//! residual connections work on the activations.
//!
//! Results do not depend on the number of threads. Work is split over samples or over outputs, and
//! sums over the batch run in the order of the samples.
//!
//! - Esser et al. 2016: Convolutional networks for fast, energy-efficient neuromorphic computing.
//! - Fang et al. 2021: Incorporating learnable membrane time constant to enhance learning of
//!   spiking neural networks.
//! - Glorot, Bengio 2010: Understanding the difficulty of training deep feedforward neural
//!   networks.
//! - Hinton, Vinyals, Dean 2015: Distilling the knowledge in a neural network.
//! - Ioffe, Szegedy 2015: Batch normalization.
//! - Severa, Vineyard, Dellana, Verzi, Aimone 2019: Training deep neural networks for binary
//!   communication with the Whetstone method. Nature Machine Intelligence 1.
//! - Srivastava et al. 2014: Dropout.
//! - Szegedy et al. 2016: Rethinking the Inception architecture for computer vision (label
//!   smoothing).
//! - Yin et al. 2019: Understanding straight-through estimator in training activation quantized
//!   neural nets.
//! - Zenke, Vogels 2021: The remarkable robustness of surrogate gradient learning.

mod binary;
#[cfg(test)]
pub(crate) mod fixtures;
#[doc(hidden)]
pub mod kernels;
mod layer;
mod model;
mod pass;
mod plan;
#[doc(hidden)]
pub mod reference;

pub use binary::decision::Decision;
pub(crate) use binary::file::with_sorted_metadata;
pub use binary::file::{FileError, IntegerTensor, Remarks};
pub use binary::{BinaryLayer, BinaryNetwork, Malformed};
pub use layer::activation::{Shape, Slope, Surrogate, sharpened};
pub use layer::head::{Loss, Teacher};
pub use layer::key::Key;
pub use model::Network;
pub use pass::forward::Pass;
pub use pass::learn::Parameter;
pub use pass::state::StateTensor;
pub use pass::workspace::{Activations, Gradients};
pub use plan::connectivity::{Connectivity, Volume, Window};
pub use plan::describe::LayerSummary;
pub(crate) use plan::fan_out::FanOut;
pub use plan::footprint::{BufferSize, Footprint};
pub use plan::line::LineError;
pub use plan::spec::{HeadSpec, LayerSpec, Spec, SpecError};
pub use plan::work::PassWork;

//! What a training is made of: how activations become binary, how gradients change parameters, and the rest
//! that a configuration names.

pub(super) mod adaptive;
pub(super) mod average;
pub(super) mod binarization;
pub(super) mod distillation;
pub(super) mod method;
pub(super) mod order;
pub(super) mod position;
pub(super) mod rounding;
pub(super) mod rule;
pub(super) mod schedule;
pub(super) mod sharpener;

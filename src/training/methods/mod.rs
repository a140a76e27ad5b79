//! The parts of a training that its settings choose: the method by which activations become binary,
//! the gradient-descent rule, the schedule of the learning rate, the average of the parameters,
//! the weights of classes, distillation and rounding.

pub(super) mod adaptive;
pub(super) mod average;
pub(super) mod binarization;
pub(super) mod class_weights;
pub(super) mod distillation;
pub(super) mod method;
pub(super) mod order;
pub(super) mod position;
pub(super) mod rounding;
pub(super) mod rule;
pub(super) mod schedule;
pub(super) mod sharpener;

//! From losses to fitted processes: the scale of the losses, when to fit, and what is remembered.

pub(super) mod fits;
pub(super) mod notes;
pub(super) mod schedule;
pub(super) mod transform;
pub(super) mod untransformed;

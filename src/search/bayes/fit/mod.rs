//! From losses to fitted processes: the scale of the losses, when to fit, and what is remembered.

pub(super) mod fit_cache;
pub(super) mod schedule;
pub(super) mod stored_fits;
pub(super) mod transform;
pub(super) mod untransformed;

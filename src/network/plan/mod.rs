//! The plan of a network, and all that follows from the plan alone: shapes, connectivity, memory,
//! number of operations.

pub(super) mod build;
pub(super) mod connectivity;
pub(super) mod describe;
pub(super) mod fan_out;
pub(super) mod footprint;
pub(super) mod line;
pub(super) mod planned_layer;
pub(super) mod spec;
pub(super) mod volume;
pub(super) mod work;

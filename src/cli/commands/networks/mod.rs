//! Commands about one network.

pub(in crate::cli) mod eval;
pub(in crate::cli) mod net;
pub(in crate::cli) mod predict;
pub(in crate::cli) mod rerun;

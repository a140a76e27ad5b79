//! Commands that spread a study over processes and machines.

pub(in crate::cli) mod db;
pub(in crate::cli) mod launch;
pub(in crate::cli) mod trial;
pub(in crate::cli) mod worker;

//! Options and files become a study that can begin.

pub(super) mod config;
pub(super) mod job;
pub(super) mod machine;
pub(super) mod model;
pub(super) mod open;
pub(super) mod output;
pub(super) mod spaces;
pub(super) mod warm;

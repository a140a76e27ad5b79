//! Options and files become a study that can begin.

pub(super) mod best;
pub(super) mod checkpoints;
pub(super) mod chip;
pub(super) mod dataset;
pub(super) mod digest;
pub(super) mod external;
pub(super) mod job;
pub(super) mod machine;
pub(super) mod model;
pub(super) mod network;
pub(super) mod open;
pub(super) mod output;
pub(super) mod prepared;
pub(super) mod spaces;
pub(super) mod warm;

//! What passes of a batch work on: tensors, workspaces, and the state of a network.

pub(super) mod backward;
pub(super) mod forward;
pub(super) mod learn;
pub(super) mod running_statistics;
pub(super) mod scratch;
pub(super) mod sparse;
pub(super) mod state;
pub(super) mod step;
pub(super) mod tensor;
pub(super) mod workspace;

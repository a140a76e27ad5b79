//! The passes of a network over a batch of samples, the buffers that they use, and the state that
//! they change.

pub(super) mod backward;
pub(super) mod forward;
pub(super) mod learn;
pub(super) mod running_statistics;
pub(super) mod scratch;
pub(super) mod sparse;
pub(super) mod spike_activation;
pub(super) mod state;
pub(super) mod tensor;
pub(super) mod workspace;

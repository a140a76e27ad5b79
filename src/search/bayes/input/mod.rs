//! A study as the model sees it: mixed and conditional points become Euclidean inputs.

pub(super) mod cube;
pub(super) mod features;
pub(super) mod history;
pub(super) mod local;

//! What people see: progress, exit codes, the streams.

pub(super) mod exit;
pub(super) mod progress;
pub(super) mod streams;

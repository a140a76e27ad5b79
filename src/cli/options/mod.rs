//! Groups of options that several commands share, and how their values are read.

pub(super) mod confirm;
pub(super) mod data;
pub(super) mod deployed;
pub(super) mod faults;
pub(super) mod fidelity;
pub(super) mod heartbeat;
pub(super) mod metric;
pub(super) mod numbers;
pub(super) mod process;
pub(super) mod reference;
pub(super) mod run;
pub(super) mod search;
pub(super) mod storage;
pub(super) mod study;
pub(super) mod tune;

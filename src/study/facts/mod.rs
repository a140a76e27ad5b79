//! Facts about a study or a trial, as types. A storage keeps them as attributes.

pub(super) mod enqueued;
pub(super) mod external;
pub(super) mod identity;
pub(super) mod job;
pub(super) mod reference;
pub(super) mod retry;
pub(super) mod rung_history;
pub(super) mod script;
pub(super) mod searched;
pub(super) mod setup;
pub(super) mod shape;
pub(super) mod space;
pub(super) mod stopped;
pub(super) mod warm_start;
pub(super) mod warm_start_table;

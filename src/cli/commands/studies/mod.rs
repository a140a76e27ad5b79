//! Commands about whole studies and their results.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod delete;
pub(crate) mod enqueue;
pub(crate) mod list;

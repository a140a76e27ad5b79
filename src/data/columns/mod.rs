//! The columns of a table: what their cells are, and how they become inputs.

pub(super) mod cell;
pub(super) mod encode;
pub(super) mod raw;
pub(super) mod schema;

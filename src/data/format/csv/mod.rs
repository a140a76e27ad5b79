//! Tables as text: one sample per line, with features and one label column.
//!
//! Cells are separated by commas, semicolons or tabs. Columns are counted from 0, lines from 1.

mod by_schema;
mod header;
mod layout;
mod lines;
mod places;
mod raw_table;
mod read;
mod text;

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

pub(crate) use by_schema::encode_reader;
pub(crate) use lines::{line_error, shown, trimmed};
pub(crate) use places::SchemaRequest;
pub(crate) use raw_table::label;
pub(crate) use read::{read, read_whole};
pub(crate) use text::{QuoteCheck, body, decoded};

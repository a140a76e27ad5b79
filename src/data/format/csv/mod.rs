//! Tables as text: one sample per line, with features and one label column.
//!
//! Cells are separated by commas, semicolons or tabs. Columns are counted from 0, lines from 1.

mod by_schema;
mod header;
mod layout;
mod lines;
mod raw_table;
mod read;
mod text;

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

pub(crate) use read::{read, read_whole};

//! `--config FILE`: options of a study from a JSON file. An option on the command line wins.

mod file;
mod schema;

pub(super) use file::{CommandLine, command_line, words_of};
pub(super) use schema::schema;

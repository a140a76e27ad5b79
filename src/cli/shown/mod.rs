//! Output: the progress of a study and of reading its data, exit codes and error lines, the streams.

pub(super) mod by_class;
pub(super) mod exit;
pub(super) mod load_bar;
pub(super) mod progress;
pub(super) mod streams;
pub(super) mod table;

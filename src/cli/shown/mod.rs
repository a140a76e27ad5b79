//! Output: the progress of a study and of reading its data, exit codes and error lines, the streams.

mod board;
pub(super) mod by_class;
mod clock;
pub(super) mod exit;
mod frame;
mod live;
pub(super) mod load_bar;
mod notes;
pub(super) mod painter;
pub(super) mod progress;
mod standing;
pub(super) mod streams;
pub(super) mod table;

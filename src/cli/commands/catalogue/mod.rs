//! Commands about search spaces and chip profiles: those that come with the program, and a space for new data.

pub(crate) mod chips;
mod fitted;
pub(crate) mod init;
pub(crate) mod spaces;

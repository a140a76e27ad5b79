//! Standard output, for readers who may leave early.

use std::io::Write;

/// Prints `text`. A reader that has closed the pipe (`tune show | head`) has seen enough: that is no failure.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

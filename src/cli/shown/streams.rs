//! Standard output, whose reader may close the pipe.

use std::io::Write;

/// Prints `text`. A closed pipe (`tune show | head`) is no failure.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

//! Draws a few lines at the bottom of a terminal, again and again, and text above them.
//!
//! Between two drawings the cursor stands at the beginning of the first line. So everything from the
//! cursor on is ours, also after the terminal was resized and has broken lines anew. indicatif counts
//! the rows that it drew instead. They are others after a resize.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use super::streams;

/// Erases everything from the cursor on.
const ERASE: &str = "\r\x1b[J";

/// Whether lines stand below the cursor.
static IS_DRAWN: AtomicBool = AtomicBool::new(false);

/// Draws `lines` in place of the last ones. Each must be narrower than the terminal, and all must be
/// fewer than its rows.
pub(crate) fn draw(lines: &[String]) {
    streams::paint(&drawing(lines));
    IS_DRAWN.store(!lines.is_empty(), Ordering::Relaxed);
}

/// Prints `text` above the lines, then draws `lines` again.
pub(crate) fn say(text: &str, lines: &[String]) {
    streams::paint(&format!("{ERASE}{text}\n{}", drawing(lines)));
    IS_DRAWN.store(!lines.is_empty(), Ordering::Relaxed);
}

/// Takes the lines away, if there are any.
pub(crate) fn erase() {
    if IS_DRAWN.swap(false, Ordering::Relaxed) {
        streams::paint(ERASE);
    }
}

fn drawing(lines: &[String]) -> String {
    // Old text is overwritten before the rest is erased, so that nothing flickers.
    let mut text = String::from("\r");
    for (at, line) in lines.iter().enumerate() {
        let end = if at + 1 < lines.len() { "\n" } else { "" };
        let _ = write!(text, "{line}\x1b[K{end}");
    }
    text += "\x1b[J\r";
    if lines.len() > 1 {
        let _ = write!(text, "\x1b[{}A", lines.len() - 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_ends_where_it_began() {
        let lines = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(drawing(&lines), "\ra\x1b[K\nb\x1b[K\nc\x1b[K\x1b[J\r\x1b[2A");
        assert_eq!(drawing(&lines[..1]), "\ra\x1b[K\x1b[J\r");
    }
}

//! Draws a few lines at the bottom of a terminal, again and again, and text above them.
//!
//! Between two drawings the cursor stands at the beginning of the first line. So everything from the
//! cursor on is ours, also after the terminal was resized and has broken lines anew. indicatif counts
//! the rows that it drew instead. They are others after a resize.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use super::streams;

/// A terminal that was made narrower since its width was asked cuts what is drawn, else lines would take more
/// rows than the cursor goes back.
const CUT: &str = "\x1b[?7l";

/// A terminal breaks long lines again.
const WRAP: &str = "\x1b[?7h";

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

/// Prints `text` from a thread that does not know the lines: they go until they are drawn again.
pub(crate) fn interject(text: &str) {
    erase();
    streams::say(text);
}

/// Takes the lines away, if there are any.
pub(crate) fn erase() {
    if IS_DRAWN.swap(false, Ordering::Relaxed) {
        streams::paint(ERASE);
    }
}

fn drawing(lines: &[String]) -> String {
    // Old text is overwritten before the rest is erased, so that nothing flickers.
    let mut text = format!("{CUT}\r");
    for (at, line) in lines.iter().enumerate() {
        let end = if at + 1 < lines.len() { "\n" } else { "" };
        let _ = write!(text, "{line}\x1b[K{end}");
    }
    text += "\x1b[J\r";
    if lines.len() > 1 {
        let _ = write!(text, "\x1b[{}A", lines.len() - 1);
    }
    text + WRAP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_ends_where_it_began() {
        let lines = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(drawing(&lines), "\x1b[?7l\ra\x1b[K\nb\x1b[K\nc\x1b[K\x1b[J\r\x1b[2A\x1b[?7h");
        assert_eq!(drawing(&lines[..1]), "\x1b[?7l\ra\x1b[K\x1b[J\r\x1b[?7h");
    }

    #[test]
    fn lines_drawn_for_a_wider_terminal_are_taken_away_too() {
        let lines = ["first", "second"].map(|name| name.repeat(8));
        for columns in [12, 30, 100] {
            let mut terminal = avt::Terminal::new(columns, 9).expect("a size");
            let shown = |terminal: &avt::Terminal| {
                terminal.screen().text().join("|").trim_end_matches('|').to_owned()
            };
            terminal.feed(drawing(&lines).replace('\n', "\r\n").as_str());
            assert!(shown(&terminal).starts_with("firstfirst"), "{}", shown(&terminal));
            terminal.resize(columns - 5, 9);
            terminal
                .feed(format!("{ERASE}{}\n{}", "text", drawing(&lines[..1])).replace('\n', "\r\n").as_str());
            terminal.feed(ERASE);
            assert_eq!(shown(&terminal), "text", "{columns}");
        }
    }
}

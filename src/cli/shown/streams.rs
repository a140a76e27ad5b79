//! The standard streams: everything that the program prints goes through here.
//!
//! Results go to standard output. If the reader closes the pipe (`tune show | head`), that is no
//! failure: the reader wants no more. If a result cannot be written for another reason, the command
//! fails. Standard error is for people: text that cannot be written there is lost, and the program
//! goes on. If a standard stream is closed at the start, Rust's runtime opens the null device in
//! its place. So no other file can take its number.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Standard output cannot be written, though nobody has closed it.
#[derive(Debug, thiserror::Error)]
#[error("standard output is not whole: cannot write it: {0}")]
pub(crate) struct Unprinted(io::Error);

/// Whether the other end of a stream is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody reads the stream; the text is written.
    Reads,
    /// The other end of the pipe is closed.
    IsGone,
}

/// The pause before the next attempt to write to a full stream that does not block.
const RETRY_AFTER: Duration = Duration::from_millis(2);

/// Prints `text` on standard output; on a terminal without what a name may hold to steer it. Returns
/// whether somebody still reads it.
///
/// # Errors
/// The text cannot be written. A closed pipe is no error: it gives [`Reader::IsGone`].
pub(crate) fn print(text: &str) -> Result<Reader, Unprinted> {
    print_to(&mut *stdout().map_err(Unprinted)?, &harmless(text, &io::stdout()))
}

/// `text` without what steers a terminal, if `stream` is one.
fn harmless<'a>(text: &'a str, stream: &impl IsTerminal) -> Cow<'a, str> {
    match stream.is_terminal() && text.contains(steers) {
        true => text.replace(steers, "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Prints `text`, which is the program's own with its colours, on standard output as it is.
///
/// # Errors
/// See [`print`].
pub(crate) fn print_styled(text: &str) -> Result<Reader, Unprinted> {
    print_to(&mut *stdout().map_err(Unprinted)?, text)
}

/// Whether a terminal does something else than to show `character`.
fn steers(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t')
}

/// Prints `line` and a newline on standard output. Returns whether somebody still reads it.
///
/// # Errors
/// The line cannot be written. A closed pipe is no error: it gives [`Reader::IsGone`].
pub(crate) fn print_line(line: impl Display) -> Result<Reader, Unprinted> {
    print(&format!("{line}\n"))
}

/// Writes `line` and a newline to `out`, from which another program reads.
///
/// # Errors
/// See [`print`].
pub(crate) fn answer(out: &mut (impl Write + ?Sized), line: &str) -> Result<Reader, Unprinted> {
    print_to(out, &format!("{line}\n"))
}

/// Prints `line` for people, on standard error; on a terminal without what a name may hold to steer it.
pub(crate) fn say(line: impl Display) {
    let mut err = io::stderr().lock();
    let _ = write_whole(&mut err, harmless(&format!("{line}\n"), &io::stderr()).as_bytes());
}

/// Writes `text` for people on standard error as it is, to move the cursor of a terminal.
pub(crate) fn paint(text: &str) {
    let _ = write_whole(&mut io::stderr().lock(), text.as_bytes());
}

/// Standard output, as a file to write answers to.
///
/// # Errors
/// The process has no descriptor left.
pub(crate) fn stdout() -> io::Result<Box<dyn Write>> {
    // Rust's own handle treats a descriptor that cannot be written as one that nobody reads.
    #[cfg(unix)]
    return Ok(Box::new(std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?)));
    #[cfg(not(unix))]
    return Ok(Box::new(io::stdout()));
}

/// Whether bars and colours can be shown on `stream`: a terminal that can move its cursor.
pub(crate) fn is_rich(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Whether text is coloured on `stream`: it is a terminal, and `NO_COLOR` is not set.
pub(crate) fn is_coloured(stream: &impl IsTerminal) -> bool {
    is_rich(stream) && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn print_to(out: &mut (impl Write + ?Sized), text: &str) -> Result<Reader, Unprinted> {
    match write_whole(out, text.as_bytes()) {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::IsGone),
        Err(error) => Err(Unprinted(error)),
    }
}

/// Writes all of `bytes`. If another program made the pipe non-blocking, waits for the pipe's
/// reader.
fn write_whole(out: &mut (impl Write + ?Sized), mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(RETRY_AFTER),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes at a time, in turns with one of `errors`, then fails with `last`.
    struct Slow {
        taken: Vec<u8>,
        errors: Vec<io::ErrorKind>,
        last: Option<io::ErrorKind>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(error) = self.errors.pop() {
                return Err(error.into());
            }
            if let Some(last) = self.last.filter(|_| self.taken.len() >= 6) {
                return Err(last.into());
            }
            self.errors = vec![io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
            let taken = bytes.len().min(3);
            self.taken.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(last: Option<io::ErrorKind>) -> Slow {
        Slow { taken: Vec::new(), errors: Vec::new(), last }
    }

    #[test]
    fn a_stream_that_does_not_wait_gets_everything() {
        let mut out = slow(None);
        assert_eq!(answer(&mut out, "a line of text").expect("written"), Reader::Reads);
        assert_eq!(out.taken, b"a line of text\n");
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_all_else_is() {
        let mut out = slow(Some(io::ErrorKind::BrokenPipe));
        assert_eq!(answer(&mut out, "a line of text").expect("no failure"), Reader::IsGone);
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::FileTooLarge, io::ErrorKind::Other] {
            let error = answer(&mut slow(Some(kind)), "a line of text").expect_err("a failure").to_string();
            assert!(error.starts_with("standard output is not whole: cannot write it: "), "{error}");
        }
    }
}

//! Reads lines from another program. A line that cannot be read gets an error as its answer, like
//! any other mistake.

use std::io::{self, BufRead, Read};

/// Most bytes of a line.
const LONGEST: u64 = 16 << 20;

/// The next line of `source` that is not blank, without its line end; `None` at the end of
/// `source`.
///
/// The inner error says in one line why the line cannot be read. The lines after it can still be
/// read.
///
/// # Errors
/// `source` cannot be read.
pub(super) fn next_request(source: &mut impl BufRead) -> io::Result<Option<Result<String, String>>> {
    loop {
        let mut bytes = Vec::new();
        let read = source.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        if read as u64 == LONGEST && !bytes.ends_with(b"\n") {
            source.skip_until(b'\n')?;
            return Ok(Some(Err(format!("a line of {} MiB or more: write a shorter one", LONGEST >> 20))));
        }
        match text(bytes) {
            Ok(line) if line.is_empty() => {}
            line => return Ok(Some(line)),
        }
    }
}

/// The text of a line without blanks around it, and without a byte order mark at its beginning.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    match String::from_utf8(bytes) {
        Ok(line) => Ok(line.trim_start_matches('\u{feff}').trim().to_owned()),
        Err(error) => {
            let place = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[place];
            Err(format!("not UTF-8: byte {} of the line is 0x{byte:02x}: write UTF-8", place + 1))
        }
    }
}

/// A hint for a line with a number that JSON does not have, such as NaN; empty for other lines.
pub(super) fn hint(line: &str) -> &'static str {
    match ["NaN", "Infinity", "nan", "inf"].iter().any(|word| line.contains(word)) {
        true => "; JSON has no NaN and no Infinity: tell a trial without finite values as failed",
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Result<String, String>> {
        let mut source = text;
        std::iter::from_fn(|| next_request(&mut source).expect("memory can be read")).collect()
    }

    #[test]
    fn every_line_is_read_whatever_ends_it() {
        let read = lines(b"\xef\xbb\xbfone\r\n\n \t\r\ntwo\n\r\nthree");
        assert_eq!(read, ["one", "two", "three"].map(|line| Ok(line.to_owned())));
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n\n"), []);
    }

    #[test]
    fn a_line_that_is_no_text_is_named_and_the_next_is_read() {
        let read = lines(b"a\xff\nb\n\xc3\n\xed\xa0\x80\nc\0d");
        assert_eq!(read[0], Err("not UTF-8: byte 2 of the line is 0xff: write UTF-8".to_owned()));
        assert_eq!(read[1], Ok("b".to_owned()));
        assert!(read[2].is_err() && read[3].is_err());
        assert_eq!(read[4], Ok("c\0d".to_owned()));
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let mut text = vec![b'x'; LONGEST as usize + 5];
        text.extend(b"\nnext\n");
        let read = lines(&text);
        assert_eq!(
            read,
            [Err("a line of 16 MiB or more: write a shorter one".to_owned()), Ok("next".to_owned())]
        );
        // A line that fills the limit with its end is whole.
        text.drain(..6);
        assert_eq!(lines(&text)[0].as_ref().map(String::len), Ok(LONGEST as usize - 1));
    }
}

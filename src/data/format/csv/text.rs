//! The text of a table before it is cut into cells: its encoding, comments, delimiter and quotes.

use std::path::Path;

use crate::data::{DataError, DecimalMark};

/// The number of lines by which the delimiter is found.
const SAMPLED_LINES: usize = 20;

/// Characters that may separate cells. If two fit equally well, the later one is taken.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The lines of a table without the comments before them.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    /// The text from the first line that is no comment.
    pub text: &'a str,
    /// The character that separates cells.
    pub delimiter: u8,
    /// The number of lines that were left out.
    pub skipped: u64,
    /// How many of them were comments; the others were blank.
    pub comments: u64,
}

/// The text in `bytes`. They are UTF-8, or UTF-16 with a byte order mark.
///
/// # Errors
/// The bytes are neither; the message names the line.
pub(crate) fn decoded(bytes: Vec<u8>, file: &Path) -> Result<String, DataError> {
    let text = unicode(bytes, file)?;
    // The reader of records counts a line that ends in two characters with the next one.
    Ok(if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text })
}

fn unicode(bytes: Vec<u8>, file: &Path) -> Result<String, DataError> {
    match bytes[..] {
        [0xff, 0xfe, ref rest @ ..] => utf16(rest, u16::from_le_bytes, file),
        [0xfe, 0xff, ref rest @ ..] => utf16(rest, u16::from_be_bytes, file),
        [0xef, 0xbb, 0xbf, ref rest @ ..] => utf8(rest.to_vec(), file),
        _ => utf8(bytes, file),
    }
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16, file: &Path) -> Result<String, DataError> {
    let wrong =
        || DataError::malformed(file, "not UTF-16 text, as its first bytes promise: save it as UTF-8");
    let (pairs, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(wrong());
    }
    char::decode_utf16(pairs.iter().map(|&pair| unit(pair))).collect::<Result<_, _>>().map_err(|_| wrong())
}

fn utf8(bytes: Vec<u8>, file: &Path) -> Result<String, DataError> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        DataError::malformed(file, format!("line {line}: not UTF-8 text: save it as UTF-8"))
    })?;
    match text.find('\0') {
        Some(_) => Err(DataError::malformed(file, "not text: it has bytes of zero: save it as UTF-8")),
        None => Ok(text),
    }
}

/// Finds the delimiter, and leaves out the comments before the table: lines that begin with `#`. The
/// last of them stays, without its `#`, if it names the columns; it stays as it is if it has cells
/// like the lines after it. Beside a comma as the `decimal` mark, a comma separates cells only where
/// nothing else does.
pub(crate) fn body(text: &str, decimal: Option<DecimalMark>) -> Body<'_> {
    let is_comment = |line: &str| line.starts_with('#');
    let is_blank = |line: &str| line.trim().is_empty();
    let leading = lines(text).take_while(|(_, line)| is_comment(line) || is_blank(line));
    let leading: Vec<(usize, &str)> = leading.collect();
    let Some((start, first)) = lines(text).nth(leading.len()) else {
        return Body { text, delimiter: b',', skipped: 0, comments: 0 };
    };
    let delimiter = delimiter(&text[start..], decimal == Some(DecimalMark::Comma));
    let cells = |line: &str| 1 + count(line, delimiter);
    let last = leading.iter().rposition(|(_, line)| is_comment(line));
    let (start, skipped) = match last {
        Some(at) if cells(first) > 1 && cells(leading[at].1) == cells(first) => {
            let names = leading[at].1.trim_start_matches('#');
            let are_names =
                names.split(char::from(delimiter)).all(|cell| cell.trim().parse::<f64>().is_err());
            let mark = if are_names { leading[at].1.len() - names.len() } else { 0 };
            (leading[at].0 + mark, at)
        }
        _ => (start, leading.len()),
    };
    let comments = leading[..skipped].iter().filter(|(_, line)| is_comment(line)).count() as u64;
    Body { text: &text[start..], delimiter, skipped: skipped as u64, comments }
}

/// The lines of `text`, each with the offset of its first byte. The line ends of all systems are
/// recognized.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let end = if rest[length..].starts_with("\r\n") { length + 2 } else { (length + 1).min(rest.len()) };
        let line = (start, &rest[..length]);
        start += end;
        Some(line)
    })
}

/// The delimiter that occurs in the first line, most of all: as often in the lines after it; then the
/// most frequent. A comma comes after all others if it is the decimal mark.
fn delimiter(text: &str, is_comma_decimal: bool) -> u8 {
    let sampled = lines(text).map(|(_, line)| line).filter(|line| !line.trim().is_empty());
    let sampled: Vec<&str> = sampled.take(SAMPLED_LINES).collect();
    let rank = |&delimiter: &u8| {
        let mut counts = sampled.iter().map(|line| count(line, delimiter));
        let first = counts.next().unwrap_or(0);
        let is_left = first > 0 && is_comma_decimal && delimiter != b',';
        (is_left, first > 0 && counts.all(|count| count == first), first)
    };
    DELIMITERS.into_iter().max_by_key(rank).unwrap_or(b',')
}

/// The number of `delimiter` in `line` outside of quotes.
fn count(line: &str, delimiter: u8) -> usize {
    let mut is_quoted = false;
    let is_free = |&byte: &u8| {
        is_quoted ^= byte == b'"';
        byte == delimiter && !is_quoted
    };
    line.bytes().filter(is_free).count()
}

/// The place of a byte in a cell.
#[derive(Clone, Copy)]
enum Place {
    Start,
    Plain,
    Quoted,
    AfterQuote,
}

/// Refuses quotes that do not close, or that close before the end of a cell: they would swallow the
/// lines after them. Takes a table byte by byte.
pub(crate) struct QuoteCheck {
    delimiter: u8,
    place: Place,
    /// The line of the next byte.
    line: u64,
    /// The line where the last quote opened.
    opened: u64,
    was_return: bool,
}

impl QuoteCheck {
    /// The check of a table whose first line has the number `line`.
    pub fn new(delimiter: u8, line: u64) -> Self {
        Self { delimiter, place: Place::Start, line, opened: 0, was_return: false }
    }

    /// Takes the next byte.
    ///
    /// # Errors
    /// A quote closes inside a cell.
    pub fn take(&mut self, byte: u8) -> Result<(), String> {
        self.line += u64::from(self.was_return && byte != b'\n');
        let is_end = byte == b'\n' || byte == b'\r';
        let is_separator = is_end || byte == self.delimiter;
        self.place = match self.place {
            Place::Start if byte == b'"' => {
                self.opened = self.line;
                Place::Quoted
            }
            Place::Start | Place::Plain | Place::AfterQuote if is_separator => Place::Start,
            Place::Start | Place::Plain => Place::Plain,
            Place::Quoted if byte == b'"' => Place::AfterQuote,
            Place::Quoted => Place::Quoted,
            Place::AfterQuote if byte == b'"' => Place::Quoted,
            Place::AfterQuote if byte == b' ' => Place::AfterQuote,
            Place::AfterQuote => return Err(self.problem("a quote that opens here closes inside a cell")),
        };
        self.line += u64::from(byte == b'\n');
        self.was_return = byte == b'\r';
        Ok(())
    }

    /// The end of the table.
    ///
    /// # Errors
    /// A quote is open.
    pub fn end(&self) -> Result<(), String> {
        match self.place {
            Place::Quoted => Err(self.problem("a quote opens and never closes")),
            _ => Ok(()),
        }
    }

    fn problem(&self, problem: &str) -> String {
        format!("line {}: {problem}: close or delete it, or double it", self.opened)
    }
}

/// Checks the quotes of a whole table.
///
/// # Errors
/// Those of [`QuoteCheck`].
pub(crate) fn check_quotes(body: &Body<'_>, file: &Path) -> Result<(), DataError> {
    let mut check = QuoteCheck::new(body.delimiter, body.skipped + 1);
    let mut bytes = body.text.bytes();
    let checked = bytes.try_for_each(|byte| check.take(byte)).and_then(|()| check.end());
    checked.map_err(|problem| DataError::malformed(file, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "t.csv";

    #[test]
    fn text_of_every_common_encoding_is_decoded() {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| "é,ü".encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        for bytes in [
            "é,ü".as_bytes().to_vec(),
            [b"\xef\xbb\xbf", "é,ü".as_bytes()].concat(),
            [b"\xff\xfe", &utf16(u16::to_le_bytes)[..]].concat(),
            [b"\xfe\xff", &utf16(u16::to_be_bytes)[..]].concat(),
        ] {
            assert_eq!(decoded(bytes, Path::new(FILE)).unwrap(), "é,ü");
        }
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        let message = |bytes: &[u8]| decoded(bytes.to_vec(), Path::new(FILE)).unwrap_err().to_string();
        assert_eq!(message(b"1,a\n2,\xe9\n"), "t.csv: line 2: not UTF-8 text: save it as UTF-8");
        assert!(message(b"1\0,\0a\0").contains("bytes of zero"));
        assert!(message(b"\xff\xfea").contains("not UTF-16"));
        assert!(message(b"\xff\xfe\x00\xd8").contains("not UTF-16"));
    }

    #[test]
    fn the_delimiter_is_the_same_in_all_lines() {
        for (text, expected) in [
            ("1,2,x\n3,4,y\n", b','),
            ("1;2;x\n", b';'),
            ("1\t2\tx\n", b'\t'),
            ("1,5;2\n1,5;1\n", b';'),
            ("\"a,b,c\";k\n1;x\n", b';'),
            ("a,b,k;l\n1,2,x\n", b','),
            ("\n\na;b\n", b';'),
        ] {
            assert_eq!(body(text, None).delimiter, expected, "{text}");
        }
    }

    #[test]
    fn a_comma_that_is_said_to_be_the_decimal_mark_separates_no_cells_beside_others() {
        assert_eq!(body("1,5;2,5;1,25,x\n", Some(DecimalMark::Comma)).delimiter, b';');
        assert_eq!(body("\"1,5\",x\n", Some(DecimalMark::Comma)).delimiter, b',');
    }

    #[test]
    fn comments_before_the_table_are_left_out_but_not_its_header() {
        for (text, expected, skipped) in [
            ("# by me\n\n1,2\n", "1,2\n", 2),
            ("# by me\n#a,b\n1,2\n", "a,b\n1,2\n", 1),
            ("#\r\n# a;b\r\n1;2\r\n", " a;b\r\n1;2\r\n", 1),
            ("#fff,1\nabc,2\n", "#fff,1\nabc,2\n", 0),
            ("# only\n", "# only\n", 0),
            ("1,2\n# later\n", "1,2\n# later\n", 0),
        ] {
            let body = body(text, None);
            assert_eq!((body.text, body.skipped), (expected, skipped), "{text}");
        }
    }

    #[test]
    fn quotes_that_swallow_lines_are_refused_with_the_line_where_they_open() {
        let check =
            |text: &str| check_quotes(&body(text, None), Path::new(FILE)).map_err(|error| error.to_string());
        for text in [
            "1,\"a\"\n2,\"b\"",
            "\"a\"\"b\",1\n",
            "1,5\" pipe\n2,b\n",
            "1,\"a\" \r\n2,\"b,c\"\r\n",
            "1,\"\"\n",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for (text, line) in [("1,a\n2,\"b\n3,c\n", 2), ("\"1,a\n2,b\n", 1), ("# c\n1,a\r2,b\r\"3,c", 4)] {
            let message = check(text).unwrap_err();
            assert!(
                message.starts_with(&format!("t.csv: line {line}: a quote opens and never")),
                "{message}"
            );
        }
        for (text, line) in [("1,a\n2,\"b\n3,\"c\"\n", 2), ("1,\"a\"b\n", 1)] {
            let message = check(text).unwrap_err();
            assert!(
                message.contains(&format!("line {line}: a quote that opens here closes inside")),
                "{message}"
            );
        }
    }
}

//! The lines of a table, cut into cells.

use std::io;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::super::stream::{open, read_error};
use super::text::{Body, body, check_quotes, decoded};
use crate::data::{DataError, DecimalMark};

/// The most characters of a cell that an error shows.
const SHOWN: usize = 40;

/// The cells of one line.
pub(super) struct Line {
    pub number: u64,
    pub record: StringRecord,
}

/// The text of a table in memory.
pub(super) struct Text<'a> {
    pub file: &'a Path,
    text: String,
    decimal: Option<DecimalMark>,
}

impl<'a> Text<'a> {
    /// The text of `file`, whose numbers have the mark `decimal` if that was said.
    pub fn open(file: &'a Path, decimal: Option<DecimalMark>) -> Result<Self, DataError> {
        Self::read(open(file)?, file, decimal)
    }

    /// The text that `reader` gives; errors name `file`.
    pub fn read(
        mut reader: impl io::Read,
        file: &'a Path,
        decimal: Option<DecimalMark>,
    ) -> Result<Self, DataError> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|error| read_error(file, error))?;
        Ok(Self { file, text: decoded(bytes, file)?, decimal })
    }

    /// The text without what is around the table, once its quotes are closed.
    pub fn body(&self) -> Result<Body<'_>, DataError> {
        let body = body(&self.text, self.decimal);
        check_quotes(&body, self.file)?;
        Ok(body)
    }
}

/// The lines of a table, without those that are blank or have nothing but delimiters.
pub(super) fn lines<'a>(
    body: &'a Body<'_>,
    file: &'a Path,
) -> impl Iterator<Item = Result<Line, DataError>> + 'a {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(body.delimiter);
    let records = builder.from_reader(body.text.as_bytes()).into_records();
    let lines = records.map(move |record| {
        let record = record.map_err(|error| line_error(file, error))?;
        Ok(Line { number: body.skipped + record.position().map_or(0, csv::Position::line), record })
    });
    lines.filter(|line| line.as_ref().map_or(true, |line| line.cells().any(|cell| !cell.is_empty())))
}

pub(crate) fn line_error(file: &Path, error: csv::Error) -> DataError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => read_error(file, error),
        kind => read_error(file, io::Error::other(format!("line {line}: {kind:?}"))),
    }
}

/// `cell` without the spaces around it. Quotes after a space are those of the file; others were escaped,
/// and belong to the cell. If such a quote is not closed, the spaces before it stay: see [`has_open_quote`].
pub(crate) fn trimmed(cell: &str) -> &str {
    let inner = cell.trim();
    match inner.strip_prefix('"').filter(|_| cell.starts_with(char::is_whitespace)) {
        None => inner,
        Some(quoted) => quoted.strip_suffix('"').map_or(cell.trim_end(), str::trim),
    }
}

/// Whether the trimmed `cell` had a quote after a space that is not closed.
pub(crate) fn has_open_quote(cell: &str) -> bool {
    cell.starts_with(char::is_whitespace)
}

impl Line {
    /// The cells without spaces around them, and without the quotes around them that follow a space.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        self.record.iter().map(trimmed)
    }

    pub fn cell(&self, column: usize) -> &str {
        self.cells().nth(column).unwrap_or("")
    }
}

/// Whether all lines have as many cells as the first and nothing in the last.
pub(super) fn has_empty_end(first: &Line, body: &Body<'_>, file: &Path) -> Result<bool, DataError> {
    let count = first.record.len();
    if count < 2 || !first.cell(count - 1).is_empty() {
        return Ok(false);
    }
    for line in lines(body, file) {
        let line = line?;
        if line.record.len() != count || !line.cell(count - 1).is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A cell on one line, cut if it is long.
pub(crate) fn shown(cell: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().collect() } else { vec![c] };
    let cut = if cell.chars().count() > SHOWN { "..." } else { "" };
    cell.chars().take(SHOWN).flat_map(escape).chain(cut.chars()).collect()
}

//! Tables as text, row by row: memory does not grow with the table.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::ControlFlow;
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord};

use super::columns::{ColumnMap, ColumnRequest, NO_HEADER, NO_NAMES};
use crate::data::columns::cell::is_missing_number;
use crate::data::format::csv::{
    QuoteCheck, SchemaRequest, body, decoded, encode_reader, label, line_error, shown, trimmed,
};
use crate::data::format::stream::read_error;
use crate::data::{ColumnKind, DataError, EncodedTable, TableSchema};

/// The most bytes of a line: a file without lines is no table.
const LONGEST_LINE: u64 = 1 << 26;

/// A row of a table.
pub(super) struct Row<'a> {
    /// The values of the inputs (I), in the order of the inputs.
    pub values: &'a [f64],
    /// The label, if labels are needed.
    pub label: Option<&'a str>,
}

/// Takes a row; `Break` ends the reading.
///
/// # Errors
/// The feature whose value breaks a rule, and the rule.
pub(super) type VisitRow<'a> = dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, (usize, &'static str)> + 'a;

/// What was read of a table.
pub(super) struct ReadTable {
    /// The label column as errors name it; empty if there is none.
    pub label: String,
    /// Whether the first line named the columns.
    pub has_header: bool,
    /// The group of each sample as a text, if the training had groups and the table has them.
    pub groups: Option<Vec<String>>,
    /// What was left out or is unsure, one sentence each.
    pub notes: Vec<String>,
}

/// Reads a table from `text` and hands on its rows; errors name `file`.
///
/// # Errors
/// The table does not fit the training, or a cell breaks a rule.
pub(super) fn read(
    text: Box<dyn BufRead + '_>,
    file: &Path,
    request: &ColumnRequest<'_>,
    visit: &mut VisitRow<'_>,
) -> Result<ReadTable, DataError> {
    if let Some(schema) = request.trained.schema.as_ref().filter(|schema| !schema.is_plain()) {
        return read_by_schema(schema, text, file, request, visit);
    }
    let mut lines = Lines::new(text, file)?;
    let empty = || DataError::malformed(file, "empty: must have one sample per line");
    if !lines.advance()? {
        return Err(empty());
    }
    lines.find_empty_end(request.trained.inputs());
    let map = ColumnMap::of(&lines.cells(), request, file)?;
    let mut values = Vec::with_capacity(map.inputs.len());
    let mut rows = 0u64;
    let mut is_there = map.names.is_none() || lines.advance()?;
    while is_there {
        if lines.take_row(&map, request.needs_labels, &mut values, visit)?.is_break() {
            break;
        }
        rows += 1;
        is_there = lines.advance()?;
    }
    if rows == 0 && !is_there {
        return Err(DataError::malformed(file, "a header without samples"));
    }
    let label = map.label.map(|column| map.name(column)).unwrap_or_default();
    Ok(ReadTable { label, has_header: map.names.is_some(), groups: None, notes: map.notes })
}

/// Reads a table whose columns are not all numbers: whole, since a column of texts has its categories.
fn read_by_schema(
    schema: &TableSchema,
    text: Box<dyn BufRead + '_>,
    file: &Path,
    request: &ColumnRequest<'_>,
    visit: &mut VisitRow<'_>,
) -> Result<ReadTable, DataError> {
    let ColumnRequest { label, header, needs_labels, .. } = *request;
    let mut table = encode_reader(schema, text, file, SchemaRequest { label, header, needs_labels })?;
    let names = schema.input_names();
    for (number, values) in table.features.rows().into_iter().enumerate() {
        let label = table.labels.as_ref().filter(|_| request.needs_labels);
        let values = values.to_vec();
        let row = Row { values: &values, label: label.map(|labels| labels[number].as_str()) };
        let visited = visit(&row).map_err(|(feature, rule)| {
            let (name, value) = (&names[feature], values[feature]);
            DataError::malformed(file, format!("sample {number}: {name} = {value}: {rule}"))
        })?;
        if visited.is_break() {
            break;
        }
    }
    let label = schema.columns.iter().find(|column| matches!(column.kind, ColumnKind::Label { .. }));
    let label = label.map(|column| format!("\"{}\"", shown(&column.name))).unwrap_or_default();
    if table.labels.is_some() && !needs_labels {
        table.notes.push(format!("column {label} holds labels: ignored"));
    }
    table.notes.extend(match (schema.header, table.has_header) {
        (true, false) => Some(NO_HEADER.to_owned()),
        (false, true) => Some(NO_NAMES.to_owned()),
        _ => None,
    });
    let EncodedTable { groups, has_header, notes, .. } = table;
    Ok(ReadTable { label, has_header, groups, notes })
}

/// The number in a cell of a feature; `is_first`: in the first line of the table.
///
/// # Errors
/// The rule that the cell breaks.
fn feature(cell: &str, is_first: bool) -> Result<f64, &'static str> {
    match cell.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(number) if number.is_nan() => Err("the value is missing"),
        Ok(_) => Err("must be finite"),
        Err(_) if is_missing_number(cell) => Err("the value is missing"),
        Err(_) if is_first => Err("must be a number; say --header yes if this line names the columns"),
        Err(_) if cell.replacen(',', ".", 1).parse::<f64>().is_ok() => {
            Err("must be a number, with a point before its decimals")
        }
        Err(_) => Err("must be a number"),
    }
}

/// The lines of a table that are not blank.
struct Lines<'a> {
    file: &'a Path,
    reader: Reader<Box<dyn Read + 'a>>,
    record: StringRecord,
    /// The number of lines before the table.
    skipped: u64,
    /// The number of lines of the table up to the current one.
    count: u64,
    /// Whether every line ends in a delimiter, after which there is nothing.
    has_empty_end: bool,
}

impl<'a> Lines<'a> {
    fn new(mut text: Box<dyn BufRead + 'a>, file: &'a Path) -> Result<Self, DataError> {
        let head = head(&mut text, file)?;
        let drops_returns = head.ends_with(b"\r\n");
        let head = decoded(head, file)?;
        let body = body(&head, None);
        let start = Cursor::new(body.text.as_bytes().to_vec());
        let quotes = QuoteCheck::new(body.delimiter, body.skipped + 1);
        let text: Box<dyn Read + 'a> = Box::new(start.chain(text));
        let checked = Checked { text, quotes, drops_returns, failed: None };
        let reader: Box<dyn Read + 'a> = Box::new(checked);
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(body.delimiter);
        let (reader, record) = (builder.from_reader(reader), StringRecord::new());
        Ok(Self { file, reader, record, skipped: body.skipped, count: 0, has_empty_end: false })
    }

    /// Goes to the next line; whether there is one.
    fn advance(&mut self) -> Result<bool, DataError> {
        let is_there = self.reader.read_record(&mut self.record);
        self.count += 1;
        is_there.map_err(|error| self.line_error(error))
    }

    /// Finds out from the first line whether lines end in a delimiter, in a table with `inputs` columns at
    /// least.
    fn find_empty_end(&mut self, inputs: usize) {
        let count = self.record.len();
        self.has_empty_end = count > inputs && count > 2 && self.cell(count - 1).is_empty();
    }

    fn line_error(&self, error: csv::Error) -> DataError {
        match error.kind() {
            csv::ErrorKind::Io(cause) if cause.get_ref().is_some_and(|cause| cause.is::<Broken>()) => {
                DataError::malformed(self.file, cause.to_string())
            }
            csv::ErrorKind::Utf8 { .. } => {
                let line = self.skipped + error.position().map_or(0, csv::Position::line);
                let problem = format!("line {line}: not UTF-8 text: save it as UTF-8");
                DataError::malformed(self.file, problem)
            }
            _ => line_error(self.file, error),
        }
    }

    /// The cells of the current line.
    fn cells(&self) -> Vec<&str> {
        let count = self.record.len() - usize::from(self.has_empty_end);
        (0..count).map(|column| self.cell(column)).collect()
    }

    /// A cell without the quotes around it that follow a space.
    fn cell(&self, column: usize) -> &str {
        trimmed(self.record.get(column).unwrap_or(""))
    }

    /// Hands on the current line; reuses the memory of `values`.
    fn take_row(
        &self,
        map: &ColumnMap,
        needs_label: bool,
        values: &mut Vec<f64>,
        visit: &mut VisitRow<'_>,
    ) -> Result<ControlFlow<()>, DataError> {
        let has_end = self.has_empty_end && self.record.len() > map.count && self.cell(map.count).is_empty();
        let found = self.record.len() - usize::from(has_end);
        if found != map.count {
            let (line, count) = (self.line(), map.count);
            let problem = format!("line {line}: {found} columns; the first line has {count}");
            return Err(DataError::malformed(self.file, problem));
        }
        values.clear();
        for &column in &map.inputs {
            let value = feature(self.cell(column), self.count == 1);
            values.push(value.map_err(|rule| self.cell_error(map, column, rule))?);
        }
        let label = match map.label.filter(|_| needs_label) {
            Some(column) => {
                label(self.cell(column)).map_err(|rule| self.cell_error(map, column, rule))?;
                Some(self.cell(column))
            }
            None => None,
        };
        visit(&Row { values, label })
            .map_err(|(feature, rule)| self.cell_error(map, map.inputs[feature], rule))
    }

    /// The number of the current line, from 1.
    fn line(&self) -> u64 {
        self.skipped + self.record.position().map_or(0, csv::Position::line)
    }

    fn cell_error(&self, map: &ColumnMap, column: usize, rule: &'static str) -> DataError {
        let value = shown(self.cell(column));
        DataError::Cell {
            file: self.file.into(),
            line: self.line(),
            column: map.name(column),
            value,
            rule: rule.to_owned(),
        }
    }
}

/// The lines up to the first that is neither blank nor a comment. Of UTF-16 all lines: the rest of the
/// stream could not be decoded alone.
fn head(text: &mut dyn BufRead, file: &Path) -> Result<Vec<u8>, DataError> {
    let mut head = Vec::new();
    loop {
        let start = head.len();
        let read = text.take(LONGEST_LINE).read_until(b'\n', &mut head);
        let count = read.map_err(|error| read_error(file, error))?;
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
            text.read_to_end(&mut head).map_err(|error| read_error(file, error))?;
            return Ok(head);
        }
        if count as u64 == LONGEST_LINE {
            return Err(DataError::malformed(file, "a line of more than 64 MiB: must be a table of lines"));
        }
        let line = head[start..].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head[start..]).trim_ascii();
        if count == 0 || !(line.is_empty() || line.starts_with(b"#")) {
            return Ok(head);
        }
    }
}

/// A table whose quotes are checked while it is read.
struct Checked<'a> {
    text: Box<dyn Read + 'a>,
    quotes: QuoteCheck,
    /// Whether lines end in two characters. The first is left out: the reader of records would count
    /// such a line with the next one.
    drops_returns: bool,
    failed: Option<String>,
}

/// A quote that swallows lines.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

impl Checked<'_> {
    fn read_text(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.text.read(buffer)?;
            if !self.drops_returns || count == 0 {
                return Ok(count);
            }
            let mut kept = 0;
            for at in 0..count {
                buffer[kept] = buffer[at];
                kept += usize::from(buffer[at] != b'\r');
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(problem) = &self.failed {
            return Err(io::Error::other(Broken(problem.clone())));
        }
        let count = self.read_text(buffer)?;
        let taken = buffer[..count].iter().try_for_each(|&byte| self.quotes.take(byte));
        let checked = taken.and_then(|()| if count == 0 { self.quotes.end() } else { Ok(()) });
        match checked {
            Ok(()) => Ok(count),
            Err(problem) => {
                self.failed = Some(problem.clone());
                Err(io::Error::other(Broken(problem)))
            }
        }
    }
}

/// `text` as [`read`] takes it.
pub(super) fn buffered<'a>(text: impl Read + 'a) -> Box<dyn BufRead + 'a> {
    Box::new(BufReader::with_capacity(1 << 16, text))
}

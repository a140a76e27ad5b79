//! A table with the columns of another one, encoded by the schema that was learnt from that one.

use std::io::Read;
use std::path::Path;

use super::layout::{check_count, first_line};
use super::lines::{Line, Text, has_empty_end, lines, shown};
use super::places::{Places, SchemaRequest};
use super::raw_table::label;
use crate::data::columns::cell::{is_missing_number, is_missing_text};
use crate::data::columns::encode::{Feature, features};
use crate::data::columns::raw::{Texts, Values};
use crate::data::{ColumnKind, DataError, DecimalMark, EncodedTable, Missing, TableSchema};

impl TableSchema {
    /// The table in `file`, encoded as the one that the schema was learnt from.
    ///
    /// Columns are matched by their names, in any order; without names, by their places. The columns
    /// of labels and groups and those that were left out may be absent.
    ///
    /// # Errors
    /// The file cannot be read, lacks a feature column or has an unknown one, or a cell breaks the
    /// rule of its column.
    pub fn encode_file(&self, file: &Path) -> Result<EncodedTable, DataError> {
        encode(self, file, false)
    }
}

/// What to do about a missing cell, where the training table had none.
const MISSING: &str = "the value is missing, and the training table had to be whole: fill it in";

/// The table in `file`, encoded by `schema`. Every sample must have a label if `needs_labels`.
pub(super) fn encode(
    schema: &TableSchema,
    file: &Path,
    needs_labels: bool,
) -> Result<EncodedTable, DataError> {
    let request = SchemaRequest::like(schema, needs_labels);
    encode_text(schema, &Text::open(file, Some(schema.decimal))?, request)
}

/// The table that `reader` gives, encoded by `schema`; errors name `file`.
///
/// # Errors
/// See [`TableSchema::encode_file`].
pub(crate) fn encode_reader(
    schema: &TableSchema,
    reader: impl Read,
    file: &Path,
    request: SchemaRequest<'_>,
) -> Result<EncodedTable, DataError> {
    encode_text(schema, &Text::read(reader, file, Some(schema.decimal))?, request)
}

fn encode_text(
    schema: &TableSchema,
    text: &Text<'_>,
    request: SchemaRequest<'_>,
) -> Result<EncodedTable, DataError> {
    let (file, needs_labels) = (text.file, request.needs_labels);
    let body = text.body()?;
    let first = first_line(&body, file)?;
    let has_empty_end = has_empty_end(&first, &body, file)?;
    let names: Vec<&str> = first.cells().take(first.record.len() - usize::from(has_empty_end)).collect();
    let Places { columns: places, has_header } = Places::of(schema, &names, request, file)?;
    let has_label = places.iter().any(|&at| matches!(schema.columns[at].kind, ColumnKind::Label { .. }));
    if needs_labels && !has_label {
        let problem = "no column of labels: it must have the columns of the training table";
        return Err(DataError::malformed(file, problem));
    }
    let mut reader = Reader::new(schema, file, needs_labels);
    for line in lines(&body, file).skip(usize::from(has_header)) {
        let line = line?;
        check_count(&line, places.len(), has_empty_end, file)?;
        reader.add(&line, &places)?;
    }
    if reader.samples == 0 {
        return Err(DataError::malformed(file, "a header without samples"));
    }
    Ok(reader.encoded(has_label, has_header))
}

/// Reads cells as the schema says.
struct Reader<'a> {
    schema: &'a TableSchema,
    file: &'a Path,
    needs_labels: bool,
    /// By column of the schema; `None` where it is no feature.
    columns: Vec<Option<Values>>,
    labels: Vec<String>,
    groups: Vec<String>,
    samples: usize,
}

impl<'a> Reader<'a> {
    fn new(schema: &'a TableSchema, file: &'a Path, needs_labels: bool) -> Self {
        let values = |kind: &ColumnKind| match kind {
            ColumnKind::Number { .. } => Some(Values::Numbers { numbers: Vec::new(), thousands: None }),
            ColumnKind::Category { .. } => Some(Values::Texts(Texts::default())),
            _ => None,
        };
        let columns = schema.columns.iter().map(|column| values(&column.kind)).collect();
        Self { schema, file, needs_labels, columns, labels: Vec::new(), groups: Vec::new(), samples: 0 }
    }

    fn add(&mut self, line: &Line, places: &[usize]) -> Result<(), DataError> {
        let (schema, file) = (self.schema, self.file);
        self.samples += 1;
        for (cell, &at) in line.cells().zip(places) {
            let wrong = |rule: &str| DataError::Cell {
                file: file.into(),
                line: line.number,
                column: format!("\"{}\"", shown(&schema.columns[at].name)),
                value: shown(cell),
                rule: rule.to_owned(),
            };
            match (&mut self.columns[at], &schema.columns[at].kind) {
                (Some(Values::Numbers { numbers, .. }), ColumnKind::Number { thousands, .. }) => {
                    numbers.push(number(cell, schema, *thousands).map_err(wrong)?);
                }
                (Some(Values::Texts(texts)), _) => {
                    if is_missing_text(cell) && schema.missing == Missing::Refuse {
                        return Err(wrong(MISSING));
                    }
                    texts.push(cell, line.number);
                }
                (None, ColumnKind::Label { .. }) if self.needs_labels => {
                    self.labels.push(label(cell).map_err(wrong)?);
                }
                (None, ColumnKind::Label { .. }) => self.labels.push(cell.to_owned()),
                (None, ColumnKind::Group) => self.groups.push(cell.to_owned()),
                _ => {}
            }
        }
        Ok(())
    }

    fn encoded(self, has_label: bool, has_header: bool) -> EncodedTable {
        let columns = self.schema.columns.iter().zip(&self.columns);
        let columns: Vec<Feature<'_>> = columns
            .filter_map(|(column, values)| {
                let name = format!("\"{}\"", shown(&column.name));
                Some(Feature { name, kind: &column.kind, values: values.as_ref()? })
            })
            .collect();
        let all: Vec<usize> = (0..self.samples).collect();
        let (features, notes) = features(&columns, &all);
        let name = self.file.display();
        let notes = notes.into_iter().map(|note| format!("{name}: {note}")).collect();
        let (labels, groups) = (has_label.then_some(self.labels), Some(self.groups));
        EncodedTable {
            features,
            labels,
            groups: groups.filter(|groups| !groups.is_empty()),
            has_header,
            notes,
        }
    }
}

/// The number in a cell; NaN where it is missing and may be.
fn number(cell: &str, schema: &TableSchema, thousands: Option<char>) -> Result<f64, &'static str> {
    let grouped = |mark| schema.decimal.separated(cell, mark);
    match schema.decimal.number(cell).or_else(|| thousands.and_then(grouped)) {
        Some(number) if number.is_infinite() => Err("must be finite"),
        Some(number) => Ok(number),
        None if !is_missing_number(cell) && schema.decimal == DecimalMark::Comma => {
            Err("must be a number with a comma before its decimals, as in the training table")
        }
        None if !is_missing_number(cell) => Err("must be a number, as in the training table"),
        None if schema.missing == Missing::Refuse => Err(MISSING),
        None => Ok(f64::NAN),
    }
}

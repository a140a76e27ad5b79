//! Tables as text: one sample per line, with real features and one label column.
//!
//! Cells are separated by commas, semicolons or tabs: the one that is most frequent in the first
//! line. Columns are counted from 0, lines from 1.

use std::io::{self, BufRead};
use std::path::Path;
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord, Trim};
use ndarray::Array2;

use super::stream::{open, read_error};
use super::table::{Reals, Scale, Table};
use crate::data::{DataError, classes};
use crate::input::suggestion;

/// The column of a table that has the labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LabelColumn {
    /// The last column.
    #[default]
    Last,
    /// The column with this number, from 0.
    Index(usize),
    /// The column with this name in the header, which the table then must have.
    Name(String),
}

/// Whether the first line of a table names its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// It does if no cell outside the label column is a number.
    #[default]
    Detect,
    /// It does.
    Present,
    /// It does not.
    Absent,
}

/// Options for tables: what their files do not state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The label column.
    pub label: LabelColumn,
    /// Whether there is a header.
    pub header: Header,
}

impl FromStr for LabelColumn {
    type Err = std::convert::Infallible;

    /// Reads digits as a number, and any other text as a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index))
    }
}

/// The columns of one file.
struct Layout<'a> {
    file: &'a Path,
    columns: usize,
    label: usize,
    names: Option<StringRecord>,
}

/// Reads a table. Labels may be text or numbers; they become sorted classes.
pub(crate) fn read(file: &Path, options: &OpenOptions) -> Result<Table, DataError> {
    parse(open(file)?, file, options)
}

/// Reads a table from `text`; errors name `file`.
pub(crate) fn parse(mut text: impl BufRead, file: &Path, options: &OpenOptions) -> Result<Table, DataError> {
    let start = text.fill_buf().map_err(|error| read_error(file, error))?;
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).trim(Trim::All).delimiter(delimiter(start));
    let mut lines = builder.from_reader(text).into_records();
    let empty = || DataError::malformed(file, "empty: must have one sample per line");
    let first = lines.next().ok_or_else(empty)?.map_err(|error| line_error(file, error))?;
    let layout = Layout::of(&first, file, options)?;
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    if layout.names.is_none() {
        layout.read_line(&first, &mut features, &mut labels)?;
    }
    for line in lines {
        let line = line.map_err(|error| line_error(file, error))?;
        layout.read_line(&line, &mut features, &mut labels)?;
    }
    layout.table(features, labels)
}

fn delimiter(start: &[u8]) -> u8 {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    // `max_by_key` takes the last of equals, so the comma is last.
    [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

fn line_error(file: &Path, error: csv::Error) -> DataError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => read_error(file, error),
        csv::ErrorKind::Utf8 { err, .. } => {
            DataError::malformed(file, format!("line {line}: not UTF-8 text: {err}"))
        }
        kind => read_error(file, io::Error::other(format!("line {line}: {kind:?}"))),
    }
}

impl<'a> Layout<'a> {
    fn of(first: &StringRecord, file: &'a Path, options: &OpenOptions) -> Result<Self, DataError> {
        let columns = first.len();
        let label = label_column(first, &options.label, file)?;
        if columns < 2 {
            return Err(DataError::malformed(file, "one column; must have a label and at least one feature"));
        }
        let looks_like_names =
            || first.iter().enumerate().all(|(column, cell)| column == label || cell.parse::<f64>().is_err());
        let has_header = match (&options.label, options.header) {
            (LabelColumn::Name(_), _) | (_, Header::Present) => true,
            (_, Header::Detect) => looks_like_names(),
            (_, Header::Absent) => false,
        };
        Ok(Self { file, columns, label, names: has_header.then(|| first.clone()) })
    }

    fn read_line(
        &self,
        line: &StringRecord,
        features: &mut Vec<f64>,
        labels: &mut Vec<String>,
    ) -> Result<(), DataError> {
        let number = line.position().map_or(0, csv::Position::line);
        if line.len() != self.columns {
            let problem =
                format!("line {number}: {} columns; the first line has {}", line.len(), self.columns);
            return Err(DataError::malformed(self.file, problem));
        }
        for (column, cell) in line.iter().enumerate() {
            let wrong = |rule| self.cell_error(number, column, cell, rule);
            if column == self.label {
                labels.push(label(cell).map_err(wrong)?);
            } else {
                features.push(feature(cell).map_err(wrong)?);
            }
        }
        Ok(())
    }

    fn cell_error(&self, line: u64, column: usize, cell: &str, rule: &'static str) -> DataError {
        let name = self.names.as_ref().and_then(|names| names.get(column));
        let column = name.map_or_else(|| column.to_string(), |name| format!("\"{name}\""));
        DataError::Cell { file: self.file.into(), line, column, value: cell.to_owned(), rule }
    }

    fn table(self, features: Vec<f64>, labels: Vec<String>) -> Result<Table, DataError> {
        if labels.is_empty() {
            return Err(DataError::malformed(self.file, "a header without samples"));
        }
        let inputs = self.columns - 1;
        let features = Array2::from_shape_vec((labels.len(), inputs), features)
            .expect("every line has one label and all other columns as features");
        let (classes, labels) = classes::number(labels, self.file)?;
        let train = Reals { features, labels };
        Ok(Table { shape: [1, 1, inputs], scale: Scale::PerColumn, classes, train, test: None })
    }
}

fn label_column(first: &StringRecord, wanted: &LabelColumn, file: &Path) -> Result<usize, DataError> {
    let last = first.len().saturating_sub(1);
    match wanted {
        LabelColumn::Last => Ok(last),
        LabelColumn::Index(index) if *index <= last => Ok(*index),
        LabelColumn::Index(index) => {
            Err(DataError::malformed(file, format!("label column {index}: the columns are 0 to {last}")))
        }
        LabelColumn::Name(name) => first.iter().position(|cell| cell == name).ok_or_else(|| {
            let hint = suggestion(name, first.iter());
            DataError::malformed(file, format!("label column \"{name}\": not in the first line{hint}"))
        }),
    }
}

fn label(cell: &str) -> Result<String, &'static str> {
    let is_missing = cell.is_empty() || cell.parse().is_ok_and(f64::is_nan);
    if is_missing { Err("the label is missing") } else { Ok(cell.to_owned()) }
}

fn feature(cell: &str) -> Result<f64, &'static str> {
    match cell.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err("must be finite"),
        Err(_) if cell.is_empty() => Err("the value is missing"),
        Err(_) => Err("must be a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn table(text: &str, options: &OpenOptions) -> Result<Table, String> {
        parse(text.as_bytes(), Path::new("t.csv"), options).map_err(|error| error.to_string())
    }

    fn plain(text: &str) -> Result<Table, String> {
        table(text, &OpenOptions::default())
    }

    fn with(label: &str, header: Header) -> OpenOptions {
        OpenOptions { label: label.parse().unwrap(), header }
    }

    #[test]
    fn the_last_column_is_the_label_and_a_header_is_noticed() {
        for text in ["a,b,kind\n1,2.5,x\n-3,4e1,y\n", "1,2.5,x\n-3,4e1,y\n\n", "1; 2.5;x\r\n-3; 40 ;y"] {
            let table = plain(text).unwrap();
            assert_eq!(table.train.features, array![[1.0, 2.5], [-3.0, 40.0]], "{text}");
            assert_eq!(table.train.labels, [0, 1]);
            assert_eq!(table.classes, ["x", "y"]);
            assert_eq!(table.shape, [1, 1, 2]);
        }
    }

    #[test]
    fn the_label_is_found_by_name_and_by_number() {
        let text = "a,kind,b\n1,x,2\n3,y,4\n";
        for label in ["kind", "1"] {
            let table = table(text, &with(label, Header::Detect)).unwrap();
            assert_eq!(table.train.features, array![[1.0, 2.0], [3.0, 4.0]]);
            assert_eq!(table.classes, ["x", "y"]);
        }
    }

    #[test]
    fn a_header_of_numbers_must_be_declared() {
        let text = "0,1,2\n5,6,7\n8,9,1\n";
        assert_eq!(plain(text).unwrap().train.labels.len(), 3);
        assert_eq!(table(text, &with("2", Header::Present)).unwrap().train.labels.len(), 2);
    }

    #[test]
    fn a_first_line_with_one_bad_cell_is_no_header() {
        assert_eq!(
            plain("1,NA,x\n1,2,y\n").unwrap_err(),
            "t.csv: line 1, column 1 = \"NA\": must be a number"
        );
    }

    #[test]
    fn bad_cells_are_named_with_line_column_and_value() {
        let message = |cell: &str| plain(&format!("a,b,kind\n1,2,x\n3,{cell},y\n")).unwrap_err();
        assert_eq!(message("nan"), "t.csv: line 3, column \"b\" = \"nan\": must be finite");
        assert_eq!(message("inf"), "t.csv: line 3, column \"b\" = \"inf\": must be finite");
        assert_eq!(message("two"), "t.csv: line 3, column \"b\" = \"two\": must be a number");
        assert_eq!(message(""), "t.csv: line 3, column \"b\" = \"\": the value is missing");
        assert_eq!(message("4,5"), "t.csv: line 3: 4 columns; the first line has 3");
    }

    #[test]
    fn a_missing_label_is_an_error() {
        let expected = "t.csv: line 2, column 1 = \"\": the label is missing";
        assert_eq!(plain("1,x\n2,\n").unwrap_err(), expected);
        assert!(plain("1,0\n2,NaN\n").unwrap_err().ends_with("the label is missing"));
    }

    #[test]
    fn a_label_column_that_is_not_there_is_an_error() {
        let text = "a,kind\n1,x\n2,y\n";
        let message = |label: &str| table(text, &with(label, Header::Detect)).unwrap_err();
        assert_eq!(
            message("kid"),
            "t.csv: label column \"kid\": not in the first line; did you mean \"kind\"?"
        );
        assert_eq!(message("7"), "t.csv: label column 7: the columns are 0 to 1");
    }

    #[test]
    fn files_without_samples_or_features_are_errors() {
        assert!(plain("").unwrap_err().contains("empty"));
        assert!(plain("a,kind\n").unwrap_err().contains("a header without samples"));
        assert!(plain("x\ny\n").unwrap_err().contains("one column"));
    }

    #[test]
    fn text_that_is_not_utf_8_is_an_error() {
        for bytes in [&b"1,\xff\n2,y\n"[..], b"1,x\n2,\xff\n"] {
            let error = parse(bytes, Path::new("t.csv"), &OpenOptions::default()).unwrap_err();
            assert!(error.to_string().contains("not UTF-8"), "{error}");
        }
    }
}

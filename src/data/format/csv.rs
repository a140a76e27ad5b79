//! Reads tables in text files: one sample per line, with real-valued features and one label column.
//!
//! Cells are separated by commas, semicolons or tabs. Columns are counted from 0, lines from 1.

use std::io::{self, BufRead};
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use ndarray::{Array2, Axis};

use super::header::{Others, names_columns};
use super::stream::{open, read_error};
use super::table::{Reals, Scale, Table};
use super::text::{Body, body, check_quotes, decoded};
use crate::data::{Columns, DataError, Header, LabelColumn, OpenOptions, classes};
use crate::input::suggestion;

/// The most characters of a cell that an error shows.
const SHOWN: usize = 40;

/// Names of a column without a name, as pandas and R write it.
const NAMELESS: [&str; 2] = ["", "Unnamed: 0"];

/// The columns of one file.
struct Layout<'a> {
    file: &'a Path,
    /// The number of columns that are read.
    columns: usize,
    /// Whether every line ends in a delimiter with nothing after it.
    has_empty_end: bool,
    label: usize,
    names: Option<Vec<String>>,
}

/// The cells of one line.
struct Line {
    number: u64,
    record: StringRecord,
}

/// Reads a table. Labels may be text or numbers; they become sorted classes.
pub(crate) fn read(file: &Path, options: &OpenOptions) -> Result<Table, DataError> {
    parse(open(file)?, file, options)
}

/// Reads a table from `text`; errors name `file`.
pub(crate) fn parse(mut text: impl BufRead, file: &Path, options: &OpenOptions) -> Result<Table, DataError> {
    let mut bytes = Vec::new();
    text.read_to_end(&mut bytes).map_err(|error| read_error(file, error))?;
    let text = decoded(bytes, file)?;
    let body = body(&text);
    check_quotes(&body, file)?;
    let layout = Layout::of(&body, file, options)?;
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for (index, line) in lines(&body, file).enumerate() {
        let line = line?;
        let is_first = index == 0;
        if !(is_first && layout.names.is_some()) {
            layout.read_line(&line, is_first, &mut features, &mut labels)?;
        }
    }
    layout.table(features, labels, body.skipped)
}

/// The lines of a table, without those that are blank or have nothing but delimiters.
fn lines<'a>(body: &'a Body<'_>, file: &'a Path) -> impl Iterator<Item = Result<Line, DataError>> + 'a {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).trim(Trim::All).delimiter(body.delimiter);
    let records = builder.from_reader(body.text.as_bytes()).into_records();
    let lines = records.map(move |record| {
        let record = record.map_err(|error| line_error(file, error))?;
        Ok(Line { number: body.skipped + record.position().map_or(0, csv::Position::line), record })
    });
    lines.filter(|line| line.as_ref().map_or(true, |line| line.cells().any(|cell| !cell.is_empty())))
}

/// An error of the reader of `file`, as an error for the user.
pub(crate) fn line_error(file: &Path, error: csv::Error) -> DataError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => read_error(file, error),
        kind => read_error(file, io::Error::other(format!("line {line}: {kind:?}"))),
    }
}

impl Line {
    /// The cells without the quotes around them that follow a space.
    fn cells(&self) -> impl Iterator<Item = &str> {
        self.record.iter().map(|cell| {
            cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map_or(cell, str::trim)
        })
    }

    fn cell(&self, column: usize) -> &str {
        self.cells().nth(column).unwrap_or("")
    }
}

impl<'a> Layout<'a> {
    fn of(body: &Body<'_>, file: &'a Path, options: &OpenOptions) -> Result<Self, DataError> {
        let empty = || DataError::malformed(file, "empty: must have one sample per line");
        let first = lines(body, file).next().ok_or_else(empty)??;
        let has_empty_end = has_empty_end(&first, body, file)?;
        let cells: Vec<&str> = first.cells().collect();
        let cells = &cells[..cells.len() - usize::from(has_empty_end)];
        let (label, is_named) = label_column(cells, &options.label, file)?;
        if cells.len() < 2 {
            let problem = "one column; must have a label and at least one feature, separated by commas, \
                           semicolons or tabs";
            return Err(DataError::malformed(file, problem));
        }
        let has_header = match options.header {
            Header::Absent if is_named => {
                let shown = &cells[label];
                let problem = format!(
                    "label column \"{shown}\": a name needs a header: leave out --header no, or \
                                       name the column by its number, {label}"
                );
                return Err(DataError::malformed(file, problem));
            }
            Header::Absent => false,
            Header::Present => true,
            Header::Detect if is_named => true,
            Header::Detect => names_columns(cells, label, || others(cells, label, body, file))?,
        };
        let names = has_header.then(|| cells.iter().map(|&cell| cell.to_owned()).collect());
        Ok(Self { file, columns: cells.len(), has_empty_end, label, names })
    }

    fn read_line(
        &self,
        line: &Line,
        is_first: bool,
        features: &mut Vec<f64>,
        labels: &mut Vec<String>,
    ) -> Result<(), DataError> {
        let (number, found) = (line.number, line.record.len() - usize::from(self.has_empty_end));
        if found != self.columns {
            let problem = format!("line {number}: {found} columns; the first line has {}", self.columns);
            return Err(DataError::malformed(self.file, problem));
        }
        for (column, cell) in line.cells().take(self.columns).enumerate() {
            let wrong = |rule| self.cell_error(number, column, cell, rule);
            if column == self.label {
                labels.push(label(cell).map_err(wrong)?);
            } else {
                features.push(feature(cell, is_first).map_err(wrong)?);
            }
        }
        Ok(())
    }

    fn cell_error(&self, line: u64, column: usize, cell: &str, rule: &'static str) -> DataError {
        let name = self.names.as_ref().and_then(|names| names.get(column));
        let column = name.map_or_else(|| column.to_string(), |name| format!("\"{}\"", shown(name)));
        DataError::Cell { file: self.file.into(), line, column, value: shown(cell), rule }
    }

    fn table(self, features: Vec<f64>, labels: Vec<String>, comments: u64) -> Result<Table, DataError> {
        if labels.is_empty() {
            return Err(DataError::malformed(self.file, "a header without samples"));
        }
        let inputs = self.columns - 1;
        let features = Array2::from_shape_vec((labels.len(), inputs), features)
            .expect("every line has one label and all other columns as features");
        let name = self.names.as_ref().map(|names| format!("column \"{}\"", shown(&names[self.label])));
        let label = name.unwrap_or_else(|| format!("column {}", self.label));
        let (classes, labels) = classes::number(&labels, &label, self.file)?;
        let mut notes = Vec::new();
        if comments > 0 {
            notes.push(format!("{comments} lines of comments are left out"));
        }
        let features = self.without_index(features, &mut notes);
        let columns = Some(self.columns_of(features.ncols()));
        let shape = [1, 1, features.ncols()];
        let (train, label, header) = (Reals { features, labels }, Some(label), Some(self.names.is_some()));
        let (scale, validation, test) = (Scale::PerColumn, None, None);
        Ok(Table { shape, scale, classes, train, validation, test, label, header, columns, notes })
    }

    /// The columns of which the last `features` besides the label are features.
    fn columns_of(&self, features: usize) -> Columns {
        let named = |names: &Vec<String>| {
            let inputs = names.iter().enumerate().filter(|&(column, _)| column != self.label);
            inputs.map(|(_, name)| name.clone()).skip(self.columns - 1 - features).collect()
        };
        Columns {
            names: self.names.as_ref().map(named),
            label: self.label,
            label_name: self.names.as_ref().map(|names| names[self.label].clone()),
        }
    }

    /// `features` without a first column that has no name and only counts the lines. Other programs
    /// write such a column, and it holds no information about the samples. A note says that it was
    /// left out. If such a column has a name, it stays, and a note warns.
    fn without_index(&self, features: Array2<f64>, notes: &mut Vec<String>) -> Array2<f64> {
        let Some(name) = self.names.as_ref().map(|names| names[0].as_str()) else { return features };
        let first = features.column(0);
        let numbers_from =
            |start: f64| first.iter().enumerate().all(|(at, &value)| value == start + at as f64);
        let is_index = self.label > 0 && first.len() > 2 && (numbers_from(0.0) || numbers_from(1.0));
        if !is_index {
            return features;
        }
        if !NAMELESS.contains(&name) || features.ncols() < 2 {
            notes.push(format!("column \"{}\" numbers the lines: is it a feature?", shown(name)));
            return features;
        }
        notes.push("the first column has no name and numbers the lines, so it is left out".to_owned());
        let kept: Vec<usize> = (1..features.ncols()).collect();
        features.select(Axis(1), &kept)
    }
}

/// Whether the last cell of every line is empty, and all lines have as many cells as the first.
fn has_empty_end(first: &Line, body: &Body<'_>, file: &Path) -> Result<bool, DataError> {
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

/// Collects facts about the lines after the `first`, by which it is recognized as a header or not.
fn others(first: &[&str], label: usize, body: &Body<'_>, file: &Path) -> Result<Others, DataError> {
    let mut others =
        Others { lines: 0, numeric_labels: 0, repeat_label: false, are_fractions: vec![true; first.len()] };
    for line in lines(body, file).skip(1) {
        let line = line?;
        others.lines += 1;
        for (column, cell) in line.cells().take(first.len()).enumerate() {
            if column == label {
                others.numeric_labels += usize::from(cell.parse::<f64>().is_ok());
                others.repeat_label |= cell == first[label];
            } else {
                others.are_fractions[column] &= cell.contains('.');
            }
        }
    }
    Ok(others)
}

/// The number of the label column, and whether a name in the first line led to it.
fn label_column(first: &[&str], wanted: &LabelColumn, file: &Path) -> Result<(usize, bool), DataError> {
    let last = first.len().saturating_sub(1);
    match wanted {
        LabelColumn::Last => Ok((last, false)),
        LabelColumn::Index(index) if *index <= last => Ok((*index, false)),
        LabelColumn::Index(index) => named(first, &index.to_string(), file)?
            .ok_or_else(|| {
                DataError::malformed(file, format!("label column {index}: the columns are 0 to {last}"))
            })
            .map(|column| (column, true)),
        LabelColumn::Name(name) => named(first, name, file)?
            .ok_or_else(|| {
                let hint = suggestion(name, first.iter().copied());
                DataError::malformed(file, format!("label column \"{name}\": not in the first line{hint}"))
            })
            .map(|column| (column, true)),
    }
}

/// The only column called `name`, if there is one.
fn named(first: &[&str], name: &str, file: &Path) -> Result<Option<usize>, DataError> {
    let mut columns = (0..first.len()).filter(|&column| first[column] == name);
    match (columns.next(), columns.next()) {
        (Some(one), Some(another)) => {
            let problem = format!(
                "label column \"{name}\": columns {one} and {another} have this name: say its number"
            );
            Err(DataError::malformed(file, problem))
        }
        (column, _) => Ok(column),
    }
}

/// The label in a cell.
///
/// # Errors
/// The rule that the cell breaks.
pub(crate) fn label(cell: &str) -> Result<String, &'static str> {
    let is_missing = cell.is_empty() || cell.parse().is_ok_and(f64::is_nan);
    match cell {
        _ if is_missing => Err("the label is missing"),
        _ if cell.contains(['\n', '\r']) => Err("a label has one line: is a quote not closed?"),
        _ if cell.starts_with('"') => Err("a quote is not closed"),
        _ => Ok(cell.to_owned()),
    }
}

/// The number in a cell of a feature; `is_first`: in the first line of the table.
///
/// # Errors
/// The rule that the cell breaks.
pub(crate) fn feature(cell: &str, is_first: bool) -> Result<f64, &'static str> {
    match cell.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err("must be finite"),
        Err(_) if cell.is_empty() => Err("the value is missing"),
        Err(_) if is_first => Err("must be a number; say --header yes if this line names the columns"),
        Err(_) if cell.replacen(',', ".", 1).parse::<f64>().is_ok() => {
            Err("must be a number, with a point before its decimals")
        }
        Err(_) => Err("must be a number"),
    }
}

/// A cell on one line, cut if it is long.
pub(crate) fn shown(cell: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().collect() } else { vec![c] };
    let cut = if cell.chars().count() > SHOWN { "..." } else { "" };
    cell.chars().take(SHOWN).flat_map(escape).chain(cut.chars()).collect()
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
        OpenOptions { label: label.parse().unwrap(), header, ..OpenOptions::default() }
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
    fn a_header_of_numbers_is_noticed_or_declared() {
        for (text, header, lines) in [
            ("0,1,2\n5,6,a\n8,9,b\n8,9,b\n", Header::Detect, 3),
            ("0,1,2\n5,6,7\n8,9,7\n", Header::Detect, 2),
            ("5,9,2\n5,6,7\n8,9,7\n", Header::Detect, 3),
            ("5,9,2\n5,6,7\n8,9,7\n", Header::Present, 2),
            ("0,1,2\n5,6,7\n8,9,7\n", Header::Absent, 3),
        ] {
            let table = table(text, &with("2", header)).unwrap();
            assert_eq!(table.train.labels.len(), lines, "{text}");
            assert_eq!(table.header, Some(text.lines().count() > lines));
        }
        let named = table("5,9,2001\n5,6,7\n8,9,7\n", &with("2001", Header::Detect)).unwrap();
        assert_eq!((named.train.labels.len(), named.header), (2, Some(true)));
    }

    #[test]
    fn a_name_without_a_header_is_refused() {
        let message = table("a,kind\n1,x\n2,x\n", &with("kind", Header::Absent)).unwrap_err();
        assert!(message.contains("a name needs a header: leave out --header no"), "{message}");
    }

    #[test]
    fn a_first_line_with_one_bad_cell_is_no_header() {
        for (text, cell) in [("1,NA,x\n1,2,y\n", "NA"), ("1,two,x\n1,2,y\n", "two"), ("?,?,x\n1,2,y\n", "?")]
        {
            let column = text.split(',').position(|text| text == cell).unwrap();
            let expected = format!(
                "t.csv: line 1, column {column} = \"{cell}\": must be a number; say --header yes if this line names the \
                 columns"
            );
            assert_eq!(plain(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_other_programs_write_around_a_table_changes_nothing() {
        let expected = plain("a,b,kind\n1,2.5,x\n-3,40,y\n").unwrap();
        for text in [
            "\u{feff}a,b,kind\n1,2.5,x\n-3,40,y\n",
            "a,b,kind\r\n1,2.5,x\r\n\r\n-3,40,y\r\n",
            "a,b,kind\r1,2.5,x\r-3,40,y\r",
            "a,b,kind,\n1,2.5,x,\n-3,40,y,\n",
            "a;b;kind;\n1;2.5;x;\n-3;40;y;\n",
            "a\tb\tkind\n1\t2.5\tx\n-3\t40\ty\n",
            "# by me\n# in two lines\na,b,kind\n1,2.5,x\n-3,40,y\n",
            "# a,b,kind\n1,2.5,x\n-3,40,y\n",
            "a, b, kind\n1, 2.5, \"x\"\n-3, 40 , y \n   \n,,\n",
            "\"a\",\"b\",\"kind\"\n\"1\",\"2.5\",\"x\"\n\"-3\",\"40\",\"y\"",
        ] {
            let table = plain(text).unwrap();
            assert_eq!(table.train.features, expected.train.features, "{text}");
            assert_eq!(
                (table.classes, table.train.labels),
                (vec!["x".into(), "y".into()], vec![0, 1]),
                "{text}"
            );
            assert_eq!(table.label.as_deref(), Some("column \"kind\""), "{text}");
        }
    }

    #[test]
    fn quotes_keep_delimiters_and_double_quotes_in_a_label() {
        let table = plain("a,kind\n1,\"x, or \"\"y\"\"\"\n2,z\n").unwrap();
        assert_eq!(table.classes, ["x, or \"y\"", "z"]);
    }

    #[test]
    fn a_quote_that_swallows_lines_is_refused() {
        for (text, part) in [
            ("a,kind\n1,\"x\n2,y\n", "line 2: a quote opens and never closes"),
            ("a,kind\n1,\"x\n2,\"y\n", "line 2: a quote that opens here closes inside a cell"),
            ("a,kind\n1,\"x\n2,y\"\n3,y\n", "a label has one line: is a quote not closed?"),
            ("a,kind\n\"1\n2\",y\n", "\"1\\n2\": must be a number"),
            ("a, kind\n1, \"x\n2, y\n", "a quote is not closed"),
        ] {
            let message = plain(text).unwrap_err();
            assert!(message.contains(part), "{message}");
            assert_eq!(message.lines().count(), 1);
        }
    }

    #[test]
    fn a_column_of_line_numbers_without_a_name_is_left_out_and_told() {
        let lines = |name: &str, first: u32| {
            let line = |at: u32| {
                format!("{},{}.5,{}\n", first + at, at * 2, if at.is_multiple_of(2) { "x" } else { "y" })
            };
            plain(&format!("{name},a,kind\n{}", (0..4).map(line).collect::<String>())).unwrap()
        };
        for (name, first) in [("", 0), ("", 1), ("Unnamed: 0", 0), ("\"\"", 1)] {
            let table = lines(name, first);
            assert_eq!((table.shape, table.train.features.ncols()), ([1, 1, 1], 1), "{name}");
            assert!(table.notes[0].contains("is left out"));
        }
        let named = lines("Id", 1);
        assert_eq!(named.shape, [1, 1, 2]);
        assert_eq!(named.notes, ["column \"Id\" numbers the lines: is it a feature?"]);
        assert!(lines("", 5).notes.is_empty());
    }

    #[test]
    fn two_columns_of_the_label_s_name_are_refused() {
        let message = table("k,a,k\n1,2,x\n3,4,y\n", &with("k", Header::Detect)).unwrap_err();
        assert_eq!(message, "t.csv: label column \"k\": columns 0 and 2 have this name: say its number");
    }

    #[test]
    fn a_decimal_comma_is_refused_as_such() {
        let message = plain("a;b;kind\n1,5;2,5;x\n2,5;1,5;y\n").unwrap_err();
        assert!(
            message.ends_with("= \"1,5\": must be a number, with a point before its decimals"),
            "{message}"
        );
        let message = plain("a;b;kind\n1;2;x\n2,5;1,5;y\n").unwrap_err();
        assert!(
            message.ends_with("= \"2,5\": must be a number, with a point before its decimals"),
            "{message}"
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

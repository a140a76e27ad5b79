//! Which column of a table is what, by its first line and by what was said of it.

use std::path::Path;

use super::header::{FirstLine, Others, names_columns};
use super::lines::{Line, has_empty_end, lines, shown};
use super::text::Body;
use crate::data::{ColumnRef, DataError, Header, OpenOptions};
use crate::input::suggestion;

/// What the label column is called in errors.
const LABEL: &str = "label column";

/// What a column of a table is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It becomes inputs. If `is_text`, its cells are texts even where they are numbers.
    Feature {
        is_text: bool,
    },
    Label,
    /// It says which samples belong together.
    Group,
    Dropped,
}

/// The columns of one file.
pub(super) struct Layout<'a> {
    pub file: &'a Path,
    /// What each column that is read is used for.
    pub roles: Vec<Role>,
    /// Whether every line ends in a delimiter, after which there is nothing.
    pub has_empty_end: bool,
    pub label: usize,
    pub names: Option<Vec<String>>,
}

impl<'a> Layout<'a> {
    /// The layout of the table in `body`.
    pub fn of(body: &Body<'_>, file: &'a Path, options: &OpenOptions) -> Result<Self, DataError> {
        let first = first_line(body, file)?;
        let has_empty_end = has_empty_end(&first, body, file)?;
        let cells: Vec<&str> = first.cells().collect();
        let cells = &cells[..cells.len() - usize::from(has_empty_end)];
        let columns = Columns { first: cells, file };
        let label = columns.find(&options.label, LABEL)?;
        if cells.len() < 2 {
            let problem = "one column; must have a label and at least one feature, separated by commas, \
                           semicolons or tabs";
            return Err(DataError::malformed(file, problem));
        }
        let (roles, named) = columns.roles(label, options)?;
        let has_header = match options.header {
            Header::Absent => match named {
                None => false,
                Some(Named { what, column }) => {
                    let problem = format!(
                        "{what} \"{}\": a name needs a header: leave out --header no, or name the column by its \
                         number, {column}",
                        shown(cells[column])
                    );
                    return Err(DataError::malformed(file, problem));
                }
            },
            Header::Present => true,
            Header::Detect if named.is_some() => true,
            Header::Detect => {
                let is_feature: Vec<bool> =
                    roles.iter().map(|role| matches!(role, Role::Feature { .. })).collect();
                let second = lines(body, file).nth(1).transpose()?;
                let second: Option<Vec<&str>> = second.as_ref().map(|line| line.cells().collect());
                let (is_feature, second) = (&is_feature[..], second.as_deref());
                let line = FirstLine { cells, label: label.0, is_feature, second };
                names_columns(&line, || others(cells, label.0, body, file))?
            }
        };
        let names = has_header.then(|| cells.iter().map(|&cell| cell.to_owned()).collect());
        Ok(Self { file, roles, has_empty_end, label: label.0, names })
    }

    /// The cells of `line`.
    ///
    /// # Errors
    /// There are more or fewer than in the first line.
    pub fn cells<'l>(&self, line: &'l Line) -> Result<impl Iterator<Item = &'l str>, DataError> {
        check_count(line, self.roles.len(), self.has_empty_end, self.file)?;
        Ok(line.cells().take(self.roles.len()))
    }

    /// The name of a column in quotes; its number without a header.
    pub fn shown(&self, column: usize) -> String {
        let name = self.names.as_ref().and_then(|names| names.get(column));
        name.map_or_else(|| column.to_string(), |name| format!("\"{}\"", shown(name)))
    }

    /// The name of a column; its number without a header.
    pub fn name(&self, column: usize) -> String {
        self.names.as_ref().map_or_else(|| column.to_string(), |names| names[column].clone())
    }

    /// An error of a cell.
    pub fn cell_error(&self, line: u64, column: usize, cell: &str, rule: impl Into<String>) -> DataError {
        let (column, value, rule) = (self.shown(column), shown(cell), rule.into());
        DataError::Cell { file: self.file.into(), line, column, value, rule }
    }

    /// An error of a column as a whole.
    pub fn column_error(&self, column: usize, problem: &str) -> DataError {
        DataError::malformed(self.file, format!("column {} {problem}", self.shown(column)))
    }
}

/// The first line of a table.
pub(super) fn first_line(body: &Body<'_>, file: &Path) -> Result<Line, DataError> {
    let empty = || DataError::malformed(file, "empty: must have one sample per line");
    lines(body, file).next().ok_or_else(empty)?
}

/// Refuses a line with another number of cells than `columns`.
pub(super) fn check_count(
    line: &Line,
    columns: usize,
    has_empty_end: bool,
    file: &Path,
) -> Result<(), DataError> {
    let found = line.record.len() - usize::from(has_empty_end);
    if found == columns {
        return Ok(());
    }
    let number = line.number;
    let problem = format!("line {number}: {found} columns; the first line has {columns}");
    Err(DataError::malformed(file, problem))
}

/// What the lines after the `first` say about it.
fn others(first: &[&str], label: usize, body: &Body<'_>, file: &Path) -> Result<Others, DataError> {
    let mut others = Others::new(first.len());
    for line in lines(body, file).skip(1) {
        let line = line?;
        others.lines += 1;
        for (column, cell) in line.cells().take(first.len()).enumerate() {
            others.repeat[column] |= cell == first[column];
            if column == label {
                others.numeric_labels += usize::from(cell.parse::<f64>().is_ok());
            } else {
                others.are_fractions[column] &= cell.contains('.');
            }
        }
    }
    Ok(others)
}

/// A column that an option found by its name in the first line.
struct Named {
    /// What the option is for.
    what: &'static str,
    column: usize,
}

/// The cells of the first line, in which columns are looked for.
struct Columns<'a> {
    first: &'a [&'a str],
    file: &'a Path,
}

impl Columns<'_> {
    /// What each column is used for, and a column that was found by a name in the first line.
    fn roles(
        &self,
        label: (usize, bool),
        options: &OpenOptions,
    ) -> Result<(Vec<Role>, Option<Named>), DataError> {
        let mut roles = vec![Role::Feature { is_text: false }; self.first.len()];
        let mut named = label.1.then_some(Named { what: LABEL, column: label.0 });
        let choices = options
            .categorical
            .iter()
            .map(|column| (column, "categorical column", Role::Feature { is_text: true }));
        let choices =
            choices.chain(options.drop.iter().map(|column| (column, "column to drop", Role::Dropped)));
        let choices = choices.chain(options.group.iter().map(|column| (column, "group column", Role::Group)));
        for (column, what, role) in choices {
            let (at, by_name) = self.find(column, what)?;
            named = named.or(by_name.then_some(Named { what, column: at }));
            roles[at] = self.chosen(at, roles[at], role, label.0)?;
        }
        roles[label.0] = Role::Label;
        if !roles.iter().any(|role| matches!(role, Role::Feature { .. })) {
            return Err(DataError::malformed(self.file, "no column is left as a feature: drop fewer"));
        }
        Ok((roles, named))
    }

    /// The role of a column for which options chose `role` after `before`.
    fn chosen(&self, column: usize, before: Role, role: Role, label: usize) -> Result<Role, DataError> {
        let twice = match (before, role) {
            _ if column == label => Some("the labels"),
            (Role::Feature { .. }, _) => None,
            (before, role) if before == role => None,
            (Role::Dropped, _) => Some("dropped"),
            _ => Some("the groups"),
        };
        match twice {
            None => Ok(role),
            Some(other) => {
                let problem = format!(
                    "column {column} (\"{}\") is chosen twice: it has {other}: choose one",
                    shown(self.first[column])
                );
                Err(DataError::malformed(self.file, problem.replace("it has dropped", "it is dropped")))
            }
        }
    }

    /// The column `wanted`, and whether it was found by a name in the first line; `what` it is for
    /// errors.
    fn find(&self, wanted: &ColumnRef, what: &str) -> Result<(usize, bool), DataError> {
        let last = self.first.len().saturating_sub(1);
        let wrong = |problem: String| DataError::malformed(self.file, format!("{what} {problem}"));
        match wanted {
            ColumnRef::Last => Ok((last, false)),
            ColumnRef::Index(index) if *index <= last => Ok((*index, false)),
            ColumnRef::Index(index) => self
                .named(&index.to_string(), what)?
                .ok_or_else(|| wrong(format!("{index}: the columns are 0 to {last}")))
                .map(|column| (column, true)),
            ColumnRef::Name(name) => self
                .named(name, what)?
                .ok_or_else(|| {
                    let hint = suggestion(name, self.first.iter().copied());
                    wrong(format!("\"{name}\": not in the first line{hint}"))
                })
                .map(|column| (column, true)),
        }
    }

    /// The only column called `name`, if there is one.
    fn named(&self, name: &str, what: &str) -> Result<Option<usize>, DataError> {
        let mut columns = (0..self.first.len()).filter(|&column| self.first[column] == name);
        match (columns.next(), columns.next()) {
            (Some(one), Some(another)) => {
                let problem =
                    format!("{what} \"{name}\": columns {one} and {another} have this name: say its number");
                Err(DataError::malformed(self.file, problem))
            }
            (column, _) => Ok(column),
        }
    }
}

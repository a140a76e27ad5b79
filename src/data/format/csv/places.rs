//! Which column of a table is which column of a schema: by name where both have names, by place otherwise.

use std::collections::HashSet;
use std::path::Path;

use super::lines::shown;
use crate::data::{ColumnKind, ColumnRef, DataError, Header, TableSchema};
use crate::input::suggestion;

/// The most names of columns that an error lists.
const LISTED: usize = 5;

/// What is asked of a table that a schema encodes.
#[derive(Clone, Copy)]
pub(crate) struct SchemaRequest<'a> {
    /// The label column, if it has another name or another place than in the training.
    pub label: Option<&'a ColumnRef>,
    /// Whether the first line names the columns.
    pub header: Header,
    /// Whether every sample must have a label.
    pub needs_labels: bool,
}

impl SchemaRequest<'_> {
    /// What is asked of a table that was written as that of `schema`.
    pub fn like(schema: &TableSchema, needs_labels: bool) -> Self {
        let header = if schema.header { Header::Present } else { Header::Absent };
        Self { label: None, header, needs_labels }
    }
}

/// Where the columns of a file stand in a schema.
pub(super) struct Places {
    /// The number in the schema of each column of the file.
    pub columns: Vec<usize>,
    /// Whether the first line of the file names the columns.
    pub has_header: bool,
}

impl Places {
    /// Matches a file, whose first line has the cells `first`, with `schema`.
    ///
    /// # Errors
    /// A column is missing, unknown or there twice, or the number of columns is wrong.
    pub fn of(
        schema: &TableSchema,
        first: &[&str],
        request: SchemaRequest<'_>,
        file: &Path,
    ) -> Result<Self, DataError> {
        let has_header = match request.header {
            Header::Present => true,
            Header::Absent => false,
            Header::Detect => is_header(schema, first),
        };
        let wrong = |problem: String| DataError::malformed(file, problem);
        let label =
            request.label.map(|asked| label_column(first, asked, has_header)).transpose().map_err(wrong)?;
        // A label column of another name stands for that of the training.
        let mut names = first.to_vec();
        let own = schema.columns.iter().position(|column| matches!(column.kind, ColumnKind::Label { .. }));
        if let (Some(label), Some(own)) = (label, own) {
            names[label] = &schema.columns[own].name;
        }
        let matcher = Matcher { schema, file, names: &names, label: label.zip(own) };
        Ok(Self { columns: matcher.find(has_header)?, has_header })
    }
}

/// Whether the first line names the columns: it has the name of one, or no number where the schema has
/// numbers. Without columns of numbers it is as in the training.
fn is_header(schema: &TableSchema, first: &[&str]) -> bool {
    if schema.header && first.iter().any(|cell| schema.columns.iter().any(|column| column.name == *cell)) {
        return true;
    }
    let is_number = |cell: &&str| schema.decimal.number(cell).is_some();
    let has_numbers = schema.columns.iter().any(|column| matches!(column.kind, ColumnKind::Number { .. }));
    if has_numbers { !first.iter().any(is_number) } else { schema.header }
}

/// The column of the file that was asked for as that of the labels.
fn label_column(first: &[&str], asked: &ColumnRef, has_header: bool) -> Result<usize, String> {
    let last = first.len().saturating_sub(1);
    match asked {
        ColumnRef::Last => Ok(last),
        ColumnRef::Index(index) if *index <= last => Ok(*index),
        ColumnRef::Index(index) => Err(format!("label column {index}: the columns are 0 to {last}")),
        ColumnRef::Name(name) if !has_header => {
            Err(format!("label column \"{name}\": there is no header: say its number"))
        }
        ColumnRef::Name(name) => first.iter().position(|cell| cell == name).ok_or_else(|| {
            let hint = suggestion(name, first.iter().copied());
            format!("label column \"{name}\": not in the first line{hint}")
        }),
    }
}

/// The columns of a file, to be matched with those of a schema.
struct Matcher<'a> {
    schema: &'a TableSchema,
    file: &'a Path,
    names: &'a [&'a str],
    /// The column of the labels that was asked for, and that of the schema.
    label: Option<(usize, usize)>,
}

impl Matcher<'_> {
    /// The number in the schema of each column of the file.
    fn find(&self, has_header: bool) -> Result<Vec<usize>, DataError> {
        let known: Vec<&str> = self.schema.columns.iter().map(|column| column.name.as_str()).collect();
        let are_unique = known.iter().collect::<HashSet<_>>().len() == known.len();
        match has_header && self.schema.header {
            true if are_unique => self.by_name(&known),
            true if known == self.names => Ok((0..known.len()).collect()),
            true => Err(self.wrong(
                "two columns have the same name: it must have the columns of the training table in \
                                    the same order"
                    .to_owned(),
            )),
            false => self.by_place(),
        }
    }

    fn by_name(&self, known: &[&str]) -> Result<Vec<usize>, DataError> {
        let place = |name: &&str| {
            known.iter().position(|known| known == name).ok_or_else(|| {
                let hint = suggestion(name, known.iter().copied());
                self.wrong(format!(
                    "column \"{}\": the training table has no such column: leave it out{hint}",
                    shown(name)
                ))
            })
        };
        if !self.names.iter().any(|name| known.contains(name)) {
            let features = self.schema.columns.iter().filter(|column| column.kind.is_feature());
            let listed: Vec<String> = features.take(LISTED).map(|column| shown(&column.name)).collect();
            let problem = format!(
                "the first line has no column name of the training table: must name columns such as {}",
                listed.join(", ")
            );
            return Err(self.wrong(problem));
        }
        let lacking = self
            .schema
            .columns
            .iter()
            .find(|column| column.kind.is_feature() && !self.names.contains(&column.name.as_str()));
        if let Some(column) = lacking {
            let hint = suggestion(&column.name, self.names.iter().copied());
            let problem =
                format!("no column \"{}\", which the training table has{hint}", shown(&column.name));
            return Err(self.wrong(problem));
        }
        let places: Vec<usize> = self.names.iter().map(place).collect::<Result<_, _>>()?;
        match (1..places.len()).find(|&at| places[..at].contains(&places[at])) {
            Some(at) => {
                Err(self
                    .wrong(format!("two columns are called \"{}\": leave one out", shown(self.names[at]))))
            }
            None => Ok(places),
        }
    }

    /// Without names: all columns, or all but the labels.
    fn by_place(&self) -> Result<Vec<usize>, DataError> {
        let is_label = |at: &usize| matches!(self.schema.columns[*at].kind, ColumnKind::Label { .. });
        let all = 0..self.schema.columns.len();
        let (found, count) = (self.names.len(), all.len());
        if let Some((label, own)) = self.label.filter(|_| found == count) {
            let mut features = all.filter(|at| *at != own);
            let place = |at| if at == label { Some(own) } else { features.next() };
            return Ok((0..found).filter_map(place).collect());
        }
        let is_feature = |at: &usize| self.schema.columns[*at].kind.is_feature();
        // Columns that are no inputs may be absent, all of them or the labels alone.
        let mut fitting: Vec<Vec<usize>> = vec![
            all.clone().collect(),
            all.clone().filter(|at| !is_label(at)).collect(),
            all.clone().filter(|at| is_feature(at) || is_label(at)).collect(),
            all.filter(is_feature).collect(),
        ];
        fitting.retain(|columns| columns.len() == found);
        fitting.dedup();
        match fitting.len() {
            1 => Ok(fitting.remove(0)),
            0 => Err(self.wrong(format!("{found} columns; the training table has {count}"))),
            _ => Err(self.wrong(format!(
                "{found} columns; the training table has {count}, and which one is absent is not known without names: \
                 give all columns, or the inputs alone"
            ))),
        }
    }

    fn wrong(&self, problem: String) -> DataError {
        DataError::malformed(self.file, problem)
    }
}

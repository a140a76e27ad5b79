//! A table as its cells say, before anything is learnt from it.

use super::layout::{Layout, Role};
use super::lines::{Line, Text, has_open_quote, lines};
use super::text::Body;
use crate::data::columns::raw::{Cell, Found, Numbers, Texts, Values};
use crate::data::{DataError, DecimalMark, Missing, OpenOptions};

/// The rule of a number on a line that may be a header.
const MAY_BE_HEADER: &str = "must be a number; say --header yes if this line names the columns";

/// What to do about a missing cell.
pub(super) const MISSING: &str =
    "the value is missing: fill it in, say --missing impute, or leave out the column with --drop";

/// Names of a column without a name, as pandas and R write it.
const NAMELESS: [&str; 2] = ["", "Unnamed: 0"];

/// The fewest samples in which different values can tell that a column identifies them.
const FEWEST_IDENTIFIED: usize = 10;

/// The columns of a table.
pub(crate) struct RawTable<'a> {
    pub(super) layout: Layout<'a>,
    pub(super) decimal: DecimalMark,
    /// The feature columns by their numbers.
    pub(super) features: Vec<(usize, Values)>,
    /// The labels as texts, one per sample.
    pub labels: Vec<String>,
    /// The groups as texts, one per sample; empty without a group column.
    pub(super) groups: Vec<String>,
    /// What was left out, one sentence each.
    pub notes: Vec<String>,
    /// The feature columns that seem to number or to name the samples.
    pub(super) identifiers: Vec<String>,
}

/// The cells of all lines.
struct Cells {
    /// By column; `None` where it is no feature.
    columns: Vec<Option<Collected>>,
    labels: Vec<String>,
    groups: Vec<String>,
    /// The first line that is a sample.
    first: u64,
}

/// A feature column.
enum Collected {
    Numbers(Numbers),
    Texts(Texts),
}

impl<'a> RawTable<'a> {
    /// The table in `text`.
    ///
    /// # Errors
    /// A line or a cell breaks a rule.
    pub fn read(text: &'a Text<'a>, options: &OpenOptions) -> Result<Self, DataError> {
        let file = text.file;
        let body = text.body()?;
        let mut layout = Layout::of(&body, file, options)?;
        let decimal = options.decimal.unwrap_or_default();
        let takes_groups = options.decimal.is_some() || body.delimiter == b',';
        let mut cells = Cells::new(&layout, |is_text| match is_text {
            true => Collected::Texts(Texts::default()),
            false => Collected::Numbers(Numbers::new(decimal, takes_groups)),
        });
        for line in samples(&body, &layout) {
            cells.add(&line?, &layout)?;
        }
        if cells.labels.is_empty() {
            return Err(DataError::malformed(file, "a header without samples"));
        }
        let mut notes = Vec::new();
        match body.comments {
            0 => {}
            1 => notes.push("a line of comment is left out".to_owned()),
            comments => notes.push(format!("{comments} lines of comments are left out")),
        }
        notes.extend(cells.leave_out_index(&mut layout));
        let Cells { columns, labels, groups, first } = cells;
        let features = values(columns, first, &body, &layout, options.missing)?;
        let is_identifier = |(_, values): &&(usize, Values)| values.is_identifier(FEWEST_IDENTIFIED);
        let identifiers = features.iter().filter(is_identifier).map(|(at, _)| layout.shown(*at)).collect();
        Ok(Self { layout, decimal, features, labels, groups, notes, identifiers })
    }
}

/// The lines that are samples.
fn samples<'b>(
    body: &'b Body<'_>,
    layout: &Layout<'b>,
) -> impl Iterator<Item = Result<Line, DataError>> + 'b {
    lines(body, layout.file).skip(usize::from(layout.names.is_some()))
}

impl Cells {
    fn new(layout: &Layout<'_>, begin: impl Fn(bool) -> Collected) -> Self {
        let column = |role: &Role| match role {
            Role::Feature { is_text } => Some(begin(*is_text)),
            _ => None,
        };
        let columns = layout.roles.iter().map(column).collect();
        Self { columns, labels: Vec::new(), groups: Vec::new(), first: 0 }
    }

    fn add(&mut self, line: &Line, layout: &Layout<'_>) -> Result<(), DataError> {
        if self.labels.is_empty() {
            self.first = line.number;
        }
        for (column, cell) in layout.cells(line)?.enumerate() {
            match (&mut self.columns[column], layout.roles[column]) {
                (Some(Collected::Numbers(numbers)), _) => numbers.push(cell, line.number),
                (Some(Collected::Texts(texts)), _) => texts.push(cell, line.number),
                (None, Role::Group) => {
                    let wrong = |rule| layout.cell_error(line.number, column, cell, rule);
                    self.groups.push(group(cell).map_err(wrong)?);
                }
                (None, Role::Label) => {
                    let wrong = |rule| layout.cell_error(line.number, column, cell, rule);
                    self.labels.push(label(cell).map_err(wrong)?);
                }
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// Leaves out a first column that has no name and numbers the lines: other programs write it, and
    /// it says nothing of a sample. The note tells it.
    fn leave_out_index(&mut self, layout: &mut Layout<'_>) -> Option<String> {
        let name = layout.names.as_ref()?.first()?;
        let Some(Some(Collected::Numbers(first))) = self.columns.first() else { return None };
        let values = first.values();
        let numbers_from =
            |start: f64| values.iter().enumerate().all(|(at, &value)| value == start + at as f64);
        let is_index = values.len() > 2 && (numbers_from(0.0) || numbers_from(1.0));
        let has_others = self.columns.iter().flatten().count() > 1;
        if !(is_index && has_others && NAMELESS.contains(&name.as_str())) {
            return None;
        }
        layout.roles[0] = Role::Dropped;
        self.columns[0] = None;
        Some("the first column has no name and numbers the lines, so it is left out".to_owned())
    }
}

/// The values of the feature columns. `first` is the first line that is a sample.
fn values(
    columns: Vec<Option<Collected>>,
    first: u64,
    body: &Body<'_>,
    layout: &Layout<'_>,
    missing: Missing,
) -> Result<Vec<(usize, Values)>, DataError> {
    let mut found = Vec::new();
    for (column, collected) in columns.into_iter().enumerate() {
        match collected {
            None => {}
            Some(Collected::Texts(texts)) => found.push((column, Some(Values::Texts(texts)))),
            Some(Collected::Numbers(numbers)) => {
                found.push((column, of_numbers(numbers.found(), column, first, layout, missing)?));
            }
        }
    }
    let unread: Vec<usize> =
        found.iter().filter(|(_, values)| values.is_none()).map(|(column, _)| *column).collect();
    let mut texts = texts(&unread, body, layout)?.into_iter();
    let mut all = Vec::new();
    for (column, values) in found {
        let values = values.or_else(|| texts.next().map(Values::Texts)).expect("each unread column was read");
        match values.missing() {
            Some(cell) if missing == Missing::Refuse => {
                return Err(layout.cell_error(cell.line, column, &cell.text, MISSING));
            }
            _ => all.push((column, values)),
        }
    }
    Ok(all)
}

/// The values of a column; `None` if they are texts.
fn of_numbers(
    found: Found,
    column: usize,
    first: u64,
    layout: &Layout<'_>,
    missing: Missing,
) -> Result<Option<Values>, DataError> {
    let wrong = |cell: &Cell, rule: &str| Err(layout.cell_error(cell.line, column, &cell.text, rule));
    match found {
        Found::Texts => Ok(None),
        Found::Numbers { missing: Some(cell), .. } if missing == Missing::Refuse => wrong(&cell, MISSING),
        Found::Numbers { values, .. } => Ok(Some(values)),
        Found::NotANumber(cell) if cell.line == first && layout.names.is_none() => {
            wrong(&cell, MAY_BE_HEADER)
        }
        Found::NotANumber(cell) => wrong(&cell, rule_of(&cell.text)),
        Found::Infinite(cell) => wrong(&cell, "must be finite"),
        Found::Ungrouped(cell) => wrong(
            &cell,
            "must have its thousands separated as the other numbers of the column have: write all of them in \
             the same way",
        ),
        Found::Dates(cell) => {
            let problem = format!(
                "has dates, such as \"{}\": leave it out with --drop, or write numbers in their place, such as days \
                 since the first",
                cell.text
            );
            Err(layout.column_error(column, &problem))
        }
        Found::Nothing => Err(layout.column_error(column, "has no value: leave it out with --drop")),
    }
}

/// The rule that a text breaks which is no number.
fn rule_of(text: &str) -> &'static str {
    if DecimalMark::Comma.number(text).is_some() {
        return "must be a number, with a point before its decimals; say --decimal , if they have a comma";
    }
    if DecimalMark::Point.number(text).is_some() {
        return "must be a number, with a comma before its decimals, as --decimal , says";
    }
    "must be a number, as others of its column are; say --categorical for a column of categories"
}

/// The texts of the columns `unread`, in their order.
fn texts(unread: &[usize], body: &Body<'_>, layout: &Layout<'_>) -> Result<Vec<Texts>, DataError> {
    let mut texts = vec![Texts::default(); unread.len()];
    if unread.is_empty() {
        return Ok(texts);
    }
    let mut place = vec![None; layout.roles.len()];
    unread.iter().enumerate().for_each(|(at, &column)| place[column] = Some(at));
    for line in samples(body, layout) {
        let line = line?;
        for (column, cell) in layout.cells(&line)?.enumerate() {
            let Some(at) = place[column] else { continue };
            if cell.contains(['\n', '\r']) || has_open_quote(cell) {
                return Err(layout.cell_error(line.number, column, cell, QUOTE));
            }
            texts[at].push(cell, line.number);
        }
    }
    Ok(texts)
}

/// The rule of a text over several lines.
const QUOTE: &str = "a text has one line: is a quote not closed?";

/// The text of a group.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn group(cell: &str) -> Result<String, &'static str> {
    match cell.trim().is_empty() {
        true => Err("the group is missing: delete the line, or give its sample a group of its own"),
        false => Ok(cell.to_owned()),
    }
}

/// The text of a label.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn label(cell: &str) -> Result<String, &'static str> {
    let stands_for_nothing = ["?", "N/A", "null"].iter().any(|text| cell.eq_ignore_ascii_case(text));
    let is_missing = cell.is_empty() || stands_for_nothing || cell.parse().is_ok_and(f64::is_nan);
    match cell {
        _ if is_missing => {
            Err("the label is missing: delete the line; --missing impute fills in inputs alone")
        }
        _ if cell.contains(['\n', '\r']) => Err("a label has one line: is a quote not closed?"),
        _ if has_open_quote(cell) => Err("a quote is not closed"),
        _ => Ok(cell.to_owned()),
    }
}

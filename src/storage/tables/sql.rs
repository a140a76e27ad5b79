//! What both databases have in common: SQL statements with placeholders `?1`, `?2`, ..., and the
//! cells of rows.

use super::fault::Fault;
use crate::study::Timestamp;

/// One cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Cell {
    /// No value.
    Null,
    /// A whole number, or a truth value as 0 or 1.
    Int(i64),
    /// A number.
    Real(f64),
    /// Text, or the name of an enumeration's value.
    Text(String),
    /// A date. SQLite returns it as text.
    Moment(Timestamp),
}

/// Statements within one transaction.
pub(in super::super) trait Sql {
    /// The end of a `SELECT` that locks its rows: no other process may change them until the
    /// transaction ends.
    fn lock(&self) -> &'static str;

    /// SQL for the age of the column `heartbeat` in seconds, by the clock of the database.
    fn heartbeat_age(&self) -> &'static str;

    /// Whether this transaction was tried before and the answer to its commit got lost. Then it may
    /// have been committed already.
    fn is_repeated(&self) -> bool;

    /// Runs a statement; returns the number of rows that it has changed.
    fn execute(&mut self, statement: &str, cells: &[Cell]) -> Result<u64, Fault>;

    /// The rows that a statement finds.
    fn query(&mut self, statement: &str, cells: &[Cell]) -> Result<Vec<Row>, Fault>;
}

impl dyn Sql + '_ {
    /// The first row that a statement finds.
    pub fn first(&mut self, statement: &str, cells: &[Cell]) -> Result<Option<Row>, Fault> {
        Ok(self.query(statement, cells)?.into_iter().next())
    }

    /// Runs an `INSERT ... RETURNING` of one row; returns the key of that row.
    pub fn insert(&mut self, statement: &str, cells: &[Cell]) -> Result<i64, Fault> {
        self.first(statement, cells)?.ok_or_else(|| Fault::row("an inserted row has no key"))?.int(0)
    }
}

/// One row of a result.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Row(pub Vec<Cell>);

impl Row {
    /// The whole number in column `index`, counted from 0.
    pub fn int(&self, index: usize) -> Result<i64, Fault> {
        self.maybe_int(index)?.ok_or_else(|| self.wrong(index, "must be a whole number"))
    }

    /// The whole number in column `index`, if there is one.
    pub fn maybe_int(&self, index: usize) -> Result<Option<i64>, Fault> {
        match self.0.get(index) {
            Some(Cell::Null) => Ok(None),
            Some(&Cell::Int(n)) => Ok(Some(n)),
            _ => Err(self.wrong(index, "must be a whole number")),
        }
    }

    /// The number in column `index` as a count, 0 to 2^32 - 1.
    pub fn count(&self, index: usize) -> Result<u32, Fault> {
        u32::try_from(self.int(index)?).map_err(|_| self.wrong(index, "must be 0 to 4,294,967,295"))
    }

    /// The number in column `index`, if there is one.
    pub fn maybe_real(&self, index: usize) -> Result<Option<f64>, Fault> {
        match self.0.get(index) {
            Some(Cell::Null) => Ok(None),
            Some(&Cell::Real(x)) => Ok(Some(x)),
            Some(&Cell::Int(n)) => Ok(Some(n as f64)),
            _ => Err(self.wrong(index, "must be a number")),
        }
    }

    /// The text in column `index`.
    pub fn text(&self, index: usize) -> Result<String, Fault> {
        self.maybe_text(index)?.ok_or_else(|| self.wrong(index, "must be text"))
    }

    /// The text in column `index`, if there is one.
    pub fn maybe_text(&self, index: usize) -> Result<Option<String>, Fault> {
        match self.0.get(index) {
            Some(Cell::Null) => Ok(None),
            Some(Cell::Text(text)) => Ok(Some(text.clone())),
            _ => Err(self.wrong(index, "must be text")),
        }
    }

    /// The cell in column `index`; `Null` if there is no such column.
    pub fn cell(&self, index: usize) -> &Cell {
        self.0.get(index).unwrap_or(&Cell::Null)
    }

    fn wrong(&self, index: usize, rule: &str) -> Fault {
        Fault::row(format!("column {index} = {:?}: {rule}", self.cell(index)))
    }
}

impl From<i64> for Cell {
    fn from(n: i64) -> Self {
        Cell::Int(n)
    }
}

impl From<u32> for Cell {
    fn from(n: u32) -> Self {
        Cell::Int(i64::from(n))
    }
}

impl From<f64> for Cell {
    /// Drops the sign of a zero, which SQLite does not keep.
    fn from(x: f64) -> Self {
        Cell::Real(x + 0.0)
    }
}

impl From<Option<f64>> for Cell {
    fn from(x: Option<f64>) -> Self {
        x.map_or(Cell::Null, Cell::from)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl From<Timestamp> for Cell {
    fn from(moment: Timestamp) -> Self {
        Cell::Moment(moment)
    }
}

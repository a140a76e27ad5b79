//! What the databases have in common: statements whose places are `?1`, `?2`, and cells of their answers.

use super::fault::Fault;
use crate::study::Timestamp;

/// One cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Cell {
    Null,
    /// A whole number, or a truth value as 0 or 1.
    Int(i64),
    Real(f64),
    /// Text, or the name of an enumeration's value.
    Text(String),
    /// A date. SQLite answers it as text.
    Moment(Timestamp),
}

/// Statements within one transaction.
pub(in super::super) trait Sql {
    /// What ends a `SELECT` whose rows nobody else may change until the transaction ends.
    fn lock(&self) -> &'static str;

    /// The age of `heartbeat` in seconds, by the database's own clock.
    fn heartbeat_age(&self) -> &'static str;

    /// Whether this transaction has been tried before, and that attempt may have been committed without an
    /// answer.
    fn is_repeated(&self) -> bool;

    /// Runs a statement; answers how many rows it has changed.
    fn execute(&mut self, statement: &str, cells: &[Cell]) -> Result<u64, Fault>;

    /// The rows that a statement finds.
    fn query(&mut self, statement: &str, cells: &[Cell]) -> Result<Vec<Row>, Fault>;
}

impl dyn Sql + '_ {
    /// The first row that a statement finds.
    pub fn first(&mut self, statement: &str, cells: &[Cell]) -> Result<Option<Row>, Fault> {
        Ok(self.query(statement, cells)?.into_iter().next())
    }
}

/// One row of an answer.
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

    /// The number in column `index` where it counts something.
    pub fn count(&self, index: usize) -> Result<u32, Fault> {
        u32::try_from(self.int(index)?).map_err(|_| self.wrong(index, "must be in [0, 2^32)"))
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

    /// What stands in column `index`.
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
    /// Without the sign of zero, which SQLite does not keep.
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

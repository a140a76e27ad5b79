//! Cells as SQLite stores them. A date is text.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Null, ToSql, ToSqlOutput, ValueRef};

use super::super::tables::{Cell, time};

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::Null => ToSqlOutput::from(Null),
            Cell::Int(n) => ToSqlOutput::from(*n),
            Cell::Real(x) => ToSqlOutput::from(*x),
            Cell::Text(text) => ToSqlOutput::from(text.as_str()),
            Cell::Moment(moment) => ToSqlOutput::from(time::spell(*moment)),
        })
    }
}

impl FromSql for Cell {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(Cell::Null),
            ValueRef::Integer(n) => Ok(Cell::Int(n)),
            ValueRef::Real(x) => Ok(Cell::Real(x)),
            ValueRef::Text(_) => value.as_str().map(|text| Cell::Text(text.to_owned())),
            ValueRef::Blob(_) => Err(FromSqlError::InvalidType),
        }
    }
}

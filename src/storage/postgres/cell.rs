//! Cells in PostgreSQL's binary form, which differs between types.

use std::error::Error;

use bytes::BytesMut;
use postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::super::tables::Cell;
use crate::study::Timestamp;

/// Microseconds from 1970 to 2000, from where PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

type Problem = Box<dyn Error + Sync + Send>;

impl ToSql for Cell {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Problem> {
        match self {
            Cell::Null => Ok(IsNull::Yes),
            &Cell::Int(n) if *kind == Type::INT4 => i32::try_from(n)?.to_sql(kind, out),
            &Cell::Int(n) if *kind == Type::FLOAT8 => (n as f64).to_sql(kind, out),
            &Cell::Int(n) => n.to_sql(&Type::INT8, out),
            Cell::Real(x) => x.to_sql(&Type::FLOAT8, out),
            // A value of an enumeration is sent as its name.
            Cell::Text(text) => text.to_sql(&Type::TEXT, out),
            Cell::Moment(moment) => (moment.0 - EPOCH).to_sql(&Type::INT8, out),
        }
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Problem> {
        match *kind {
            Type::BOOL => bool::from_sql(kind, raw).map(|is_true| Cell::Int(i64::from(is_true))),
            Type::INT4 => i32::from_sql(kind, raw).map(|n| Cell::Int(i64::from(n))),
            Type::INT8 => i64::from_sql(kind, raw).map(Cell::Int),
            Type::FLOAT8 => f64::from_sql(kind, raw).map(Cell::Real),
            Type::TIMESTAMP => i64::from_sql(&Type::INT8, raw)
                .map(|micros| Cell::Moment(Timestamp(micros.saturating_add(EPOCH)))),
            _ if is_text(kind) => String::from_sql(&Type::TEXT, raw).map(Cell::Text),
            _ => Err(format!("a column of the type {kind}").into()),
        }
    }

    fn from_sql_null(_kind: &Type) -> Result<Self, Problem> {
        Ok(Cell::Null)
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}

fn is_text(kind: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::NAME].contains(kind) || matches!(kind.kind(), Kind::Enum(_))
}

//! The values of a point as rows. They are read back in the order in which they are written.

use super::super::TrialKey;
use super::attribute;
use super::distribution::Distribution;
use super::fault::Fault;
use super::sql::{Cell, Sql};
use crate::space::{Domain, Point, Space, Value};

/// Writes a point that was checked against `space`; returns it as it reads back.
pub(super) fn insert(
    sql: &mut dyn Sql,
    trial: TrialKey,
    space: &Space,
    point: &Point,
) -> Result<Point, Fault> {
    let mut cells: Vec<Cell> = vec![trial.0.into()];
    let (mut rows, mut stored) = (Vec::new(), Point::default());
    for (name, value) in point.iter() {
        attribute::check_name(name)?;
        let parameter = space.parameter(name).expect("the point was checked against the space");
        let (internal, json, value) = spell(&parameter.domain, value);
        let next = cells.len();
        rows.push(format!("(?1, ?{}, ?{}, ?{})", next + 1, next + 2, next + 3));
        cells.extend([name.into(), internal.into(), json.into()]);
        stored.set(name, value);
    }
    if !rows.is_empty() {
        let statement = format!(
            "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES {}",
            rows.join(", ")
        );
        sql.execute(&statement, &cells)?;
    }
    Ok(stored)
}

/// How `value` is stored: a number and the JSON of its distribution (the possible values). Also
/// returns the value that these two stand for.
fn spell(domain: &Domain, value: &Value) -> (f64, String, Value) {
    let distribution = Distribution::of(domain);
    // Without the sign of zero, which SQLite does not keep.
    let internal = distribution.internal(value).expect("the value was checked against its domain") + 0.0;
    let stored = distribution.value(internal).expect("its own spelling");
    let json = serde_json::to_string(&distribution).expect("a distribution has only keys that are text");
    (internal, json, stored)
}

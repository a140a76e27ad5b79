//! Trials, read from their rows.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::super::{StorageError, StudyKey, TrialKey};
use super::attribute::{self, LED, RECEIPT};
use super::distribution::Distribution;
use super::fault::Fault;
use super::sql::{Cell, Row, Sql};
use super::{number, time};
use crate::space::{Point, Value};
use crate::study::{ENQUEUED, RUNG_HISTORY, Timestamp, Trial, TrialState};

/// The attribute in which Optuna keeps the constraints of a trial. It is one list, or there is one
/// attribute `constraints:<name>` per number.
pub(super) const CONSTRAINTS: &str = "constraints";

/// The most trials that are read by their keys. If there are more, all trials of the study are
/// read, which then takes no longer.
pub(super) const FEW: usize = 256;

/// A selection of the trials to read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    /// All trials of a study.
    OfStudy(StudyKey),
    /// The trials of a study whose number is at least this one.
    From(StudyKey, u32),
    /// The one with this key.
    Only(TrialKey),
    /// The trials with these keys, at least one.
    Among(&'a [TrialKey]),
}

impl Which<'_> {
    /// The SQL condition that selects the rows of these trials in `trials t`. With it come the
    /// values of its placeholders, which must be the first ones of the statement. `trial_id` has no
    /// table name: after `JOIN … USING (trial_id)` it means that of the joined table, whose index is used.
    pub fn condition(self) -> (String, Vec<Cell>) {
        match self {
            Which::OfStudy(study) => ("t.study_id = ?1".to_owned(), vec![study.0.into()]),
            Which::From(study, number) => {
                ("t.study_id = ?1 AND t.number >= ?2".to_owned(), vec![study.0.into(), number.into()])
            }
            Which::Only(trial) => ("trial_id = ?1".to_owned(), vec![trial.0.into()]),
            Which::Among(keys) => {
                let (first, last) = (keys[0], keys.len() - 1);
                // The first key fills the list up to a power of 4, so that few different statements
                // are prepared.
                let places = (1..).map(|power| 1 << (2 * power)).find(|&places| places > last);
                let places: Vec<usize> = (0..places.unwrap_or(keys.len())).collect();
                let names: Vec<String> = places.iter().map(|at| format!("?{}", at + 1)).collect();
                let cells = places.iter().map(|at| keys.get(*at).unwrap_or(&first).0.into());
                (format!("trial_id IN ({})", names.join(", ")), cells.collect())
            }
        }
    }
}

/// Trials by key, in order of their numbers.
type Trials = IndexMap<i64, Trial>;

/// The rows of the selected trials in the table `trials`, in order of their numbers: key, number,
/// state and dates.
pub(super) fn heads(sql: &mut dyn Sql, which: Which<'_>) -> Result<Vec<Row>, Fault> {
    let (condition, cells) = which.condition();
    let statement = format!(
        "SELECT t.trial_id, number, state, datetime_start, datetime_complete FROM trials t
         WHERE {condition} ORDER BY number, t.trial_id"
    );
    sql.query(&statement, &cells)
}

/// The keys of trials with the rows `heads`.
pub(super) fn keys(heads: &[Row]) -> Result<Vec<TrialKey>, Fault> {
    heads.iter().map(|head| head.int(0).map(TrialKey)).collect()
}

/// Whether the trial of such a row has ended, and the date of its end is known.
pub(super) fn has_ended(head: &Row) -> bool {
    let state = head.cell(2);
    let has_ended =
        ["COMPLETE", "PRUNED", "FAIL"].iter().any(|name| *state == Cell::Text((*name).to_owned()));
    has_ended && *head.cell(4) != Cell::Null
}

/// The trials `which` with the rows `heads`, in the order of these rows. Must run in the
/// transaction that has read `heads`.
pub(super) fn read(sql: &mut dyn Sql, which: Which<'_>, heads: &[Row]) -> Result<Trials, Fault> {
    let mut trials = Trials::with_capacity(heads.len());
    for head in heads {
        trials.insert(head.int(0)?, begun(head)?);
    }
    if !trials.is_empty() {
        params(sql, which, &mut trials)?;
        values(sql, which, &mut trials)?;
        intermediate_values(sql, which, &mut trials)?;
        user_attributes(sql, which, &mut trials)?;
        system_attributes(sql, which, &mut trials)?;
    }
    Ok(trials)
}

/// One trial.
pub(super) fn one(sql: &mut dyn Sql, key: TrialKey) -> Result<Trial, Fault> {
    let which = Which::Only(key);
    let heads = heads(sql, which)?;
    Ok(read(sql, which, &heads)?.pop().ok_or(StorageError::NoTrial(key))?.1)
}

/// A trial as its row in `trials` describes it: number, state and dates.
fn begun(head: &Row) -> Result<Trial, Fault> {
    if *head.cell(1) == Cell::Null {
        return Err(Fault::row("a trial has no number: must count from 0"));
    }
    let mut trial = Trial::waiting(head.count(1)?, Point::default());
    trial.state = state(&trial, &head.text(2)?)?;
    trial.started = moment(&trial, head.cell(3))?;
    trial.finished = moment(&trial, head.cell(4))?;
    Ok(trial)
}

fn params(sql: &mut dyn Sql, which: Which<'_>, trials: &mut Trials) -> Result<(), Fault> {
    // The trials of a study have the same few distributions; each is parsed once.
    let mut parsed: HashMap<String, Distribution> = HashMap::new();
    let select = "SELECT trial_id, param_name, param_value, distribution_json
               FROM trial_params JOIN trials t USING (trial_id)";
    each(sql, select, which, "param_id", |row| {
        let (name, internal, text) = (row.text(1)?, row.maybe_real(2)?, row.text(3)?);
        let trial = of(trials, row)?;
        let place = || format!("trial {}: parameter {name}", trial.number);
        if !parsed.contains_key(&text) {
            let distribution = Distribution::read(&text)
                .map_err(|error| Fault::row(format!("{}: distribution_json: {error}", place())))?;
            parsed.insert(text.clone(), distribution);
        }
        let value = internal.and_then(|internal| value(&parsed[&text], internal)).ok_or_else(|| {
            let internal = internal.map_or("NULL".to_owned(), |internal| internal.to_string());
            Fault::row(format!("{}: param_value = {internal}: must be in {text}", place()))
        })?;
        trial.point.set(name, value);
        Ok(())
    })
}

/// The value for which `internal` is stored. Optuna stores an enqueued number even if it is outside
/// its distribution, with a warning. Such a number is read as it is.
fn value(distribution: &Distribution, internal: f64) -> Option<Value> {
    distribution.value(internal).or_else(|| match distribution {
        Distribution::Categorical { .. } => None,
        _ if internal.is_finite() => Some(Value::Float(internal)),
        _ => Some(Value::Text(internal.to_string())),
    })
}

fn values(sql: &mut dyn Sql, which: Which<'_>, trials: &mut Trials) -> Result<(), Fault> {
    let select = "SELECT trial_id, objective, value, value_type
               FROM trial_values JOIN trials t USING (trial_id)";
    each(sql, select, which, "trial_id, objective", |row| {
        let (value, kind) = (row.maybe_real(2)?, row.text(3)?);
        let trial = of(trials, row)?;
        let objective = row.count(1)?;
        match number::read(value, &kind) {
            Some(value) if objective as usize == trial.values.len() => trial.values.push(value),
            Some(_) => return Err(bad(trial, "objective", objective, "objectives count from 0")),
            None => {
                return Err(bad(trial, "value_type", kind, "must fit the value beside it"));
            }
        }
        Ok(())
    })
}

fn intermediate_values(sql: &mut dyn Sql, which: Which<'_>, trials: &mut Trials) -> Result<(), Fault> {
    let select = "SELECT trial_id, step, intermediate_value, intermediate_value_type
               FROM trial_intermediate_values JOIN trials t USING (trial_id)";
    each(sql, select, which, "trial_id, step", |row| {
        let (value, kind) = (row.maybe_real(2)?, row.text(3)?);
        let trial = of(trials, row)?;
        let step = row.int(1)?;
        let whole =
            u32::try_from(step).map_err(|_| bad(trial, "step", step, "must be 0 to 4,294,967,295"))?;
        let value = number::read(value, &kind)
            .ok_or_else(|| bad(trial, "intermediate_value_type", kind, "must fit the value beside it"))?;
        trial.intermediate.push((whole, value));
        Ok(())
    })
}

fn user_attributes(sql: &mut dyn Sql, which: Which<'_>, trials: &mut Trials) -> Result<(), Fault> {
    let select = r#"SELECT trial_id, "key", value_json
                 FROM trial_user_attributes JOIN trials t USING (trial_id)"#;
    each(sql, select, which, "trial_user_attribute_id", |row| {
        of(trials, row)?.attributes.insert(row.text(1)?, attribute::read(row.maybe_text(2)?));
        Ok(())
    })
}

/// Reads internal attributes. Some of them become fields of the trial: the rung history, and
/// Optuna's constraints and enqueued point.
fn system_attributes(sql: &mut dyn Sql, which: Which<'_>, trials: &mut Trials) -> Result<(), Fault> {
    let select = r#"SELECT trial_id, "key", value_json
                 FROM trial_system_attributes JOIN trials t USING (trial_id)"#;
    // The list of constraints comes before single ones, whose names may be indices into it.
    let order = r#""key" <> 'constraints', trial_system_attribute_id"#;
    each(sql, select, which, order, |row| {
        let (key, text) = (row.text(1)?, row.maybe_text(2)?);
        let trial = of(trials, row)?;
        if [RECEIPT, LED].contains(&key.as_str()) {
            return Ok(());
        }
        if key == RUNG_HISTORY {
            trial.rung_history = attribute::fact(Some(trial.number), RUNG_HISTORY, text.as_deref())?;
            return Ok(());
        }
        if key == CONSTRAINTS || key.starts_with("constraints:") {
            // Optuna writes null where its function of constraints failed.
            return match text.filter(|text| text.trim() != "null") {
                Some(text) => constrain(trial, &key, &text),
                None => Ok(()),
            };
        }
        let value = attribute::read(text);
        let is_enqueued = key == ENQUEUED;
        trial.internal.insert(key, value);
        if is_enqueued && trial.point.is_empty() {
            // What is no point stays an attribute; the trial fails when it is claimed.
            trial.point = trial.enqueued().and_then(Result::ok).unwrap_or_default();
        }
        Ok(())
    })
}

/// Adds constraints from either of Optuna's two forms, merged as Optuna 5 does.
fn constrain(trial: &mut Trial, key: &str, text: &str) -> Result<(), Fault> {
    let numbers = number::read_list(text)
        .filter(|numbers| key == CONSTRAINTS || numbers.len() == 1)
        .ok_or_else(|| bad(trial, key, text, "must be numbers"))?;
    let index = key.strip_prefix("constraints:").and_then(|name| name.parse::<usize>().ok());
    match index.and_then(|index| trial.constraints.get_mut(index)) {
        Some(older) => *older = numbers[0],
        None => trial.constraints.extend(numbers),
    }
    Ok(())
}

fn state(trial: &Trial, text: &str) -> Result<TrialState, Fault> {
    Ok(match text {
        "WAITING" => TrialState::Waiting,
        "RUNNING" => TrialState::Running,
        "COMPLETE" => TrialState::Complete,
        "PRUNED" => TrialState::Pruned,
        "FAIL" => TrialState::Fail,
        other => {
            return Err(bad(trial, "state", other, "must be WAITING, RUNNING, COMPLETE, PRUNED or FAIL"));
        }
    })
}

fn moment(trial: &Trial, cell: &Cell) -> Result<Option<Timestamp>, Fault> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Moment(moment) => Ok(Some(*moment)),
        Cell::Text(text) => {
            time::read(text).map(Some).ok_or_else(|| bad(trial, "date", text, "must be YYYY-MM-DD HH:MM:SS"))
        }
        other => Err(bad(trial, "date", format!("{other:?}"), "must be YYYY-MM-DD HH:MM:SS")),
    }
}

/// Calls `read` with every row that `select` finds of the trials `which`, in `order`.
fn each(
    sql: &mut dyn Sql,
    select: &str,
    which: Which<'_>,
    order: &str,
    mut read: impl FnMut(&Row) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (condition, cells) = which.condition();
    let statement = format!("{select} WHERE {condition} ORDER BY {order}");
    sql.query(&statement, &cells)?.iter().try_for_each(&mut read)
}

/// The trial to which a row belongs. The row has the trial's key in its first column.
fn of<'a>(trials: &'a mut Trials, row: &Row) -> Result<&'a mut Trial, Fault> {
    let key = row.int(0)?;
    trials.get_mut(&key).ok_or_else(|| Fault::row(format!("trial_id = {key}: no such trial")))
}

fn bad(trial: &Trial, column: &str, value: impl std::fmt::Display, rule: &str) -> Fault {
    Fault::row(format!("trial {}: {column} = {value}: {rule}", trial.number))
}

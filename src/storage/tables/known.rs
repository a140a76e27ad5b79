//! A study as it was last read, so that only what has changed since is read again.
//!
//! What tells whether a trial has changed is its row in `trials`, which is always read: a trial that has ended, and
//! whose row is as it was, is as it was. Optuna refuses to change an ended trial; a paused one that goes on is in
//! another state, and pauses again at another date; and a study that was deleted and made anew under the same keys
//! has trials of other dates. All others are read again, and so is what belongs to the study itself.

use std::sync::Arc;

use super::super::StudyKey;
use super::fault::Fault;
use super::rows::{self, Which};
use super::sql::{Row, Sql};
use super::studies;
use crate::study::{Study, Trial};

/// The study that was read last, if one was.
#[derive(Debug, Default)]
pub(in super::super) struct Known(Option<Last>);

#[derive(Debug)]
struct Last {
    key: StudyKey,
    /// The row of each trial in `trials`.
    heads: Vec<Row>,
    study: Arc<Study>,
}

impl Known {
    /// The study as it is now, which is known from now on.
    pub fn load(&mut self, sql: &mut dyn Sql, key: StudyKey) -> Result<Arc<Study>, Fault> {
        let about = studies::about(sql, key)?;
        let heads = rows::heads(sql, Which::OfStudy(key))?;
        let (known, old) = match self.0.take().filter(|last| last.key == key) {
            Some(last) => (last.heads, Arc::unwrap_or_clone(last.study).trials),
            None => Default::default(),
        };
        let trials = update(sql, key, &heads, &known, old)?;
        let study = Arc::new(Study { trials, ..about });
        studies::check_numbers(&study)?;
        self.0 = Some(Last { key, heads, study: Arc::clone(&study) });
        Ok(study)
    }
}

/// The trials that have the rows `heads`: those of the `old` ones, which had the rows `known`, that have not
/// changed, and the others as they are read.
fn update(
    sql: &mut dyn Sql,
    study: StudyKey,
    heads: &[Row],
    known: &[Row],
    mut old: Vec<Trial>,
) -> Result<Vec<Trial>, Fault> {
    let is_same = |at: usize| rows::has_ended(&heads[at]) && known.get(at) == Some(&heads[at]);
    let changed: Vec<Row> = (0..heads.len()).filter(|&at| !is_same(at)).map(|at| heads[at].clone()).collect();
    if changed.len() > rows::FEW {
        return Ok(rows::read(sql, Which::OfStudy(study), heads)?.into_values().collect());
    }
    let keys = rows::keys(&changed)?;
    let read = rows::read(sql, Which::Among(&keys), &changed)?;
    let mut read = read.into_values();
    let mut take = |at: usize| match is_same(at) {
        true => Some(std::mem::replace(&mut old[at], Trial::waiting(0, Default::default()))),
        false => read.next(),
    };
    Ok((0..heads.len()).map_while(&mut take).collect())
}

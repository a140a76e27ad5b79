//! A study as it was last read. Only trials that have changed since are read again.
//!
//! The row of a trial in `trials` is always read, and tells whether the trial has changed. If a
//! trial has ended and its row is the same, the trial is the same:
//!
//! - Optuna refuses to change a trial that has ended.
//! - A paused trial that continues is in another state, and pauses again at another date.
//! - A study that was deleted and made again under the same keys has trials with other dates.
//!
//! All other trials are read again, and so are the facts of the study itself.

use std::sync::Arc;

use super::super::StudyKey;
use super::fault::Fault;
use super::rows::{self, Which};
use super::sql::{Row, Sql};
use super::studies::{self, ParsedWarmStart};
use crate::study::{Study, Trial};

/// The study that was read last, if there was one.
#[derive(Debug, Default)]
pub(in super::super) struct StudyCache(Option<Cached>);

#[derive(Debug)]
struct Cached {
    key: StudyKey,
    /// The row of each trial in `trials`.
    heads: Vec<Row>,
    warm_start: ParsedWarmStart,
    study: Arc<Study>,
}

impl StudyCache {
    /// The study as it is now, which the cache then keeps. Only trials and warm-start trials that
    /// have changed are parsed.
    pub fn load(&mut self, sql: &mut dyn Sql, key: StudyKey) -> Result<Arc<Study>, Fault> {
        let unparsed = ParsedWarmStart::default();
        let cached = self.0.as_ref().filter(|cached| cached.key == key);
        let (about, warm_start) =
            studies::about(sql, key, cached.map_or(&unparsed, |cached| &cached.warm_start))?;
        let heads = rows::heads(sql, Which::OfStudy(key))?;
        let (cached_heads, cached_trials) = match self.0.take().filter(|cached| cached.key == key) {
            Some(cached) => (cached.heads, Arc::unwrap_or_clone(cached.study).trials),
            None => Default::default(),
        };
        let trials = update(sql, key, &heads, &cached_heads, cached_trials)?;
        let study = Arc::new(Study { trials, ..about }.with_added_parameters());
        studies::check_values(&study)?;
        self.0 = Some(Cached { key, heads, warm_start, study: Arc::clone(&study) });
        Ok(study)
    }
}

/// The trials that have the rows `heads`. `cached_trials` had the rows `cached_heads`. Those of
/// them that have not changed are kept, and the others are read.
fn update(
    sql: &mut dyn Sql,
    study: StudyKey,
    heads: &[Row],
    cached_heads: &[Row],
    mut cached_trials: Vec<Trial>,
) -> Result<Vec<Trial>, Fault> {
    let is_same = |at: usize| rows::has_ended(&heads[at]) && cached_heads.get(at) == Some(&heads[at]);
    let changed: Vec<Row> = (0..heads.len()).filter(|&at| !is_same(at)).map(|at| heads[at].clone()).collect();
    if changed.len() > rows::FEW {
        return Ok(rows::read(sql, Which::OfStudy(study), heads)?.into_values().collect());
    }
    let keys = rows::keys(&changed)?;
    let read = rows::read(sql, Which::Among(&keys), &changed)?;
    let mut read = read.into_values();
    let mut take = |at: usize| match is_same(at) {
        true => Some(std::mem::replace(&mut cached_trials[at], Trial::waiting(0, Default::default()))),
        false => read.next(),
    };
    Ok((0..heads.len()).map_while(&mut take).collect())
}

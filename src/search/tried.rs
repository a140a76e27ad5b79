//! The points that a study has tried or is trying, so that no point is tried twice.

use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use rand::RngExt;

use crate::seed::Stream;
use crate::space::{Point, Space, Value};
use crate::study::Study;

/// Number of proposals before all points of the space are listed.
const RETRIES: usize = 100;
/// Spaces up to this size are listed to find points that are left. In a larger space it is unlikely
/// that all proposals repeat trials, if there are fewer trials than points.
const ENUMERABLE: usize = 1 << 14;

/// The points of all trials of a study, whatever their state.
pub(super) struct Tried<'a> {
    study: &'a Study,
    /// Whether [`Self::contains`] was called. One question is answered by a look at all trials, more
    /// of them by an index.
    was_asked: Cell<bool>,
    /// The points by their keys.
    index: OnceCell<HashMap<u64, Vec<&'a Point>>>,
    /// The identities of the points that have one, see [`Space::identity`].
    identities: OnceCell<HashSet<u64>>,
}

impl<'a> Tried<'a> {
    /// The points of `study`.
    pub fn of(study: &'a Study) -> Self {
        Self { study, was_asked: Cell::new(false), index: OnceCell::new(), identities: OnceCell::new() }
    }

    /// Whether `point` was tried.
    pub fn contains(&self, point: &Point) -> bool {
        if !self.was_asked.replace(true) {
            return self.study.trials.iter().any(|trial| trial.point == *point);
        }
        let index = self.index.get_or_init(|| self.by_key());
        index.get(&key(point)).is_some_and(|points| points.contains(&point))
    }

    /// The points of all trials by their keys.
    fn by_key(&self) -> HashMap<u64, Vec<&'a Point>> {
        let mut index: HashMap<u64, Vec<&Point>> = HashMap::with_capacity(self.study.trials.len());
        for trial in &self.study.trials {
            index.entry(key(&trial.point)).or_default().push(&trial.point);
        }
        index
    }

    /// Whether `point` is worth a trial: new, not refused before it begins, and not the same
    /// evaluation as that of another point.
    pub fn admits(&self, space: &Space, point: &Point) -> bool {
        !self.contains(point) && !space.refuses(point) && !self.repeats(space, point)
    }

    /// Whether a tried point is known to describe the same evaluation as `point`.
    fn repeats(&self, space: &Space, point: &Point) -> bool {
        let of_trials =
            || self.study.trials.iter().filter_map(|trial| space.identity(&trial.point)).collect();
        let is_known = |identity| self.identities.get_or_init(of_trials).contains(&identity);
        space.identity(point).is_some_and(is_known)
    }

    /// The first of `proposal(0)`, `proposal(1)`, ... that is worth a trial, see [`Self::admits`].
    /// If none is, a random point of the space that is. If there is no such point, the first
    /// proposal.
    pub fn first_new(
        &self,
        space: &Space,
        stream: &mut Stream,
        mut proposal: impl FnMut(usize, &mut Stream) -> Point,
    ) -> Point {
        let first = proposal(0, stream);
        if self.admits(space, &first) {
            return first;
        }
        (1..RETRIES)
            .map(|retry| proposal(retry, stream))
            .find(|point| self.admits(space, point))
            .or_else(|| self.any_new(space, stream))
            .unwrap_or(first)
    }

    /// A random point that was not tried, of a space that is small enough to enumerate.
    fn any_new(&self, space: &Space, stream: &mut Stream) -> Option<Point> {
        let mut left = space.enumerate(ENUMERABLE)?;
        left.retain(|point| self.admits(space, point));
        (!left.is_empty()).then(|| left.swap_remove(stream.random_range(0..left.len())))
    }
}

/// A number that equal points share, whatever the order of their parameters.
fn key(point: &Point) -> u64 {
    let of_value = |(name, value): (&str, &Value)| {
        let mut hasher = DefaultHasher::new();
        (name, value).hash(&mut hasher);
        hasher.finish()
    };
    point.iter().map(of_value).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Trial;

    #[test]
    fn the_first_and_every_later_question_get_the_same_answer() {
        let point = |text: &str| serde_json::from_str::<Point>(text).expect("a point");
        let points = [r#"{"a": 1, "b": "x"}"#, r#"{"a": 1.0, "b": "x"}"#, r#"{"a": -0.0}"#, "{}"].map(point);
        let trials = points.iter().zip(0..).map(|(point, number)| Trial::waiting(number, point.clone()));
        let study = Study { trials: trials.collect(), ..Study::default() };
        let others =
            [r#"{"a": 1}"#, r#"{"a": 0.0}"#, r#"{"a": 1, "b": null}"#, r#"{"b": 1, "a": "x"}"#].map(point);
        let other_order = point(r#"{"b": "x", "a": 1}"#);
        let asked = points.iter().chain([&other_order]).map(|point| (point, true));
        for (point, expected) in asked.chain(others.iter().map(|point| (point, false))) {
            let tried = Tried::of(&study);
            for _ in 0..3 {
                assert_eq!(tried.contains(point), expected, "{point:?}");
            }
        }
    }
}

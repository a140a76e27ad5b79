//! Which trials may have children.

use rand::RngExt;

use crate::search::ranking::ranking;
use crate::seed::Stream;
use crate::space::{Point, Space};
use crate::study::{Study, Trial, TrialState};

/// Times the population that is remembered of a study with one metric: older trials have no more
/// children, so that a lucky value does not rule for ever (Real et al. 2019, "Regularized evolution
/// for image classifier architecture search").
const MEMORY: usize = 3;

/// The points of the best trials of `study`, at most `population` of them, best first.
pub(super) fn of<'a>(study: &'a Study, population: usize, space: &Space) -> Vec<&'a Point> {
    let complete: Vec<&Trial> = study.in_state(TrialState::Complete).collect();
    let youngest = complete.iter().rev().take(MEMORY * population).last();
    let first = youngest.filter(|_| study.metrics.len() == 1).map_or(0, |trial| trial.number);
    let young = ranking(study).into_iter().filter(|trial| trial.number >= first);
    young
        .map(|trial| &trial.point)
        .filter(|point| space.check(point).is_ok())
        .take(population.max(2))
        .collect()
}

/// The better of two random members of `parents`, which are sorted best first.
pub(super) fn tournament<'a>(parents: &[&'a Point], stream: &mut Stream) -> &'a Point {
    let (a, b) = (stream.random_range(0..parents.len()), stream.random_range(0..parents.len()));
    parents[a.min(b)]
}

//! The points that a study has tried or is trying, so that no point is tried twice.

use rand::RngExt;

use crate::seed::Stream;
use crate::space::{Point, Space};
use crate::study::Study;

/// Number of proposals before all points of the space are listed.
const RETRIES: usize = 100;
/// Spaces up to this size are listed to find points that are left. In a larger space it is unlikely
/// that all proposals repeat trials, if there are fewer trials than points.
const ENUMERABLE: usize = 1 << 14;

/// The points of all trials of a study, whatever their state.
pub(super) struct Tried<'a> {
    points: Vec<&'a Point>,
}

impl<'a> Tried<'a> {
    /// The points of `study`.
    pub fn of(study: &'a Study) -> Self {
        Self { points: study.trials.iter().map(|trial| &trial.point).collect() }
    }

    /// Whether `point` was tried.
    pub fn contains(&self, point: &Point) -> bool {
        self.points.contains(&point)
    }

    /// Whether `point` is worth a trial: new, and not refused before it begins.
    pub fn admits(&self, space: &Space, point: &Point) -> bool {
        !self.contains(point) && !space.refuses(point)
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

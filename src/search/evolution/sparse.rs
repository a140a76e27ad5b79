//! Chooses children in places where few trials are, by metrics that are known before training.

use rand_distr::{Distribution, Exp1};

use crate::seed::Stream;
use crate::space::{Bounds, Foresight, Point, Space};
use crate::study::Study;

/// Width of the kernels of the density of trials, as a share of the range of each known metric.
const WIDTH: f64 = 0.1;

/// Draws `count` of `children`, rather where few trials of `study` are: the probability falls with
/// the density of trials. Distances are taken in the logarithms of the metrics that are known
/// before training. Where no metric is known, the first children are kept.
pub(super) fn kept(
    space: &Space,
    study: &Study,
    mut children: Vec<Point>,
    count: usize,
    stream: &mut Stream,
) -> Vec<Point> {
    let known: Vec<Vec<f64>> = children.iter().map(|point| coordinates(space, point)).collect();
    let dimension = known.first().map_or(0, Vec::len);
    if children.len() <= count || dimension == 0 {
        children.truncate(count.max(1));
        return children;
    }
    let trials: Vec<Vec<f64>> = study.trials.iter().map(|trial| coordinates(space, &trial.point)).collect();
    let scales = scales(known.iter().chain(&trials), dimension);
    let density = |at: &[f64]| {
        let of_trial = |trial: &Vec<f64>| (-0.5 * distance(at, trial, &scales)).exp();
        trials.iter().filter(|trial| trial.len() == dimension).map(of_trial).sum::<f64>()
    };
    // The smallest of exponential variables at these rates, without replacement.
    let mut order: Vec<(f64, usize)> = known
        .iter()
        .enumerate()
        .map(|(index, at)| {
            let time: f64 = Exp1.sample(stream);
            (time * (1.0 + density(at)), index)
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    order.into_iter().take(count).map(|(_, index)| children[index].clone()).collect()
}

/// The logarithms of the metrics, or of their upper bounds, that are known at `point` before
/// training; empty if none is known.
fn coordinates(space: &Space, point: &Point) -> Vec<f64> {
    let Foresight::Possible { bounds } = space.foresee(point) else { return Vec::new() };
    let is_known = |bounds: &&Bounds| bounds.high.is_finite() && bounds.high > 0.0;
    bounds.iter().filter(is_known).map(|bounds| bounds.high.ln()).collect()
}

/// The width of a kernel along each coordinate.
fn scales<'a>(points: impl Iterator<Item = &'a Vec<f64>>, dimension: usize) -> Vec<f64> {
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); dimension];
    for point in points.filter(|point| point.len() == dimension) {
        for (range, &x) in ranges.iter_mut().zip(point) {
            *range = (range.0.min(x), range.1.max(x));
        }
    }
    ranges.into_iter().map(|(low, high)| (WIDTH * (high - low)).max(1e-9)).collect()
}

/// The squared distance in units of `scales`.
fn distance(a: &[f64], b: &[f64], scales: &[f64]) -> f64 {
    a.iter().zip(b).zip(scales).map(|((a, b), scale)| ((a - b) / scale).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::seed::Seed;
    use crate::space::{Foresee, Refusals};
    use crate::study::{Metric, Trial, TrialState};

    /// Knows that the metric is x.
    struct Known;

    impl Foresee for Known {
        fn foresee(&self, point: &Point) -> Foresight {
            let x = point.get("x").and_then(|value| value.as_f64()).expect("a number");
            Foresight::Possible { bounds: vec![Bounds::UNKNOWN, Bounds::exact(x)] }
        }

        fn refusals(&self) -> Refusals {
            Refusals::default()
        }
    }

    fn space() -> Space {
        let text =
            r#"{"name": "s", "parameters": {"x": {"type": "float", "low": 1, "high": 100, "log": true}}}"#;
        Space::from_json(text, "s.json").unwrap()
    }

    fn at(x: f64) -> Point {
        [("x", x)].into_iter().collect()
    }

    /// A study whose trials are all at 90.
    fn crowded() -> Study {
        let trial = |number| Trial { state: TrialState::Complete, ..Trial::waiting(number, at(90.0)) };
        Study {
            metrics: vec![Metric::minimize("loss"), Metric::minimize("x")],
            trials: (0..20).map(trial).collect(),
            ..Study::default()
        }
    }

    #[test]
    fn children_far_from_the_trials_are_kept_more_often() {
        let space = space().with_foresight(Some(Arc::new(Known)));
        let children = || (0..20).map(|k| at(if k < 10 { 2.0 } else { 90.0 })).collect::<Vec<Point>>();
        let mut stream = Seed::root(5).stream();
        let far: usize = (0..50)
            .map(|_| kept(&space, &crowded(), children(), 5, &mut stream))
            .map(|kept| kept.iter().filter(|&child| *child == at(2.0)).count())
            .sum();
        assert!(far > 220, "{far} of 250");
    }

    #[test]
    fn where_nothing_is_known_the_first_children_are_kept() {
        let children: Vec<Point> = (1..=9).map(|x| at(f64::from(x))).collect();
        let kept = kept(&space(), &crowded(), children.clone(), 4, &mut Seed::root(5).stream());
        assert_eq!(kept, children[..4]);
    }
}

//! Chooses points whose lists have lengths that few trials had.

use crate::space::{Point, Space};
use crate::study::Study;

/// Of so many trials, one has lists of rare lengths. Else a model never asks for a layer again whose
/// first trials had a poor learning rate. With several metrics the front keeps unlike lists alive.
const TURN: usize = 4;

/// Those of `children` with the rarest lengths, if it is their turn. These are the lengths of all lists
/// together that the fewest trials of `study` had. Without lists, and with several metrics, it is never
/// their turn: all children stay.
pub(super) fn kept(space: &Space, study: &Study, children: Vec<Point>) -> Vec<Point> {
    if study.metrics.len() > 1 || study.trials.len() % TURN != TURN - 1 {
        return children;
    }
    let lists = names(space);
    if lists.is_empty() {
        return children;
    }
    let tried: Vec<Vec<Option<i64>>> =
        study.trials.iter().map(|trial| lengths(&lists, &trial.point)).collect();
    let count = |child: &Point| {
        let own = lengths(&lists, child);
        tried.iter().filter(|lengths| **lengths == own).count()
    };
    let counts: Vec<usize> = children.iter().map(count).collect();
    let least = counts.iter().min().copied().unwrap_or(0);
    let rare = children.into_iter().zip(counts).filter(|&(_, count)| count == least);
    rare.map(|(child, _)| child).collect()
}

/// With several metrics, the first of `points` whose lists have the lengths that the fewest trials of
/// `study` had, each list for itself. Else the first one. `None` if there is no point.
pub(super) fn first(space: &Space, study: &Study, points: Vec<Point>) -> Option<Point> {
    if study.metrics.len() < 2 {
        return points.into_iter().next();
    }
    let lists = names(space);
    let count = |point: &Point| -> usize {
        let had = |name: &&str| {
            study.trials.iter().filter(|trial| trial.point.get(name) == point.get(name)).count()
        };
        lists.iter().map(had).sum()
    };
    points.into_iter().min_by_key(count)
}

/// The names of the lists' lengths.
fn names(space: &Space) -> Vec<&str> {
    space.lists().iter().map(|list| space.parameters()[list.length].name.as_str()).collect()
}

/// The lengths at `point`; `None` where a list is not active.
fn lengths(lists: &[&str], point: &Point) -> Vec<Option<i64>> {
    lists.iter().map(|name| point.get(name)?.as_i64()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Metric, Trial};

    const LISTS: &str = r#"{"name": "s", "parameters": {
        "a": {"type": "list", "length": [0, 2], "of": {"x": {"type": "float", "low": 0, "high": 1}}},
        "b": {"type": "list", "length": [0, 2], "of": {"y": {"type": "float", "low": 0, "high": 1}}}}}"#;

    fn point(a: i64, b: i64) -> Point {
        [("a", a), ("b", b)].into_iter().collect()
    }

    fn study(points: &[(i64, i64)]) -> Study {
        let trials = (0..).zip(points).map(|(number, &(a, b))| Trial::waiting(number, point(a, b)));
        Study { metrics: vec![Metric::minimize("loss")], trials: trials.collect(), ..Study::default() }
    }

    #[test]
    fn in_their_turn_children_with_rare_lengths_stay() {
        let space = Space::from_json(LISTS, "s.json").unwrap();
        let children = || vec![point(0, 0), point(1, 0), point(0, 1), point(1, 1)];
        // Each length alone is common; both together were tried once.
        let in_turn = study(&[(0, 0), (0, 0), (1, 1), (1, 1), (0, 1), (0, 1), (1, 0)]);
        assert_eq!(kept(&space, &in_turn, children()), [point(1, 0)]);
        let not_in_turn = study(&[(0, 0), (0, 0), (1, 1), (1, 1), (0, 1), (1, 0)]);
        assert_eq!(kept(&space, &not_in_turn, children()), children());
        let two = Study { metrics: vec![Metric::minimize("a"), Metric::minimize("b")], ..in_turn };
        assert_eq!(kept(&space, &two, children()), children());
    }

    #[test]
    fn with_several_metrics_the_first_point_of_the_rarest_lengths_is_chosen() {
        let space = Space::from_json(LISTS, "s.json").unwrap();
        let points = || vec![point(0, 0), point(2, 0), point(1, 1), point(1, 2), point(2, 2)];
        let metrics = vec![Metric::minimize("a"), Metric::minimize("b")];
        let chosen = |tried: &[(i64, i64)]| {
            first(&space, &Study { metrics: metrics.clone(), ..study(tried) }, points())
        };
        assert_eq!(chosen(&[(0, 0), (1, 1)]), Some(point(2, 2)));
        assert_eq!(chosen(&[(0, 0), (2, 2)]), Some(point(1, 1)));
        assert_eq!(chosen(&[(0, 0), (1, 1), (2, 2)]), Some(point(0, 0)));
        assert_eq!(first(&space, &study(&[(0, 0), (1, 1)]), points()), Some(point(0, 0)));
    }

    #[test]
    fn without_lists_all_children_stay() {
        let text = r#"{"name": "s", "parameters": {"a": {"type": "int", "low": 0, "high": 2}}}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        let children = || vec![point(0, 0), point(1, 0)];
        assert_eq!(kept(&space, &study(&[(0, 0), (0, 0), (0, 0)]), children()), children());
    }
}

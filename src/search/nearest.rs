//! In place of a point that the space refuses before it is evaluated: the nearest point that can be
//! evaluated.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::tried::Tried;
use crate::seed::{Seed, Stream};
use crate::space::{Domain, Point, Space};
use crate::study::{Study, TrialState};

/// Standard deviations of the draws around the point, as shares of a parameter's range.
const SPREADS: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.4, 0.8];
/// Number of draws with each standard deviation.
const DRAWS: usize = 64;
/// Shares of the coordinates that come from a point that can be evaluated.
const MIXTURES: [f64; 4] = [0.2, 0.4, 0.6, 0.8];
/// Number of draws with each share and point; then the most complete trials that are such points.
const MIXED: usize = 16;
const MOST_ANCHORS: usize = 8;

/// Returns `point` if `space` does not refuse it. Else returns a near point that is neither refused
/// nor tried by `study`, drawn with `seed`; `point` if none is found.
///
/// Points are drawn around `point`, and between `point` and points that can be evaluated: complete
/// trials and starting points. The nearest draw that can be evaluated is taken. Then each of its
/// parameters is set back to the value in `point`, if the result can still be evaluated.
pub fn nearest_possible(space: &Space, study: &Study, point: Point, seed: &Seed) -> Point {
    if !space.refuses(&point) {
        return point;
    }
    let Ok(centre) = space.encode(&point) else { return point };
    let tried = Tried::of(study);
    let mut stream = seed.child("nearest").stream();
    let domains: Vec<&Domain> = space.searched().map(|parameter| &parameter.domain).collect();
    let mut drawn: Vec<(f64, Vec<f64>)> = SPREADS
        .iter()
        .flat_map(|&spread| std::iter::repeat_n(spread, DRAWS))
        .map(|spread| around(&centre, &domains, spread, &mut stream))
        .map(|unit| (distance(&centre, &unit, &domains), unit))
        .collect();
    let anchors = anchors(space, study);
    let between = anchors.iter().flat_map(|anchor| MIXTURES.map(|share| (anchor, share)));
    drawn.extend(between.flat_map(|mixture| std::iter::repeat_n(mixture, MIXED)).map(|(anchor, share)| {
        let unit = mixed(&centre, anchor, share, &mut stream);
        (distance(&centre, &unit, &domains), unit)
    }));
    drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
    let is_possible = |unit: &[f64]| tried.admits(space, &space.decode(unit));
    match drawn.into_iter().map(|(_, unit)| unit).find(|unit| is_possible(unit)) {
        Some(unit) => space.decode(&returned(unit, &centre, is_possible)),
        None => point,
    }
}

/// Points of the cube that can be evaluated: a few complete trials and starting points.
fn anchors(space: &Space, study: &Study) -> Vec<Vec<f64>> {
    let complete = study.in_state(TrialState::Complete).map(|trial| trial.point.clone());
    let points = complete.take(MOST_ANCHORS).chain(space.starting_points());
    points.filter(|point| !space.refuses(point)).filter_map(|point| space.encode(&point).ok()).collect()
}

/// `centre`, where about this share of the coordinates is replaced by those of `anchor`.
fn mixed(centre: &[f64], anchor: &[f64], share: f64, stream: &mut Stream) -> Vec<f64> {
    let coordinate = |(&u, &other): (&f64, &f64)| if stream.random::<f64>() < share { other } else { u };
    centre.iter().zip(anchor).map(coordinate).collect()
}

/// A draw around `centre`. About half of the numbers move. Choices change with the probability
/// `spread`.
fn around(centre: &[f64], domains: &[&Domain], spread: f64, stream: &mut Stream) -> Vec<f64> {
    let coordinate = |(&u, domain): (&f64, &&Domain)| {
        let (moves, other): (bool, f64) = (stream.random(), stream.random());
        let step: f64 = StandardNormal.sample(stream);
        let changes = stream.random::<f64>() < spread;
        match domain {
            Domain::Categorical { .. } if changes => other,
            Domain::Categorical { .. } => u,
            _ if moves => (u + spread * step).clamp(0.0, 1.0),
            _ => u,
        }
    };
    centre.iter().zip(domains).map(coordinate).collect()
}

/// The distance of two points: the sum over all coordinates. Two different choices have distance 1.
fn distance(a: &[f64], b: &[f64], domains: &[&Domain]) -> f64 {
    let of_one = |((a, b), domain): ((&f64, &f64), &&Domain)| match domain {
        Domain::Categorical { .. } => f64::from(u8::from(domain.decode(*a) != domain.decode(*b))),
        _ => (a - b).abs(),
    };
    a.iter().zip(b).zip(domains).map(of_one).sum()
}

/// `unit`, where each coordinate is set back to that of `centre` if the point stays possible.
fn returned(mut unit: Vec<f64>, centre: &[f64], is_possible: impl Fn(&[f64]) -> bool) -> Vec<f64> {
    for axis in 0..unit.len() {
        let here = std::mem::replace(&mut unit[axis], centre[axis]);
        if here != centre[axis] && !is_possible(&unit) {
            unit[axis] = here;
        }
    }
    unit
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::space::{Foresee, Foresight, Refusals};

    /// Refuses points whose sum of x and y is above 1, and the choice "c".
    struct Border;

    impl Foresee for Border {
        fn foresee(&self, point: &Point) -> Foresight {
            let at = |name| point.get(name).and_then(|value| value.as_f64()).expect("a number");
            let is_c = point.get("rule").and_then(|rule| rule.as_str()) == Some("c");
            match at("x") + at("y") > 1.0 || is_c {
                true => Foresight::Refused { reason: "too large".into() },
                false => Foresight::Possible { bounds: Vec::new() },
            }
        }

        fn refusals(&self) -> Refusals {
            Refusals::default()
        }
    }

    fn space() -> Space {
        let text = r#"{"name": "s", "parameters": {
            "x": {"type": "float", "low": 0, "high": 1},
            "y": {"type": "float", "low": 0, "high": 1},
            "z": {"type": "float", "low": 0, "high": 1},
            "rule": {"type": "categorical", "choices": ["a", "b", "c"]}
        }}"#;
        Space::from_json(text, "s.json").unwrap().with_foresight(Some(Arc::new(Border)))
    }

    fn point(x: f64, y: f64, rule: &str) -> Point {
        let mut point: Point = [("x", x), ("y", y), ("z", 0.25)].into_iter().collect();
        point.set("rule", rule);
        point
    }

    #[test]
    fn a_possible_point_stays() {
        let study = Study::default();
        let inside = point(0.4, 0.5, "b");
        assert_eq!(nearest_possible(&space(), &study, inside.clone(), &Seed::root(1)), inside);
    }

    #[test]
    fn a_refused_point_moves_to_the_border_and_no_farther() {
        let space = space();
        for seed in 0..10 {
            let found = nearest_possible(&space, &Study::default(), point(0.8, 0.6, "c"), &Seed::root(seed));
            assert!(!space.refuses(&found));
            let at = |name| found.get(name).and_then(|value| value.as_f64()).unwrap();
            assert_eq!(at("z"), 0.25, "what does not matter stays");
            assert!((0.8 - at("x")).abs() + (0.6 - at("y")).abs() < 0.9, "{found:?}");
        }
    }

    #[test]
    fn where_nothing_is_possible_the_point_is_kept() {
        let space = space().restrict("rule", |rule| rule.as_str() == Some("c"));
        let refused = point(0.8, 0.6, "c");
        assert_eq!(nearest_possible(&space, &Study::default(), refused.clone(), &Seed::root(3)), refused);
    }
}

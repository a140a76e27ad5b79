//! What the model expects along each parameter, while all others stay as they are at one point.

use super::importance::of_landscape;
use super::landscape::Landscape;
use crate::seed::Seed;
use crate::space::{Domain, Point, Space, Value};
use crate::study::{Direction, Importance, Slice, Study};

/// The most places of a slice.
const PLACES: usize = 33;

/// The importance of the parameters of `space` for the first metric of `study`, as
/// [`importance`](super::importance()) finds it, and a slice along each parameter that is active at
/// the point `at`. Both come from one model.
///
/// `None` if there are fewer than 10 measurements, or if the expected loss is constant.
pub fn importance_and_slices(
    space: &Space,
    study: &Study,
    at: &Point,
    seed: &Seed,
) -> Option<(Importance, Vec<Slice>)> {
    let landscape = Landscape::of(space, study, seed)?;
    let importance = of_landscape(&landscape, seed)?;
    Some((importance, slices(&landscape, at, study.direction())))
}

/// The slices of `landscape` through `at`; none if `at` is no point of its space.
fn slices(landscape: &Landscape<'_>, at: &Point, direction: Direction) -> Vec<Slice> {
    let Ok(unit) = landscape.space.encode(at) else { return Vec::new() };
    let centre = landscape.cube.cell(&unit);
    let names = landscape.space.searched().map(|parameter| parameter.name.as_str()).enumerate();
    let active = names.filter(|&(axis, _)| centre.active[axis]);
    active.map(|(axis, name)| slice(landscape, &unit, (axis, name), direction)).collect()
}

/// The slice of `landscape` through `unit` along one axis.
fn slice(
    landscape: &Landscape<'_>,
    unit: &[f64],
    (axis, name): (usize, &str),
    direction: Direction,
) -> Slice {
    let (mut at, mut cells, mut is_related) = (Vec::new(), Vec::new(), Vec::new());
    for (place, value) in places(landscape.space, name) {
        let mut unit = unit.to_vec();
        unit[axis] = place;
        is_related.push(landscape.space.keeps_relations(&unit));
        cells.push(landscape.cube.cell(&unit));
        at.push(value);
    }
    let rows = landscape.features.rows(&cells);
    let posterior = landscape.process.posterior(rows.view());
    let is_kept = landscape.bounds.keep(rows.view());
    let metric = |z: &f64| direction.loss(landscape.mean + landscape.sd * z);
    let domain = landscape.space.parameter(name).map(|parameter| &parameter.domain);
    Slice {
        name: name.to_owned(),
        at,
        is_number: domain.is_some_and(|domain| !matches!(domain, Domain::Categorical { .. })),
        mean: posterior.mean.iter().map(metric).collect(),
        sd: posterior.variance.iter().map(|variance| landscape.sd * variance.sqrt()).collect(),
        is_allowed: is_related.into_iter().zip(is_kept).map(|(related, kept)| related && kept).collect(),
    }
}

/// Places on the axis of the parameter `name` with their values: all choices, or evenly spread
/// numbers, each once.
fn places(space: &Space, name: &str) -> Vec<(f64, Value)> {
    let Some(parameter) = space.parameter(name) else { return Vec::new() };
    let domain = &parameter.domain;
    let count = domain.size().map_or(PLACES, |size| usize::try_from(size).unwrap_or(PLACES));
    let all = (0..count as u64).map(|k| domain.value_at(k));
    let spread = (0..PLACES).map(|k| domain.decode(k as f64 / (PLACES - 1) as f64));
    let is_choice = matches!(domain, Domain::Categorical { .. });
    let has_all = is_choice || domain.size().is_some() && count <= PLACES;
    let mut values: Vec<Value> = if has_all { all.collect() } else { spread.collect() };
    values.dedup();
    values.into_iter().filter_map(|value| Some((domain.encode(&value)?, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Search, SobolSearch, bayes::importance};
    use crate::study::{Metric, Trial, TrialState};

    const SPACE: &str = r#"{"name": "s", "parameters": {
        "x": {"type": "float", "low": 0.01, "high": 1, "log": true},
        "n": {"type": "int", "low": 1, "high": 4},
        "kind": {"type": "categorical", "choices": ["a", "b"]},
        "only": {"type": "float", "low": 0, "high": 1, "when": {"kind": ["b"]}}
    }}"#;

    /// The accuracy at a point: a parabola of log10 x with its top at 0.1, and 5 more for `b`.
    fn accuracy(point: &Point) -> f64 {
        let x = point.get("x").and_then(Value::as_f64).unwrap().log10();
        let is_b = point.get("kind").and_then(Value::as_str) == Some("b");
        100.0 - 10.0 * (x + 1.0).powi(2) + if is_b { 5.0 } else { 0.0 }
    }

    fn study(space: &Space, count: u32) -> Study {
        let mut study = Study { metrics: vec![Metric::maximize("accuracy")], ..Study::default() };
        for number in 0..count {
            let point = SobolSearch::new().suggest(space, &study, &Seed::root(1));
            let values = vec![accuracy(&point)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        study
    }

    #[test]
    fn every_choice_has_a_place_and_a_long_range_of_numbers_some() {
        let choices: Vec<String> = (0..40).map(|k| format!("\"k{k}\"")).collect();
        let text = format!(
            r#"{{"name": "s", "parameters": {{"k": {{"type": "categorical", "choices": [{}]}},
                "n": {{"type": "int", "low": 1, "high": 900}}}}}}"#,
            choices.join(", ")
        );
        let space = Space::from_json(&text, "s.json").unwrap();
        assert_eq!((places(&space, "k").len(), places(&space, "n").len()), (40, PLACES));
    }

    #[test]
    fn slices_follow_the_metric_in_its_own_unit_with_its_uncertainty() {
        let space = Space::from_json(SPACE, "s.json").unwrap();
        let study = study(&space, 60);
        let at = study.best().unwrap().point.clone();
        let (shares, slices) = importance_and_slices(&space, &study, &at, &Seed::root(0)).unwrap();
        assert_eq!(Some(shares), importance(&space, &study, &Seed::root(0)));
        let names: Vec<&str> = slices.iter().map(|slice| slice.name.as_str()).collect();
        assert_eq!(names, ["x", "n", "kind", "only"], "the best point has kind b");
        let counts: Vec<usize> = slices.iter().map(|slice| slice.at.len()).collect();
        assert_eq!(counts, [33, 4, 2, 33]);
        for (value, mean) in slices[0].at.iter().zip(&slices[0].mean) {
            let mut point = at.clone();
            point.set("x", value.clone());
            assert!((mean - accuracy(&point)).abs() < 1.0, "{value}: {mean}, {}", accuracy(&point));
        }
        assert!((slices[2].mean[1] - slices[2].mean[0] - 5.0).abs() < 1.0, "{:?}", slices[2]);
        assert!(slices.iter().flat_map(|slice| &slice.sd).all(|&sd| (0.0..5.0).contains(&sd)));
    }

    #[test]
    fn places_beyond_a_relation_or_a_constraint_are_not_allowed() {
        let text = SPACE.replace("}}\n    }}", "}}\n    }, \"relations\": [\"n <= 3\"]}");
        let space = Space::from_json(&text, "s.json").unwrap();
        let mut study = study(&space, 60);
        for trial in &mut study.trials {
            let x = trial.point.get("x").and_then(Value::as_f64).unwrap();
            trial.constraints = vec![0.2 - x, -1.0];
        }
        let at = study.best().unwrap().point.clone();
        let (_, slices) = importance_and_slices(&space, &study, &at, &Seed::root(0)).unwrap();
        assert_eq!(slices[1].is_allowed, [true, true, true, false]);
        for (value, &is_allowed) in slices[0].at.iter().zip(&slices[0].is_allowed) {
            let x = value.as_f64().unwrap();
            assert!(is_allowed == (x >= 0.2) || (x - 0.2).abs() < 0.03, "{x}");
        }
        study.trials.iter_mut().for_each(|trial| trial.constraints[1] = 1.0);
        let (_, none) = importance_and_slices(&space, &study, &at, &Seed::root(0)).unwrap();
        assert!(none.iter().flat_map(|slice| &slice.is_allowed).all(|&is_allowed| !is_allowed));
    }

    #[test]
    fn an_inactive_parameter_has_no_slice_and_few_trials_have_no_model() {
        let space = Space::from_json(SPACE, "s.json").unwrap();
        let study = study(&space, 30);
        let mut at = space.default_point();
        at.set("kind", "a");
        let at = space.completed(&at);
        let (_, slices) = importance_and_slices(&space, &study, &at, &Seed::root(0)).unwrap();
        assert!(slices.iter().all(|slice| slice.name != "only"));
        let few = study.with_trials(study.trials[..9].to_vec());
        assert_eq!(importance_and_slices(&space, &few, &at, &Seed::root(0)), None);
        let (_, none) = importance_and_slices(&space, &study, &Point::default(), &Seed::root(0)).unwrap();
        assert!(none.is_empty(), "no point of the space");
    }
}

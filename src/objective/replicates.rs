//! Replicates: several evaluations of one point with different seeds. Their mean is the value of a
//! noisy objective.

use std::ops::ControlFlow;

use serde_json::Value as Json;

use super::{Evaluation, Objective, Observer, later_step};
use crate::seed::Seed;
use crate::space::Point;
use crate::study::{Attributes, Outcome};

/// Name of the attribute that lists the first metric of every replicate.
const REPLICATES: &str = "replicates";

/// Evaluates `point` with `count` seeds, at least one, one after another. The first seed is `seed`
/// itself; the others follow from it.
///
/// Values and constraints are means over the seeds. Attributes and the model are those of the first
/// seed; the attribute `replicates` lists the first metric of each. A replicate that fails ends the
/// evaluation with its failure. Steps are numbered through all replicates. `None` if the observer
/// broke the evaluation off.
pub fn evaluate_replicates(
    objective: &dyn Objective,
    point: &Point,
    seed: &Seed,
    count: u32,
    observer: &mut Observer<'_>,
) -> Option<Evaluation> {
    let mut steps = 0;
    let mut evaluations = Vec::new();
    for replicate in 0..count.max(1) {
        let seed = match replicate {
            0 => seed.clone(),
            _ => seed.child("replicate").index(u64::from(replicate)),
        };
        let before = steps;
        let mut observe = |step: u32, value: f64| -> ControlFlow<()> {
            steps = later_step(before, step);
            observer(steps, value)
        };
        let mut evaluation = objective.evaluate(point, &seed, &mut observe)?;
        if matches!(evaluation.outcome, Outcome::Failed { .. }) {
            return Some(evaluation);
        }
        if replicate > 0 {
            evaluation.model = None;
        }
        evaluations.push(evaluation);
    }
    mean(evaluations)
}

/// The first metric and the attributes of the first replicate of `outcome`. The model of the
/// evaluation is from this replicate too.
pub fn first_replicate(outcome: &Outcome) -> (Option<f64>, Attributes) {
    let (Outcome::Complete { attributes, .. } | Outcome::Failed { attributes, .. }) = outcome;
    let mut attributes = attributes.clone();
    match (attributes.shift_remove(REPLICATES), outcome) {
        (Some(singles), _) => (singles.get(0).and_then(Json::as_f64), attributes),
        (None, Outcome::Complete { values, .. }) => (values.first().copied(), attributes),
        (None, Outcome::Failed { .. }) => (None, attributes),
    }
}

/// The first of `evaluations`, with its values replaced by the means over all. All must be
/// complete; `None` if there are none.
fn mean(evaluations: Vec<Evaluation>) -> Option<Evaluation> {
    let count = evaluations.len();
    let mut evaluations = evaluations.into_iter();
    let mut first = evaluations.next()?;
    let Outcome::Complete { values, constraints, attributes } = &mut first.outcome else {
        return Some(first);
    };
    if count == 1 {
        return Some(first);
    }
    let (mut all_values, mut all_constraints) = (vec![values.clone()], vec![constraints.clone()]);
    for other in evaluations {
        if let Outcome::Complete { values, constraints, .. } = other.outcome {
            all_values.push(values);
            all_constraints.push(constraints);
        }
    }
    let singles: Vec<Option<f64>> = all_values.iter().map(|values| values.first().copied()).collect();
    (*values, *constraints) = (means(&all_values), means(&all_constraints));
    attributes.insert(REPLICATES.to_owned(), Json::from(singles));
    Some(first)
}

/// The mean of the first numbers of `lists`, of the second ones and so on. A command may leave out a
/// constraint that is kept; then the others count.
fn means(lists: &[Vec<f64>]) -> Vec<f64> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let mean = |index: usize| {
        let numbers: Vec<f64> = lists.iter().filter_map(|list| list.get(index).copied()).collect();
        numbers.iter().sum::<f64>() / numbers.len() as f64
    };
    (0..longest).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::synthetic::{Problem, Synthetic};
    use crate::study::Metric;

    fn evaluate(count: u32, break_at: u32) -> (Option<Outcome>, Vec<u32>) {
        let objective = Synthetic::new(Problem::Hartmann6).with_noise(0.5).with_steps(3);
        let point = objective.space().unwrap().default_point();
        let mut reported = Vec::new();
        let mut observe = |step, _| {
            reported.push(step);
            if step == break_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let evaluation = evaluate_replicates(&objective, &point, &Seed::root(1), count, &mut observe);
        (evaluation.map(|evaluation| evaluation.outcome), reported)
    }

    fn value(outcome: &Outcome) -> f64 {
        match outcome {
            Outcome::Complete { values, .. } => values[0],
            Outcome::Failed { failure, .. } => panic!("{failure:?}"),
        }
    }

    #[test]
    fn the_value_is_the_mean_over_the_seeds() {
        let (one, _) = evaluate(1, 0);
        let (three, reported) = evaluate(3, 0);
        let (one, three) = (one.unwrap(), three.unwrap());
        let Outcome::Complete { attributes, .. } = &three else { panic!("{three:?}") };
        let singles: Vec<f64> = serde_json::from_value(attributes[REPLICATES].clone()).unwrap();
        assert_eq!(singles.len(), 3);
        assert_eq!(singles[0], value(&one));
        assert!(singles[1] != singles[0] && singles[2] != singles[1]);
        assert_eq!(first_replicate(&three), first_replicate(&one));
        assert_eq!(first_replicate(&one).0, Some(value(&one)));
        assert!((value(&three) - singles.iter().sum::<f64>() / 3.0).abs() < 1e-12);
        assert_eq!(reported, (1..=9).collect::<Vec<u32>>());
    }

    #[test]
    fn a_constraint_that_some_seeds_leave_out_is_the_mean_of_the_others() {
        assert_eq!(means(&[vec![], vec![1.0, 4.0], vec![2.0]]), [1.5, 4.0]);
        assert_eq!(means(&[vec![], vec![]]), Vec::<f64>::new());
    }

    #[test]
    fn the_observer_may_break_off_in_any_replicate() {
        let (outcome, reported) = evaluate(3, 5);
        assert_eq!((outcome, reported.len()), (None, 5));
    }

    /// Reports one step with the largest number.
    struct Huge;

    impl Objective for Huge {
        fn metrics(&self) -> Vec<Metric> {
            vec![Metric::minimize("loss")]
        }

        fn evaluate(&self, _: &Point, _: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
            let is_broken_off = observer(i32::MAX as u32, 0.5).is_break();
            let (values, constraints, attributes) = (vec![0.5], Vec::new(), Attributes::new());
            (!is_broken_off).then(|| Outcome::Complete { values, constraints, attributes }.into())
        }
    }

    #[test]
    fn numbers_of_steps_stay_within_those_that_a_storage_takes() {
        let mut reported = Vec::new();
        let mut observe = |step, _| {
            reported.push(step);
            ControlFlow::Continue(())
        };
        let evaluation = evaluate_replicates(&Huge, &Point::default(), &Seed::root(1), 4, &mut observe);
        assert!(evaluation.is_some());
        assert_eq!(reported, [i32::MAX as u32; 4]);
        assert_eq!((later_step(3, 4), later_step(u32::MAX, 1)), (7, i32::MAX as u32));
    }
}

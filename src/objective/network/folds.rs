//! Cross-validation: on small data a trial is scored on every training sample, each by a network that
//! did not train on it.

use std::ops::ControlFlow;

use serde_json::json;

use crate::objective::{Evaluation, Observer};
use crate::seed::Seed;
use crate::space::Point;
use crate::study::Outcome;

/// Trains a network for a point, and scores it on samples that it did not train on.
pub(super) trait Part {
    /// The evaluation of one training; `None` if the observer broke it off.
    fn trained(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation>;

    /// The number of samples that it is scored on.
    fn samples(&self) -> usize;
}

/// Name of the attribute that lists the first metric of every fold.
const FOLDS: &str = "folds";

/// Evaluates `point` on each of `folds`, then trains on all training samples by `whole`, one after
/// another.
///
/// Values and constraints are means over the folds, weighted by their samples. Attributes and the
/// model are those of the network that trained on all samples; the attribute `folds` lists the first
/// metric of each fold. On small parts a training may fail by its first weights alone, so it is tried
/// once more with another seed. If it fails again, the evaluation ends with its failure. Steps are numbered through all trainings. `None` if the
/// observer broke it off.
pub(super) fn cross_validated(
    folds: &[impl Part],
    whole: &impl Part,
    point: &Point,
    seed: &Seed,
    observer: &mut Observer<'_>,
) -> Option<Evaluation> {
    let mut steps = 0;
    let mut once = |part: &dyn Part, seed: &Seed| {
        let before = steps;
        let mut observe = |step: u32, value: f64| -> ControlFlow<()> {
            steps = before + step;
            observer(steps, value)
        };
        part.trained(point, seed, &mut observe)
    };
    let mut next = |part: &dyn Part, seed: &Seed| {
        let first = once(part, seed)?;
        match first.outcome {
            Outcome::Complete { .. } => Some(first),
            Outcome::Failed { .. } => once(part, &seed.child("again")),
        }
    };
    let mut scored = Vec::with_capacity(folds.len());
    for (number, fold) in folds.iter().enumerate() {
        let evaluation = next(fold, &seed.child("fold").index(number as u64))?;
        match evaluation.outcome {
            Outcome::Failed { .. } => return Some(evaluation),
            Outcome::Complete { values, constraints, .. } => {
                scored.push((fold.samples() as f64, values, constraints));
            }
        }
    }
    let mut evaluation = next(whole, seed)?;
    if let Outcome::Complete { values, constraints, attributes } = &mut evaluation.outcome {
        let singles: Vec<Option<f64>> = scored.iter().map(|(_, values, _)| values.first().copied()).collect();
        attributes.insert(FOLDS.to_owned(), json!(singles));
        *values = mean(values.len(), scored.iter().map(|(weight, values, _)| (*weight, values)));
        *constraints =
            mean(constraints.len(), scored.iter().map(|(weight, _, constraints)| (*weight, constraints)));
    }
    Some(evaluation)
}

/// The weighted mean of rows with `count` columns.
fn mean<'a>(count: usize, rows: impl Iterator<Item = (f64, &'a Vec<f64>)>) -> Vec<f64> {
    let (mut sums, mut total) = (vec![0.0; count], 0.0);
    for (weight, row) in rows {
        total += weight;
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    sums.into_iter().map(|sum| sum / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ChipProfile;
    use crate::data::{Dataset, OpenOptions, Sources, Split};
    use crate::objective::network::classify::Classify;
    use crate::objective::{Goal, Goals, Objective, Sweep};

    fn objective(folds: u32) -> Classify {
        let sources = Sources::new(None).expect("no folder is named").offline();
        let dataset =
            Dataset::open("iris", &OpenOptions::default(), &sources, &mut |_| {}).expect("built in");
        let goals = Goals {
            list: vec![Goal::Accuracy],
            constraints: Vec::new(),
            sweep: Sweep { faults: vec![], rates: vec![], maps: 1, seed: 0 },
        };
        let profile = ChipProfile::builtin("ideal").expect("a built-in chip");
        let split = Split { validation: 0.2, seed: 3 };
        Classify::new(dataset, profile, split, goals)
            .and_then(|one| one.with_folds(folds))
            .expect("enough data")
    }

    fn point() -> Point {
        let text = r#"{"hidden_layers": 1, "width_1": 16, "batch_norm": true, "optimizer": "adam",
            "learning_rate_adam": 0.02, "method": "surrogate", "epochs": 4, "batch_size": 16}"#;
        serde_json::from_str(text).expect("a point")
    }

    #[test]
    fn every_training_sample_is_scored_once_and_the_model_has_trained_on_all() {
        let objective = objective(4);
        assert_eq!(objective.validation_samples(), objective.data_summary().train);
        let mut steps = Vec::new();
        let mut observe = |step, _| {
            steps.push(step);
            ControlFlow::Continue(())
        };
        let evaluation = objective.evaluate(&point(), &Seed::root(1), &mut observe).expect("not broken off");
        assert_eq!(steps, (1..=20).collect::<Vec<u32>>(), "four folds and the whole, four epochs each");
        let Outcome::Complete { values, attributes, .. } = &evaluation.outcome else { panic!("it failed") };
        let singles: Vec<f64> = serde_json::from_value(attributes[FOLDS].clone()).expect("numbers");
        let right = values[0] * objective.validation_samples() as f64;
        assert!((right - right.round()).abs() < 1e-9, "a whole number of samples is right: {right}");
        assert_eq!(singles.len(), 4);
        assert!(evaluation.model.is_some());
        let again = objective.evaluate(&point(), &Seed::root(1), &mut |_, _| ControlFlow::Continue(()));
        let Some(Outcome::Complete { values: again, .. }) = again.map(|one| one.outcome) else { panic!() };
        assert_eq!(&again, values);
    }

    #[test]
    fn an_observer_may_break_off_in_any_fold() {
        let objective = objective(3);
        for last in [1, 6, 14] {
            let mut observe =
                |step, _| if step == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            assert!(objective.evaluate(&point(), &Seed::root(1), &mut observe).is_none(), "{last}");
        }
    }
}

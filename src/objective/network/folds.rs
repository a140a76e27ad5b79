//! Cross-validation: on small data a trial is scored on every training sample, each by a network that
//! did not train on it.

use std::ops::ControlFlow;

use serde_json::json;

use crate::objective::{Evaluation, Observer, later_step};
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

/// The largest value of a metric that says how good a network is.
const BEST: f64 = 1.0;

/// Name of the attribute that says that not all folds were trained.
const STOPPED: &str = "stopped_after_folds";

/// Name of the attribute that lists the first metric of every fold.
const FOLDS: &str = "folds";

/// Attempts at one training. On few samples it may fail by its first weights alone.
const ATTEMPTS: u64 = 3;

/// Evaluates `point` on each of `folds`, then trains on all training samples by `whole`, one after
/// another.
///
/// Values and constraints are means over the folds, weighted by their samples. Attributes and the
/// model are those of the network that trained on all samples; the attribute `folds` lists the first
/// metric of each fold. A training that fails is tried again with other seeds. A fold that fails for
/// good counts with the values `at_worst`; where those are `None`, the other folds count alone. If most
/// folds fail, or the training on all samples does, the evaluation ends with that failure. Steps are
/// numbered through all trainings. `None` if the observer broke it off.
///
/// With an `incumbent`, the first metric is one from 0 to 1 of which more is better. Once it could not
/// reach the incumbent even if every fold to come were at 1, nothing further is trained: values are those
/// of the folds so far, and the attribute `stopped_after_folds` counts them. After a fold that failed all
/// are trained, since failures tell the search what to avoid.
pub(super) fn cross_validated(
    folds: &[impl Part],
    whole: &impl Part,
    at_worst: &[Option<f64>],
    (point, seed): (&Point, &Seed),
    incumbent: Option<f64>,
    observer: &mut Observer<'_>,
) -> Option<Evaluation> {
    let mut steps = 0;
    let mut once = |part: &dyn Part, seed: &Seed| {
        let before = steps;
        let mut observe = |step: u32, value: f64| -> ControlFlow<()> {
            steps = later_step(before, step);
            observer(steps, value)
        };
        part.trained(point, seed, &mut observe)
    };
    let mut next = |part: &dyn Part, seed: &Seed| {
        let mut evaluation = once(part, seed)?;
        for attempt in 1..ATTEMPTS {
            if matches!(evaluation.outcome, Outcome::Failed { .. }) {
                evaluation = once(part, &seed.child("again").index(attempt))?;
            }
        }
        Some(evaluation)
    };
    let (mut scored, mut failed) = (Vec::with_capacity(folds.len()), 0);
    for (number, fold) in folds.iter().enumerate() {
        let evaluation = next(fold, &seed.child("fold").index(number as u64))?;
        let row = match evaluation.outcome {
            Outcome::Failed { .. } if 2 * (failed + 1) > folds.len() => return Some(evaluation),
            Outcome::Failed { .. } => {
                failed += 1;
                (at_worst.to_vec(), Vec::new())
            }
            Outcome::Complete { values, constraints, .. } => (some(values), some(constraints)),
        };
        scored.push((fold.samples() as f64, row));
        let left = folds[number + 1..].iter().map(|fold| fold.samples() as f64).sum();
        if failed == 0 && incumbent.is_some_and(|incumbent| bound(&scored, left) < incumbent) {
            return Some(stopped(&scored));
        }
    }
    let mut evaluation = next(whole, seed)?;
    if let Outcome::Complete { values, constraints, attributes } = &mut evaluation.outcome {
        let singles: Vec<Option<f64>> = scored.iter().map(|(_, (values, _))| *values.first()?).collect();
        attributes.insert(FOLDS.to_owned(), json!(singles));
        *values = mean(values.len(), scored.iter().map(|(weight, (values, _))| (*weight, values)));
        *constraints =
            mean(constraints.len(), scored.iter().map(|(weight, (_, constraints))| (*weight, constraints)));
    }
    Some(evaluation)
}

/// A fold with its number of samples: its values and its constraints.
type Fold = (f64, (Vec<Option<f64>>, Vec<Option<f64>>));

/// The most that the mean of the first metric can reach, with as many samples `left` as the folds to come
/// have.
fn bound(scored: &[Fold], left: f64) -> f64 {
    let first = |(weight, (values, _)): &Fold| weight * values.first().copied().flatten().unwrap_or(BEST);
    let total: f64 = scored.iter().map(|(weight, _)| weight).sum::<f64>() + left;
    (scored.iter().map(first).sum::<f64>() + left * BEST) / total
}

/// The evaluation of a point that was given up after the folds in `scored`, at least one.
fn stopped(scored: &[Fold]) -> Evaluation {
    let (_, (values, constraints)) = &scored[0];
    let values = mean(values.len(), scored.iter().map(|(weight, (values, _))| (*weight, values)));
    let constraints =
        mean(constraints.len(), scored.iter().map(|(weight, (_, constraints))| (*weight, constraints)));
    let singles: Vec<Option<f64>> = scored.iter().map(|(_, (values, _))| *values.first()?).collect();
    let attributes =
        [(FOLDS.to_owned(), json!(singles)), (STOPPED.to_owned(), json!(scored.len()))].into_iter().collect();
    Outcome::Complete { values, constraints, attributes }.into()
}

fn some(values: Vec<f64>) -> Vec<Option<f64>> {
    values.into_iter().map(Some).collect()
}

/// The weighted mean of each of `count` columns over the rows that have a value there.
fn mean<'a>(count: usize, rows: impl Iterator<Item = (f64, &'a Vec<Option<f64>>)>) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); count];
    for (weight, row) in rows {
        for ((sum, total), value) in sums.iter_mut().zip(row) {
            if let Some(value) = value {
                *sum += weight * value;
                *total += weight;
            }
        }
    }
    sums.into_iter().map(|(sum, total)| sum / total).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::backend::ChipProfile;
    use crate::data::{Dataset, OpenOptions, Sources, Split};
    use crate::objective::network::classify::Classify;
    use crate::objective::{Goal, Goals, Objective, Sweep};
    use crate::study::{Attributes, Failure, FailureKind};

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
    fn a_network_that_cannot_reach_the_incumbent_is_given_up() {
        let objective = objective(4);
        let against = |incumbent: f64| {
            let mut steps = 0;
            let mut observe = |step, _| {
                steps = step;
                ControlFlow::Continue(())
            };
            let evaluation = objective.evaluate_against(&point(), &Seed::root(1), incumbent, &mut observe);
            let evaluation = evaluation.expect("not broken off");
            let Outcome::Complete { values, attributes, .. } = evaluation.outcome else {
                panic!("it failed")
            };
            (values, attributes, evaluation.model.is_some(), steps)
        };
        let mut observe = |_, _| ControlFlow::Continue(());
        let whole = objective.evaluate(&point(), &Seed::root(1), &mut observe).expect("not broken off");
        let Outcome::Complete { values, attributes, .. } = whole.outcome else { panic!("it failed") };
        // Its own value can be reached until the end.
        let reached = against(values[0]);
        assert_eq!((&reached.0, reached.2, reached.3), (&values, true, 20));
        assert_eq!(reached.1[FOLDS], attributes[FOLDS]);
        // To be right on all samples is out of reach after the first fold with a mistake.
        let singles: Vec<f64> = serde_json::from_value(attributes[FOLDS].clone()).expect("numbers");
        let folds = 1 + singles.iter().position(|&value| value < 1.0).expect("a mistake");
        let hopeless = against(1.0);
        assert_eq!((hopeless.2, hopeless.3), (false, 4 * folds as u32), "folds of four epochs");
        assert_eq!(hopeless.1[STOPPED], json!(folds));
        let mean = singles[..folds].iter().sum::<f64>() / folds as f64;
        assert!((hopeless.0[0] - mean).abs() < 1e-12, "{:?} {mean}", hopeless.0);
    }

    #[test]
    fn a_switch_breaks_a_training_off_before_its_first_epoch_ends() {
        static STOP: AtomicBool = AtomicBool::new(true);
        let mut reports = 0;
        let mut observe = |_, _| {
            reports += 1;
            ControlFlow::Continue(())
        };
        let stoppable = objective(4).with_stop(&STOP);
        assert!(stoppable.evaluate(&point(), &Seed::root(1), &mut observe).is_none());
        assert_eq!(reports, 0);
    }

    #[test]
    fn folds_stop_where_the_best_of_the_others_would_not_suffice() {
        let folds_for = |incumbent: f64, fails: [bool; 4]| {
            let folds = fails.map(|fails| Fake { fails });
            let (whole, at_worst) = (Fake { fails: false }, [Some(0.1), None]);
            let mut observe = |_, _| ControlFlow::Continue(());
            let point = (&point(), &Seed::root(1));
            let evaluation = cross_validated(&folds, &whole, &at_worst, point, Some(incumbent), &mut observe);
            let outcome = evaluation.expect("not broken off").outcome;
            let Outcome::Complete { values, constraints, attributes } = outcome else { panic!("it failed") };
            assert_eq!(constraints, [-1.0]);
            (attributes[FOLDS].as_array().expect("a list").len(), attributes.contains_key(STOPPED), values[0])
        };
        // Each fold scores 0.9. After one of four at most 0.975 are left, after two 0.95, after four 0.9.
        for (incumbent, folds) in [(0.98, 1), (0.97, 2), (0.94, 3), (0.91, 4)] {
            let (trained, is_stopped, value) = folds_for(incumbent, [false; 4]);
            assert_eq!((trained, is_stopped), (folds, true), "{incumbent}");
            assert!((value - 0.9).abs() < 1e-12);
        }
        assert!(!folds_for(0.89, [false; 4]).1);
        assert_eq!(folds_for(0.99, [true, false, false, false]).0, 4, "a failure is learnt from");
    }

    /// A part whose trainings all fail, or one that scores 0.9 on ten samples.
    struct Fake {
        fails: bool,
    }

    impl Part for Fake {
        fn trained(&self, _: &Point, _: &Seed, _: &mut Observer<'_>) -> Option<Evaluation> {
            let outcome = match self.fails {
                true => Outcome::Failed {
                    failure: Failure { kind: FailureKind::Silent, reason: "it is silent".to_owned() },
                    attributes: Attributes::new(),
                },
                false => Outcome::Complete {
                    values: vec![0.9, 4.0],
                    constraints: vec![-1.0],
                    attributes: Attributes::new(),
                },
            };
            Some(outcome.into())
        }

        fn samples(&self) -> usize {
            10
        }
    }

    #[test]
    fn a_fold_that_fails_counts_as_chance_and_most_folds_must_not() {
        let outcome = |fails: [bool; 4]| {
            let folds = fails.map(|fails| Fake { fails });
            let (whole, at_worst) = (Fake { fails: false }, [Some(0.1), None]);
            let mut observe = |_, _| ControlFlow::Continue(());
            cross_validated(&folds, &whole, &at_worst, (&point(), &Seed::root(1)), None, &mut observe)
                .expect("not broken off")
                .outcome
        };
        let Outcome::Complete { values, constraints, .. } = outcome([false, true, false, false]) else {
            panic!("one fold of four failed")
        };
        assert!((values[0] - 0.7).abs() < 1e-12 && values[1] == 4.0 && constraints == [-1.0], "{values:?}");
        assert!(matches!(outcome([true, true, true, false]), Outcome::Failed { .. }));
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

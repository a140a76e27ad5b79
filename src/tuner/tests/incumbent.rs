//! What a trial has to reach: the best value of the trials before it.

use std::sync::Mutex;

use super::*;
use crate::objective::{Evaluation, Observer};
use crate::seed::Seed;
use crate::space::Point;
use crate::study::Metric;

/// An objective that notes the incumbent of each evaluation.
struct Watched {
    objective: Synthetic,
    seen: Mutex<Vec<Option<f64>>>,
}

impl AsRef<Synthetic> for Watched {
    fn as_ref(&self) -> &Synthetic {
        &self.objective
    }
}

impl Objective for Watched {
    fn metrics(&self) -> Vec<Metric> {
        self.objective.metrics()
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        self.seen.lock().unwrap().push(None);
        self.objective.evaluate(point, seed, observer)
    }

    fn evaluate_against(
        &self,
        point: &Point,
        seed: &Seed,
        incumbent: f64,
        observer: &mut Observer<'_>,
    ) -> Option<Evaluation> {
        self.seen.lock().unwrap().push(Some(incumbent));
        self.objective.evaluate(point, seed, observer)
    }
}

#[test]
fn a_trial_competes_with_those_before_it_and_a_confirmation_with_none() {
    let bench = Bench::new(Watched { objective: Synthetic::new(Problem::Branin), seen: Mutex::default() });
    let (_, study, _) = bench.run_through(6);
    let best = |before: usize| study.trials[..before].iter().map(|trial| trial.values[0]).reduce(f64::min);
    let expected: Vec<Option<f64>> = (0..6).map(best).collect();
    let seen = bench.objective.seen.lock().unwrap();
    assert_eq!(seen[..6], expected);
    assert!(seen.len() > 6 && seen[6..].iter().all(Option::is_none), "{seen:?}");
}

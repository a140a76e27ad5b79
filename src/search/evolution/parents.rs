//! Which trials may have children.

use std::collections::HashSet;

use rand::RngExt;

use crate::search::ranking::ranking;
use crate::seed::Stream;
use crate::space::{Point, Space};
use crate::study::{Study, Trial, TrialState};

/// With one metric, this many times the population is the number of latest trials that may have
/// children. So a lucky value does not rule for ever (Real et al. 2019, "Regularized evolution for
/// image classifier architecture search").
const MEMORY: usize = 3;

/// The points of the best trials of `study`, at most `population` of them, best first.
pub(super) fn of<'a>(study: &'a Study, population: usize, space: &Space) -> Vec<&'a Point> {
    let complete = |trial: &Trial| trial.state == TrialState::Complete;
    let number = if study.metrics.len() == 1 { MEMORY * population } else { usize::MAX };
    // Counted from the end, not by number: results of a warm start have the numbers of trials.
    let trials = study.trials.iter().enumerate().rev();
    let first = trials.filter(|(_, trial)| complete(trial)).take(number).last().map_or(0, |(at, _)| at);
    let young: HashSet<*const Trial> = study.trials[first..].iter().map(std::ptr::from_ref).collect();
    ranking(study)
        .into_iter()
        .filter(|trial| young.contains(&std::ptr::from_ref(*trial)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Metric;

    fn space() -> Space {
        let text = r#"{"name": "s", "parameters": {"n": {"type": "int", "low": 0, "high": 999}}}"#;
        Space::from_json(text, "s.json").unwrap()
    }

    /// A study whose first trial is the best, and whose others become worse.
    fn study(metrics: usize, trials: u32) -> Study {
        let trial = |number: u32| {
            let point = [("n", i64::from(number))].into_iter().collect();
            let values = vec![f64::from(number); metrics];
            Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) }
        };
        Study {
            metrics: (0..metrics).map(|metric| Metric::minimize(format!("m{metric}"))).collect(),
            trials: (0..trials).map(trial).collect(),
            ..Study::default()
        }
    }

    #[test]
    fn with_one_metric_old_trials_have_no_more_children() {
        let (old, young) = (study(1, 7), study(1, 6));
        let numbers = |study: &Study| -> Vec<i64> {
            of(study, 2, &space()).iter().filter_map(|point| point.get("n")?.as_i64()).collect()
        };
        assert_eq!(numbers(&young), [0, 1]);
        assert_eq!(numbers(&old), [1, 2], "six trials are remembered");
        let mut warm = study(1, 7);
        warm.trials.iter_mut().for_each(|trial| trial.number %= 4);
        assert_eq!(numbers(&warm), [1, 2], "results of a warm start have the numbers of trials");
    }

    #[test]
    fn with_several_metrics_the_front_stays() {
        let study = study(2, 50);
        assert_eq!(of(&study, 2, &space())[0], &study.trials[0].point);
    }
}

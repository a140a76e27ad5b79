//! The largest expected improvement over the search space: a rule may end a study once it is small.

use super::acquisition::{Gain, Improvement};
use super::fit::untransformed;
use super::model::Model;

impl Model<'_> {
    /// The largest expected improvement of the first metric among the points not yet tried. It is
    /// multiplied by the probabilities that a trial keeps all constraints and succeeds.
    ///
    /// Its unit is the standard deviation of the losses, after outliers are cut. 0 if all points
    /// have been tried; `None` if there is no feasible loss, if all are equal, or if there is no model.
    pub fn max_expected_improvement(&self) -> Option<f64> {
        let (history, features) = (&self.history, &self.features);
        if history.incumbents().next().is_none() || !history.varies(0) {
            return None;
        }
        let mut acquisition = self.acquisition().ok()?;
        let process = untransformed::process(history, features, &self.seed.child("plain")).ok()?;
        let inputs = features.rows(history.measured.iter().map(|measured| &measured.cell));
        let means = process.means(inputs.view());
        let feasible = means.iter().zip(&history.measured).filter(|(_, measured)| measured.is_incumbent());
        let best = feasible.map(|(&mean, _)| mean).fold(f64::INFINITY, f64::min);
        let improvement = Improvement { process, best, scale: None };
        acquisition.gain = Some(Gain::Improvement(Box::new(improvement)));
        let acquisition = acquisition.expected();
        let ranking = self.ranking(&acquisition, self.params, &self.seed);
        // A point that is refused, or that describes a network of a trial, gains nothing.
        Some(self.first_new(&ranking).map_or(0.0, |(value, _)| value.exp()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::search::bayes::fixtures::line;
    use crate::search::{BayesSearch, Search};
    use crate::seed::Seed;
    use crate::space::{Bounds, Foresee, Foresight, Point, Refusals, Space};
    use crate::study::{Metric, Study, Trial, TrialState};

    #[test]
    fn the_largest_expected_improvement_falls_near_the_minimum() {
        let space = line();
        let (search, seed) = (BayesSearch::new(), Seed::root(1));
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        let mut improvements = Vec::new();
        for number in 0..20 {
            improvements.extend(search.improvement(&space, &study, &seed));
            let point = search.suggest(&space, &study, &seed);
            let x = point.get("x").and_then(|x| x.as_f64()).unwrap();
            let values = vec![(x - 0.3) * (x - 0.3)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        assert_eq!(improvements.len(), 15, "none before the model");
        assert!(improvements[14] < 0.1 * improvements[0], "{improvements:?}");
    }

    #[test]
    fn where_half_of_the_trials_fail_the_improvement_is_about_half() {
        let study = |fails: bool| {
            let trials = (0..24).map(|number| {
                let x = f64::from(number * 7 % 24) / 23.0;
                let trial = Trial::waiting(number, [("x", x)].into_iter().collect());
                match number % 2 == 1 {
                    true if fails => Trial { state: TrialState::Fail, ..trial },
                    true => Trial { state: TrialState::Pruned, ..trial },
                    false => {
                        let values = vec![(5.0 * x).sin() + 0.3 * f64::from(number % 3)];
                        Trial { state: TrialState::Complete, values, ..trial }
                    }
                }
            });
            Study { metrics: vec![Metric::minimize("loss")], trials: trials.collect(), ..Study::default() }
        };
        let max_expected_improvement =
            |fails| BayesSearch::new().improvement(&line(), &study(fails), &Seed::root(0)).unwrap();
        let share = max_expected_improvement(true) / max_expected_improvement(false);
        assert!((0.3..0.9).contains(&share), "{share}");
    }

    #[test]
    fn where_every_point_was_tried_the_improvement_is_zero() {
        let text = r#"{"name": "few", "parameters": {"n": {"type": "int", "low": 0, "high": 5}}}"#;
        let space = Space::from_json(text, "few.json").unwrap();
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        for (point, number) in space.enumerate(6).unwrap().into_iter().zip(0..) {
            let values = vec![f64::from(number)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        assert_eq!(BayesSearch::new().improvement(&space, &study, &Seed::root(0)), Some(0.0));
    }

    /// Refuses large numbers.
    struct Small;

    impl Foresee for Small {
        fn foresee(&self, point: &Point) -> Foresight {
            match point.get("n").and_then(|n| n.as_f64()) {
                Some(n) if n > 5.0 => Foresight::Refused { reason: "too large".to_owned() },
                _ => Foresight::Possible { bounds: vec![Bounds::UNKNOWN] },
            }
        }

        fn refusals(&self) -> Refusals {
            Refusals::default()
        }
    }

    #[test]
    fn where_all_points_but_those_that_are_refused_were_tried_the_improvement_is_zero() {
        let text = r#"{"name": "many", "parameters": {"n": {"type": "int", "low": 0, "high": 40}}}"#;
        let space = Space::from_json(text, "many.json").unwrap().with_foresight(Some(Arc::new(Small)));
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        for (number, n) in (0..).zip(0..=5) {
            let point: Point = [("n", i64::from(n))].into_iter().collect();
            let values = vec![10.0 - f64::from(n)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        assert_eq!(BayesSearch::new().improvement(&space, &study, &Seed::root(0)), Some(0.0));
    }
}

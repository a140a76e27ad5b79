//! What the most promising point promises: when to stop.

use super::acquisition::maximize::Maximizer;
use super::acquisition::{Gain, Improvement};
use super::fit::stored_fits::StoredFits;
use super::input::cube::Cube;
use super::input::features::Features;
use super::input::history::History;
use super::{BayesSearch, fit::untransformed, model};
use crate::seed::Seed;
use crate::space::Space;
use crate::study::Study;

impl BayesSearch {
    /// The largest expected improvement of the first metric among the points not yet tried, times their probabilities of
    /// keeping all constraints and of success, in standard deviations of the losses, outliers cut; 0 if all have been
    /// tried, `None` without a measured loss.
    pub(super) fn max_expected_improvement(&self, space: &Space, study: &Study, seed: &Seed) -> Option<f64> {
        let cube = Cube::new(space);
        let history = History::new(space, &cube, study);
        if !history.measured.iter().any(|measured| measured.is_feasible) {
            return None;
        }
        let features = Features::new(&cube);
        let fits = StoredFits::of(study, &history);
        let fitter = self.fits.fitter(Some(&fits), seed.child("model"));
        let mut acquisition = model::acquisition(&history, &features, &fitter).ok()?;
        let seed = seed.index(study.trials.len() as u64);
        let process = untransformed::process(&history, &features, &seed.child("plain")).ok()?;
        let inputs = features.rows(history.measured.iter().map(|measured| &measured.cell));
        let means = process.means(inputs.view());
        let feasible = means.iter().zip(&history.measured).filter(|(_, measured)| measured.is_feasible);
        let best = feasible.map(|(&mean, _)| mean).fold(f64::INFINITY, f64::min);
        acquisition.gain = Some(Gain::Improvement(Box::new(Improvement { process, best })));
        // Expected, not preferred: what may fail is worth its share.
        acquisition.success_exponent = 1.0;
        let ranking =
            Maximizer::new(&cube, &features, &acquisition, &history).ranking(space, &self.params, &seed);
        Some(ranking.first().map_or(0.0, |scored| scored.value.exp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Search;
    use crate::search::bayes::fixtures::line;
    use crate::study::{Metric, Trial, TrialState};

    #[test]
    fn the_promise_falls_as_the_minimum_is_closed_in_on() {
        let space = line();
        let (search, seed) = (BayesSearch::new(), Seed::root(1));
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        let mut promises = Vec::new();
        for number in 0..20 {
            promises.extend(search.improvement(&space, &study, &seed));
            let point = search.suggest(&space, &study, &seed);
            let x = point.get("x").and_then(|x| x.as_f64()).unwrap();
            let values = vec![(x - 0.3) * (x - 0.3)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        assert_eq!(promises.len(), 15, "none before the model");
        assert!(promises[14] < 0.1 * promises[0], "{promises:?}");
    }

    #[test]
    fn of_what_fails_half_of_the_time_about_half_is_promised() {
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
    fn where_everything_was_tried_nothing_is_promised() {
        let text = r#"{"name": "few", "parameters": {"n": {"type": "int", "low": 0, "high": 5}}}"#;
        let space = Space::from_json(text, "few.json").unwrap();
        let mut study = Study { metrics: vec![Metric::minimize("loss")], ..Study::default() };
        for (point, number) in space.enumerate(6).unwrap().into_iter().zip(0..) {
            let values = vec![f64::from(number)];
            study.trials.push(Trial { state: TrialState::Complete, values, ..Trial::waiting(number, point) });
        }
        assert_eq!(BayesSearch::new().improvement(&space, &study, &Seed::root(0)), Some(0.0));
    }
}

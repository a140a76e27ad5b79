//! Warm starts, and trials with several seeds.

use super::*;
use crate::search::BayesSearch;
use crate::space::Point;
use crate::study::WarmStartTrial;

fn branin() -> Bench {
    Bench { search: Box::new(BayesSearch::new()), ..Bench::new(Synthetic::new(Problem::Branin)) }
}

#[test]
fn a_warm_start_teaches_the_search_and_its_best_point_follows_the_default() {
    let (_, known, _) = branin().run_through(25);
    let result = |trial: &Trial| WarmStartTrial {
        point: trial.point.clone(),
        values: trial.values.clone(),
        constraints: Vec::new(),
    };
    let warm_start = WarmStartTrials { results: known.trials.iter().map(result).collect() };
    let (end, study, _) = Bench { warm_start, ..branin() }.run_through(4);
    assert_eq!(
        (end, study.trials.len()),
        (End::Done, 4),
        "results of the warm start are no trials of this study"
    );
    let best = known.best().unwrap();
    assert_eq!(study.trials[1].point, best.point);
    let points: Vec<&Point> = known.trials.iter().map(|trial| &trial.point).collect();
    assert!(study.trials[2..].iter().all(|trial| !points.contains(&&trial.point)));
    let is_better = |trial: &Trial| trial.values[0] < best.values[0];
    assert!(study.trials[2..].iter().any(is_better), "the model continues where they ended");
    let (_, cold, _) = branin().run_through(4);
    assert!(!cold.trials.iter().any(is_better));
}

#[test]
fn a_trial_is_the_mean_over_its_seeds_and_a_confirmation_has_single_seeds() {
    let noisy = || Bench::new(Synthetic::new(Problem::Branin).with_noise(20.0).with_steps(2));
    let (_, study, events) = Bench { replicates: 4, ..noisy() }.run_through(3);
    for trial in &study.trials {
        let singles: Vec<f64> = serde_json::from_value(trial.attributes["replicates"].clone()).unwrap();
        assert_eq!(singles.len(), 4);
        assert!((singles.iter().sum::<f64>() / 4.0 - trial.values[0]).abs() < 1e-9);
        assert_eq!(trial.intermediate.len(), 8);
    }
    let (_, single, _) = noisy().run_through(3);
    let first = |trial: &Trial| trial.attributes["replicates"][0].as_f64();
    assert_eq!(
        first(&study.trials[1]),
        Some(single.trials[1].values[0]),
        "the first is the trial's own seed"
    );
    let confirmed = events.iter().filter(|event| matches!(event, Event::TrialConfirmed { .. })).count();
    assert!((2..=6).contains(&confirmed), "{confirmed}");
    let repeats = &Confirmation::of(&study).unwrap().candidates[0].repeats;
    assert!(repeats.iter().all(|repeat| !repeat.attributes.contains_key("replicates")));
}

//! The confirmation: the best trials are evaluated again with fresh seeds, which decides the
//! winner.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Attributes, Direction, Study, Trial, TrialState};

/// Key of the study attribute that holds the [`Confirmation`].
pub const CONFIRMATION: &str = "tune:confirmation";

/// The best trials, evaluated again with fresh seeds, and the test results of the winner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The number of trials that were finished then. A study with more of them is confirmed again.
    pub trials: u32,
    /// Fresh seeds per candidate; 0: the best trial wins with its own seed. See [`Self::is_by_seeds`].
    pub repeats: u32,
    /// The number of candidates that was asked for.
    pub wanted: u32,
    /// Whether the candidates are all trials of the front, whatever their number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub front: bool,
    /// The rule that chose the winner from a front; left out where the best mean wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick: Option<String>,
    /// The candidates: the winner, then the others, best mean first.
    pub candidates: Vec<Candidate>,
    /// The winner's results on the test set, one per entry of [`Candidate::repeats`].
    pub test: Vec<Repeat>,
    /// The index of the repeat whose model is kept: the best on the validation set.
    pub kept: usize,
}

/// A candidate: one of the best trials, and its repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The number of the trial.
    pub trial: u32,
    /// The results on the validation set, one per fresh seed.
    pub repeats: Vec<Repeat>,
    /// Whether the candidate got fewer seeds than the winner, because it fell behind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// The results of the same networks on the test set, if the whole front was confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<Repeat>,
    /// SHA-256 of the file of the saved network, in hex; studies of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// Samples per second of the simulator on this machine, measured with the saved network; of
    /// candidates whose networks were saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_throughput: Option<f64>,
}

/// One evaluation with a fresh seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The value of the first metric; `null` if the evaluation failed.
    pub value: Option<f64>,
    /// The values of all metrics where there are several; empty if the evaluation failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f64>,
    /// The values of the constraints, kept where they are at most 0; empty without constraints, and if
    /// the evaluation failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<f64>,
    /// Other measurements, or the reason of the failure.
    pub attributes: Attributes,
}

/// The mean and the standard deviation of values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The number of values.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation, with n - 1; 0 for one value.
    pub sd: f64,
}

impl Spread {
    /// Mean and standard deviation of the values of `repeats`; `None` if one failed or there is
    /// none.
    pub fn of(repeats: &[Repeat]) -> Option<Self> {
        Self::of_values(&repeats.iter().map(|repeat| repeat.value).collect::<Option<Vec<f64>>>()?)
    }

    /// Mean and standard deviation of `values`; `None` if there are none.
    pub fn of_values(values: &[f64]) -> Option<Self> {
        let count = values.len();
        // The mean of equal values may differ from them by rounding.
        let is_constant = values.iter().all(|value| *value == values[0]);
        let mean = if is_constant { *values.first()? } else { values.iter().sum::<f64>() / count as f64 };
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = if is_constant { 0.0 } else { (squares / (count - 1) as f64).sqrt() };
        (count > 0).then_some(Self { count, mean, sd })
    }
}

impl Confirmation {
    /// Whether candidates got fresh seeds; else the best trial won with its own.
    pub fn is_by_seeds(&self) -> bool {
        self.repeats > 0 && (self.wanted > 0 || self.front)
    }

    /// The confirmation of all finished trials of `study`; `None` if it has got more since.
    pub fn current(study: &Study) -> Option<Self> {
        Self::of(study).filter(|confirmation| confirmation.trials as usize == study.finished())
    }
}

impl Candidate {
    /// The mean loss of the first metric over the seeds; infinite if one failed, so that such a
    /// candidate comes last.
    pub fn mean_loss(&self, direction: Direction) -> f64 {
        Spread::of(&self.repeats).map_or(f64::INFINITY, |spread| direction.loss(spread.mean))
    }

    /// Whether the mean of every constraint over the seeds is kept.
    pub fn keeps_constraints(&self) -> bool {
        let sum = |at: usize| -> Option<f64> {
            let values = self.repeats.iter().map(|repeat| repeat.constraints.get(at));
            let known: Vec<f64> = values.flatten().copied().collect();
            (!known.is_empty()).then(|| known.iter().sum())
        };
        (0..).map_while(sum).all(|sum| sum <= 0.0)
    }

    /// The index of the seed with the lowest loss, the first of equals.
    pub fn best_seed(&self, direction: Direction) -> usize {
        let loss = |repeat: &Repeat| repeat.value.map_or(f64::INFINITY, |value| direction.loss(value));
        let losses = self.repeats.iter().map(loss).enumerate();
        losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(index, _)| index)
    }

    /// The number of parameters of the candidate's network; the largest number if none is known.
    /// Among candidates with equal means, the smallest network wins.
    pub fn parameters(&self) -> u64 {
        let known = self.repeats.first().and_then(|repeat| repeat.attributes.get("parameters")?.as_u64());
        known.unwrap_or(u64::MAX)
    }

    /// Mean and standard deviation of each metric over the seeds; empty if a seed failed.
    pub fn spreads(&self) -> Vec<Spread> {
        if self.repeats.iter().any(|repeat| repeat.value.is_none()) {
            return Vec::new();
        }
        let of_seed = |repeat: &Repeat| match repeat.values.is_empty() {
            true => repeat.value.into_iter().collect(),
            false => repeat.values.clone(),
        };
        let rows: Vec<Vec<f64>> = self.repeats.iter().map(of_seed).collect();
        let column = |at: usize| rows.iter().map(|row| row.get(at).copied()).collect::<Option<Vec<f64>>>();
        (0..).map_while(|at| Spread::of_values(&column(at)?)).collect()
    }
}

/// `study` with its `candidates` alone, each with the means over its seeds as its values. Candidates
/// with a failed seed are left out.
pub fn confirmed(study: &Study, candidates: &[Candidate]) -> Study {
    let trial = |candidate: &Candidate| {
        let values: Vec<f64> = candidate.spreads().iter().map(|spread| spread.mean).collect();
        let trial = study.trials.iter().find(|trial| trial.number == candidate.trial)?;
        (values.len() == study.metrics.len()).then(|| Trial {
            state: TrialState::Complete,
            values,
            ..Trial::waiting(trial.number, trial.point.clone())
        })
    };
    Study {
        metrics: study.metrics.clone(),
        trials: candidates.iter().filter_map(trial).collect(),
        ..Study::default()
    }
}

impl Confirmation {
    /// The confirmation of `study`, if it has one.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(CONFIRMATION)?.clone()).ok()
    }

    /// The value of the attribute [`CONFIRMATION`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("text and numbers are JSON")
    }

    /// The winner: the candidate with the best mean.
    pub fn winner(&self) -> &Candidate {
        &self.candidates[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeat(value: impl Into<Option<f64>>) -> Repeat {
        Repeat {
            value: value.into(),
            values: Vec::new(),
            constraints: Vec::new(),
            attributes: Attributes::new(),
        }
    }

    /// A candidate whose seeds have these values of two metrics.
    fn candidate(trial: u32, seeds: &[[f64; 2]]) -> Candidate {
        let repeat = |values: &[f64; 2]| Repeat { values: values.to_vec(), ..repeat(values[0]) };
        Candidate {
            trial,
            repeats: seeds.iter().map(repeat).collect(),
            stopped: false,
            test: Vec::new(),
            model_sha256: None,
            host_throughput: None,
        }
    }

    #[test]
    fn a_confirmed_study_has_the_means_of_every_metric() {
        let study = Study {
            metrics: vec![super::super::Metric::maximize("a"), super::super::Metric::minimize("b")],
            trials: (0..3).map(|number| Trial::waiting(number, crate::space::Point::default())).collect(),
            ..Study::default()
        };
        let mut failed = candidate(2, &[[0.5, 1.0], [0.5, 1.0]]);
        failed.repeats[1] = repeat(None);
        let candidates = [candidate(1, &[[0.25, 10.0], [0.75, 30.0]]), failed];
        let means = confirmed(&study, &candidates);
        let shown: Vec<(u32, &[f64])> =
            means.trials.iter().map(|trial| (trial.number, &trial.values[..])).collect();
        assert_eq!(shown, [(1, &[0.5, 20.0][..])]);
        assert_eq!(candidates[0].best_seed(Direction::Maximize), 1);
        assert_eq!(candidates[1].mean_loss(Direction::Maximize), f64::INFINITY);
    }

    #[test]
    fn the_spread_of_values_is_the_sample_standard_deviation() {
        // Mean 5, squared distances 9 + 1 + 1 + 9 = 20, over 3.
        let spread = Spread::of(&[2.0, 4.0, 6.0, 8.0].map(repeat)).expect("all have values");
        assert_eq!((spread.count, spread.mean), (4, 5.0));
        assert!((spread.sd - (20f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(Spread::of(&[repeat(3.0)]), Some(Spread { count: 1, mean: 3.0, sd: 0.0 }));
        // The sum of these three, divided by three, is another number.
        assert_eq!(Spread::of_values(&[0.9; 3]), Some(Spread { count: 3, mean: 0.9, sd: 0.0 }));
    }

    #[test]
    fn a_failed_repeat_leaves_no_spread() {
        assert_eq!(Spread::of(&[repeat(1.0), repeat(None)]), None);
        assert_eq!(Spread::of(&[]), None);
    }
}

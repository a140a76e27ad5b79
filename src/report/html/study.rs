//! One study of a report.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::axis::Axis;
use super::number::{Interval, cut, short, shorter};
use super::row::{Columns, Row, measured};
use super::sample::{Sampled, sampled};
use super::winner::Winner;
use crate::report::Remark;
use crate::report::check::Scale;
use crate::report::facts::{self, Fact};
use crate::report::status::failures;
use crate::report::text::shares_note;
use crate::study::{COMMAND, Confirmation, Importance, Metric, Repeat, Setup, Slice, Stopped, Study, Trial};

/// The most reasons of failures that are told apart.
const REASONS: usize = 50;

/// What the caller has found out about a study by a model of its results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// The importance of the parameters, if there are enough trials.
    pub importance: Option<Importance>,
    /// What the model expects along each parameter.
    pub slices: Vec<Slice>,
    /// The storage that the study is in, as `--storage` names it.
    pub storage: Option<String>,
}

/// A candidate of the confirmation: one of the best trials, evaluated again with fresh seeds.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Confirmed {
    /// The number of the trial.
    pub trial: u32,
    /// The first metric on the validation set, one value per seed; `null` where it failed.
    pub values: Vec<Option<f64>>,
    /// Whether it got fewer seeds than the winner, because it fell behind.
    pub stopped: bool,
    /// The mean of each metric over the seeds, with its interval; empty if a seed failed or there is
    /// none.
    pub metrics: Vec<Interval>,
    /// The first metric on the test set, one value per seed; empty if it was not tested.
    pub test: Vec<Option<f64>>,
}

/// The importance of the parameters, as shares of the variance that the model expects.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Shares {
    /// Names with the share alone and the total share, the most important first.
    pub parameters: Vec<(String, f64, f64)>,
    /// Two names with their common share, the strongest pair first.
    pub pairs: Vec<(String, String, f64)>,
    /// The share that the model takes for noise.
    pub noise: f64,
}

/// What the model expects of the first metric along one parameter. The others are as in the winner.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Along {
    /// The parameter's name.
    pub name: String,
    /// Places on its axis: numbers, or indices of choices.
    pub at: Vec<Json>,
    /// The expected metric at each place.
    pub mean: Vec<Option<f64>>,
    /// Half the width of the 95 % interval of the expected metric at each place.
    pub half: Vec<Option<f64>>,
}

/// One study of a report. Numbers are rounded to six significant digits, those of curves and
/// measurements to four.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StudyReport {
    /// Its name.
    pub name: String,
    /// Its metrics; the first one decides the winner.
    pub metrics: Vec<Metric>,
    /// Whether its trials are networks on a chip, whose costs are in joules and seconds.
    pub of_networks: bool,
    /// Its data set, chip, space, search and so on, in words.
    pub facts: Vec<Fact>,
    /// The command line that makes the result again; `null` if the study does not keep it.
    pub command: Option<String>,
    /// Number of trials by state.
    pub counts: Vec<(String, usize)>,
    /// Whether only a sample of the trials is shown; `null` if all are.
    pub sampled: Option<Sampled>,
    /// Remarks: what is unexpected, and what to do.
    pub remarks: Vec<String>,
    /// The winner, or the best trial so far; `null` while no trial has a value.
    pub winner: Option<Winner>,
    /// The candidates of the confirmation, the winner first; empty without fresh seeds.
    pub confirmed: Vec<Confirmed>,
    /// The trials that were the best when they ended, with their values.
    pub incumbents: Vec<(u32, f64)>,
    /// With several metrics: the trials of the Pareto front.
    pub front: Vec<u32>,
    /// The importance of the parameters for the first metric; `null` if there are too few trials.
    pub importance: Option<Shares>,
    /// How the importance is read; `null` without one.
    pub importance_note: Option<String>,
    /// What the model expects along each parameter.
    pub slices: Vec<Along>,
    /// Reasons of failures with their counts, the most frequent first.
    pub failures: Vec<(String, usize)>,
    /// The searched parameters.
    pub axes: Vec<Axis>,
    /// Names of measurements that are numbers.
    pub measured: Vec<String>,
    /// The search space as a file of `--space`; `null` if the study does not keep it.
    pub space: Option<Json>,
    /// The trials in order of their numbers.
    pub trials: Vec<Row>,
}

/// `command` with the name of its study and its storage, which do not change its result.
fn named(command: &str, study: &str, storage: Option<&str>) -> String {
    let quoted = |text: &str| shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into);
    let words = shlex::split(command).unwrap_or_default();
    let lacks = |option: &str| !words.iter().any(|word| word.split('=').next() == Some(option));
    let option = |name: &str, value: Option<&str>| {
        let value = value.filter(|_| lacks(name));
        value.map_or_else(String::new, |value| format!(" {name} {}", quoted(value)))
    };
    format!("{command}{}{}", option("--study", Some(study)), option("--storage", storage))
}

impl StudyReport {
    /// The report of `study`, with what the caller has `gathered` about it.
    pub fn new(study: &Study, gathered: &Gathered) -> Self {
        let space = study.space().and_then(Result::ok);
        let axes = Axis::all(study, space.as_ref());
        let confirmation = Confirmation::current(study);
        let winner = Winner::of(study, confirmation.as_ref());
        let confirmed: Vec<Confirmed> =
            confirmation.iter().flat_map(|one| all_confirmed(study, one)).collect();
        let incumbents = incumbents(study);
        let front: Vec<u32> = match study.metrics.len() {
            0 | 1 => Vec::new(),
            _ => study.pareto_front().iter().map(|trial| trial.number).collect(),
        };
        let important: BTreeSet<u32> = winner
            .iter()
            .map(|winner| winner.trial)
            .chain(confirmed.iter().map(|one| one.trial))
            .chain(front.iter().copied())
            .collect();
        let (shown, sampled) = sampled(study, &important);
        let measured = measured(study);
        let columns = Columns::new(&axes, &measured, shown.len());
        let trials = shown.into_iter().map(|trial| columns.row(trial)).collect();
        Self {
            name: study.name.clone(),
            metrics: study.metrics.clone(),
            of_networks: Setup::of(study).is_some(),
            facts: facts::of(study),
            command: study
                .attributes
                .get(COMMAND)
                .and_then(Json::as_str)
                .map(|command| named(command, &study.name, gathered.storage.as_deref())),
            counts: counts(study),
            sampled,
            remarks: remarks(study),
            winner,
            confirmed,
            incumbents,
            front,
            importance: gathered.importance.as_ref().map(shares),
            importance_note: gathered.importance.as_ref().map(|importance| shares_note(importance, study)),
            slices: gathered.slices.iter().filter_map(|slice| along(slice, &axes)).collect(),
            failures: reasons(study),
            measured,
            space: space.map(|space| space.to_json()),
            trials,
            axes,
        }
    }
}

fn counts(study: &Study) -> Vec<(String, usize)> {
    let states = ["complete", "paused", "pruned", "failed", "retried", "running", "waiting"];
    let state = |trial: &Trial| if trial.is_retried() { "retried".to_owned() } else { trial.standing() };
    let count = |name: &str| study.trials.iter().filter(|trial| state(trial) == name).count();
    states.iter().map(|&state| (state.to_owned(), count(state))).filter(|(_, count)| *count > 0).collect()
}

/// The reasons of failures, cut if they are long. Rare ones are counted together.
fn reasons(study: &Study) -> Vec<(String, usize)> {
    let mut reasons: Vec<(String, usize)> =
        failures(study).into_iter().map(|(reason, count)| (cut(&reason), count)).collect();
    let rare: usize = reasons.iter().skip(REASONS).map(|(_, count)| count).sum();
    reasons.truncate(REASONS);
    reasons.extend((rare > 0).then(|| ("other reasons".to_owned(), rare)));
    reasons
}

/// The remarks on `study`, and why it stopped early.
fn remarks(study: &Study) -> Vec<String> {
    let stopped = Stopped::of(study).map(|stopped| format!("stopped: {} ({})", stopped.reason, stopped.rule));
    stopped.into_iter().chain(Remark::of(study).iter().map(ToString::to_string)).collect()
}

/// The trials of `study` that were better than all that had ended before them, with their values.
fn incumbents(study: &Study) -> Vec<(u32, f64)> {
    let (mut best, mut incumbents) = (f64::INFINITY, Vec::new());
    let mut trials: Vec<&Trial> = study.trials.iter().filter(|trial| trial.is_feasible()).collect();
    trials.sort_by_key(|trial| (trial.finished, trial.number));
    for trial in trials {
        let loss = study.direction().loss(trial.values[0]);
        if loss < best {
            best = loss;
            incumbents.extend(short(trial.values[0]).map(|value| (trial.number, value)));
        }
    }
    incumbents
}

fn all_confirmed(study: &Study, confirmation: &Confirmation) -> Vec<Confirmed> {
    let values = |repeats: &[Repeat]| repeats.iter().map(|one| one.value.and_then(short)).collect::<Vec<_>>();
    let winner = confirmation.winner().trial;
    let confirmed = confirmation.candidates.iter().filter(|_| confirmation.is_by_seeds());
    confirmed
        .map(|one| Confirmed {
            trial: one.trial,
            values: values(&one.repeats),
            stopped: one.stopped,
            metrics: study
                .metrics
                .iter()
                .zip(one.spreads())
                .map(|(metric, spread)| Interval::of(Scale::of(metric, Setup::of(study).is_some()), &spread))
                .collect(),
            test: values(if one.trial == winner { &confirmation.test } else { &one.test }),
        })
        .collect()
}

fn shares(importance: &Importance) -> Shares {
    let share = |share: f64| short(share).unwrap_or(0.0);
    let parameters = importance.parameters.iter();
    let pairs = importance.pairs.iter();
    Shares {
        parameters: parameters.map(|one| (one.name.clone(), share(one.alone), share(one.total))).collect(),
        pairs: pairs
            .map(|pair| (pair.names[0].clone(), pair.names[1].clone(), share(pair.together)))
            .collect(),
        noise: share(importance.noise),
    }
}

/// `slice` in the places of its axis; `None` if the study has no such axis.
fn along(slice: &Slice, axes: &[Axis]) -> Option<Along> {
    let axis = axes.iter().find(|axis| axis.name == slice.name)?;
    Some(Along {
        name: slice.name.clone(),
        at: slice.at.iter().map(|value| axis.place(value)).collect(),
        mean: slice.mean.iter().copied().map(shorter).collect(),
        half: slice.sd.iter().map(|sd| shorter(1.96 * sd)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::fixtures::{space, study};
    use crate::space::Value;
    use crate::study::{RETRIED, Share, TrialState};

    #[test]
    fn a_report_has_every_trial_the_best_so_far_and_what_the_model_found() {
        let study = study(40);
        let share = Share { name: "lr".into(), alone: 0.123456, total: 0.5 };
        let importance = Importance { parameters: vec![share], pairs: Vec::new(), noise: 0.25 };
        let slice = |name: &str, at: Vec<Value>| Slice {
            name: name.into(),
            mean: vec![0.5; at.len()],
            sd: vec![0.1; at.len()],
            is_allowed: vec![true; at.len()],
            is_number: false,
            at,
        };
        let slices =
            vec![slice("</script>", vec!["adam".into(), "<b>".into()]), slice("gone", vec![1.0.into()])];
        let report =
            StudyReport::new(&study, &Gathered { importance: Some(importance), slices, storage: None });
        assert_eq!((report.trials.len(), report.sampled.is_none()), (40, true));
        assert_eq!(report.counts, [("complete".to_owned(), 36), ("failed".to_owned(), 4)]);
        let mut retried = study.clone();
        let failed = retried.trials.iter_mut().find(|trial| trial.state == TrialState::Fail);
        failed.unwrap().internal.insert(RETRIED.to_owned(), 41.into());
        let counts = |name: &str, count| (name.to_owned(), count);
        let expected = [counts("complete", 36), counts("failed", 3), counts("retried", 1)];
        assert_eq!(super::counts(&retried), expected);
        assert_eq!(report.incumbents, [(0, 0.0)], "the first trial has the least loss");
        let mut slow = study.clone();
        slow.trials[0].finished = slow.trials.iter().filter_map(|trial| trial.finished).max();
        let incumbents = super::incumbents(&slow);
        assert!(incumbents.len() > 1 && incumbents.last() == Some(&(0, 0.0)), "{incumbents:?}");
        assert_eq!(
            report.importance.map(|shares| shares.parameters),
            Some(vec![("lr".into(), 0.123_456, 0.5)])
        );
        assert_eq!(report.slices.len(), 1, "a parameter that is gone has no slice");
        assert_eq!(
            (&report.slices[0].at[..], report.slices[0].half[0]),
            (&[0.into(), 1.into()][..], Some(0.196))
        );
        assert_eq!(report.space, Some(space().to_json()));
        assert_eq!(report.failures.iter().map(|(_, count)| count).sum::<usize>(), 4);
    }

    #[test]
    fn rare_reasons_are_counted_together() {
        let mut study = study(1000);
        for trial in &mut study.trials {
            if let Some(reason) = trial.attributes.get_mut("reason") {
                *reason = format!("{} {}", trial.number, "x".repeat(500)).into();
            }
        }
        let reasons = reasons(&study);
        assert_eq!((reasons.len(), reasons.last()), (51, Some(&("other reasons".to_owned(), 50))));
        assert!(reasons.iter().all(|(reason, _)| reason.chars().count() <= 201));
    }

    #[test]
    fn a_study_without_trials_and_space_has_an_empty_report() {
        let study = Study { metrics: vec![Metric::maximize("accuracy")], ..Study::default() };
        let report = StudyReport::new(&study, &Gathered::default());
        assert!(report.winner.is_none() && report.axes.is_empty() && report.trials.is_empty());
    }
}

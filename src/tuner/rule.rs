//! Rules that end a study before its budget is spent. A rule decides from the study alone, so an
//! interrupted study ends at the same trial as an uninterrupted one.

use std::fmt;
use std::str::FromStr;

use crate::input;
use crate::study::{Study, Trial};
use crate::units::Seconds;

/// A rule that ends a study.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StopRule {
    /// The search expects less improvement than this from its best point; above 0. The unit is the
    /// standard deviation of the losses so far, without outliers.
    Improvement(f64),
    /// This number of trials has finished since the last improvement; at least 1. With several
    /// metrics: since the last trial that is on the Pareto front.
    Stagnation(u32),
    /// The first metric of a feasible trial has reached this value.
    Target(f64),
    /// Another trial, and the confirmation after it, would probably end later than this time after
    /// the start. Trials that run at the same time count once. A running trial is not broken off.
    Time(Seconds),
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopRuleError {
    /// The text has no `=`.
    #[error("must be RULE=VALUE, such as stagnation=30")]
    NoValue,
    /// No rule has this name.
    #[error("unknown rule \"{name}\"{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// The rule that was meant, or all.
        hint: String,
    },
    /// The value is out of range.
    #[error("{name} must be {rule}")]
    Value {
        /// The rule's name.
        name: &'static str,
        /// The rule for the value.
        rule: &'static str,
    },
}

const NAMES: [&str; 4] = ["improvement", "stagnation", "target", "time"];

impl FromStr for StopRule {
    type Err = StopRuleError;

    /// Reads `improvement=0.01`, `stagnation=30`, `target=0.99` or `time=2h`.
    fn from_str(text: &str) -> Result<Self, StopRuleError> {
        let (name, value) = text.split_once('=').ok_or(StopRuleError::NoValue)?;
        let number = |is_in: fn(f64) -> bool| value.parse().ok().filter(|&x| is_in(x));
        let wrong = |name, rule| StopRuleError::Value { name, rule };
        match name {
            "improvement" => number(|x| x > 0.0 && x.is_finite())
                .map(StopRule::Improvement)
                .ok_or(wrong("improvement", "a number above 0, such as 0.01")),
            "stagnation" => value
                .parse()
                .ok()
                .filter(|&trials| trials > 0)
                .map(StopRule::Stagnation)
                .ok_or(wrong("stagnation", "a number of trials, at least 1")),
            "target" => number(f64::is_finite)
                .map(StopRule::Target)
                .ok_or(wrong("target", "a value of the first metric, such as 0.99")),
            "time" => value
                .parse()
                .map(StopRule::Time)
                .map_err(|_| wrong("time", "a number above 0 with s, m, h or d, such as 30m")),
            _ => {
                let hint = input::suggestion(name, NAMES);
                Err(StopRuleError::Unknown { name: name.to_owned(), hint })
            }
        }
    }
}

impl fmt::Display for StopRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopRule::Improvement(tolerance) => write!(f, "improvement={tolerance}"),
            StopRule::Stagnation(trials) => write!(f, "stagnation={trials}"),
            StopRule::Target(value) => write!(f, "target={value}"),
            StopRule::Time(Seconds(seconds)) => write!(f, "time={seconds}s"),
        }
    }
}

impl StopRule {
    /// The reason why this rule ends `study`; `None` if it does not. `improvement` returns the
    /// improvement that the search expects, or `None` without a model. `ahead` returns the time that
    /// another trial takes, and that of the confirmation.
    pub(super) fn reason(
        self,
        study: &Study,
        improvement: impl FnOnce() -> Option<f64>,
        ahead: impl FnOnce() -> [Seconds; 2],
    ) -> Option<String> {
        match self {
            StopRule::Improvement(tolerance) => {
                let expected = improvement().filter(|&expected| expected < tolerance)?;
                Some(format!(
                    "the expected improvement is {expected:.2e} standard deviations, less than {tolerance}"
                ))
            }
            StopRule::Stagnation(trials) => {
                let since = since_improvement(study);
                (since >= trials as usize).then(|| format!("no improvement in {since} trials"))
            }
            StopRule::Target(target) => {
                let best = study.best()?;
                let loss = |value| study.direction().loss(value);
                (loss(best.values[0]) <= loss(target)).then(|| {
                    format!("trial {} reached {:?}, the target is {target:?}", best.number, best.values[0])
                })
            }
            StopRule::Time(limit) => {
                let (spent, [trial, confirmation]) = (time_spent(study), ahead());
                (spent + trial + confirmation > limit || spent >= limit).then(|| {
                    format!(
                        "trials ran for {:.1} s, another would take about {:.1} s and the confirmation {:.1} s, \
                         the limit is {} s",
                        spent.0, trial.0, confirmation.0, limit.0
                    )
                })
            }
        }
    }
}

/// Number of trials that have finished since the last improvement. With `--deterministic` trials count as
/// finished in the order of their numbers.
fn since_improvement(study: &Study) -> usize {
    let is_fixed = study.searched().is_some_and(|searched| searched.deterministic_workers.is_some());
    let place = |trial: &Trial| (trial.finished.filter(|_| !is_fixed), trial.number);
    let front = study.pareto_front();
    let is_first = |trial: &&&Trial| {
        !front.iter().any(|other| place(other) < place(trial) && other.values == trial.values)
    };
    let last = front.iter().filter(is_first).map(|trial| place(trial)).max();
    let is_later = |trial: &&Trial| last.is_none_or(|last| place(trial) > last);
    study.trials.iter().filter(|trial| trial.state.is_finished()).filter(is_later).count()
}

/// A pause between trials that is not longer counts as time of the study: the search thinks. A longer
/// one is an interruption.
const PAUSE: Seconds = Seconds(60.0);

/// The time in which finished trials were running, and the pauses between them; parallel trials count
/// once. A trial that paused counts with its work alone, as if that had come right before its end.
pub(super) fn time_spent(study: &Study) -> Seconds {
    let finished = study.trials.iter().filter(|trial| trial.state.is_finished());
    let span = |trial: &Trial| {
        let (from, to) = (trial.started?.0, trial.finished?.0);
        let has_paused = !trial.rung_history.rungs.is_empty();
        let work = trial.seconds().filter(|_| has_paused).map(|seconds| (seconds * 1e6) as i64);
        Some((work.map_or(from, |work| from.max(to.saturating_sub(work))), to))
    };
    let mut spans: Vec<(i64, i64)> = finished.filter_map(span).collect();
    spans.sort_unstable();
    let longest = (PAUSE.0 * 1e6) as i64;
    let (mut micros, mut end) = (0, i64::MIN);
    for (from, to) in spans {
        let begin = if from.saturating_sub(end) <= longest { end } else { from };
        micros += (to - begin).max(0);
        end = end.max(to);
    }
    Seconds(micros as f64 * 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, Rung, Timestamp, TrialState};

    /// Nothing is ahead.
    fn none() -> [Seconds; 2] {
        [Seconds(0.0); 2]
    }

    fn study(metrics: Vec<Metric>, values: &[&[f64]]) -> Study {
        let trials = values.iter().zip(0..).map(|(values, number)| Trial {
            state: if values.is_empty() { TrialState::Fail } else { TrialState::Complete },
            values: values.to_vec(),
            ..Trial::waiting(number, Point::default())
        });
        Study { metrics, trials: trials.collect(), ..Study::default() }
    }

    #[test]
    fn an_interruption_within_a_trial_that_pauses_is_no_time_of_the_study() {
        let mut study = study(vec![Metric::minimize("loss")], &[&[1.0]]);
        let day = 86_400_000_000;
        let trial = &mut study.trials[0];
        (trial.started, trial.finished) = (Some(Timestamp(0)), Some(Timestamp(day)));
        trial.rung_history.rungs = vec![Rung { steps: 3, values: vec![1.0], seconds: 2.0 }];
        trial.intermediate = vec![(3, 1.0), (9, 1.0)];
        assert_eq!(time_spent(&study), Seconds(6.0));
        study.trials[0].rung_history.rungs.clear();
        assert_eq!(time_spent(&study), Seconds(86_400.0));
    }

    #[test]
    fn a_rule_is_read_as_it_is_printed() {
        for text in ["improvement=0.01", "stagnation=30", "target=-2.5", "time=7200s"] {
            assert_eq!(text.parse::<StopRule>().map(|rule| rule.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("time=2h".parse(), Ok(StopRule::Time(Seconds(7200.0))));
    }

    #[test]
    fn a_wrong_rule_is_refused_with_the_rule_that_was_meant() {
        let problem = |text: &str| text.parse::<StopRule>().expect_err("no rule").to_string();
        assert_eq!(problem("stagnation"), "must be RULE=VALUE, such as stagnation=30");
        assert_eq!(problem("stagnaton=3"), r#"unknown rule "stagnaton"; did you mean "stagnation"?"#);
        assert_eq!(problem("stagnation=0"), "stagnation must be a number of trials, at least 1");
        assert_eq!(problem("improvement=-1"), "improvement must be a number above 0, such as 0.01");
        assert_eq!(problem("target=NaN"), "target must be a value of the first metric, such as 0.99");
        assert!(problem("time=soon").starts_with("time must be a number above 0"));
    }

    #[test]
    fn stagnation_counts_from_the_last_improvement_failures_included() {
        let metrics = vec![Metric::minimize("loss")];
        let falling = study(metrics.clone(), &[&[3.0], &[2.0], &[2.0], &[], &[5.0]]);
        let reason = |trials| StopRule::Stagnation(trials).reason(&falling, || None, none);
        assert_eq!(reason(3), Some("no improvement in 3 trials".to_owned()));
        assert_eq!(reason(4), None);
        assert_eq!(since_improvement(&study(metrics, &[&[], &[]])), 2);
        let two = vec![Metric::minimize("loss"), Metric::minimize("size")];
        // The third is on the front; the fourth equals it.
        assert_eq!(since_improvement(&study(two, &[&[1.0, 4.0], &[2.0, 5.0], &[0.5, 9.0], &[0.5, 9.0]])), 1);
    }

    #[test]
    fn trials_count_as_finished_in_the_order_in_which_they_finish() {
        let mut study = study(vec![Metric::minimize("loss")], &[&[3.0], &[1.0], &[2.0], &[2.0]]);
        // The best trial is the second, and finishes last but one.
        for (trial, finished) in study.trials.iter_mut().zip([1, 3, 2, 4]) {
            trial.finished = Some(Timestamp(finished));
        }
        assert_eq!(since_improvement(&study), 1);
    }

    #[test]
    fn a_target_is_reached_in_its_direction() {
        let up = study(vec![Metric::maximize("accuracy")], &[&[0.9], &[0.99], &[0.95]]);
        let reason = |target| StopRule::Target(target).reason(&up, || None, none);
        assert_eq!(reason(0.99), Some("trial 1 reached 0.99, the target is 0.99".to_owned()));
        assert_eq!(reason(0.991), None);
        let down = study(vec![Metric::minimize("loss")], &[&[0.9], &[0.5]]);
        assert_eq!(StopRule::Target(0.4).reason(&down, || None, none), None);
        assert!(StopRule::Target(0.6).reason(&down, || None, none).is_some());
    }

    #[test]
    fn a_small_expected_improvement_ends_the_study_and_none_does_not() {
        let study = study(vec![Metric::minimize("loss")], &[&[0.9]]);
        let rule = StopRule::Improvement(0.01);
        assert_eq!(rule.reason(&study, || None, none), None);
        assert_eq!(rule.reason(&study, || Some(0.02), none), None);
        assert!(rule.reason(&study, || Some(1e-3), none).is_some_and(|reason| reason.contains("1.00e-3")));
    }

    #[test]
    fn parallel_trials_count_their_time_once_and_interruptions_do_not_count() {
        let mut study = study(vec![Metric::minimize("loss")], &[&[1.0], &[1.0], &[1.0], &[1.0]]);
        let spans = [(0, 10), (4, 12), (5, 6), (73, 74)];
        for (trial, (from, to)) in study.trials.iter_mut().zip(spans) {
            trial.started = Some(Timestamp(from * 1_000_000));
            trial.finished = Some(Timestamp(to * 1_000_000));
        }
        assert_eq!(time_spent(&study), Seconds(13.0));
        let reason = |limit| StopRule::Time(Seconds(limit)).reason(&study, || None, none);
        assert!(reason(13.0).is_some_and(|reason| reason.starts_with("trials ran for 13.0 s, ")));
        assert_eq!(reason(13.5), None);
        study.trials[3].started = Some(Timestamp(72_000_000));
        assert_eq!(time_spent(&study), Seconds(74.0), "the search has thought for a minute");
    }

    #[test]
    fn no_trial_starts_after_which_the_confirmation_would_be_late() {
        let mut study = study(vec![Metric::minimize("loss")], &[&[1.0]]);
        study.trials[0].started = Some(Timestamp(0));
        study.trials[0].finished = Some(Timestamp(10_000_000));
        let reason =
            |limit| StopRule::Time(Seconds(limit)).reason(&study, || None, || [Seconds(10.0), Seconds(30.0)]);
        assert_eq!(reason(50.0), None);
        let expected = "trials ran for 10.0 s, another would take about 10.0 s and the confirmation 30.0 s, the \
                        limit is 49 s";
        assert_eq!(reason(49.0).as_deref(), Some(expected));
    }
}

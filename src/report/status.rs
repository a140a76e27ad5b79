//! The status of a study: trials by state, workers, speed, failures.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::study::{Study, Timestamp, TrialState};
use crate::units::{Seconds, digits};

/// From so many of the last ended trials the speed of a study is computed.
const RECENT: usize = 50;

/// The status of a study.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The name of the study.
    pub study: String,
    /// The budget in trials, if the study stores it.
    pub budget: Option<u32>,
    /// Number of trials that count for the budget: those that were started, except those whose
    /// point is tried again.
    pub charged: usize,
    /// Number of trials by state. A pruned trial that can be resumed counts as `paused`.
    pub states: BTreeMap<String, usize>,
    /// Number of trials whose point is tried again under another number. They are among the failed
    /// trials.
    pub retried: usize,
    /// The number of the best trial, and its value in the first metric.
    pub best: Option<(u32, f64)>,
    /// How many of the complete trials keep all constraints; `None` if none has a constraint.
    pub feasible: Option<usize>,
    /// With several metrics: the name of the first, in which the best trial is best; left out with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_in: Option<String>,
    /// With several metrics: the trials of the front, best in the first metric first.
    pub front: Vec<u32>,
    /// How many trials end per minute, over the last ones; `None` before two have ended.
    pub trials_per_minute: Option<f64>,
    /// The share of the workers' time in which they evaluate a trial. A worker's time lasts from
    /// its first trial to the end of its last.
    pub utilization: Option<f64>,
    /// The process that leads the study now; `None` if none does, as far as can be seen.
    pub leader: Option<String>,
    /// The workers that send heartbeats, whether they evaluate a trial now or not.
    pub workers: Vec<Worker>,
    /// The reasons of failed trials whose point is not tried again. The most frequent comes first,
    /// each with its count.
    pub failures: Vec<(String, usize)>,
}

/// A worker that sends heartbeats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worker {
    /// The name of the worker.
    pub name: String,
    /// The numbers of its running trials, each with the age of the last heartbeat in seconds, if
    /// there was one.
    pub running: Vec<(u32, Option<f64>)>,
    /// The number of trials that it has ended.
    pub ended: usize,
}

impl Status {
    /// The status of `study` at `now`. `heartbeats` has the numbers of running trials, each with
    /// the age of its last heartbeat. `leader` is the process that leads the study.
    pub fn of(
        study: &Study,
        budget: Option<u32>,
        heartbeats: &[(u32, Seconds)],
        leader: Option<String>,
        now: Timestamp,
    ) -> Self {
        let mut states = BTreeMap::new();
        for trial in &study.trials {
            *states.entry(trial.standing()).or_default() += 1;
        }
        Self {
            study: study.name.clone(),
            budget,
            charged: study.charged(),
            states,
            retried: study.trials.iter().filter(|trial| trial.is_retried()).count(),
            feasible: study
                .in_state(TrialState::Complete)
                .any(|trial| !trial.constraints.is_empty())
                .then(|| study.trials.iter().filter(|trial| trial.is_feasible()).count()),
            best: study.best().map(|trial| (trial.number, trial.values[0])),
            best_in: study
                .metrics
                .first()
                .filter(|_| study.metrics.len() > 1)
                .map(|first| first.name.clone()),
            front: front(study),
            trials_per_minute: trials_per_minute(study),
            utilization: utilization(study, now),
            leader,
            workers: workers(study, heartbeats),
            failures: failures(study),
        }
    }
}

/// The front of `study`, best in the first metric first; empty with one metric.
fn front(study: &Study) -> Vec<u32> {
    if study.metrics.len() < 2 {
        return Vec::new();
    }
    let mut front = study.pareto_front();
    front.sort_by(|a, b| study.losses(a)[0].total_cmp(&study.losses(b)[0]));
    front.into_iter().map(|trial| trial.number).collect()
}

fn trials_per_minute(study: &Study) -> Option<f64> {
    let mut ends: Vec<i64> = study.ended().filter_map(|trial| Some(trial.finished?.0)).collect();
    ends.sort_unstable();
    let recent = &ends[ends.len().saturating_sub(RECENT)..];
    let span = recent.last()? - recent.first()?;
    (span > 0).then(|| (recent.len() - 1) as f64 / (span as f64 * 1e-6 / 60.0))
}

fn utilization(study: &Study, now: Timestamp) -> Option<f64> {
    let mut spans: BTreeMap<&str, Vec<(i64, i64)>> = BTreeMap::new();
    for trial in &study.trials {
        let (Some(worker), Some(started)) = (trial.worker(), trial.started) else { continue };
        let span = match (trial.state, trial.seconds()) {
            // When it resumed is not known.
            (TrialState::Running, _) if !trial.rung_history.is_empty() => continue,
            (TrialState::Running, _) => (started.0, now.0.max(started.0)),
            // It lay still between its rungs.
            (_, Some(seconds)) => {
                let end = trial.finished.unwrap_or(started).0;
                ((end - (seconds * 1e6) as i64).max(started.0), end.max(started.0))
            }
            (_, None) => (started.0, started.0),
        };
        spans.entry(worker).or_default().push(span);
    }
    let (mut busy, mut present) = (0, 0);
    for spans in spans.values_mut() {
        spans.sort_unstable();
        let mut until = i64::MIN;
        for &(from, to) in spans.iter() {
            busy += (to - from.max(until)).max(0);
            until = until.max(to);
        }
        present += until - spans[0].0;
    }
    (present > 0).then(|| busy as f64 / present as f64)
}

fn workers(study: &Study, heartbeats: &[(u32, Seconds)]) -> Vec<Worker> {
    let mut workers: BTreeMap<&str, Worker> = BTreeMap::new();
    for trial in &study.trials {
        let Some(name) = trial.worker() else { continue };
        let empty = || Worker { name: name.to_owned(), running: Vec::new(), ended: 0 };
        let worker = workers.entry(name).or_insert_with(empty);
        match trial.state {
            TrialState::Running => {
                let last = heartbeats.iter().find(|(number, _)| *number == trial.number);
                worker.running.push((trial.number, last.map(|(_, age)| age.0)));
            }
            TrialState::Waiting => {}
            _ if trial.is_retried() => {}
            _ => worker.ended += 1,
        }
    }
    workers.into_values().collect()
}

/// The reasons of failed trials whose point is not tried again. The most frequent comes first, each
/// with its count.
pub(super) fn failures(study: &Study) -> Vec<(String, usize)> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for trial in study.failed() {
        let reason = trial.attributes.get("reason").and_then(|reason| reason.as_str());
        *reasons.entry(reason.unwrap_or("no reason given")).or_default() += 1;
    }
    let mut failures: Vec<(String, usize)> =
        reasons.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
    failures.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    failures
}

/// `status` as text for people. Workers without a trial are counted, but not listed.
pub fn status_text(status: &Status) -> String {
    let count = |standing| status.states.get(standing).copied().unwrap_or(0);
    let of = status.budget.map_or(String::new(), |budget| format!(" of {budget}"));
    let mut text = format!(
        "{}: {}{of} trials begun: {} complete, {} paused, {} pruned, {} failed, {} running, {} waiting\n",
        status.study,
        status.charged,
        count("complete"),
        count("paused"),
        count("pruned"),
        count("failed").saturating_sub(status.retried),
        count("running"),
        count("waiting"),
    );
    if status.retried > 0 {
        text += &format!(
            "{} failed or lost their worker, and their points were given out again\n",
            status.retried
        );
    }
    if status.feasible == Some(0) {
        text += "no trial keeps all constraints\n";
    }
    if let Some((trial, value)) = status.best {
        let first = status.best_in.as_ref().map_or_else(String::new, |metric| format!(" in {metric} alone"));
        text += &format!("best{first}: trial {trial}, {}\n", digits(value));
    }
    if !status.front.is_empty() {
        text += &format!("front: {}\n", listed(&status.front));
    }
    if let Some(rate) = status.trials_per_minute {
        text += &format!("{rate:.1} trials a minute\n");
    }
    if let Some(share) = status.utilization {
        text += &format!("workers are busy {:.0} % of their time\n", share * 100.0);
    }
    let (busy, idle): (Vec<&Worker>, Vec<&Worker>) =
        status.workers.iter().partition(|worker| !worker.running.is_empty());
    if !status.workers.is_empty() {
        text += &format!("workers: {} on a trial, {} seen before\n", busy.len(), idle.len());
    }
    for worker in busy {
        let on = worker.running.iter().map(|(trial, age)| match age {
            Some(age) => format!("trial {trial}, alive {age:.0} s ago"),
            None => format!("trial {trial}"),
        });
        let on = on.collect::<Vec<_>>().join("; ");
        text += &format!("  {}: {on}; {} ended before\n", worker.name, worker.ended);
    }
    if let Some(leader) = &status.leader {
        text += &format!("led by {leader}\n");
    }
    let is_watched = status.leader.is_some()
        || status.workers.iter().any(|worker| worker.running.iter().any(|(_, age)| age.is_some()));
    if count("running") > 0 && !is_watched {
        text += "no process leads the study, and what is running sends no heartbeats: ";
        text += "unless tune ask gave it out, the study's command runs it again\n";
    }
    if !status.failures.is_empty() {
        text += "failures:\n";
    }
    for (reason, count) in &status.failures {
        text += &format!("  {count} x {reason}\n");
    }
    text
}

/// The first trials of a front, and how many there are.
fn listed(front: &[u32]) -> String {
    /// The most trials that are named.
    const MOST: usize = 10;
    let named: Vec<String> = front.iter().take(MOST).map(u32::to_string).collect();
    let more = front.len().saturating_sub(MOST);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let word = if front.len() == 1 { "trial" } else { "trials" };
    format!("{word} {}{rest}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, RETRIED, Trial, WORKER};

    fn trial(number: u32, state: TrialState, worker: &str, span: (i64, Option<i64>)) -> Trial {
        let second = |seconds: i64| Timestamp(seconds * 1_000_000);
        Trial {
            state,
            internal: [(WORKER.to_owned(), worker.into())].into(),
            started: Some(second(span.0)),
            finished: span.1.map(second),
            ..Trial::waiting(number, Point::default())
        }
    }

    #[test]
    fn a_running_trial_that_nobody_watches_is_told() {
        let running = trial(0, TrialState::Running, "", (0, None));
        let study = Study { metrics: vec![Metric::minimize("x")], trials: vec![running], ..Study::default() };
        let text = |leader: Option<&str>| {
            status_text(&Status::of(&study, None, &[], leader.map(str::to_owned), Timestamp(1)))
        };
        assert!(text(None).contains("no process leads the study"), "{}", text(None));
        let led = text(Some("process 7"));
        assert!(led.contains("led by process 7\n") && !led.contains("no process"), "{led}");
    }

    #[test]
    fn a_study_in_which_no_trial_keeps_its_constraints_says_so() {
        let text = |excess: [f64; 2]| {
            let trials = excess.into_iter().zip(0..).map(|(excess, number)| Trial {
                values: vec![0.5],
                constraints: vec![excess],
                ..trial(number, TrialState::Complete, "a", (0, Some(1)))
            });
            let study =
                Study { metrics: vec![Metric::minimize("x")], trials: trials.collect(), ..Study::default() };
            status_text(&Status::of(&study, None, &[], None, Timestamp(1)))
        };
        assert!(text([0.25, 1.0]).contains("no trial keeps all constraints\n"));
        assert!(!text([0.25, 0.0]).contains("constraints"));
    }

    #[test]
    fn a_study_is_summed_up() {
        use TrialState::{Complete, Fail, Running};

        let mut trials = vec![
            trial(0, Complete, "a", (0, Some(30))),
            trial(1, Fail, "a", (30, Some(60))),
            trial(2, Fail, "b", (0, Some(20))),
            trial(3, Running, "b", (60, None)),
        ];
        trials[0].values = vec![0.5];
        trials[1].internal.insert(RETRIED.to_owned(), 3.into());
        trials[2].attributes.insert("reason".to_owned(), "too large".into());
        let study =
            Study { name: "s".into(), metrics: vec![Metric::minimize("x")], trials, ..Study::default() };
        let status = Status::of(&study, Some(9), &[(3, Seconds(4.0))], None, Timestamp(80_000_000));
        // a: 60 of 60 s, b: 20 + 20 of 80 s. Ends at 20 and 30 s.
        assert_eq!(status.utilization, Some(100.0 / 140.0));
        assert!(status.trials_per_minute.is_some_and(|rate| (rate - 6.0).abs() < 1e-9));
        let expected = "s: 3 of 9 trials begun: 1 complete, 0 paused, 0 pruned, 1 failed, 1 running, 0 waiting\n\
            1 failed or lost their worker, and their points were given out again\nbest: trial 0, 0.5000\n6.0 trials a minute\n\
            workers are busy 71 % of their time\nworkers: 1 on a trial, 1 seen before\n  \
            b: trial 3, alive 4 s ago; 1 ended before\nfailures:\n  1 x too large\n";
        assert_eq!(status_text(&status), expected);
    }
}

//! The work that a study still has, as its stored trials tell it.

use super::durations::{Finished, RECENT};
use super::workload::{Repeats, Workload};
use crate::space::Point;
use crate::study::{Stopped, Study, Trial};
use crate::tuner::Settings;
use crate::tuner::rule::{StopRule, time_spent};

/// The most pauses between trials that count: the last ones.
const RECENT_PAUSES: usize = 20;
/// A candidate that does not lead gets about one in this number of its seeds.
const RACE: usize = 3;
const MICRO: f64 = 1e-6;

impl Workload {
    /// The work of `study` by `settings`, without what runs now. `cost` is the cost of a point by its
    /// plan.
    ///
    /// The candidates of the confirmation are those that `study` has now.
    pub fn of(study: &Study, settings: &Settings, cost: &dyn Fn(&Point) -> f64) -> Self {
        let mut ended: Vec<(i64, &Trial, f64)> = study.trials.iter().filter_map(ended).collect();
        ended.sort_by_key(|(at, ..)| *at);
        ended.drain(..ended.len().saturating_sub(RECENT));
        let finished =
            ended.iter().map(|&(_, trial, seconds)| Finished { seconds, cost: cost(&trial.point) });
        let to_start = match Stopped::of(study) {
            Some(_) => 0,
            None => (settings.budget as usize).saturating_sub(study.charged()),
        };
        let limits = settings.stop_when.iter().filter_map(|rule| match rule {
            StopRule::Time(limit) => Some((limit.0 - time_spent(study).0).max(0.0)),
            _ => None,
        });
        Self {
            finished: finished.collect(),
            running: Vec::new(),
            to_start,
            pause: pause(study),
            workers: settings.workers,
            confirmation: confirmation(study, settings),
            limit: limits.reduce(f64::min),
        }
    }
}

/// When `trial` ended and the seconds that it took; `None` if it has not ended, or counts no longer.
fn ended(trial: &Trial) -> Option<(i64, &Trial, f64)> {
    let is_over = trial.state.is_finished() && !trial.is_retried();
    let seconds = trial.seconds().filter(|_| is_over)?;
    Some((trial.finished?.0, trial, seconds))
}

/// The usual time between the end of a trial and the start of the next, in seconds.
fn pause(study: &Study) -> f64 {
    let mut ends: Vec<i64> = study.trials.iter().filter_map(|trial| trial.finished).map(|at| at.0).collect();
    ends.sort_unstable();
    let before = |start: i64| ends[..ends.partition_point(|&end| end <= start)].last().copied();
    let pauses = study.trials.iter().rev().filter_map(|trial| {
        let start = trial.started?.0;
        Some(start - before(start)?)
    });
    let mut pauses: Vec<i64> = pauses.take(RECENT_PAUSES).collect();
    pauses.sort_unstable();
    pauses.get(pauses.len() / 2).map_or(0.0, |&micros| micros as f64 * MICRO)
}

/// The trainings with fresh seeds that `study` would have if it ended now.
fn confirmation(study: &Study, settings: &Settings) -> Vec<Repeats> {
    let wanted = settings.confirm;
    let (candidates, least) = match wanted.front {
        true => {
            let front = study.pareto_front();
            let least = front_at_end(front.len(), study, settings);
            (front, least)
        }
        false => {
            let wanted = wanted.candidates.min(settings.budget) as usize;
            (study.ranking().into_iter().take(wanted).collect(), wanted)
        }
    };
    let count = wanted.repeats.max(1) as usize;
    let unknown = least.saturating_sub(candidates.len());
    let of_one_seed = |trial: &Trial| trial.seconds().map(|all| all / f64::from(settings.replicates.max(1)));
    // In a race the leader gets all seeds and the others fewer: `benches/README.md#confirmation-race`.
    let is_race = !wanted.front && settings.pick.is_none();
    let of_place = |place: usize| if is_race && place > 0 { count.div_ceil(RACE) } else { count };
    let places = candidates.len();
    let known = candidates.into_iter().enumerate().map(|(place, trial)| Repeats {
        trial: Some(trial.number),
        seconds: of_one_seed(trial),
        count: of_place(place),
    });
    let unknown = (places..places + unknown).map(|place| Repeats {
        trial: None,
        seconds: None,
        count: of_place(place),
    });
    known.chain(unknown).collect()
}

/// The size of the front when the budget is spent, if it has `now` trials: it grows like the root of
/// the number of trials. `benches/README.md#time-left`.
fn front_at_end(now: usize, study: &Study, settings: &Settings) -> usize {
    let (budget, finished) = (settings.budget as usize, study.finished());
    if now == 0 || finished == 0 || Stopped::of(study).is_some() {
        return now.max(1);
    }
    let growth = (budget.max(finished) as f64 / finished as f64).sqrt();
    (now as f64 * growth).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Metric, Timestamp, TrialState};
    use crate::tuner::{Confirm, Heartbeat};
    use crate::units::Seconds;

    fn trial(number: u32, value: f64, start: i64, end: i64) -> Trial {
        Trial {
            state: TrialState::Complete,
            values: vec![value],
            started: Some(Timestamp(start * 1_000_000)),
            finished: Some(Timestamp(end * 1_000_000)),
            ..Trial::waiting(number, Point::default())
        }
    }

    fn settings(candidates: u32, front: bool) -> Settings {
        Settings {
            budget: 10,
            seed: 0,
            workers: 2,
            deterministic: false,
            replicates: 2,
            pausing: None,
            stop_when: vec![StopRule::Time(Seconds(100.0))],
            max_failures: 0,
            heartbeat: Heartbeat::default(),
            confirm: Confirm { candidates, front, repeats: 3 },
            pick: None,
            model: None,
            keep_disk: None,
        }
    }

    #[test]
    fn a_study_tells_its_durations_pauses_candidates_and_limit() {
        let study = Study {
            metrics: vec![Metric::maximize("accuracy")],
            trials: vec![trial(0, 0.5, 0, 10), trial(1, 0.9, 11, 15), trial(2, 0.1, 16, 36)],
            ..Study::default()
        };
        let workload = Workload::of(&study, &settings(2, false), &|_| 7.0);
        let seconds: Vec<f64> = workload.finished.iter().map(|one| one.seconds).collect();
        assert_eq!(seconds, [10.0, 4.0, 20.0]);
        assert_eq!((workload.to_start, workload.pause, workload.workers), (7, 1.0, 2));
        assert_eq!(workload.limit, Some(64.0));
        let confirmed = |trial, seconds, count| Repeats { trial: Some(trial), seconds: Some(seconds), count };
        assert_eq!(workload.confirmation, [confirmed(1, 2.0, 3), confirmed(0, 5.0, 1)]);
        let front = Workload::of(&study, &settings(0, true), &|_| 7.0);
        let grown = Repeats { trial: None, seconds: None, count: 3 };
        assert_eq!(front.confirmation, [confirmed(1, 2.0, 3), grown], "of 10 trials the front has two");
        assert_eq!(Workload::of(&study, &settings(0, false), &|_| 7.0).confirmation, []);
    }

    #[test]
    fn candidates_that_are_not_found_yet_count() {
        let study = Study { metrics: vec![Metric::maximize("accuracy")], ..Study::default() };
        let workload = Workload::of(&study, &settings(3, false), &|_| 1.0);
        let counts: Vec<usize> = workload.confirmation.iter().map(|repeats| repeats.count).collect();
        assert_eq!(counts, [3, 1, 1], "a race");
        assert_eq!((workload.to_start, workload.pause), (10, 0.0));
    }
}

//! What is known of a running study: counts, running trainings, the best so far, the time left. It
//! draws nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::objective::{Objective, Outlook};
use crate::space::Point;
use crate::study::{Study, TrialState};
use crate::tuner::eta::{Running, Workload};
use crate::tuner::{Event, Live, Settings};

/// A training: its trial, and the number of the seed if it confirms the trial.
pub(crate) type Training = (u32, Option<u32>);

/// A running study as it is known now.
pub(crate) struct Board {
    settings: Settings,
    /// Whether the trials train networks, so that steps are epochs and metrics have units.
    pub of_networks: bool,
    pub began: Instant,
    pub study: Arc<Study>,
    pub budget: u32,
    pub running: BTreeMap<Training, RunningTraining>,
    /// The trainings with fresh seeds, once they have begun.
    pub confirming: Option<Confirming>,
    pub refused: u64,
    workload: Workload,
    /// When the workload was computed, and when an evaluation last began or ended.
    known_at: Instant,
    changed_at: Instant,
}

/// A training that runs.
pub(crate) struct RunningTraining {
    pub began: Instant,
    pub point: Point,
    pub outlook: Outlook,
    /// Steps done, those before a pause included.
    pub step: u32,
    /// The first metric after the last step.
    pub value: Option<f64>,
    /// Steps that were done when it began, and when the last step ended.
    first_step: u32,
    stepped: Instant,
    cost: f64,
    expected: Option<f64>,
}

/// The trainings with fresh seeds.
pub(crate) struct Confirming {
    pub candidates: usize,
    pub total: usize,
    pub done: usize,
    /// The values of each candidate so far, by trial.
    pub values: BTreeMap<u32, Vec<f64>>,
}

/// How much of a study is left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TimeLeft {
    /// Nothing was measured yet.
    Unknown,
    /// The last trainings are done; their networks are tested and saved.
    Finishing,
    Seconds(f64),
}

/// An evaluation that thinks or runs longer than expected takes this share of its delay still.
const OVERRUN: f64 = 0.15;

impl Board {
    /// A board for a run by `settings` that begins `now`.
    pub fn new(settings: Settings, of_networks: bool, now: Instant) -> Self {
        Self {
            budget: settings.budget,
            settings,
            of_networks,
            began: now,
            study: Arc::default(),
            running: BTreeMap::new(),
            confirming: None,
            refused: 0,
            workload: Workload::default(),
            known_at: now,
            changed_at: now,
        }
    }

    /// Takes note of `event`. `objective` evaluates the trials.
    pub fn observe(&mut self, event: &Event, objective: &dyn Objective, now: Instant) {
        match event {
            Event::Live(Live::Study { study, refused }) => self.know(study, *refused, objective, now),
            Event::TrialStarted { trial, point } => self.begin((*trial, None), point, 0, objective, now),
            Event::TrialResumed { trial, step } => {
                if let Some(point) = self.point_of(*trial) {
                    self.begin((*trial, None), &point, *step, objective, now);
                }
            }
            Event::TrialReported { trial, step, value } => self.step((*trial, None), *step, *value, now),
            Event::TrialFinished { trial, .. }
            | Event::TrialPaused { trial, .. }
            | Event::TrialTaken { trial } => self.end((*trial, None), now),
            Event::ConfirmationStarted { candidates, repeats } => {
                let (candidates, total) = (*candidates, candidates * repeats);
                self.workload.confirmation.retain(|repeats| repeats.trial.is_some());
                self.confirming = Some(Confirming { candidates, total, done: 0, values: BTreeMap::new() });
            }
            Event::Live(Live::RepeatStarted { trial, repeat }) => {
                self.begin_repeat(*trial, *repeat, objective, now);
            }
            Event::Live(Live::RepeatReported { trial, repeat, step, value }) => {
                self.step((*trial, Some(*repeat)), *step, *value, now);
            }
            Event::TrialConfirmed { trial, repeat, value } => {
                self.end((*trial, Some(*repeat)), now);
                if let Some(confirming) = &mut self.confirming {
                    confirming.done += 1;
                    confirming.values.entry(*trial).or_default().extend(value);
                }
            }
            _ => {}
        }
    }

    /// The time that the study still takes, its confirmation included.
    pub fn time_left(&self, now: Instant) -> TimeLeft {
        let seconds = |from: Instant| now.duration_since(from).as_secs_f64();
        let mut workload = self.workload.clone();
        workload.running = self.running.values().map(|training| training.workload(now)).collect();
        let others = self.others_running();
        workload.workers += others.len();
        workload.running.extend(others);
        workload.limit = workload.limit.map(|limit| (limit - seconds(self.known_at)).max(0.0));
        let is_at_end = workload.running.is_empty() && self.nothing_to_start();
        if is_at_end && (self.confirming.is_some() || !self.confirms()) && !self.study.trials.is_empty() {
            return TimeLeft::Finishing;
        }
        let Some(left) = workload.seconds_left() else { return TimeLeft::Unknown };
        // While nothing runs, the search thinks: the pause that was expected passes.
        let thinks = if self.running.is_empty() { seconds(self.changed_at) } else { 0.0 };
        let passed = thinks.min(workload.pause);
        TimeLeft::Seconds((left - passed + OVERRUN * (thinks - passed)).max(0.0))
    }

    /// The share of the run's time that has passed, from 0 to 1; `None` as long as it is not known.
    pub fn share(&self, now: Instant) -> Option<f64> {
        let passed = self.elapsed(now).as_secs_f64();
        match self.time_left(now) {
            TimeLeft::Unknown => None,
            TimeLeft::Finishing => Some(1.0),
            TimeLeft::Seconds(left) => Some(passed / (passed + left).max(f64::MIN_POSITIVE)),
        }
    }

    /// The time since this run began.
    pub fn elapsed(&self, now: Instant) -> Duration {
        now.duration_since(self.began)
    }

    /// The number of trainings that the confirmation will have, as far as it is known; 0 for none.
    pub fn repeats_ahead(&self) -> usize {
        self.workload.confirmation.iter().map(|repeats| repeats.count).sum()
    }

    fn confirms(&self) -> bool {
        self.settings.confirm.front || self.settings.confirm.candidates > 0
    }

    fn nothing_to_start(&self) -> bool {
        self.workload.to_start == 0 && (self.repeats_ahead() == 0 || !self.confirms())
    }

    fn know(&mut self, study: &Arc<Study>, refused: u64, objective: &dyn Objective, now: Instant) {
        let workload = Workload::of(study, &self.settings, &|point| objective.cost(point));
        (self.study, self.refused, self.workload, self.known_at) =
            (Arc::clone(study), refused, workload, now);
    }

    fn point_of(&self, trial: u32) -> Option<Point> {
        let known = self.study.trials.iter().rev().find(|known| known.number == trial)?;
        Some(known.point.clone())
    }

    fn begin(
        &mut self,
        training: Training,
        point: &Point,
        step: u32,
        objective: &dyn Objective,
        now: Instant,
    ) {
        // A trial has the trainings of all its seeds; a confirmation has one.
        let seeds = if training.1.is_none() { self.settings.replicates.max(1) } else { 1 };
        let outlook = objective.outlook(point);
        let steps = outlook.steps.map(|steps| steps.saturating_mul(seeds)).or_else(|| self.usual_steps());
        let begun = RunningTraining {
            began: now,
            point: point.clone(),
            outlook: Outlook { steps, ..outlook },
            step,
            value: None,
            first_step: step,
            stepped: now,
            cost: objective.cost(point),
            expected: None,
        };
        self.running.insert(training, begun);
        self.changed_at = now;
        if training.1.is_none() && step == 0 {
            self.workload.to_start = self.workload.to_start.saturating_sub(1);
        }
    }

    fn begin_repeat(&mut self, trial: u32, repeat: u32, objective: &dyn Objective, now: Instant) {
        let Some(point) = self.point_of(trial) else { return };
        self.begin((trial, Some(repeat)), &point, 0, objective, now);
        let ahead = self.workload.confirmation.iter_mut();
        let mut of_trial = ahead.filter(|repeats| repeats.trial == Some(trial) && repeats.count > 0);
        if let Some(repeats) = of_trial.next() {
            repeats.count -= 1;
            let (expected, training) = (repeats.seconds, self.running.get_mut(&(trial, Some(repeat))));
            training.into_iter().for_each(|training| training.expected = expected);
        }
    }

    fn step(&mut self, training: Training, step: u32, value: f64, now: Instant) {
        if let Some(running) = self.running.get_mut(&training) {
            // A trial that was run from the start again counts its steps again.
            running.first_step = running.first_step.min(step.saturating_sub(1));
            (running.step, running.value, running.stepped) = (step, Some(value), now);
        }
    }

    fn end(&mut self, training: Training, now: Instant) {
        self.running.remove(&training);
        self.changed_at = now;
    }

    /// The number of steps of trials that have ended, if the last ones had the same.
    fn usual_steps(&self) -> Option<u32> {
        const SAME: usize = 2;
        let complete = self.study.trials.iter().rev().filter(|trial| trial.state == TrialState::Complete);
        let steps: Vec<u32> =
            complete.take(SAME).map(|trial| trial.intermediate.last().map_or(0, |(step, _)| *step)).collect();
        let first = *steps.first()?;
        (first > 0 && steps.len() == SAME && steps.iter().all(|&other| other == first)).then_some(first)
    }

    /// The running trials of other processes.
    fn others_running(&self) -> Vec<Running> {
        let now = jiff::Timestamp::now().as_microsecond();
        let running = self.study.in_state(TrialState::Running);
        let others = running.filter(|trial| !self.running.contains_key(&(trial.number, None)));
        let known = others.filter(|trial| trial.worker().is_some());
        let of_trial = |trial: &crate::study::Trial| Running {
            elapsed: trial.started.map_or(0.0, |started| (now - started.0).max(0) as f64 * 1e-6),
            cost: 1.0,
            ..Running::default()
        };
        known.map(of_trial).collect()
    }
}

impl RunningTraining {
    /// Its part of the workload.
    fn workload(&self, now: Instant) -> Running {
        let since = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64();
        let all = self.outlook.steps.map(|steps| steps.saturating_sub(self.first_step));
        let done = self.step.saturating_sub(self.first_step);
        let share = all.filter(|&all| all > 0 && done > 0).map(|all| f64::from(done) / f64::from(all));
        Running {
            elapsed: since(self.began, now),
            steps: share.map(|share| (share.min(1.0), since(self.began, self.stepped))),
            cost: self.cost,
            expected: self.expected,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::objective::{Evaluation, Observer};
    use crate::seed::Seed;
    use crate::study::{Metric, Timestamp, Trial};
    use crate::tuner::{Confirm, Heartbeat};

    /// Trains nothing, and says that it trains a network of 20 epochs.
    pub struct Planned;

    impl Objective for Planned {
        fn metrics(&self) -> Vec<Metric> {
            vec![Metric::maximize("accuracy"), Metric::minimize("energy")]
        }

        fn evaluate(&self, _: &Point, _: &Seed, _: &mut Observer<'_>) -> Option<Evaluation> {
            None
        }

        fn outlook(&self, _point: &Point) -> Outlook {
            Outlook { network: Some("8x8x1-256-64-10x10".to_owned()), steps: Some(20) }
        }
    }

    /// A board of a study of ten trials, two of which have taken 10 s each, one of them by a failure;
    /// and when it began.
    pub fn board() -> (Board, Instant) {
        let begin = Instant::now();
        let settings = Settings {
            budget: 10,
            seed: 0,
            workers: 2,
            deterministic: false,
            replicates: 1,
            pausing: None,
            stop_when: Vec::new(),
            max_failures: 0,
            heartbeat: Heartbeat::default(),
            confirm: Confirm { candidates: 3, front: false, repeats: 3 },
            pick: None,
            model: None,
            keep_disk: None,
        };
        let mut board = Board::new(settings, true, begin);
        let trial = |number: u32, state, values: &[f64]| Trial {
            state,
            values: values.to_vec(),
            started: Some(Timestamp(0)),
            finished: Some(Timestamp(10_000_000)),
            ..Trial::waiting(number, Point::default())
        };
        let mut failed = trial(1, TrialState::Fail, &[]);
        failed.attributes.insert("failure".to_owned(), "too-large".into());
        let study = Study {
            metrics: Planned.metrics(),
            trials: vec![trial(0, TrialState::Complete, &[0.95, 2.5e-8]), failed],
            attributes: [(crate::study::VALIDATION_SAMPLES.to_owned(), 288.into())].into(),
            ..Study::default()
        };
        observe(&mut board, Event::Live(Live::Study { study: Arc::new(study), refused: 31 }), begin);
        (board, begin)
    }

    pub fn observe(board: &mut Board, event: Event, now: Instant) {
        board.observe(&event, &Planned, now);
    }

    fn started(trial: u32) -> Event {
        Event::TrialStarted { trial, point: Point::default() }
    }

    fn left(board: &Board, begin: Instant, seconds: u64) -> f64 {
        match board.time_left(begin + Duration::from_secs(seconds)) {
            TimeLeft::Seconds(left) => left,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_known_at_first_and_epochs_tell_before_a_trial_has_ended() {
        let begin = Instant::now();
        let settings = board().0.settings;
        let mut new = Board::new(settings, true, begin);
        assert_eq!(new.time_left(begin), TimeLeft::Unknown);
        observe(&mut new, Event::Live(Live::Study { study: Arc::default(), refused: 0 }), begin);
        observe(&mut new, started(0), begin);
        assert_eq!((new.time_left(begin), new.share(begin)), (TimeLeft::Unknown, None));
        let step = Event::TrialReported { trial: 0, step: 2, value: 0.5 };
        observe(&mut new, step, begin + Duration::from_secs(1));
        // Ten seconds each: ten trials and five trainings by two workers.
        assert!((left(&new, begin, 1) - 80.0).abs() < 10.0, "{}", left(&new, begin, 1));
    }

    #[test]
    fn the_time_left_counts_the_confirmation_and_moves_within_a_trial() {
        let (mut board, begin) = board();
        observe(&mut board, started(2), begin);
        observe(&mut board, started(3), begin);
        let whole = left(&board, begin, 0);
        assert!((whole - (40.0 + 30.0)).abs() < 1.0, "{whole}");
        assert!((left(&board, begin, 5) - (whole - 5.0)).abs() < 0.5);
        let share = board.share(begin + Duration::from_secs(9)).expect("it is known");
        assert!((share - 9.0 / 70.0).abs() < 0.01, "{share}");
    }

    #[test]
    fn the_confirmation_counts_down_to_its_end() {
        let (mut board, begin) = board();
        let mut done = Study::clone(&board.study);
        done.trials.iter_mut().for_each(|trial| trial.attributes.shift_remove("failure").map_or((), drop));
        done.attributes.insert(
            crate::study::STOPPED.to_owned(),
            crate::study::Stopped { rules: vec![], rule: String::new(), reason: String::new(), trials: 2 }
                .to_json(),
        );
        observe(&mut board, Event::Live(Live::Study { study: Arc::new(done), refused: 0 }), begin);
        observe(&mut board, Event::ConfirmationStarted { candidates: 1, repeats: 3 }, begin);
        assert!((left(&board, begin, 0) - 20.0).abs() < 1e-6, "three of 10 s by two workers");
        for repeat in 0..2 {
            observe(&mut board, Event::Live(Live::RepeatStarted { trial: 0, repeat }), begin);
        }
        assert!((left(&board, begin, 4) - 16.0).abs() < 1e-6);
        let later = begin + Duration::from_secs(10);
        for repeat in 0..3 {
            observe(&mut board, Event::Live(Live::RepeatStarted { trial: 0, repeat }), later);
            observe(&mut board, Event::TrialConfirmed { trial: 0, repeat, value: Some(0.9) }, later);
        }
        assert_eq!(board.time_left(later), TimeLeft::Finishing);
    }
}

//! Studies whose durations are known, played again: what the estimate of the time left would have
//! said at each moment, and what was true.

use std::path::Path;

use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Deserialize;
use spiketune::seed::{Seed, Stream};
use spiketune::tuner::eta::{Finished, Repeats, Running, Workload};

/// The kinds of simulated studies.
pub const KINDS: [&str; 3] = ["equal", "spread", "growing"];

/// A study with all its times, in seconds from its start.
#[derive(Clone, Debug, Deserialize)]
pub struct Played {
    pub kind: String,
    workers: usize,
    /// Trials that are confirmed at the end, and seeds for each.
    candidates: usize,
    repeats: usize,
    trials: Vec<Evaluation>,
    confirmation: Vec<Evaluation>,
}

/// A trial, or its evaluation with a fresh seed.
#[derive(Clone, Debug, Deserialize)]
struct Evaluation {
    trial: u32,
    start: f64,
    end: f64,
    /// When each step ended.
    #[serde(default)]
    steps: Vec<f64>,
    #[serde(default)]
    cost: f64,
    #[serde(default)]
    value: Option<f64>,
}

impl Evaluation {
    fn seconds(&self) -> f64 {
        self.end - self.start
    }

    fn runs_at(&self, now: f64) -> bool {
        self.start <= now && now < self.end
    }

    /// What is known of it at `now`, while it runs.
    fn running(&self, now: f64, expected: Option<f64>) -> Running {
        let done = self.steps.iter().filter(|&&step| step <= now).count();
        let last = done.checked_sub(1).map(|last| self.steps[last] - self.start);
        let share = done as f64 / self.steps.len().max(1) as f64;
        let cost = self.cost;
        Running { elapsed: now - self.start, steps: last.map(|seconds| (share, seconds)), cost, expected }
    }
}

impl Played {
    /// The studies that `tests/fixtures/make_durations.py` has recorded.
    pub fn recorded() -> Vec<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/durations.json");
        let text = std::fs::read_to_string(file).expect("the file is committed");
        serde_json::from_str(&text).expect("the script wrote it")
    }

    /// A simulated study of this `kind`: equal durations; durations spread over a factor of 20; or
    /// durations that grow as the search finds larger networks, with several workers.
    pub fn simulated(kind: &str, seed: u64) -> Self {
        let mut stream = Seed::root(seed).child(kind).stream();
        let count = [12, 20, 30, 50][stream.random_range(0..4)];
        let workers = if kind == "growing" { [2, 4][stream.random_range(0..2)] } else { 1 };
        let pause = stream.random_range(0.05..1.0);
        let mut free = vec![0.0_f64; workers];
        let mut trials = Vec::new();
        for trial in 0..count {
            let (seconds, cost) = duration(kind, trial as f64 / count as f64, &mut stream);
            let value = Some(normal(&mut stream) + 0.5 * cost.ln());
            trials.push(at_once(&mut free, trial, pause, seconds, Evaluation { cost, value, ..blank() }));
        }
        let mut study = Self {
            kind: kind.to_owned(),
            workers,
            candidates: 3,
            repeats: 3,
            trials,
            confirmation: Vec::new(),
        };
        let mut free = vec![study.trials_end(); workers];
        for (trial, seconds, cost) in study.best(f64::INFINITY) {
            for _ in 0..study.repeats {
                let seconds = seconds * (0.08 * normal(&mut stream)).exp();
                let evaluation = Evaluation { cost, ..blank() };
                study.confirmation.push(at_once(&mut free, trial, 0.0, seconds, evaluation));
            }
        }
        study
    }

    /// The length of the whole study.
    pub fn length(&self) -> f64 {
        self.confirmation.iter().map(|one| one.end).fold(self.trials_end(), f64::max)
    }

    /// What the estimate says at `now`; `None` as long as it knows nothing.
    pub fn left_at(&self, now: f64) -> Option<f64> {
        self.workload(now).seconds_left()
    }

    /// The relative errors of the estimate at `count` moments from a third of the study on.
    pub fn errors(&self, count: usize) -> Vec<f64> {
        let length = self.length();
        let moments = (0..count).map(|at| length * (1.0 + 2.0 * at as f64 / count as f64) / 3.0);
        let error = |now: f64| {
            let (left, known) = (length - now, self.left_at(now).expect("some trials have ended"));
            (known - left).abs() / left
        };
        moments.map(error).collect()
    }

    fn trials_end(&self) -> f64 {
        self.trials.iter().map(|one| one.end).fold(0.0, f64::max)
    }

    /// The best trials that have ended at `now`, with their durations and costs.
    fn best(&self, now: f64) -> Vec<(u32, f64, f64)> {
        let mut ended: Vec<&Evaluation> =
            self.trials.iter().filter(|one| one.end <= now && one.value.is_some()).collect();
        ended.sort_by(|a, b| b.value.unwrap_or(0.0).total_cmp(&a.value.unwrap_or(0.0)));
        ended.into_iter().take(self.candidates).map(|one| (one.trial, one.seconds(), one.cost)).collect()
    }

    fn workload(&self, now: f64) -> Workload {
        let mut ended: Vec<&Evaluation> = self.trials.iter().filter(|one| one.end <= now).collect();
        ended.sort_by(|a, b| a.end.total_cmp(&b.end));
        let best = self.best(now);
        let seconds_of = |trial| best.iter().find(|(number, ..)| *number == trial).map(|(_, all, _)| *all);
        let trials = self.trials.iter().filter(|one| one.runs_at(now)).map(|one| one.running(now, None));
        let repeats = self.confirmation.iter().filter(|one| one.runs_at(now));
        let repeats = repeats.map(|one| one.running(now, seconds_of(one.trial)));
        Workload {
            finished: ended
                .iter()
                .map(|one| Finished { seconds: one.seconds(), cost: one.cost.max(1.0) })
                .collect(),
            running: trials.chain(repeats).collect(),
            to_start: self.trials.iter().filter(|one| one.start > now).count(),
            pause: self.pause(now),
            workers: self.workers,
            confirmation: self.repeats_ahead(now, &best),
            limit: None,
        }
    }

    /// The usual time from the end of a trial to the start of the next one.
    fn pause(&self, now: f64) -> f64 {
        let ends = |start: f64| self.trials.iter().map(|one| one.end).filter(move |&end| end <= start);
        let started = self.trials.iter().filter(|one| one.start <= now).map(|one| one.start);
        let mut pauses: Vec<f64> =
            started.filter_map(|start| Some(start - ends(start).reduce(f64::max)?)).collect();
        pauses.sort_by(f64::total_cmp);
        pauses.get(pauses.len() / 2).copied().unwrap_or(0.0)
    }

    fn repeats_ahead(&self, now: f64, best: &[(u32, f64, f64)]) -> Vec<Repeats> {
        let begun =
            |trial| self.confirmation.iter().filter(|one| one.trial == trial && one.start <= now).count();
        let known = best.iter().map(|&(trial, seconds, _)| Repeats {
            trial: Some(trial),
            seconds: Some(seconds),
            count: self.repeats - begun(trial).min(self.repeats),
        });
        let unknown = Repeats { trial: None, seconds: None, count: self.repeats };
        known.chain(std::iter::repeat_n(unknown, self.candidates - best.len())).collect()
    }
}

/// The median of `values`, and the value that nine of ten do not exceed.
pub fn median_and_ninth(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [values[values.len() / 2], values[values.len() * 9 / 10]]
}

fn blank() -> Evaluation {
    Evaluation { trial: 0, start: 0.0, end: 0.0, steps: Vec::new(), cost: 1.0, value: None }
}

/// The seconds and the cost of a trial of a study of this `kind`, of which the share `passed` is over.
fn duration(kind: &str, passed: f64, stream: &mut Stream) -> (f64, f64) {
    match kind {
        "equal" => (20.0 * (0.05 * normal(stream)).exp(), 1.0),
        "spread" => {
            let cost = (20_f64.ln() * stream.random::<f64>()).exp();
            (4.0 * cost * (0.15 * normal(stream)).exp(), cost)
        }
        _ => {
            let cost = (0.4 * normal(stream) + 1.6 * passed).exp();
            (10.0 * cost.powf(0.9) * (0.1 * normal(stream)).exp(), cost)
        }
    }
}

/// `evaluation` on the worker that is `free` first, after a `pause`, in a number of even steps.
fn at_once(free: &mut [f64], trial: u32, pause: f64, seconds: f64, evaluation: Evaluation) -> Evaluation {
    const STEPS: u32 = 16;
    let first = free.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there is a worker");
    let start = *first + pause;
    *first = start + seconds;
    let step = |number| start + seconds * f64::from(number) / f64::from(STEPS);
    Evaluation { trial, start, end: *first, steps: (1..=STEPS).map(step).collect(), ..evaluation }
}

fn normal(stream: &mut Stream) -> f64 {
    stream.sample(StandardNormal)
}

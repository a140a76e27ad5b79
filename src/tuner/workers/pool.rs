//! Parallel evaluations: a pool of workers, each with threads of its own to compute on.
//!
//! Workers evaluate and do nothing else. Their reports go to the leader of the pool, which alone
//! stores them. A worker waits for the answer to a report before it sends the next one. So it is at
//! most one step ahead of the storage.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::thread_shares::ThreadShares;
use crate::objective::{Advance, Objective, Segment, evaluate_replicates};
use crate::seed::Seed;
use crate::space::Point;
use crate::tuner::TunerError;

/// An evaluation for a worker.
pub(in crate::tuner) struct Job {
    pub point: Point,
    pub seed: Seed,
    /// The segment (part of a trial up to a pause) to evaluate; `None`: the whole trial.
    pub segment: Option<Segment>,
    /// Number of seeds of a whole evaluation, at least 1.
    pub replicates: u32,
    /// The best first metric so far, if a whole evaluation may end early where it cannot reach it.
    pub incumbent: Option<f64>,
}

/// The workers, each with its current task. The leader chooses the type `T` of tasks.
pub(in crate::tuner) struct WorkerPool<'a, T> {
    objective: &'a dyn Objective,
    workers: Vec<Worker<T>>,
    shares: ThreadShares,
    messages: Receiver<(usize, WorkerMessage)>,
    /// Time between two heartbeats of every task; then the time of the next one.
    interval: Duration,
    next_heartbeat: Instant,
}

/// A signal of a running task to the leader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::tuner) enum Signal {
    /// A finished step, and the first metric after it.
    Step(u32, f64),
    /// The task is still running.
    Heartbeat,
}

struct Worker<T> {
    assignments: Sender<Assignment>,
    /// The task of the worker, and the channel for answers to its reports.
    task: Option<(T, Sender<ControlFlow<()>>)>,
    /// The threads of the last task; `None` for those of this process.
    threads: Option<Arc<ThreadPool>>,
}

struct Assignment {
    job: Job,
    threads: Option<Arc<ThreadPool>>,
    answers: Receiver<ControlFlow<()>>,
}

/// A message of a worker to the leader.
enum WorkerMessage {
    Reported(u32, f64),
    Done(Option<Advance>),
    Panicked(Box<dyn Any + Send>),
}

/// Calls `lead` with a pool of `workers` workers, at least one, that evaluate `objective`.
///
/// Once `stop` is set, every evaluation breaks off after its next report. Each task sends a
/// heartbeat every `interval`.
///
/// # Errors
/// `lead` fails.
pub(in crate::tuner) fn with_pool<T, R>(
    objective: &dyn Objective,
    stop: &AtomicBool,
    workers: usize,
    interval: Duration,
    lead: impl FnOnce(&mut WorkerPool<'_, T>) -> Result<R, TunerError>,
) -> Result<R, TunerError> {
    let workers = workers.max(1);
    let shares = ThreadShares::new(rayon::current_num_threads(), workers);
    thread::scope(|scope| {
        let (send, messages) = channel();
        let workers = (0..workers).map(|index| {
            let (assignments, received) = channel();
            let send = send.clone();
            scope.spawn(move || {
                work(objective, stop, &received, &|message| {
                    // Once the run has failed, nobody receives.
                    send.send((index, message)).is_ok()
                })
            });
            Worker { assignments, task: None, threads: None }
        });
        let mut worker_pool = WorkerPool {
            objective,
            workers: workers.collect(),
            shares,
            messages,
            interval,
            next_heartbeat: Instant::now() + interval,
        };
        lead(&mut worker_pool)
    })
}

impl<T> WorkerPool<'_, T> {
    /// Whether a worker is idle.
    pub fn has_room(&self) -> bool {
        self.workers.iter().any(|worker| worker.task.is_none())
    }

    /// Whether all workers are idle.
    pub fn is_idle(&self) -> bool {
        self.workers.iter().all(|worker| worker.task.is_none())
    }

    /// Gives an idle worker the `job` of `task`, and its share of the threads. `waiting` jobs, this one
    /// included, are known to start before one ends, if there is room for them.
    ///
    /// # Errors
    /// The threads cannot be started.
    ///
    /// # Panics
    /// If no worker is idle.
    pub fn start(&mut self, task: T, job: Job, waiting: usize) -> Result<(), TunerError> {
        let free = self.workers.iter().position(|worker| worker.task.is_none());
        let index = free.expect("there is room for the job");
        let threads = self.threads(index, &job, waiting)?;
        let (answer, answers) = channel();
        let worker = &mut self.workers[index];
        worker.task = Some((task, answer));
        let assignment = Assignment { job, threads, answers };
        worker.assignments.send(assignment).expect("a worker lives as long as its pool");
        Ok(())
    }

    /// The threads of a job of worker `index`; `None` for all those of this process, which a single
    /// worker has.
    fn threads(
        &mut self,
        index: usize,
        job: &Job,
        waiting: usize,
    ) -> Result<Option<Arc<ThreadPool>>, TunerError> {
        if self.workers.len() == 1 {
            return Ok(None);
        }
        let most = self.objective.most_threads(&job.point).unwrap_or(usize::MAX);
        let share = self.shares.take(index, most, waiting);
        let threads = &mut self.workers[index].threads;
        if threads.as_ref().is_none_or(|threads| threads.current_num_threads() != share) {
            *threads = Some(Arc::new(ThreadPoolBuilder::new().num_threads(share).build()?));
        }
        Ok(threads.clone())
    }

    /// Waits for the next evaluation that is done, and returns its task and result. The result is
    /// `None` if it was broken off. Until then all signals of running tasks go to `receive`. If it
    /// returns `Break`, that task is broken off.
    ///
    /// # Panics
    /// If all workers are idle. If an evaluation panics, with the same panic.
    pub fn next(&mut self, receive: &mut dyn FnMut(&T, Signal) -> ControlFlow<()>) -> (T, Option<Advance>) {
        assert!(!self.is_idle(), "a worker has a task");
        loop {
            let left = self.next_heartbeat.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.send_heartbeats(receive);
                continue;
            }
            let (index, message) = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => unreachable!("a worker lives as long as its pool"),
            };
            let task = &mut self.workers[index].task;
            match message {
                WorkerMessage::Reported(step, value) => {
                    let (task, answer) = task.as_ref().expect("a worker that reports has a task");
                    // After its last report a worker waits for no answer.
                    let _ = answer.send(receive(task, Signal::Step(step, value)));
                }
                WorkerMessage::Done(advance) => {
                    let (task, _) = task.take().expect("a worker that is done had a task");
                    self.shares.give_back(index);
                    return (task, advance);
                }
                WorkerMessage::Panicked(panic) => resume_unwind(panic),
            }
        }
    }

    fn send_heartbeats(&mut self, receive: &mut dyn FnMut(&T, Signal) -> ControlFlow<()>) {
        for (task, answer) in self.workers.iter().filter_map(|worker| worker.task.as_ref()) {
            if receive(task, Signal::Heartbeat).is_break() {
                // The worker reads it as the answer to its last or its next report.
                let _ = answer.send(ControlFlow::Break(()));
            }
        }
        self.next_heartbeat = Instant::now() + self.interval;
    }
}

/// The loop of a worker: evaluates one assignment after another, until there are no more or `send`
/// returns that the leader is gone.
fn work(
    objective: &dyn Objective,
    stop: &AtomicBool,
    assignments: &Receiver<Assignment>,
    send: &(dyn Fn(WorkerMessage) -> bool + Sync),
) {
    while let Ok(Assignment { job, threads, answers }) = assignments.recv() {
        let mut reporter = Reporter { stop, send, answers, waits: false };
        let mut evaluate = || {
            let mut observe = |step, value| reporter.report(step, value);
            let (point, seed) = (&job.point, &job.seed);
            match (&job.segment, job.incumbent.filter(|_| job.replicates == 1)) {
                (None, Some(incumbent)) => {
                    objective.evaluate_against(point, seed, incumbent, &mut observe).map(Advance::from)
                }
                (None, None) => evaluate_replicates(objective, point, seed, job.replicates, &mut observe)
                    .map(Advance::from),
                (Some(segment), _) => objective.advance(&job.point, &job.seed, segment, &mut observe),
            }
        };
        let evaluated = catch_unwind(AssertUnwindSafe(|| match &threads {
            Some(threads) => threads.install(evaluate),
            None => evaluate(),
        }));
        if !send(evaluated.map_or_else(WorkerMessage::Panicked, WorkerMessage::Done)) {
            return;
        }
    }
}

/// Sends the reports of one evaluation from a worker to the leader.
struct Reporter<'a> {
    stop: &'a AtomicBool,
    send: &'a (dyn Fn(WorkerMessage) -> bool + Sync),
    answers: Receiver<ControlFlow<()>>,
    /// Whether the last report has no answer yet.
    waits: bool,
}

impl Reporter<'_> {
    fn report(&mut self, step: u32, value: f64) -> ControlFlow<()> {
        if self.waits {
            // Without a leader there is nothing to continue for.
            self.answers.recv().unwrap_or(ControlFlow::Break(()))?;
        }
        self.waits = true;
        match (self.send)(WorkerMessage::Reported(step, value)) && !self.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

//! Evaluations side by side: a crew of workers, each with threads of its own to compute on.
//!
//! Workers evaluate and do nothing else. What they report goes to whoever leads the crew, who alone stores
//! it. A worker waits for the answer to a report before it makes the next, so it is never more than a step
//! ahead of what is stored.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use super::TunerError;
use crate::objective::{Advance, Objective, Segment, evaluate_replicates};
use crate::seed::Seed;
use crate::space::Point;

/// What is to be evaluated, and from which seed.
pub(super) struct Job {
    pub point: Point,
    pub seed: Seed,
    /// Which part; `None`: all of it.
    pub segment: Option<Segment>,
    /// From how many seeds, if all of it.
    pub replicates: u32,
}

/// Workers, and what each of them is on.
pub(super) struct WorkerPool<T> {
    workers: Vec<Worker<T>>,
    news: Receiver<(usize, Message)>,
    /// How often each task gives a sign of life, and when they do next.
    interval: Duration,
    next_heartbeat: Instant,
}

/// What is heard of a task.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signal {
    /// The first metric after a step.
    Step(u32, f64),
    /// That somebody is on it.
    Life,
}

struct Worker<T> {
    assignments: Sender<Assignment>,
    /// What it is on, and where the answers to its reports go.
    task: Option<(T, Sender<ControlFlow<()>>)>,
}

struct Assignment {
    job: Job,
    answers: Receiver<ControlFlow<()>>,
}

/// What a worker tells.
enum Message {
    Reported(u32, f64),
    Done(Option<Advance>),
    Panicked(Box<dyn Any + Send>),
}

/// Lets `lead` lead a crew that evaluates `objective`, `workers` points at a time, at least one.
///
/// Once `stop` is set every evaluation breaks off after its next report. Every `interval` each gives a sign of life.
pub(super) fn with_pool<T, R>(
    objective: &dyn Objective,
    stop: &AtomicBool,
    workers: usize,
    interval: Duration,
    lead: impl FnOnce(&mut WorkerPool<T>) -> Result<R, TunerError>,
) -> Result<R, TunerError> {
    let pools = pools(workers)?;
    thread::scope(|scope| {
        let (tell, news) = channel();
        let workers = pools.iter().enumerate().map(|(index, pool)| {
            let (assignments, received) = channel();
            let tell = tell.clone();
            scope.spawn(move || {
                work(objective, stop, pool.as_ref(), &received, &|news| {
                    // Nobody listens once the run has failed.
                    tell.send((index, news)).is_ok()
                })
            });
            Worker { assignments, task: None }
        });
        let mut worker_pool = WorkerPool {
            workers: workers.collect(),
            news,
            interval,
            next_heartbeat: Instant::now() + interval,
        };
        lead(&mut worker_pool)
    })
}

/// One worker computes on the threads of the process; several share them out.
fn pools(workers: usize) -> Result<Vec<Option<ThreadPool>>, ThreadPoolBuildError> {
    if workers <= 1 {
        return Ok(vec![None]);
    }
    let threads = (rayon::current_num_threads() / workers).max(1);
    (0..workers).map(|_| ThreadPoolBuilder::new().num_threads(threads).build().map(Some)).collect()
}

impl<T> WorkerPool<T> {
    /// Whether a worker has nothing to do.
    pub fn has_room(&self) -> bool {
        self.workers.iter().any(|worker| worker.task.is_none())
    }

    /// Whether no worker has anything to do.
    pub fn is_idle(&self) -> bool {
        self.workers.iter().all(|worker| worker.task.is_none())
    }

    /// Gives a worker who has nothing to do the `job`, which belongs to `task`.
    ///
    /// # Panics
    /// If there is no such worker.
    pub fn start(&mut self, task: T, job: Job) {
        let free = self.workers.iter_mut().find(|worker| worker.task.is_none());
        let worker = free.expect("there is room for the job");
        let (answer, answers) = channel();
        worker.task = Some((task, answer));
        worker.assignments.send(Assignment { job, answers }).expect("a worker lives as long as its crew");
    }

    /// Waits until an evaluation is done; tells `hear` what any of them reports before and that they live, and it
    /// answers whether that one goes on.
    ///
    /// # Panics
    /// If nobody has anything to do, and with the panic of an evaluation.
    pub fn next(&mut self, hear: &mut dyn FnMut(&T, Signal) -> ControlFlow<()>) -> (T, Option<Advance>) {
        assert!(!self.is_idle(), "somebody has something to do");
        loop {
            let left = self.next_heartbeat.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.send_heartbeats(hear);
                continue;
            }
            let (index, news) = match self.news.recv_timeout(left) {
                Ok(news) => news,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => unreachable!("a worker lives as long as its crew"),
            };
            let task = &mut self.workers[index].task;
            match news {
                Message::Reported(step, value) => {
                    let (task, answer) = task.as_ref().expect("who reports has a task");
                    // Whoever was done with its last report waits for no answer.
                    let _ = answer.send(hear(task, Signal::Step(step, value)));
                }
                Message::Done(advance) => {
                    let (task, _) = task.take().expect("who is done had a task");
                    return (task, advance);
                }
                Message::Panicked(panic) => resume_unwind(panic),
            }
        }
    }

    fn send_heartbeats(&mut self, hear: &mut dyn FnMut(&T, Signal) -> ControlFlow<()>) {
        for (task, answer) in self.workers.iter().filter_map(|worker| worker.task.as_ref()) {
            if hear(task, Signal::Life).is_break() {
                // It waits for the answer to its last report, or will for that to its next.
                let _ = answer.send(ControlFlow::Break(()));
            }
        }
        self.next_heartbeat = Instant::now() + self.interval;
    }
}

/// A worker's life: an order, its evaluation, until there are no more orders or `tell` says that nobody
/// listens.
fn work(
    objective: &dyn Objective,
    stop: &AtomicBool,
    pool: Option<&ThreadPool>,
    assignments: &Receiver<Assignment>,
    tell: &(dyn Fn(Message) -> bool + Sync),
) {
    while let Ok(Assignment { job, answers }) = assignments.recv() {
        let mut line = Line { stop, tell, answers, waits: false };
        let mut evaluate = || {
            let mut hear = |step, value| line.report(step, value);
            match &job.segment {
                None => {
                    let (point, seed) = (&job.point, &job.seed);
                    evaluate_replicates(objective, point, seed, job.replicates, &mut hear).map(Advance::from)
                }
                Some(segment) => objective.advance(&job.point, &job.seed, segment, &mut hear),
            }
        };
        let evaluated = catch_unwind(AssertUnwindSafe(|| match pool {
            Some(pool) => pool.install(evaluate),
            None => evaluate(),
        }));
        if !tell(evaluated.map_or_else(Message::Panicked, Message::Done)) {
            return;
        }
    }
}

/// A worker's line to whoever leads, for one evaluation.
struct Line<'a> {
    stop: &'a AtomicBool,
    tell: &'a (dyn Fn(Message) -> bool + Sync),
    answers: Receiver<ControlFlow<()>>,
    /// Whether the last report has no answer yet.
    waits: bool,
}

impl Line<'_> {
    fn report(&mut self, step: u32, value: f64) -> ControlFlow<()> {
        if self.waits {
            // Without anybody to answer there is nothing to go on for.
            self.answers.recv().unwrap_or(ControlFlow::Break(()))?;
        }
        self.waits = true;
        match (self.tell)(Message::Reported(step, value)) && !self.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

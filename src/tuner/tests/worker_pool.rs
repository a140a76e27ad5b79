//! The worker pool: panics, answers that break off one task, heartbeats.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;
use crate::objective::{Evaluation, Observer, SegmentEnd};
use crate::seed::Seed;
use crate::space::{Point, Value};
use crate::study::{Metric, Outcome};
use crate::tuner::workers::pool::{Job, Signal, WorkerPool, with_pool};

/// No test waits for a heartbeat of this interval.
const NEVER: Duration = Duration::from_secs(3600);

/// After this time, or this number of steps, a test that would hang fails instead.
const LIMIT: Duration = Duration::from_secs(60);
const MOST_STEPS: u32 = 1_000_000;

/// An objective that does what the parameter `task` of a point says.
struct Scripted {
    /// Sent once an evaluation that reports without end is broken off.
    broken_off: Mutex<Sender<()>>,
    /// Received before an evaluation that waits ends.
    release: Mutex<Receiver<()>>,
}

impl Objective for Scripted {
    fn metrics(&self) -> Vec<Metric> {
        vec![Metric::minimize("loss")]
    }

    fn evaluate(&self, point: &Point, _: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        match point.get("task").and_then(|task| task.as_str()).unwrap() {
            "tells its threads" => {
                let values = vec![rayon::current_num_threads() as f64];
                return Some(
                    Outcome::Complete { values, constraints: Vec::new(), attributes: Attributes::new() }
                        .into(),
                );
            }
            "panics" => panic!("a scripted panic"),
            "waits" => self.release.lock().unwrap().recv_timeout(LIMIT).expect("it is released"),
            "reports without end" => {
                let is_broken_off = (1..MOST_STEPS).any(|step| observer(step, 0.5).is_break());
                assert!(is_broken_off, "it reports without end");
                self.broken_off.lock().unwrap().send(()).unwrap();
                return None;
            }
            _ => (1..=3).try_for_each(|step| observer(step, f64::from(step))).is_continue().then_some(())?,
        }
        let (values, attributes) = (vec![7.0], Attributes::new());
        Some(Outcome::Complete { values, constraints: Vec::new(), attributes }.into())
    }

    fn most_threads(&self, point: &Point) -> Option<usize> {
        point.get("most").and_then(|most| most.as_f64()).map(|most| most as usize)
    }
}

fn job(task: &str) -> Job {
    let point = [("task", task)].into_iter().collect();
    Job { point, seed: Seed::root(1), segment: None, replicates: 1, incumbent: None }
}

/// Lets `lead` lead a pool of two workers. Returns whether an endless evaluation was broken off.
fn lead(interval: Duration, lead: impl FnOnce(&mut WorkerPool<'_, &'static str>, &Sender<()>)) -> bool {
    let ((send, broken_off), (release, receive)) = (channel(), channel());
    let scripted = Scripted { broken_off: Mutex::new(send), release: Mutex::new(receive) };
    let stop = AtomicBool::new(false);
    with_pool(&scripted, &stop, 2, interval, |pool| {
        lead(pool, &release);
        Ok(())
    })
    .unwrap();
    broken_off.try_recv().is_ok()
}

#[test]
fn steps_arrive_in_order_and_the_result_last() {
    lead(NEVER, |pool, _| {
        assert!(pool.is_idle() && pool.has_room());
        pool.start("counts", job("counts"), usize::MAX).unwrap();
        assert!(!pool.is_idle() && pool.has_room());
        let mut signals = Vec::new();
        let (task, advance) = pool.next(&mut |&task, signal| {
            signals.push((task, signal));
            ControlFlow::Continue(())
        });
        assert_eq!((task, advance.is_some()), ("counts", true));
        assert_eq!(signals, [1, 2, 3].map(|step| ("counts", Signal::Step(step, f64::from(step)))));
        assert!(pool.is_idle());
    });
}

#[test]
fn a_panic_comes_through_and_breaks_off_the_other_tasks() {
    let ((send, broken_off), (_release, receive)) = (channel(), channel());
    let scripted = Scripted { broken_off: Mutex::new(send), release: Mutex::new(receive) };
    let stop = AtomicBool::new(false);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        with_pool(&scripted, &stop, 2, NEVER, |pool| {
            pool.start("endless", job("reports without end"), usize::MAX).unwrap();
            pool.start("panics", job("panics"), usize::MAX).unwrap();
            pool.next(&mut |_, _| ControlFlow::Continue(()));
            Ok(())
        })
    }))
    .expect_err("the panic of the evaluation");
    assert_eq!(panic.downcast_ref(), Some(&"a scripted panic"));
    assert!(broken_off.try_recv().is_ok());
}

#[test]
fn break_ends_one_task_and_no_other() {
    let was_broken_off = lead(NEVER, |pool, _| {
        pool.start("endless", job("reports without end"), usize::MAX).unwrap();
        pool.start("counts", job("counts"), usize::MAX).unwrap();
        let mut receive = |&task: &&str, _| match task {
            "endless" => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let mut ended =
            [pool.next(&mut receive), pool.next(&mut receive)].map(|(task, end)| (task, end.is_some()));
        ended.sort_unstable();
        assert_eq!(ended, [("counts", true), ("endless", false)]);
    });
    assert!(was_broken_off);
}

#[test]
fn every_task_sends_heartbeats_while_it_runs() {
    lead(Duration::from_millis(1), |pool, release| {
        pool.start("first", job("waits"), usize::MAX).unwrap();
        pool.start("second", job("waits"), usize::MAX).unwrap();
        // Each task waits until the other one has sent a heartbeat as well.
        let mut alive = Vec::new();
        let mut receive = |&task: &&'static str, signal| {
            assert_eq!(signal, Signal::Heartbeat);
            if !alive.contains(&task) {
                alive.push(task);
                if alive.len() == 2 {
                    (0..2).for_each(|_| release.send(()).unwrap());
                }
            }
            ControlFlow::Continue(())
        };
        let ended = [pool.next(&mut receive), pool.next(&mut receive)];
        assert!(ended.iter().all(|(_, advance)| advance.is_some()));
        assert_eq!(alive, ["first", "second"]);
    });
}

#[test]
fn break_in_answer_to_a_heartbeat_ends_that_task() {
    let was_broken_off = lead(Duration::from_millis(1), |pool, release| {
        pool.start("endless", job("reports without end"), usize::MAX).unwrap();
        pool.start("waits", job("waits"), usize::MAX).unwrap();
        let mut receive = |&task: &&str, signal| match (task, signal) {
            ("endless", Signal::Heartbeat) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let (task, advance) = pool.next(&mut receive);
        assert_eq!((task, advance.is_none()), ("endless", true));
        release.send(()).unwrap();
        let (task, advance) = pool.next(&mut receive);
        assert_eq!((task, advance.is_some()), ("waits", true));
    });
    assert!(was_broken_off);
}

#[test]
fn each_evaluation_computes_on_its_share_of_the_threads() {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
    let shares = |most: i64, waiting: usize| {
        let mut shares = Vec::new();
        threads.install(|| {
            lead(NEVER, |pool, _| {
                for most in [most, 5] {
                    let mut job = job("tells its threads");
                    job.point.set("most", Value::Int(most));
                    pool.start("tells its threads", job, waiting).unwrap();
                }
                while !pool.is_idle() {
                    let (_, advance) = pool.next(&mut |_, _| ControlFlow::Continue(()));
                    let SegmentEnd::Done(evaluation) = advance.unwrap().end else {
                        panic!("a whole evaluation")
                    };
                    let Outcome::Complete { values, .. } = evaluation.outcome else { panic!("a value") };
                    shares.push(values[0]);
                }
            })
        });
        shares.sort_by(f64::total_cmp);
        shares
    };
    assert_eq!(shares(5, usize::MAX), [2.0, 3.0]);
    assert_eq!(shares(1, usize::MAX), [1.0, 4.0], "the second has what the first cannot use");
    assert_eq!(shares(5, 1), [1.0, 5.0], "only one was known to start");
}

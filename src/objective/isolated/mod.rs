//! Isolated evaluations: each trial is evaluated in a process of its own. A process may crash, or
//! be killed by the system for its memory. Then the trial fails, and the worker goes on.
//!
//! The process runs this program too. It reads a [`TrialRequest`] and prints [`TrialReply`]s; after
//! each step it reads whether to go on. Trained networks stay in the process, so its evaluations
//! come without a model.

mod message;

use std::ops::ControlFlow;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use message::{SegmentMessage, TrialReply, TrialRequest};
use serde_json::Value as Json;

use super::external::process::{Process, ProcessEvent, describe_exit, was_interrupted};
use super::{Advance, Evaluation, Objective, Observer, Outlook, Segment, SegmentEnd};
use crate::seed::Seed;
use crate::space::{Foresee, Point, Value};
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome};

/// How often a silent process is checked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An objective that evaluates every trial in a process of its own.
pub struct Isolated {
    program: String,
    arguments: Vec<String>,
    work: Json,
    /// The objective that the processes evaluate.
    inner: Box<dyn Objective>,
    stop: &'static AtomicBool,
}

impl Isolated {
    /// An objective that starts `program` with `arguments` for each trial and sends it `work`.
    /// `inner` is the objective that the process evaluates; it tells the metrics and costs. Trials
    /// are broken off soon after `stop` is set.
    pub fn new(
        program: String,
        arguments: Vec<String>,
        work: Json,
        inner: Box<dyn Objective>,
        stop: &'static AtomicBool,
    ) -> Self {
        Self { program, arguments, work, inner, stop }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn run(
        &self,
        point: &Point,
        seed: &Seed,
        (segment, incumbent): (Option<&Segment>, Option<f64>),
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        let request = TrialRequest {
            work: self.work.clone(),
            threads: rayon::current_num_threads(),
            point: point.clone(),
            seed: seed.to_hex(),
            segment: segment.map(SegmentMessage::from),
            incumbent,
        };
        let mut process = match Process::start(&self.program, &self.arguments) {
            Ok(process) => process,
            Err(error) => return Some(failed(format!("cannot start {}: {error}", self.program), &[])),
        };
        process.write(serde_json::to_string(&request).expect("text and finite numbers are JSON"));
        match self.follow(&mut process, observer) {
            Ok(advance) => advance,
            Err(reason) => {
                process.end();
                Some(failed(reason, &process.last_errors()))
            }
        }
    }

    /// Reads the replies of `process` until its result; `None` if the trial was broken off.
    ///
    /// # Errors
    /// How the process crashed, in words.
    fn follow(&self, process: &mut Process, observer: &mut Observer<'_>) -> Result<Option<Advance>, String> {
        loop {
            match process.wait(LOOK_EVERY).map_err(|error| error.to_string())? {
                ProcessEvent::Line(line) => match serde_json::from_str(&line) {
                    Ok(TrialReply::Step { step, value }) => {
                        let goes_on = observer(step, value.unwrap_or(f64::NAN)).is_continue();
                        process.write(goes_on.to_string());
                        if !goes_on {
                            return Ok(None);
                        }
                    }
                    Ok(reply) => return Ok(reply.into_advance()),
                    Err(error) => return Err(format!("its process printed \"{line}\": {error}")),
                },
                ProcessEvent::Ended(status) if was_interrupted(status, || self.is_stopped()) => {
                    return Ok(None);
                }
                ProcessEvent::Ended(status) => return Err(crashed(status, process)),
                ProcessEvent::Nothing => {}
            }
            if self.is_stopped() {
                return Ok(None);
            }
        }
    }
}

impl Objective for Isolated {
    fn metrics(&self) -> Vec<Metric> {
        self.inner.metrics()
    }

    fn value_without(&self, point: &Point, parameter: &str) -> Option<Value> {
        self.inner.value_without(point, parameter)
    }

    fn foresight(&self) -> Option<Arc<dyn Foresee>> {
        self.inner.foresight()
    }

    fn cost(&self, point: &Point) -> f64 {
        self.inner.cost(point)
    }

    fn most_threads(&self, point: &Point) -> Option<usize> {
        self.inner.most_threads(point)
    }

    fn outlook(&self, point: &Point) -> Outlook {
        self.inner.outlook(point)
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        self.run(point, seed, (None, None), observer).map(whole)
    }

    fn evaluate_against(
        &self,
        point: &Point,
        seed: &Seed,
        incumbent: f64,
        observer: &mut Observer<'_>,
    ) -> Option<Evaluation> {
        self.run(point, seed, (None, Some(incumbent)), observer).map(whole)
    }

    fn advance(
        &self,
        point: &Point,
        seed: &Seed,
        segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        self.run(point, seed, (Some(segment), None), observer)
    }
}

impl TrialRequest {
    /// Evaluates `objective` as requested and passes every reply to `send`, which returns whether
    /// to go on.
    ///
    /// # Errors
    /// The seed of the request is no hexadecimal seed.
    pub fn carry_out(
        &self,
        objective: &dyn Objective,
        send: &mut dyn FnMut(&TrialReply) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let seed = Seed::from_hex(&self.seed)
            .ok_or_else(|| format!("seed {}: must be the hexadecimal digits of a seed", self.seed))?;
        let mut observe =
            |step, value: f64| send(&TrialReply::Step { step, value: Some(value).filter(|x| x.is_finite()) });
        let advance = match (&self.segment, self.incumbent) {
            (None, None) => objective.evaluate(&self.point, &seed, &mut observe).map(Advance::from),
            (None, Some(incumbent)) => {
                objective.evaluate_against(&self.point, &seed, incumbent, &mut observe).map(Advance::from)
            }
            (Some(segment), _) => objective.advance(&self.point, &seed, &segment.to_segment(), &mut observe),
        };
        let _ = send(&TrialReply::of(advance));
        Ok(())
    }
}

/// The evaluation of a process that was asked for a whole one.
fn whole(advance: Advance) -> Evaluation {
    match advance.end {
        SegmentEnd::Done(evaluation) => evaluation,
        SegmentEnd::Paused(_) | SegmentEnd::Unsaved(..) => {
            let reason = "its process paused without being asked to".to_owned();
            Outcome::Failed { failure: broken(reason), attributes: Attributes::new() }.into()
        }
    }
}

/// How a process ended without a result, in words.
fn crashed(status: ExitStatus, process: &Process) -> String {
    let last = process.last_errors().into_iter().rev().find(|line| !line.trim().is_empty());
    let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
    let hint = if is_killed(status) { " (the system does that where memory runs out)" } else { "" };
    format!("its process {}{hint}{last}", describe_exit(status))
}

#[cfg(unix)]
fn is_killed(status: ExitStatus) -> bool {
    const SIGKILL: i32 = 9;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGKILL)
}

#[cfg(not(unix))]
fn is_killed(_status: ExitStatus) -> bool {
    false
}

fn broken(reason: String) -> Failure {
    Failure { kind: FailureKind::Error, reason }
}

fn failed(reason: String, errors: &[String]) -> Advance {
    let mut attributes = Attributes::new();
    if !errors.is_empty() {
        attributes.insert("stderr".to_owned(), errors.join("\n").into());
    }
    Evaluation::from(Outcome::Failed { failure: broken(reason), attributes }).into()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::objective::synthetic::{Problem, Synthetic};

    static STOP: AtomicBool = AtomicBool::new(false);

    fn evaluate(script: &str) -> (Option<Outcome>, Vec<(u32, f64)>) {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        let inner = Box::new(Synthetic::new(Problem::Branin));
        let isolated = Isolated::new("sh".to_owned(), arguments, Json::Null, inner, &STOP);
        let mut reported = Vec::new();
        let mut observe = |step, value| {
            reported.push((step, value));
            if value < 0.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let evaluation = isolated.evaluate(&Point::default(), &Seed::root(1), &mut observe);
        (evaluation.map(|evaluation| evaluation.outcome), reported)
    }

    fn reason(script: &str) -> String {
        match evaluate(script).0 {
            Some(Outcome::Failed { failure, .. }) => failure.reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_replies_of_a_process_are_read_and_answered() {
        let script = r#"read request; echo '{"told":"step","step":1,"value":0.5}'; read goes_on
            echo "{\"told\":\"complete\",\"values\":[0.25],\"constraints\":[],\"attributes\":{\"goes_on\":$goes_on},\"restarted\":null}""#;
        let attributes: Attributes = [("goes_on".to_owned(), true.into())].into();
        let complete = Outcome::Complete { values: vec![0.25], constraints: vec![], attributes };
        assert_eq!(evaluate(script), (Some(complete), vec![(1, 0.5)]));
    }

    #[test]
    fn a_crash_is_a_failure_with_its_reason() {
        let killed = "its process was killed by signal 9 (the system does that where memory runs out)";
        assert_eq!(reason("read request; kill -9 $$"), killed);
        assert_eq!(
            reason("echo 'thread panicked' >&2; exit 101"),
            "its process ended with exit code 101: thread panicked"
        );
        assert!(reason("echo hello").starts_with("its process printed \"hello\": "));
    }

    #[test]
    fn an_evaluation_that_is_broken_off_has_no_outcome() {
        let script = r#"read request; echo '{"told":"step","step":1,"value":-1}'; read goes_on; sleep 60"#;
        assert_eq!(evaluate(script), (None, vec![(1, -1.0)]));
    }
}

//! Every evaluation in a process of its own, so that one that crashes, or that the system kills for its memory, is
//! a failed trial and takes nobody with it.
//!
//! The process is this program again. It reads a [`TrialRequest`] and answers an [`Answer`] a line; after each step it
//! reads whether to go on.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::external::process::{Process, Told, how, was_told_to_end};
use super::{Advance, Evaluation, Objective, Observer, Pause, Segment, SegmentEnd};
use crate::seed::Seed;
use crate::space::Point;
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome, Rung};
use crate::units::Seconds;

/// How often a silent process is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a process is to evaluate.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRequest {
    /// What every trial has in common; whoever starts the processes and whoever runs in them agree on it.
    pub work: Json,
    /// Where.
    pub point: Point,
    /// From which seed, in hexadecimal.
    pub seed: String,
    /// Which part; left out: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentRequest>,
}

/// A [`Segment`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentRequest {
    /// The name of the state that the leg before left.
    pub from: Option<PathBuf>,
    /// Where it pauses: the divisor of the most steps, and the name of the state.
    pub pause: Option<(u32, PathBuf)>,
    /// Steps that the legs before have done.
    pub done: u32,
    /// Seconds that the legs before took.
    pub spent_s: f64,
}

/// What a process has to say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A step is done.
    Step {
        /// Counted from 1.
        step: u32,
        /// The first metric; `null` if it is not a number.
        value: Option<f64>,
    },
    /// All is done.
    Complete {
        /// One a metric.
        values: Vec<f64>,
        /// At most 0 where the constraint holds.
        constraints: Vec<f64>,
        /// What was measured beside them.
        attributes: Attributes,
        /// Why it began at the start, if it was to begin elsewhere.
        restarted: Option<String>,
    },
    /// It came to nothing.
    Failed {
        /// What kind of failure.
        kind: FailureKind,
        /// Why, in one line.
        reason: String,
        /// What was known by then.
        attributes: Attributes,
        /// Why it began at the start, if it was to begin elsewhere.
        restarted: Option<String>,
    },
    /// It has paused.
    Paused {
        /// Where.
        rung: Rung,
        /// Why it began at the start, if it was to begin elsewhere.
        restarted: Option<String>,
    },
    /// It was to pause, but its state cannot be written.
    Unsaved {
        /// Where it should go.
        file: PathBuf,
        /// Why not.
        problem: String,
    },
    /// It was broken off.
    Stopped,
}

/// Lets a process of its own evaluate each trial.
pub struct Isolated {
    program: String,
    arguments: Vec<String>,
    work: Json,
    same: Box<dyn Objective>,
    stop: &'static AtomicBool,
}

impl Isolated {
    /// Starts `program` with `arguments` for each trial, which knows what to do by `work`; breaks off soon after
    /// `stop` is set. What needs no evaluation is asked of `same`, the objective that is evaluated there.
    pub fn new(
        program: String,
        arguments: Vec<String>,
        work: Json,
        same: Box<dyn Objective>,
        stop: &'static AtomicBool,
    ) -> Self {
        Self { program, arguments, work, same, stop }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn run(
        &self,
        point: &Point,
        seed: &Seed,
        segment: Option<&Segment>,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        let order = TrialRequest {
            work: self.work.clone(),
            point: point.clone(),
            seed: seed.to_hex(),
            segment: segment.map(SegmentRequest::from),
        };
        let mut process = match Process::start(&self.program, &self.arguments) {
            Ok(process) => process,
            Err(error) => return Some(failed(format!("cannot start {}: {error}", self.program), &[])),
        };
        process.write(serde_json::to_string(&order).expect("text and finite numbers are JSON"));
        match self.follow(&mut process, observer) {
            Ok(advance) => advance,
            Err(reason) => {
                process.end();
                Some(failed(reason, &process.last_errors()))
            }
        }
    }

    /// Follows `process` to what it comes to; `None` if it was broken off, and its crash in words.
    fn follow(&self, process: &mut Process, observer: &mut Observer<'_>) -> Result<Option<Advance>, String> {
        loop {
            match process.wait(LOOK_EVERY).map_err(|error| error.to_string())? {
                Told::Line(line) => match serde_json::from_str(&line) {
                    Ok(Answer::Step { step, value }) => {
                        let goes_on = observer(step, value.unwrap_or(f64::NAN)).is_continue();
                        process.write(goes_on.to_string());
                        if !goes_on {
                            return Ok(None);
                        }
                    }
                    Ok(answer) => return Ok(answer.into_advance()),
                    Err(error) => return Err(format!("its process said \"{line}\": {error}")),
                },
                Told::Ended(status) if was_told_to_end(status, || self.is_stopped()) => return Ok(None),
                Told::Ended(status) => return Err(crashed(status, process)),
                Told::Nothing => {}
            }
            if self.is_stopped() {
                return Ok(None);
            }
        }
    }
}

impl Objective for Isolated {
    fn metrics(&self) -> Vec<Metric> {
        self.same.metrics()
    }

    fn cost(&self, point: &Point) -> f64 {
        self.same.cost(point)
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        match self.run(point, seed, None, observer)?.progress {
            SegmentEnd::Done(evaluation) => Some(evaluation),
            SegmentEnd::Paused(_) | SegmentEnd::Unsaved(..) => {
                let reason = "its process paused without being asked to".to_owned();
                Some(Outcome::Failed { failure: broken(reason), attributes: Attributes::new() }.into())
            }
        }
    }

    fn advance(
        &self,
        point: &Point,
        seed: &Seed,
        segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        self.run(point, seed, Some(segment), observer)
    }
}

impl TrialRequest {
    /// Evaluates `objective` as ordered, and tells `tell` what there is to say, which answers whether to go on.
    ///
    /// # Errors
    /// The seed is none.
    pub fn carry_out(
        &self,
        objective: &dyn Objective,
        tell: &mut dyn FnMut(&Answer) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let seed = Seed::from_hex(&self.seed).ok_or_else(|| format!("seed {}: is none", self.seed))?;
        let mut hear =
            |step, value: f64| tell(&Answer::Step { step, value: Some(value).filter(|x| x.is_finite()) });
        let advance = match &self.segment {
            None => objective.evaluate(&self.point, &seed, &mut hear).map(Advance::from),
            Some(part) => objective.advance(&self.point, &seed, &part.to_segment(), &mut hear),
        };
        let _ = tell(&Answer::of(advance));
        Ok(())
    }
}

impl From<&Segment> for SegmentRequest {
    fn from(segment: &Segment) -> Self {
        let pause = segment.pause.as_ref().map(|pause| (pause.divisor, pause.state.clone()));
        Self { from: segment.from.clone(), pause, done: segment.done, spent_s: segment.spent.0 }
    }
}

impl SegmentRequest {
    fn to_segment(&self) -> Segment {
        let pause = self.pause.clone().map(|(divisor, state)| Pause { divisor, state });
        Segment { from: self.from.clone(), pause, done: self.done, spent: Seconds(self.spent_s) }
    }
}

impl Answer {
    fn of(advance: Option<Advance>) -> Self {
        let Some(Advance { progress, restarted }) = advance else { return Answer::Stopped };
        match progress {
            SegmentEnd::Paused(rung) => Answer::Paused { rung, restarted },
            SegmentEnd::Unsaved(file, error) => Answer::Unsaved { file, problem: error.to_string() },
            SegmentEnd::Done(evaluation) => match evaluation.outcome {
                Outcome::Complete { values, constraints, attributes } => {
                    Answer::Complete { values, constraints, attributes, restarted }
                }
                Outcome::Failed { failure, attributes } => {
                    Answer::Failed { kind: failure.kind, reason: failure.reason, attributes, restarted }
                }
            },
        }
    }

    /// What a final answer says; `None` if the evaluation was broken off.
    fn into_advance(self) -> Option<Advance> {
        let done = |outcome: Outcome| SegmentEnd::Done(outcome.into());
        let (progress, restarted) = match self {
            Answer::Step { .. } | Answer::Stopped => return None,
            Answer::Paused { rung, restarted } => (SegmentEnd::Paused(rung), restarted),
            Answer::Unsaved { file, problem } => {
                (SegmentEnd::Unsaved(file, std::io::Error::other(problem)), None)
            }
            Answer::Complete { values, constraints, attributes, restarted } => {
                (done(Outcome::Complete { values, constraints, attributes }), restarted)
            }
            Answer::Failed { kind, reason, attributes, restarted } => {
                (done(Outcome::Failed { failure: Failure { kind, reason }, attributes }), restarted)
            }
        };
        Some(Advance { progress, restarted })
    }
}

/// How a process ended that has not said what it came to.
fn crashed(status: ExitStatus, process: &Process) -> String {
    let last = process.last_errors().into_iter().rev().find(|line| !line.trim().is_empty());
    let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
    let hint = if is_killed(status) { " (the system does that where memory runs out)" } else { "" };
    format!("its process {}{hint}{last}", how(status))
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
        let same = Box::new(Synthetic::new(Problem::Branin));
        let isolated = Isolated::new("sh".to_owned(), arguments, Json::Null, same, &STOP);
        let mut heard = Vec::new();
        let mut hear = |step, value| {
            heard.push((step, value));
            if value < 0.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let evaluation = isolated.evaluate(&Point::default(), &Seed::root(1), &mut hear);
        (evaluation.map(|evaluation| evaluation.outcome), heard)
    }

    fn reason(script: &str) -> String {
        match evaluate(script).0 {
            Some(Outcome::Failed { failure, .. }) => failure.reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_process_tells_is_heard_and_answered() {
        let script = r#"read order; echo '{"told":"step","step":1,"value":0.5}'; read goes_on
            echo "{\"told\":\"complete\",\"values\":[0.25],\"constraints\":[],\"attributes\":{\"goes_on\":$goes_on},\"restarted\":null}""#;
        let attributes: Attributes = [("goes_on".to_owned(), true.into())].into();
        let complete = Outcome::Complete { values: vec![0.25], constraints: vec![], attributes };
        assert_eq!(evaluate(script), (Some(complete), vec![(1, 0.5)]));
    }

    #[test]
    fn a_crash_is_a_failure_with_its_reason() {
        let killed = "its process was killed by signal 9 (the system does that where memory runs out)";
        assert_eq!(reason("read order; kill -9 $$"), killed);
        assert_eq!(
            reason("echo 'thread panicked' >&2; exit 101"),
            "its process ended with exit code 101: thread panicked"
        );
        assert!(reason("echo hello").starts_with("its process said \"hello\": "));
    }

    #[test]
    fn one_that_is_broken_off_comes_to_nothing() {
        let script = r#"read order; echo '{"told":"step","step":1,"value":-1}'; read goes_on; sleep 60"#;
        assert_eq!(evaluate(script), (None, vec![(1, -1.0)]));
    }

    #[test]
    fn orders_and_answers_mean_the_same_on_both_sides() {
        let segment = Segment {
            from: Some(PathBuf::from("a")),
            pause: Some(Pause { divisor: 3, state: PathBuf::from("b") }),
            done: 1,
            spent: Seconds(0.1),
        };
        assert_eq!(SegmentRequest::from(&segment).to_segment(), segment);
        let rung = Rung { steps: 2, values: vec![0.1], seconds: 0.3 };
        let paused =
            Advance { progress: SegmentEnd::Paused(rung.clone()), restarted: Some("gone".to_owned()) };
        let text = serde_json::to_string(&Answer::of(Some(paused))).unwrap();
        let advance = serde_json::from_str::<Answer>(&text).unwrap().into_advance().unwrap();
        assert!(matches!(advance.progress, SegmentEnd::Paused(read) if read == rung));
        assert_eq!(advance.restarted.as_deref(), Some("gone"));
        assert!(Answer::of(None).into_advance().is_none());
    }
}

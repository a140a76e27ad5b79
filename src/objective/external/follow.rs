//! A running command, followed from its first line to its end.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::message::{self, Answer, Meaning, SegmentRequest};
use super::process::{Process, ProcessEvent, describe_exit, was_interrupted};
use super::{External, broken, line_of};
use crate::input::shortened;
use crate::objective::Observer;
use crate::study::{Attributes, Failure, FailureKind, Outcome};
use crate::units::Seconds;

/// How often a command that prints nothing is checked: whether its time is up, or the run should
/// stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a command may go on after an interrupt, or if it ignores the answer that asks it to
/// pause.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(5);

/// What may be wrong with a command that prints nothing until its time is up.
const SILENT: &str =
    "; its standard output is empty: if it waits for the end of standard input, let it read one line";

/// How a command ended.
pub(super) enum CommandEnd {
    /// With an outcome.
    Done(Outcome),
    /// Paused.
    Paused {
        /// The last step that the command reported.
        step: u32,
        /// The values of that step; empty if one is not finite.
        values: Vec<f64>,
        /// Whether it ended by itself, so that its checkpoint is complete.
        is_whole: bool,
    },
}

impl External {
    /// Follows `process` to its end, or to the end of the `segment` that it was started for. `None`
    /// if the run was interrupted.
    ///
    /// # Errors
    /// The reason why the trial has failed.
    pub(super) fn follow(
        &self,
        process: &mut Process,
        segment: Option<&SegmentRequest>,
        observer: &mut Observer<'_>,
    ) -> Result<Option<CommandEnd>, Failure> {
        let begin = Instant::now();
        let limit = self.timeout.map(|Seconds(seconds)| Duration::from_secs_f64(seconds));
        let mut result = None;
        // The last line that begins as a report does, for the failure of a command without result.
        let mut braced = None;
        let mut is_silent = true;
        let mut last_step = None;
        loop {
            let left = limit.map_or(LOOK_EVERY, |limit| limit.saturating_sub(begin.elapsed()));
            let event = process.wait(left.min(LOOK_EVERY)).map_err(|error| broken(error.to_string()))?;
            is_silent &= !matches!(event, ProcessEvent::Line(_));
            match event {
                ProcessEvent::Line(line) => match message::read(&line, &self.metrics).map_err(broken)? {
                    Meaning::Nothing => {}
                    Meaning::Braced => braced = Some(line),
                    Meaning::Step(step, values) => {
                        last_step = Some(step);
                        if let Some(end) = self.step(process, step, values, segment, observer)? {
                            return Ok(end);
                        }
                    }
                    Meaning::Failure(reason) => return Err(broken(reason)),
                    Meaning::Result { values, constraints, attributes } => {
                        result = Some(self.outcome(values, constraints, attributes)?);
                    }
                },
                ProcessEvent::Ended(status) if was_interrupted(status, || self.is_stopped()) => {
                    return Ok(None);
                }
                ProcessEvent::Ended(status) => {
                    if status.success() {
                        segment.map_or(Ok(()), |segment| segment.check_last(last_step)).map_err(broken)?;
                    }
                    let outcome = outcome_of(status, result, braced.as_deref(), process);
                    return outcome.map(CommandEnd::Done).map(Some);
                }
                ProcessEvent::Nothing => {}
            }
            if let Some(limit) = limit.filter(|&limit| begin.elapsed() >= limit) {
                let silent = if is_silent { SILENT } else { "" };
                let reason =
                    format!("ran longer than --trial-timeout {} s: killed{silent}", limit.as_secs_f64());
                return Err(Failure { kind: FailureKind::TimedOut, reason });
            }
            if self.is_stopped() {
                return Ok(None);
            }
        }
    }

    /// Passes a step on to the observer and answers the command. `None` if the command goes on.
    /// `Some` if it ends at this step; the inner `None` means that the run was interrupted.
    fn step(
        &self,
        process: &mut Process,
        step: u32,
        values: Vec<f64>,
        segment: Option<&SegmentRequest>,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Option<CommandEnd>>, Failure> {
        self.check_step(step, &values, segment).map_err(broken)?;
        let is_broken_off = observer(step, values[0]).is_break();
        let pauses = segment.is_some_and(|segment| segment.pauses_at(step));
        process.write(line_of(&Answer { prune: is_broken_off || pauses }));
        if is_broken_off {
            // The trial will be run again, so no further report counts.
            let _ = self.wait_for_end(process, STOP_LIMIT);
            return Ok(Some(None));
        }
        match pauses {
            true => self.pause(process, step, values).map(Some),
            false => Ok(None),
        }
    }

    /// Refuses a step without the values of all metrics, if trials pause. All metrics decide which
    /// trials continue.
    fn check_step(&self, step: u32, values: &[f64], segment: Option<&SegmentRequest>) -> Result<(), String> {
        match segment.is_none() || values.len() == self.metrics.len() {
            true => Ok(()),
            false => Err(format!(
                "output: step {step} has one value for {} metrics ({}): with --fidelity it needs \"values\"",
                self.metrics.len(),
                message::names(&self.metrics)
            )),
        }
    }

    /// Lets a command that has reached its rung (the step to pause at) write its checkpoint and
    /// end. If the command prints a result by then, it is ignored: whether it arrives in time
    /// depends on the machine.
    fn pause(
        &self,
        process: &mut Process,
        step: u32,
        values: Vec<f64>,
    ) -> Result<Option<CommandEnd>, Failure> {
        let is_whole = match self.wait_for_end(process, self.saving) {
            Err(_) | Ok(None) if self.is_stopped() => return Ok(None),
            Err(failure) => return Err(failure),
            Ok(Some(status)) if was_interrupted(status, || self.is_stopped()) => return Ok(None),
            Ok(Some(status)) if !status.success() => return Err(ended_badly(status, process)),
            Ok(status) => status.is_some(),
        };
        let is_measured = values.iter().all(|value| value.is_finite());
        let values = if is_measured { values } else { Vec::new() };
        Ok(Some(CommandEnd::Paused { step, values, is_whole }))
    }

    /// Waits at most `most` for a command that was asked to end, then kills it. Returns its exit
    /// status if it ended by itself. If it still reports a step, it had not read the earlier
    /// answer. It is answered again, and gets only [`STOP_LIMIT`] from then on.
    fn wait_for_end(&self, process: &mut Process, most: Duration) -> Result<Option<ExitStatus>, Failure> {
        let mut last = Instant::now() + most;
        let (mut goes_on, mut is_hurried) = (false, false);
        let mut status = None;
        while status.is_none() && Instant::now() < last {
            match process.wait(LOOK_EVERY) {
                Ok(ProcessEvent::Ended(ended)) => status = Some(ended),
                Ok(ProcessEvent::Line(line)) => match message::read(&line, &self.metrics) {
                    Ok(Meaning::Step(..)) => {
                        process.write(line_of(&Answer { prune: true }));
                        goes_on = true;
                    }
                    Ok(Meaning::Failure(reason)) => return Err(broken(reason)),
                    _ => {}
                },
                Ok(ProcessEvent::Nothing) => {}
                Err(_) => break,
            }
            if !is_hurried && (goes_on || self.is_stopped()) {
                is_hurried = true;
                last = last.min(Instant::now() + STOP_LIMIT);
            }
        }
        // Processes that it has started may still run.
        process.end();
        Ok(status)
    }

    fn outcome(
        &self,
        values: Vec<f64>,
        constraints: Vec<f64>,
        attributes: Attributes,
    ) -> Result<Outcome, Failure> {
        let named = self.metrics.iter().map(|metric| metric.name.as_str()).zip(values.iter().copied());
        let constrained = constraints.iter().map(|&constraint| ("a constraint", constraint));
        match named.chain(constrained).find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => {
                let reason = format!("{name} = {value}: must be a finite number");
                Err(Failure { kind: FailureKind::Diverged, reason })
            }
            None => Ok(Outcome::Complete { values, constraints, attributes }),
        }
    }
}

impl SegmentRequest {
    /// Refuses a command that has ended after `last`, a step below the one at which the segment ends. A
    /// command that reports no step runs to its end at once.
    fn check_last(&self, last: Option<u32>) -> Result<(), String> {
        match last {
            Some(last) if last < self.until && self.until < self.steps => Err(format!(
                "output: ended after step {last}: must report step {}, which is \"until\" of the request",
                self.until
            )),
            _ => Ok(()),
        }
    }

    /// Whether the segment ends once `step` is reported. The last segment ends with the result.
    fn pauses_at(&self, step: u32) -> bool {
        (self.until..self.steps).contains(&step)
    }
}

/// The outcome of a command that has ended by itself. `braced` is the last line of its log that
/// begins like a report, to be quoted if there is no result.
fn outcome_of(
    status: ExitStatus,
    result: Option<Outcome>,
    braced: Option<&str>,
    process: &Process,
) -> Result<Outcome, Failure> {
    match (status.success(), result) {
        (true, Some(outcome)) => Ok(outcome),
        (true, None) => {
            let almost = braced.map(|line| format!(", which {} is not", shortened(line.trim())));
            let almost = almost.unwrap_or_default();
            Err(broken(format!("printed no result: must print a line such as {{\"value\": 0.5}}{almost}")))
        }
        (false, _) => Err(ended_badly(status, process)),
    }
}

/// The failure of a command that ended with an exit code other than 0.
fn ended_badly(status: ExitStatus, process: &Process) -> Failure {
    let last = process.last_errors().into_iter().rev().find(|line| !line.trim().is_empty());
    let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
    broken(format!("{}{last}", describe_exit(status)))
}

//! A running command from its first line to its end.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::message::{self, Answer, Said, SegmentRequest};
use super::process::{Process, Told, how, was_told_to_end};
use super::{External, broken, line_of};
use crate::objective::Observer;
use crate::study::{Attributes, Failure, FailureKind, Outcome};
use crate::units::Seconds;

/// How often a silent command is looked after: whether its time is up, or the run is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a command may go on that was told to end because the run is interrupted, or that goes on all the same.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);

/// What a command came to.
pub(super) enum Came {
    /// To its end.
    Done(Outcome),
    /// As far as it was to go.
    Paused {
        /// The last step that it reported by then.
        step: u32,
        /// What it reported there; nothing if that is no number.
        values: Vec<f64>,
        /// Whether it ended by itself, so that its state is whole.
        is_whole: bool,
    },
}

impl External {
    /// Follows `process` to its end, or to that of the `part` that it was started for; nothing if it was broken off.
    pub(super) fn follow(
        &self,
        process: &mut Process,
        part: Option<&SegmentRequest>,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Came>, Failure> {
        let begin = Instant::now();
        let limit = self.timeout.map(|Seconds(seconds)| Duration::from_secs_f64(seconds));
        let mut result = None;
        loop {
            let left = limit.map_or(LOOK_EVERY, |limit| limit.saturating_sub(begin.elapsed()));
            match process.wait(left.min(LOOK_EVERY)).map_err(|error| broken(error.to_string()))? {
                Told::Line(line) => match message::read(&line, &self.metrics).map_err(broken)? {
                    Said::Nothing => {}
                    Said::Step(step, values) => {
                        self.check_step(step, &values, part).map_err(broken)?;
                        let is_broken_off = observer(step, values[0]).is_break();
                        let pauses = part.is_some_and(|part| part.pauses_at(step));
                        process.write(line_of(&Answer { prune: is_broken_off || pauses }));
                        if is_broken_off {
                            // Whatever it says now, it is run again.
                            let _ = self.say_farewell(process, FAREWELL);
                            return Ok(None);
                        }
                        if pauses {
                            return self.pause(process, step, values);
                        }
                    }
                    Said::Failure(reason) => return Err(broken(reason)),
                    Said::Result { values, constraints, attributes } => {
                        result = Some(self.outcome(values, constraints, attributes)?);
                    }
                },
                Told::Ended(status) if was_told_to_end(status, || self.is_stopped()) => return Ok(None),
                Told::Ended(status) => return judged(status, result, process).map(Came::Done).map(Some),
                Told::Nothing => {}
            }
            if let Some(limit) = limit.filter(|&limit| begin.elapsed() >= limit) {
                let reason = format!("ran longer than --trial-timeout {} s: killed", limit.as_secs_f64());
                return Err(Failure { kind: FailureKind::TimedOut, reason });
            }
            if self.is_stopped() {
                return Ok(None);
            }
        }
    }

    /// Refuses a step without all metrics where trials pause: which of them go on is decided by all.
    fn check_step(&self, step: u32, values: &[f64], part: Option<&SegmentRequest>) -> Result<(), String> {
        match part.is_none() || values.len() == self.metrics.len() {
            true => Ok(()),
            false => Err(format!(
                "output: step {step} has one value for {} metrics ({}): with --fidelity it needs \"values\"",
                self.metrics.len(),
                message::names(&self.metrics)
            )),
        }
    }

    /// Lets a command that has come as far as it was to go keep its state and end. A result that it prints all the
    /// same is dropped: whether it comes before its time is up depends on the machine.
    fn pause(&self, process: &mut Process, step: u32, values: Vec<f64>) -> Result<Option<Came>, Failure> {
        let is_whole = match self.say_farewell(process, self.saving) {
            Err(_) | Ok(None) if self.is_stopped() => return Ok(None),
            Err(failure) => return Err(failure),
            Ok(Some(status)) if was_told_to_end(status, || self.is_stopped()) => return Ok(None),
            Ok(Some(status)) if !status.success() => return Err(ended_badly(status, process)),
            Ok(status) => status.is_some(),
        };
        let is_measured = values.iter().all(|value| value.is_finite());
        let values = if is_measured { values } else { Vec::new() };
        Ok(Some(Came::Paused { step, values, is_whole }))
    }

    /// Waits for a command to end that was told to, `most` at the longest, and makes it end then; how it has ended if it
    /// did so by itself. Steps that it reports meanwhile are answered, since it may wait for that, but not heard; whoever
    /// reports one has not read the answer before, and is not waited for so long.
    fn say_farewell(&self, process: &mut Process, most: Duration) -> Result<Option<ExitStatus>, Failure> {
        let mut last = Instant::now() + most;
        let (mut goes_on, mut is_hurried) = (false, false);
        let mut status = None;
        while status.is_none() && Instant::now() < last {
            match process.wait(LOOK_EVERY) {
                Ok(Told::Ended(ended)) => status = Some(ended),
                Ok(Told::Line(line)) => match message::read(&line, &self.metrics) {
                    Ok(Said::Step(..)) => {
                        process.write(line_of(&Answer { prune: true }));
                        goes_on = true;
                    }
                    Ok(Said::Failure(reason)) => return Err(broken(reason)),
                    _ => {}
                },
                Ok(Told::Nothing) => {}
                Err(_) => break,
            }
            if !is_hurried && (goes_on || self.is_stopped()) {
                is_hurried = true;
                last = last.min(Instant::now() + FAREWELL);
            }
        }
        // What it has started may still run.
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
    /// Whether the part ends once `step` is reported. The last one ends with the result.
    fn pauses_at(&self, step: u32) -> bool {
        (self.until..self.steps).contains(&step)
    }
}

/// What a command that has ended by itself comes to.
fn judged(status: ExitStatus, result: Option<Outcome>, process: &Process) -> Result<Outcome, Failure> {
    match (status.success(), result) {
        (true, Some(outcome)) => Ok(outcome),
        (true, None) => Err(broken("printed no result: must print a line such as {\"value\": 0.5}")),
        (false, _) => Err(ended_badly(status, process)),
    }
}

/// The failure of a command that has ended with another code than 0.
fn ended_badly(status: ExitStatus, process: &Process) -> Failure {
    let last = process.last_errors().into_iter().rev().find(|line| !line.trim().is_empty());
    let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
    broken(format!("{}{last}", how(status)))
}

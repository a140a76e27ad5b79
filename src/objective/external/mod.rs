//! Any program as an objective: it is started for every trial, reads the parameters and prints what they
//! come to, one JSON object a line. The lines are described in `configs/schemas/command.schema.json`.

mod message;
mod template;

use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use message::{Answer, Message, Number, Report, Request, Values};
pub use template::CommandError;

use self::message::Said;
use self::template::Template;
use super::process::{Process, Told, how, was_told_to_end};
use super::{Evaluation, Objective, Observer};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome};
use crate::units::Seconds;

/// How often a silent command is looked after: whether its time is up, or the run is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a command may go on after it was told that it is pruned.
const FAREWELL: Duration = Duration::from_secs(5);

/// The name of the attribute that holds the last lines of standard error of a command that failed.
const STDERR: &str = "stderr";

/// A command that is run for every trial.
///
/// It gets the parameters and the seed on standard input ([`Request`]), in places `{name}` of its arguments,
/// or both, prints a [`Report`] for the result and before it for each step, and reads an [`Answer`] after
/// each of the latter. Whatever else it does is a failed trial with its reason.
#[derive(Debug)]
pub struct External {
    template: Template,
    metrics: Vec<Metric>,
    timeout: Option<Seconds>,
    stop: Option<&'static AtomicBool>,
}

impl External {
    /// Runs `command`, split into words as a shell splits them, at points of `space`.
    ///
    /// # Errors
    /// There is no such program, or the command names a parameter that the space does not have.
    pub fn new(command: &str, space: &Space, metrics: Vec<Metric>) -> Result<Self, CommandError> {
        let template = Template::new(command, space)?;
        match is_program(&template.program) {
            true => Ok(Self { template, metrics, timeout: None, stop: None }),
            false => Err(CommandError::NoProgram(template.program)),
        }
    }

    /// Lets a trial fail that takes longer than `timeout`.
    pub fn with_timeout(self, timeout: Option<Seconds>) -> Self {
        Self { timeout, ..self }
    }

    /// Breaks off a trial soon after `stop` is set, even if the command reports no step.
    pub fn with_stop(self, stop: &'static AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Follows `process` to its end: what it comes to, or nothing if it was broken off.
    fn follow(&self, process: &mut Process, observer: &mut Observer<'_>) -> Result<Option<Outcome>, Failure> {
        let begin = Instant::now();
        let limit = self.timeout.map(|Seconds(seconds)| Duration::from_secs_f64(seconds));
        let mut result = None;
        loop {
            let left = limit.map_or(LOOK_EVERY, |limit| limit.saturating_sub(begin.elapsed()));
            match process.wait(left.min(LOOK_EVERY)).map_err(|error| broken(error.to_string()))? {
                Told::Line(line) => match message::read(&line, &self.metrics).map_err(broken)? {
                    Said::Nothing => {}
                    Said::Step(step, value) => {
                        let prune = observer(step, value).is_break();
                        process.write(line_of(&Answer { prune }));
                        if prune {
                            say_farewell(process);
                            return Ok(None);
                        }
                    }
                    Said::Failure(reason) => return Err(broken(reason)),
                    Said::Result { values, constraints, attributes } => {
                        result = Some(self.outcome(values, constraints, attributes)?);
                    }
                },
                Told::Ended(status) if was_told_to_end(status, || self.is_stopped()) => return Ok(None),
                Told::Ended(status) => return judged(status, result, process),
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

impl Objective for External {
    fn metrics(&self) -> Vec<Metric> {
        self.metrics.clone()
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        let seed = seed_number(seed);
        let program = &self.template.program;
        let mut process = match Process::start(program, &self.template.arguments(point, seed)) {
            Ok(process) => process,
            Err(error) => return Some(failed(broken(format!("cannot start {program}: {error}")), &[])),
        };
        process.write(line_of(&Request { parameters: point.clone(), seed }));
        match self.follow(&mut process, observer) {
            Ok(outcome) => outcome.map(Evaluation::from),
            Err(failure) => {
                process.end();
                Some(failed(failure, &process.last_errors()))
            }
        }
    }
}

/// The number that stands for a trial's seed where another program evaluates it: half of the digest, since
/// many libraries take seeds below 2^32 alone.
pub fn seed_number(seed: &Seed) -> u32 {
    (seed.to_u64() >> 32) as u32
}

/// What a command that has ended by itself comes to.
fn judged(
    status: ExitStatus,
    result: Option<Outcome>,
    process: &Process,
) -> Result<Option<Outcome>, Failure> {
    match (status.success(), result) {
        (true, Some(outcome)) => Ok(Some(outcome)),
        (true, None) => Err(broken("printed no result: must print a line such as {\"value\": 0.5}")),
        (false, _) => {
            let last = process.last_errors().into_iter().rev().find(|line| !line.trim().is_empty());
            let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
            Err(broken(format!("{}{last}", how(status))))
        }
    }
}

/// Lets a command that knows that it is pruned end by itself.
fn say_farewell(process: &mut Process) {
    let last = Instant::now() + FAREWELL;
    while Instant::now() < last && !matches!(process.wait(LOOK_EVERY), Ok(Told::Ended(_)) | Err(_)) {}
    process.end();
}

fn broken(reason: impl Into<String>) -> Failure {
    Failure { kind: FailureKind::Error, reason: reason.into() }
}

fn failed(failure: Failure, errors: &[String]) -> Evaluation {
    let mut attributes = Attributes::new();
    if !errors.is_empty() {
        attributes.insert(STDERR.to_owned(), errors.join("\n").into());
    }
    Outcome::Failed { failure, attributes }.into()
}

fn line_of(message: &impl serde::Serialize) -> String {
    serde_json::to_string(message).expect("text and numbers are JSON")
}

/// Whether `program` is a file that may be run, looked for as the system does.
fn is_program(program: &str) -> bool {
    if program.contains('/') {
        return is_executable(Path::new(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_executable(&folder.join(program)))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file() || file.with_extension("exe").is_file()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;

//! Any program as an objective: it is started for every trial, reads the parameters and prints what they
//! come to, one JSON object a line. The lines are described in `configs/schemas/command.schema.json`.

pub(super) mod checkpoint;
mod follow;
mod message;
#[cfg(unix)]
pub(super) mod orphans;
pub(super) mod process;
mod template;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use message::{Answer, Message, Number, Report, Request, SegmentRequest, Values};
pub use template::CommandError;

use self::follow::Came;
use self::template::Template;
use super::{Advance, Evaluation, Objective, Observer, Segment, SegmentEnd};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome, Rung};
use crate::units::Seconds;
use checkpoint::StateFolder;
use process::Process;

/// How long a command may take to keep its state once it was told that its trial pauses: a large one may go over a
/// network.
const SAVING: Duration = Duration::from_secs(60);

/// The name of the attribute that holds the last lines of standard error of a command that failed.
const STDERR: &str = "stderr";

/// A command that is run for every trial.
///
/// It gets the parameters and the seed on standard input ([`Request`]), in places `{name}` of its arguments,
/// or both, prints a [`Report`] for the result and before it for each step, and reads an [`Answer`] after
/// each of the latter. Whatever else it does is a failed trial with its reason.
///
/// Where trials pause it is started for each leg, told which [`SegmentRequest`] that is, and given a folder for its state. It
/// pauses at the first step that it reports from the rung on; one that reports none goes to its end at once, and one
/// that keeps no state begins at the start again.
#[derive(Debug)]
pub struct External {
    template: Template,
    metrics: Vec<Metric>,
    /// Of a whole trial, if trials pause.
    steps: Option<u32>,
    timeout: Option<Seconds>,
    saving: Duration,
    stop: Option<&'static AtomicBool>,
}

impl External {
    /// Runs `command`, split into words as a shell splits them, at points of `space`. `steps`: those of a whole
    /// trial, if trials pause.
    ///
    /// # Errors
    /// There is no such program, or the command names a parameter that the space does not have.
    pub fn new(
        command: &str,
        space: &Space,
        metrics: Vec<Metric>,
        steps: Option<u32>,
    ) -> Result<Self, CommandError> {
        let template = Template::new(command, space, steps.is_some())?;
        match is_program(&template.program) {
            true => Ok(Self { template, metrics, steps, timeout: None, saving: SAVING, stop: None }),
            false => Err(CommandError::NoProgram(template.program)),
        }
    }

    /// Lets a trial fail, or a leg of one, that takes longer than `timeout`.
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

    /// Runs the command for a trial, or a `part` of one; `None` if it was broken off.
    fn run(
        &self,
        point: &Point,
        seed: &Seed,
        part: Option<SegmentRequest>,
        observer: &mut Observer<'_>,
    ) -> Option<Came> {
        let request = Request { parameters: point.clone(), seed: seed_number(seed), part };
        let program = &self.template.program;
        let mut process = match Process::start(program, &self.template.arguments(&request)) {
            Ok(process) => process,
            Err(error) => {
                return Some(Came::Done(failed(broken(format!("cannot start {program}: {error}")), &[])));
            }
        };
        process.write(line_of(&request));
        self.follow(&mut process, request.part.as_ref(), observer).unwrap_or_else(|failure| {
            process.end();
            Some(Came::Done(failed(failure, &process.last_errors())))
        })
    }
}

impl Objective for External {
    fn metrics(&self) -> Vec<Metric> {
        self.metrics.clone()
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        if self.steps.is_some() {
            return match self.advance(point, seed, &Segment::whole(), observer)?.progress {
                SegmentEnd::Done(evaluation) => Some(evaluation),
                SegmentEnd::Unsaved(folder, error) => {
                    let reason =
                        format!("cannot make a folder for its state in {}: {error}", folder.display());
                    Some(failed(broken(reason), &[]).into())
                }
                SegmentEnd::Paused(_) => unreachable!("the whole has no pause"),
            };
        }
        match self.run(point, seed, None, observer)? {
            Came::Done(outcome) => Some(outcome.into()),
            Came::Paused { .. } => unreachable!("only a part has a pause"),
        }
    }

    fn advance(
        &self,
        point: &Point,
        seed: &Seed,
        segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        let Some(steps) = self.steps else {
            return self.evaluate(point, seed, observer).map(Advance::from);
        };
        let unsaved = |error| SegmentEnd::Unsaved(state_of(segment), error);
        let folder = match StateFolder::new(segment) {
            Ok(folder) => folder,
            Err(error) => return Some(Advance { progress: unsaved(error), restarted: None }),
        };
        let is_empty = folder.is_empty();
        let restarted = segment.from.as_ref().filter(|_| is_empty).map(|from| {
            format!("{}: nothing is there: the command saved no state, or it is gone", from.display())
        });
        let started = Instant::now();
        let progress =
            match self.run(point, seed, Some(SegmentRequest::of(segment, steps, &folder)), observer)? {
                Came::Done(outcome) => SegmentEnd::Done(outcome.into()),
                Came::Paused { step, values, is_whole } => {
                    let seconds = started.elapsed().as_secs_f64();
                    let kept = match &segment.pause {
                        Some(pause) if is_whole => folder.keep(&pause.state),
                        _ => Ok(()),
                    };
                    kept.map_or_else(unsaved, |()| SegmentEnd::Paused(Rung { steps: step, values, seconds }))
                }
            };
        Some(Advance { progress, restarted })
    }
}

impl SegmentRequest {
    /// What a command is told of `segment`, one of a trial of so many `steps`, whose state is in `folder`.
    ///
    /// A command that reports now and then only may have gone beyond the next rung already: it pauses at its next
    /// report.
    fn of(segment: &Segment, steps: u32, folder: &StateFolder) -> Self {
        let rung = segment.pause.as_ref().map_or(steps, |pause| steps.div_ceil(pause.divisor));
        Self {
            step: if folder.is_empty() { 0 } else { segment.done },
            until: rung.max(segment.done.saturating_add(1)).min(steps),
            steps,
            state: folder.path().to_string_lossy().into_owned(),
        }
    }
}

/// What people know the state of `segment` by.
fn state_of(segment: &Segment) -> PathBuf {
    let pause = segment.pause.as_ref().map(|pause| &pause.state);
    pause.or(segment.from.as_ref()).cloned().unwrap_or_else(std::env::temp_dir)
}

/// The number that stands for a trial's seed where another program evaluates it: half of the digest, since
/// many libraries take seeds below 2^32 alone.
pub fn seed_number(seed: &Seed) -> u32 {
    (seed.to_u64() >> 32) as u32
}

fn broken(reason: impl Into<String>) -> Failure {
    Failure { kind: FailureKind::Error, reason: reason.into() }
}

fn failed(failure: Failure, errors: &[String]) -> Outcome {
    let mut attributes = Attributes::new();
    if !errors.is_empty() {
        attributes.insert(STDERR.to_owned(), errors.join("\n").into());
    }
    Outcome::Failed { failure, attributes }
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

//! A command as an objective: a program that is started for every trial. It reads the parameters
//! and prints their result, one JSON object per line. `configs/schemas/command.schema.json`
//! describes the lines.

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

use self::follow::CommandEnd;
use self::message::Meaning;
use self::template::Template;
use super::{Advance, Evaluation, Objective, Observer, Outlook, Segment, SegmentEnd};
use crate::seed::Seed;
use crate::space::{Point, Space};
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome, Rung};
use crate::units::Seconds;
use checkpoint::CheckpointFolder;
use process::Process;

/// How long a command may take to write its checkpoint when its trial pauses, perhaps over a
/// network.
const SAVING: Duration = Duration::from_secs(60);

/// Name of the attribute with the last lines that a failed command wrote to standard error.
const STDERR: &str = "stderr";

/// A command that is run for every trial.
///
/// It gets the parameters and the seed on standard input ([`Request`]), or in its arguments, which
/// may contain placeholders `{name}`. It prints a [`Report`] after each step and one for the
/// result. After each step it reads an [`Answer`]. If it does anything else, the trial fails with a
/// reason.
///
/// If trials pause, the command is started once for each segment (the part of a trial between two
/// pauses). It then gets a [`SegmentRequest`] and a folder for its checkpoint. It pauses at the
/// first reported step at or after the rung, the step to pause at. A command that reports no steps
/// runs to its end at once. A command that writes no checkpoint begins at the start again.
#[derive(Debug)]
pub struct External {
    template: Template,
    metrics: Vec<Metric>,
    /// The number of steps of a whole trial, if trials pause.
    steps: Option<u32>,
    timeout: Option<Seconds>,
    saving: Duration,
    stop: Option<&'static AtomicBool>,
}

impl External {
    /// The objective that runs `command`, which is split into words as a shell does, at points of
    /// `space`. `steps` is the number of steps of a whole trial, if trials pause.
    ///
    /// # Errors
    /// There is no such program, or a placeholder names no parameter of the space.
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

    /// The same objective with a time limit: a trial fails if it, or one segment of it, takes
    /// longer than `timeout`.
    pub fn with_timeout(self, timeout: Option<Seconds>) -> Self {
        Self { timeout, ..self }
    }

    /// The same objective with a switch: soon after `stop` is set, it breaks off running trials,
    /// even between two reports.
    pub fn with_stop(self, stop: &'static AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Runs the command for a trial, or for one `segment` of it; `None` if the run was interrupted.
    fn run(
        &self,
        point: &Point,
        seed: &Seed,
        segment: Option<SegmentRequest>,
        observer: &mut Observer<'_>,
    ) -> Option<CommandEnd> {
        let request = Request { parameters: point.clone(), seed: seed_number(seed), segment };
        let program = &self.template.program;
        let mut process = match Process::start(program, &self.template.arguments(&request)) {
            Ok(process) => process,
            Err(error) => {
                let failure = broken(format!("cannot start {program}: {error}"));
                return Some(CommandEnd::Done(failed(failure, &[])));
            }
        };
        process.write(line_of(&request));
        self.follow(&mut process, request.segment.as_ref(), observer).unwrap_or_else(|failure| {
            process.end();
            Some(CommandEnd::Done(failed(failure, &process.last_errors())))
        })
    }
}

impl Objective for External {
    fn metrics(&self) -> Vec<Metric> {
        self.metrics.clone()
    }

    /// The command runs in a process of its own: here a thread only waits for it.
    fn most_threads(&self, _point: &Point) -> Option<usize> {
        Some(1)
    }

    fn outlook(&self, _point: &Point) -> Outlook {
        Outlook { network: None, steps: self.steps }
    }

    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation> {
        if self.steps.is_some() {
            return match self.advance(point, seed, &Segment::whole(), observer)?.end {
                SegmentEnd::Done(evaluation) => Some(evaluation),
                SegmentEnd::Unsaved(folder, error) => {
                    let folder = folder.display();
                    let reason = format!("cannot make a folder for its checkpoint in {folder}: {error}");
                    Some(failed(broken(reason), &[]).into())
                }
                SegmentEnd::Paused(_) => unreachable!("a whole evaluation has no pause"),
            };
        }
        match self.run(point, seed, None, observer)? {
            CommandEnd::Done(outcome) => Some(outcome.into()),
            CommandEnd::Paused { .. } => unreachable!("only a segment has a pause"),
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
        let unsaved = |error| SegmentEnd::Unsaved(checkpoint_of(segment), error);
        let folder = match CheckpointFolder::new(segment) {
            Ok(folder) => folder,
            Err(error) => return Some(Advance { end: unsaved(error), restarted: None }),
        };
        let is_empty = folder.is_empty();
        let restarted =
            segment.from.as_ref().filter(|_| is_empty).map(|from| {
                format!("{}: no checkpoint: the command wrote none, or it is gone", from.display())
            });
        let started = Instant::now();
        let request = SegmentRequest::of(segment, steps, &folder);
        let end = match self.run(point, seed, Some(request), observer)? {
            CommandEnd::Done(outcome) => SegmentEnd::Done(outcome.into()),
            CommandEnd::Paused { step, values, is_whole } => {
                let seconds = started.elapsed().as_secs_f64();
                let kept = match &segment.pause {
                    Some(pause) if is_whole => folder.keep(&pause.checkpoint),
                    _ => Ok(()),
                };
                kept.map_or_else(unsaved, |()| SegmentEnd::Paused(Rung { steps: step, values, seconds }))
            }
        };
        Some(Advance { end, restarted })
    }
}

impl SegmentRequest {
    /// The request for `segment` of a trial with `steps` steps. `folder` has the checkpoint.
    ///
    /// A command that reports rarely may already be past the next rung. Then it pauses at its next
    /// report.
    fn of(segment: &Segment, steps: u32, folder: &CheckpointFolder) -> Self {
        let rung = segment.pause.as_ref().map_or(steps, |pause| steps.div_ceil(pause.divisor));
        let checkpoint_dir = folder.path().to_string_lossy().into_owned();
        Self {
            step: if folder.is_empty() { 0 } else { segment.done },
            until: rung.max(segment.done.saturating_add(1)).min(steps),
            steps,
            state: checkpoint_dir.clone(),
            checkpoint_dir,
        }
    }
}

/// The path of the checkpoint of `segment` that error messages name.
fn checkpoint_of(segment: &Segment) -> PathBuf {
    let pause = segment.pause.as_ref().map(|pause| &pause.checkpoint);
    pause.or(segment.from.as_ref()).cloned().unwrap_or_else(std::env::temp_dir)
}

/// The seed of a trial for other programs: half of the seed's 64 bits, since many libraries only
/// take seeds below 2^32.
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

/// Whether `line` of a command's output is a report on `metrics`; otherwise it belongs to the log.
///
/// # Errors
/// The line has a key of the protocol, but is no valid report. The error says what is wrong, in one
/// line.
pub fn is_report(line: &str, metrics: &[Metric]) -> Result<bool, String> {
    let meaning = message::read(line, metrics)?;
    Ok(!matches!(meaning, Meaning::Nothing | Meaning::Braced))
}

/// Whether the system finds an executable file for `program`.
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

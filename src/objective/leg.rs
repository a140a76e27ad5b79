//! An evaluation in parts, each of which may begin where another ended, on another day.

use std::io;
use std::path::PathBuf;

use super::Evaluation;
use crate::study::Rung;
use crate::units::Seconds;

/// A part of an evaluation: where it begins, and where it pauses.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// The file that the leg before left; `None`: it begins at the start.
    pub from: Option<PathBuf>,
    /// Where it pauses unless it is done before; `None`: it goes on to the end.
    pub pause: Option<Pause>,
    /// What the legs before took.
    pub spent: Seconds,
}

/// Where a leg ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause {
    /// After the most steps that there may be, divided by this and rounded up; at least 1.
    pub divisor: u32,
    /// Where its state goes, over what is there.
    pub file: PathBuf,
}

/// What a leg came to.
pub struct Advance {
    /// How far.
    pub progress: Progress,
    /// Why it began at the start, if it was to begin elsewhere: the file is gone or broken.
    pub restarted: Option<String>,
}

/// How far an evaluation is.
pub enum Progress {
    /// To its end.
    Done(Evaluation),
    /// To where it was to pause.
    Paused(Rung),
    /// As far as that, but its state cannot be written.
    Unsaved(PathBuf, io::Error),
}

impl From<Evaluation> for Advance {
    fn from(evaluation: Evaluation) -> Self {
        Self { progress: Progress::Done(evaluation), restarted: None }
    }
}

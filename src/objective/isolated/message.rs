//! The messages between a worker and the process that evaluates a trial, one JSON object per line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::objective::{Advance, Pause, Segment, SegmentEnd};
use crate::space::Point;
use crate::study::{Attributes, Failure, FailureKind, Outcome, Rung};
use crate::units::Seconds;

/// The request for one evaluation: the first line that the process reads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRequest {
    /// The part of the request that all trials of a study share, in a form that the maker of the
    /// objective reads.
    pub work: Json,
    /// The number of threads to compute on, at least 1.
    pub threads: usize,
    /// The point to evaluate.
    pub point: Point,
    /// The seed, in hexadecimal.
    pub seed: String,
    /// The segment (the part of a trial between two pauses) to evaluate; left out for the whole
    /// trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentMessage>,
    /// The best first metric so far, if the trial may end early where it cannot reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incumbent: Option<f64>,
}

/// A [`Segment`] as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentMessage {
    /// The checkpoint of the segment before, without extension.
    pub from: Option<PathBuf>,
    /// Where the segment pauses: the divisor of all steps, and the checkpoint to write.
    pub pause: Option<(u32, PathBuf)>,
    /// Steps done by the segments before.
    pub done: u32,
    /// Seconds taken by the segments before.
    pub spent_s: f64,
}

/// A line that the process prints.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case", deny_unknown_fields)]
pub enum TrialReply {
    /// A step is done. The process then reads `true` if it is to go on.
    Step {
        /// The step, counted from 1.
        step: u32,
        /// The first metric; `null` if it is not finite.
        value: Option<f64>,
    },
    /// The evaluation is complete.
    Complete {
        /// The values, one for each metric.
        values: Vec<f64>,
        /// The constraints, each at most 0 where it holds.
        constraints: Vec<f64>,
        /// Further facts that were measured.
        attributes: Attributes,
        /// Why the evaluation restarted, if its checkpoint was lost or broken.
        restarted: Option<String>,
    },
    /// The evaluation failed.
    Failed {
        /// The kind of failure.
        kind: FailureKind,
        /// The reason, in one line.
        reason: String,
        /// Facts that were measured before the failure.
        attributes: Attributes,
        /// Why the evaluation restarted, if its checkpoint was lost or broken.
        restarted: Option<String>,
    },
    /// The segment has paused.
    Paused {
        /// The rung at which it paused.
        rung: Rung,
        /// Why the evaluation restarted, if its checkpoint was lost or broken.
        restarted: Option<String>,
    },
    /// The segment was to pause, but its checkpoint cannot be written.
    Unsaved {
        /// The path of the checkpoint.
        file: PathBuf,
        /// The error.
        problem: String,
    },
    /// The evaluation was broken off.
    Stopped,
}

impl From<&Segment> for SegmentMessage {
    fn from(segment: &Segment) -> Self {
        let pause = segment.pause.as_ref().map(|pause| (pause.divisor, pause.checkpoint.clone()));
        Self { from: segment.from.clone(), pause, done: segment.done, spent_s: segment.spent.0 }
    }
}

impl SegmentMessage {
    /// The segment that it describes.
    pub(super) fn to_segment(&self) -> Segment {
        let pause = self.pause.clone().map(|(divisor, checkpoint)| Pause { divisor, checkpoint });
        Segment { from: self.from.clone(), pause, done: self.done, spent: Seconds(self.spent_s) }
    }
}

impl TrialReply {
    /// The last line of an evaluation; `None` stands for one that was broken off.
    pub(super) fn of(advance: Option<Advance>) -> Self {
        let Some(Advance { end, restarted }) = advance else { return Self::Stopped };
        match end {
            SegmentEnd::Paused(rung) => Self::Paused { rung, restarted },
            SegmentEnd::Unsaved(file, error) => Self::Unsaved { file, problem: error.to_string() },
            SegmentEnd::Done(evaluation) => match evaluation.outcome {
                Outcome::Complete { values, constraints, attributes } => {
                    Self::Complete { values, constraints, attributes, restarted }
                }
                Outcome::Failed { failure, attributes } => {
                    Self::Failed { kind: failure.kind, reason: failure.reason, attributes, restarted }
                }
            },
        }
    }

    /// The result of the evaluation; `None` if it was broken off, or goes on.
    pub(super) fn into_advance(self) -> Option<Advance> {
        let done = |outcome: Outcome| SegmentEnd::Done(outcome.into());
        let (end, restarted) = match self {
            Self::Step { .. } | Self::Stopped => return None,
            Self::Paused { rung, restarted } => (SegmentEnd::Paused(rung), restarted),
            Self::Unsaved { file, problem } => {
                (SegmentEnd::Unsaved(file, std::io::Error::other(problem)), None)
            }
            Self::Complete { values, constraints, attributes, restarted } => {
                (done(Outcome::Complete { values, constraints, attributes }), restarted)
            }
            Self::Failed { kind, reason, attributes, restarted } => {
                (done(Outcome::Failed { failure: Failure { kind, reason }, attributes }), restarted)
            }
        };
        Some(Advance { end, restarted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_replies_survive_the_way() {
        let segment = Segment {
            from: Some(PathBuf::from("a")),
            pause: Some(Pause { divisor: 3, checkpoint: PathBuf::from("b") }),
            done: 1,
            spent: Seconds(0.1),
        };
        assert_eq!(SegmentMessage::from(&segment).to_segment(), segment);
        let rung = Rung { steps: 2, values: vec![0.1], seconds: 0.3 };
        let paused = Advance { end: SegmentEnd::Paused(rung.clone()), restarted: Some("gone".to_owned()) };
        let text = serde_json::to_string(&TrialReply::of(Some(paused))).unwrap();
        let advance = serde_json::from_str::<TrialReply>(&text).unwrap().into_advance().unwrap();
        assert!(matches!(advance.end, SegmentEnd::Paused(read) if read == rung));
        assert_eq!(advance.restarted.as_deref(), Some("gone"));
        assert!(TrialReply::of(None).into_advance().is_none());
    }
}

//! Segments of an evaluation, the parts between two pauses. Each may begin where the one before
//! paused, even on another day.

use std::io;
use std::path::PathBuf;

use super::Evaluation;
use crate::study::Rung;
use crate::units::Seconds;

/// A segment of an evaluation: where it begins, and where it pauses.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The checkpoint of the segment before; `None`: the evaluation begins at the start. The path
    /// has no extension, since the objective decides whether it is a file or a folder.
    pub from: Option<PathBuf>,
    /// Where the segment pauses, unless the evaluation ends before; `None`: it runs to the end.
    pub pause: Option<Pause>,
    /// Steps done by the segments before.
    pub done: u32,
    /// Time taken by the segments before.
    pub spent: Seconds,
}

impl Segment {
    /// The segment from the start to the end.
    pub fn whole() -> Self {
        Self { from: None, pause: None, done: 0, spent: Seconds(0.0) }
    }
}

/// Where a segment pauses.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause {
    /// The step to pause after is the number of steps of a whole evaluation divided by this,
    /// rounded up. At least 1.
    pub divisor: u32,
    /// The path of the checkpoint to write, without extension.
    pub checkpoint: PathBuf,
}

/// The result of a segment.
pub struct Advance {
    /// How the segment ended.
    pub end: SegmentEnd,
    /// Why the evaluation restarted, if its checkpoint was lost or broken.
    pub restarted: Option<String>,
}

/// How a segment ended.
pub enum SegmentEnd {
    /// At the end of the evaluation.
    Done(Evaluation),
    /// Paused at a rung, a step at which trials pause.
    Paused(Rung),
    /// Reached a rung, but the checkpoint cannot be written: its path and the error.
    Unsaved(PathBuf, io::Error),
}

impl From<Evaluation> for Advance {
    fn from(evaluation: Evaluation) -> Self {
        Self { end: SegmentEnd::Done(evaluation), restarted: None }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;

    use super::*;
    use crate::backend::ChipProfile;
    use crate::data::{Dataset, OpenOptions, Sources, Split};
    use crate::objective::network::classify::Classify;
    use crate::objective::{Goal, Goals, Objective, Sweep};
    use crate::seed::Seed;
    use crate::space::Point;
    use crate::study::Outcome;

    fn iris() -> Classify {
        let sources = Sources::new(None).unwrap().offline();
        let iris = Dataset::open("iris", &OpenOptions::default(), &sources, &mut |_| {}).unwrap();
        let sweep = Sweep { faults: Vec::new(), rates: Vec::new(), maps: 1, seed: 0 };
        let goals = Goals { list: vec![Goal::Accuracy, Goal::Spikes], constraints: Vec::new(), sweep };
        let split = Split { validation: 0.25, seed: 1 };
        Classify::new(iris, ChipProfile::builtin("ideal").unwrap(), split, goals).unwrap()
    }

    fn point() -> Point {
        let text =
            r#"{"method": "surrogate", "epochs": 10, "width_1": 32, "batch_size": 16, "average": "swa"}"#;
        serde_json::from_str(text).unwrap()
    }

    fn segment(folder: &Path, from: Option<&str>, pause: Option<(u32, &str)>) -> Segment {
        Segment {
            from: from.map(|name| folder.join(name)),
            pause: pause.map(|(divisor, name)| Pause { divisor, checkpoint: folder.join(name) }),
            done: 0,
            spent: Seconds(0.0),
        }
    }

    /// The result of a segment, and the epochs that it reported.
    fn advance(segment: &Segment) -> (Advance, Vec<(u32, f64)>) {
        let mut reported = Vec::new();
        let mut observe = |step, value| {
            reported.push((step, value));
            ControlFlow::Continue(())
        };
        let advance = iris().advance(&point(), &Seed::root(2), segment, &mut observe).unwrap();
        (advance, reported)
    }

    fn rung(advance: Advance) -> Rung {
        match advance.end {
            SegmentEnd::Paused(rung) => rung,
            SegmentEnd::Done(evaluation) => panic!("{:?}", evaluation.outcome),
            SegmentEnd::Unsaved(file, error) => panic!("{}: {error}", file.display()),
        }
    }

    /// The outcome without the time it took.
    fn outcome(advance: Advance) -> Outcome {
        match advance.end {
            SegmentEnd::Done(evaluation) => match evaluation.outcome {
                Outcome::Complete { values, constraints, mut attributes } => {
                    for time in ["training_seconds", "deployment_seconds"] {
                        assert!(attributes.shift_remove(time).is_some());
                    }
                    Outcome::Complete { values, constraints, attributes }
                }
                failed => panic!("{failed:?}"),
            },
            _ => panic!("it was not to pause"),
        }
    }

    #[test]
    fn a_training_in_segments_equals_the_whole_training_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, every) = advance(&segment(folder.path(), None, None));
        let (first, mut reported) = advance(&segment(folder.path(), None, Some((9, "a"))));
        let first = rung(first);
        assert_eq!((first.steps, first.values.len()), (2, 2));
        let (second, more) = advance(&segment(folder.path(), Some("a"), Some((3, "b"))));
        reported.extend(more);
        assert_eq!(rung(second).steps, 4);
        let (last, more) = advance(&segment(folder.path(), Some("b"), None));
        reported.extend(more);
        assert_eq!(reported, every);
        assert_eq!(last.restarted, None);
        assert_eq!(outcome(last), outcome(whole));
    }

    #[test]
    fn a_checkpoint_that_is_gone_broken_or_of_another_training_restarts_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, every) = advance(&segment(folder.path(), None, None));
        let whole = outcome(whole);
        std::fs::write(folder.path().join("broken.safetensors"), "nonsense").unwrap();
        let seed = Seed::root(3);
        let other = segment(folder.path(), None, Some((9, "other")));
        iris().advance(&point(), &seed, &other, &mut |_, _| ControlFlow::Continue(())).unwrap();
        for file in ["gone", "broken", "other"] {
            let (advance, reported) = advance(&segment(folder.path(), Some(file), None));
            assert!(advance.restarted.as_ref().is_some_and(|reason| reason.contains(file)), "{file}");
            assert_eq!(reported, every);
            assert_eq!(outcome(advance), whole);
        }
    }

    #[test]
    fn a_rung_that_is_reached_already_trains_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let first = rung(advance(&segment(folder.path(), None, Some((3, "a")))).0);
        let (again, reported) = advance(&segment(folder.path(), Some("a"), Some((9, "b"))));
        let again = rung(again);
        assert_eq!(reported, []);
        assert_eq!((again.steps, again.values), (first.steps, first.values));
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let (advance, _) = advance(&segment(folder.path(), None, Some((3, "none/a"))));
        assert!(matches!(advance.end, SegmentEnd::Unsaved(..)));
    }
}

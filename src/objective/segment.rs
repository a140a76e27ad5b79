//! An evaluation in parts, each of which may begin where another ended, on another day.

use std::io;
use std::path::PathBuf;

use super::Evaluation;
use crate::study::Rung;
use crate::units::Seconds;

/// A part of an evaluation: where it begins, and where it pauses.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The name of the state that the leg before left, without extension: whether it is a file or a folder is the
    /// objective's own business. `None`: it begins at the start.
    pub from: Option<PathBuf>,
    /// Where it pauses unless it is done before; `None`: it goes on to the end.
    pub pause: Option<Pause>,
    /// Steps that the legs before have done.
    pub done: u32,
    /// What the legs before took.
    pub spent: Seconds,
}

impl Segment {
    /// From the start to the end.
    pub fn whole() -> Self {
        Self { from: None, pause: None, done: 0, spent: Seconds(0.0) }
    }
}

/// Where a leg ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause {
    /// After the most steps that there may be, divided by this and rounded up; at least 1.
    pub divisor: u32,
    /// The name under which its state goes, without extension.
    pub state: PathBuf,
}

/// What a leg came to.
pub struct Advance {
    /// How far.
    pub progress: SegmentEnd,
    /// Why it began at the start, if it was to begin elsewhere: the file is gone or broken.
    pub restarted: Option<String>,
}

/// How far an evaluation is.
pub enum SegmentEnd {
    /// To its end.
    Done(Evaluation),
    /// To where it was to pause.
    Paused(Rung),
    /// As far as that, but its state cannot be written.
    Unsaved(PathBuf, io::Error),
}

impl From<Evaluation> for Advance {
    fn from(evaluation: Evaluation) -> Self {
        Self { progress: SegmentEnd::Done(evaluation), restarted: None }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;

    use super::*;
    use crate::backend::ChipProfile;
    use crate::data::{Dataset, OpenOptions, Sources};
    use crate::objective::network::classify::Classify;
    use crate::objective::{Goal, Goals, Objective, Sweep};
    use crate::seed::Seed;
    use crate::space::Point;
    use crate::study::Outcome;

    fn iris() -> Classify {
        let sources = Sources::new(None).unwrap().offline();
        let iris = Dataset::open("iris", &OpenOptions::default(), &sources, &mut |_| {}).unwrap();
        let sweep = Sweep { faults: Vec::new(), rates: Vec::new(), maps: 1, seed: 0 };
        let goals = Goals { list: vec![Goal::Accuracy, Goal::Spikes], sweep };
        Classify::new(iris, ChipProfile::builtin("ideal").unwrap(), 0.25, goals, &Seed::root(1)).unwrap()
    }

    fn point() -> Point {
        let text =
            r#"{"method": "surrogate", "epochs": 10, "width_1": 32, "batch_size": 16, "average": "swa"}"#;
        serde_json::from_str(text).unwrap()
    }

    fn segment(folder: &Path, from: Option<&str>, pause: Option<(u32, &str)>) -> Segment {
        Segment {
            from: from.map(|name| folder.join(name)),
            pause: pause.map(|(divisor, name)| Pause { divisor, state: folder.join(name) }),
            done: 0,
            spent: Seconds(0.0),
        }
    }

    /// What the leg came to, and the epochs that were heard.
    fn advance(segment: &Segment) -> (Advance, Vec<(u32, f64)>) {
        let mut heard = Vec::new();
        let mut hear = |step, value| {
            heard.push((step, value));
            ControlFlow::Continue(())
        };
        let advance = iris().advance(&point(), &Seed::root(2), segment, &mut hear).unwrap();
        (advance, heard)
    }

    fn rung(advance: Advance) -> Rung {
        match advance.progress {
            SegmentEnd::Paused(rung) => rung,
            SegmentEnd::Done(evaluation) => panic!("{:?}", evaluation.outcome),
            SegmentEnd::Unsaved(file, error) => panic!("{}: {error}", file.display()),
        }
    }

    /// The outcome without the time it took.
    fn outcome(advance: Advance) -> Outcome {
        match advance.progress {
            SegmentEnd::Done(evaluation) => match evaluation.outcome {
                Outcome::Complete { values, constraints, mut attributes } => {
                    for time in ["training_seconds", "deployment_seconds"] {
                        assert!(attributes.shift_remove(time).is_some());
                    }
                    Outcome::Complete { values, constraints, attributes }
                }
                failed => panic!("{failed:?}"),
            },
            _ => panic!("it pauses nowhere"),
        }
    }

    #[test]
    fn a_training_in_legs_is_the_training_in_one_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, every) = advance(&segment(folder.path(), None, None));
        let (first, mut heard) = advance(&segment(folder.path(), None, Some((9, "a"))));
        let first = rung(first);
        assert_eq!((first.steps, first.values.len()), (2, 2));
        let (second, more) = advance(&segment(folder.path(), Some("a"), Some((3, "b"))));
        heard.extend(more);
        assert_eq!(rung(second).steps, 4);
        let (last, more) = advance(&segment(folder.path(), Some("b"), None));
        heard.extend(more);
        assert_eq!(heard, every);
        assert_eq!(last.restarted, None);
        assert_eq!(outcome(last), outcome(whole));
    }

    #[test]
    fn a_state_that_is_gone_broken_or_of_another_training_means_a_fresh_start_that_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, every) = advance(&segment(folder.path(), None, None));
        let whole = outcome(whole);
        std::fs::write(folder.path().join("broken.safetensors"), "nonsense").unwrap();
        let seed = Seed::root(3);
        let other = segment(folder.path(), None, Some((9, "other")));
        iris().advance(&point(), &seed, &other, &mut |_, _| ControlFlow::Continue(())).unwrap();
        for file in ["gone", "broken", "other"] {
            let (advance, heard) = advance(&segment(folder.path(), Some(file), None));
            assert!(advance.restarted.as_ref().is_some_and(|reason| reason.contains(file)), "{file}");
            assert_eq!(heard, every);
            assert_eq!(outcome(advance), whole);
        }
    }

    #[test]
    fn a_rung_that_is_reached_already_trains_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let first = rung(advance(&segment(folder.path(), None, Some((3, "a")))).0);
        let (again, heard) = advance(&segment(folder.path(), Some("a"), Some((9, "b"))));
        let again = rung(again);
        assert_eq!(heard, []);
        assert_eq!((again.steps, again.values), (first.steps, first.values));
    }

    #[test]
    fn a_state_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (advance, _) = advance(&segment(folder.path(), None, Some((3, "none/a"))));
        assert!(matches!(advance.progress, SegmentEnd::Unsaved(..)));
    }
}

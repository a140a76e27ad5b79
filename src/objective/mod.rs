//! From a point to an outcome: the only place that knows both halves of the house.

pub mod external;
pub mod isolated;
pub mod network;
mod replicates;
mod segment;
pub mod synthetic;

use std::ops::ControlFlow;
use std::path::Path;

pub use network::faults::{FaultScore, Robustness, Sweep};
pub use network::goal::{Goal, Goals, UnknownGoal};
pub use network::hyperparameters::{Hyperparameters, PlanError};
pub use network::plan::Plan;
pub use network::saved::{ModelError, ModelFile, SavedNetwork};
pub use network::score::{DataPart, Score, ScoreError, Scoring};
pub use replicates::evaluate_replicates;
pub use segment::{Advance, Pause, Segment, SegmentEnd};

use crate::seed::Seed;
use crate::space::Point;
use crate::study::{Metric, Outcome};

/// Hears the first metric after every step of an evaluation, counted from 1; `Break` asks it to stop.
pub type Observer<'a> = dyn FnMut(u32, f64) -> ControlFlow<()> + 'a;

/// What a study optimizes. Slow, or a fake.
pub trait Objective: Sync {
    /// What is measured, at least one.
    fn metrics(&self) -> Vec<Metric>;

    /// Evaluates `point` with the randomness of `seed`: the same both, the same outcome, bit for bit.
    ///
    /// `None` if the observer broke it off. Several points are evaluated at a time, each in a rayon pool of its
    /// own, whose number of threads does not change the outcome.
    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation>;

    /// What an evaluation of `point` takes, positive, in any unit; the same wherever it is asked. An objective that
    /// cannot tell says that all take the same.
    fn cost(&self, _point: &Point) -> f64 {
        1.0
    }

    /// Evaluates one `segment` of what [`evaluate`](Self::evaluate) does: all of them together come to the same,
    /// bit for bit, wherever they pause. Steps that are done are not reported again, unless a leg restarts.
    ///
    /// An objective that does not say how to pause goes to the end in its first leg.
    fn advance(
        &self,
        point: &Point,
        seed: &Seed,
        _leg: &Segment,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        self.evaluate(point, seed, observer).map(Advance::from)
    }
}

/// What an evaluation came to, and what it made.
pub struct Evaluation {
    /// What the search learns from.
    pub outcome: Outcome,
    /// What was trained, if it came to something that can be tested further.
    pub model: Option<Box<dyn Model>>,
}

impl From<Outcome> for Evaluation {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, model: None }
    }
}

/// A trained model.
pub trait Model: Send {
    /// Scores it on data that no search has seen.
    fn test(&self) -> Outcome;

    /// Writes it to `file`.
    ///
    /// # Errors
    /// The file cannot be written.
    fn save(&self, file: &Path) -> std::io::Result<()>;
}

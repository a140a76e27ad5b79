//! Objectives: what a study optimizes, from a point to an outcome. This is the only module that
//! knows both halves of the program: searches and studies, and data, networks and chips.

pub mod external;
pub mod isolated;
pub mod network;
mod outlook;
mod replicates;
mod segment;
pub mod synthetic;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

pub use network::constraint::{Constraint, ConstraintError};
pub use network::faults::{FaultScore, Robustness, Sweep, SweepError};
pub use network::goal::{Goal, UnknownGoal};
pub use network::goals::Goals;
pub use network::plan::Plan;
pub use network::plan::domain::Allowed;
pub use network::plan::hyperparameters::{Domains, Hyperparameters, PlanError};
pub use network::plan::memory::Extras;
pub use network::saved::{Description, ModelError, ModelFile, SavedNetwork, TrainedOn};
pub use network::scoring::{
    ByClass, ClassScore, PREDICTION_COLUMNS, PredictionForm, PredictionLine, Predictor, Score, ScoreBySample,
    ScoreError, Scoring,
};
pub use outlook::Outlook;
pub use replicates::{evaluate_replicates, first_replicate};
pub use segment::{Advance, Pause, Segment, SegmentEnd};

pub use crate::data::{DataPart, DataSummary};
use crate::seed::Seed;
use crate::space::{Foresee, Point, Value};
use crate::study::{Metric, Outcome};

/// A callback that gets the number of each finished step of an evaluation, counted from 1, and the
/// first metric after it. If it returns `Break`, the evaluation stops.
pub type Observer<'a> = dyn FnMut(u32, f64) -> ControlFlow<()> + 'a;

/// The number of `step` of an evaluation that begins after the step `before` of another one. It is at most the
/// largest number of a step that a storage takes.
fn later_step(before: u32, step: u32) -> u32 {
    before.saturating_add(step).min(i32::MAX as u32)
}

/// A function from a point to an outcome, usually slow: what a study optimizes.
pub trait Objective: Sync {
    /// The metrics of an outcome, at least one.
    fn metrics(&self) -> Vec<Metric>;

    /// Evaluates `point` with random draws from `seed`. The same point and seed give the same
    /// outcome, bit for bit.
    ///
    /// `None` if the observer broke the evaluation off. Several points are evaluated at the same
    /// time, each in a rayon thread pool of its own. The number of threads of a pool does not
    /// change an outcome.
    fn evaluate(&self, point: &Point, seed: &Seed, observer: &mut Observer<'_>) -> Option<Evaluation>;

    /// As [`evaluate`](Self::evaluate), where `incumbent` is the best first metric so far. The
    /// evaluation may end before its time, without a model, once the first metric can no longer reach
    /// the incumbent. The default implementation does not.
    fn evaluate_against(
        &self,
        point: &Point,
        seed: &Seed,
        _incumbent: f64,
        observer: &mut Observer<'_>,
    ) -> Option<Evaluation> {
        self.evaluate(point, seed, observer)
    }

    /// The cost of an evaluation of `point`: positive, in any unit, and the same in every process.
    /// An objective that knows no costs returns the same for all points.
    fn cost(&self, _point: &Point) -> f64 {
        1.0
    }

    /// The number of threads beyond which an evaluation of `point` gains nothing, at least 1; `None`
    /// if it is unknown.
    fn most_threads(&self, _point: &Point) -> Option<usize> {
        None
    }

    /// What people are shown of an evaluation of `point` while it runs.
    fn outlook(&self, _point: &Point) -> Outlook {
        Outlook::default()
    }

    /// The value that an evaluation of `point` takes for a `parameter` that the point lacks; `None` if it is
    /// not known.
    fn value_without(&self, _point: &Point, _parameter: &str) -> Option<Value> {
        None
    }

    /// The facts that are known of points before they are evaluated; `None` if there are none.
    fn foresight(&self) -> Option<Arc<dyn Foresee>> {
        None
    }

    /// Evaluates one `segment`: the part of [`evaluate`](Self::evaluate) between two pauses. All
    /// segments together give the same outcome, bit for bit, wherever they pause. Steps of earlier
    /// segments are reported again only if a segment restarts.
    ///
    /// The default implementation does not pause: its first segment runs to the end.
    fn advance(
        &self,
        point: &Point,
        seed: &Seed,
        _segment: &Segment,
        observer: &mut Observer<'_>,
    ) -> Option<Advance> {
        self.evaluate(point, seed, observer).map(Advance::from)
    }
}

/// The result of an evaluation.
pub struct Evaluation {
    /// The result that the search learns from.
    pub outcome: Outcome,
    /// The trained model; `None` if there is none to test or to save.
    pub model: Option<Box<dyn Model>>,
}

impl From<Outcome> for Evaluation {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, model: None }
    }
}

/// A trained model.
pub trait Model: Send {
    /// Scores the model on the test set, which no search has seen.
    fn test(&self) -> Outcome;

    /// Samples per second that the simulator answers on this machine, measured now; `None` if
    /// nothing simulates the model.
    fn host_throughput(&self) -> Option<f64> {
        None
    }

    /// Writes it to `file`.
    ///
    /// # Errors
    /// The file cannot be written.
    fn save(&self, file: &Path) -> std::io::Result<()>;
}

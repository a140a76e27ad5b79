//! Saved networks on a chip: scored on labelled samples, and asked about others.

mod by_class;
mod predict;
mod predictions;
mod score;

pub use by_class::{ByClass, ClassScore};
pub use predict::Predictor;
pub use predictions::{PREDICTION_COLUMNS, PredictionForm, PredictionLine};
pub use score::{Score, ScoreBySample, ScoreError, Scoring};

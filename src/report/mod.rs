//! Text and JSON from a study, and nothing else.

mod best;
mod text;

pub use best::{Best, Default, Measured, OnFront};
pub use text::{importance_text, network_text, study_text, winner_text};

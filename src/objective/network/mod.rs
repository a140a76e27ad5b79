//! Networks on a chip as an objective: a point becomes a trained, deployed and scored network.

mod accuracy;
mod attributes;
pub mod classify;
pub(super) mod constraint;
mod failure;
pub(super) mod faults;
mod folds;
mod foresight;
pub(super) mod goal;
pub(super) mod goals;
mod limits;
mod mapped;
mod model;
pub(super) mod plan;
pub(super) mod saved;
pub(super) mod scoring;
mod segment_training;

//! Networks on a chip as an objective: a point becomes a trained, deployed and scored network.

mod accuracy;
mod attributes;
pub mod classify;
mod cost;
pub(super) mod domain;
mod failure;
pub(super) mod faults;
pub(super) mod goal;
pub(super) mod hyperparameters;
mod memory;
mod model;
pub(super) mod plan;
mod predictions;
pub(super) mod saved;
pub(super) mod score;
mod segment_training;

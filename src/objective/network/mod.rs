//! A point becomes a trained, deployed and scored network.

pub mod classify;
pub(super) mod cost;
pub(super) mod faults;
pub(super) mod goal;
pub(super) mod hyperparameters;
pub(super) mod memory;
pub(super) mod model;
pub(super) mod plan;
pub(super) mod saved;
pub(super) mod score;

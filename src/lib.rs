//! Hyperparameter tuner for binary-communication networks on spiking chips.

pub mod data;
pub mod input;
pub mod seed;
pub mod units;

//! Hyperparameter tuner for binary-communication networks on spiking chips.

pub mod seed;
pub mod units;

//! Hyperparameter tuner for binary-communication networks on spiking chips.

pub mod backend;
pub mod input;
pub mod network;
pub mod seed;
pub mod units;

//! Hyperparameter tuner for binary-communication networks on spiking chips.

pub mod data;
pub mod input;
pub mod network;
pub mod seed;
pub mod training;
pub mod units;

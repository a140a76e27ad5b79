//! Hyperparameter tuner for binary-communication networks on spiking chips.

pub mod input;
pub mod linalg;
pub mod seed;
pub mod units;

pub mod search;
pub mod space;
pub mod storage;
pub mod study;

pub mod backend;
pub mod data;
pub mod network;

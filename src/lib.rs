//! Hyperparameter tuner for binary-communication networks on spiking chips.

pub mod input;
pub mod linalg;
pub mod output;
pub mod seed;
pub mod team;
pub mod units;

pub mod search;
pub mod space;
pub mod storage;
pub mod study;

pub mod backend;
pub mod data;
pub mod network;
pub mod training;

pub mod objective;
pub mod tuner;

pub mod cli;
pub mod report;

//! Epochs: gradient-descent rules, schedules, sharpeners, and the loop that runs them.
//!
//! - Hinton 2012: RMSprop, lecture 6e of Neural Networks for Machine Learning.
//! - Kingma, Ba 2015: Adam.
//! - Loshchilov, Hutter 2017: SGDR (cosine schedule); 2019: Decoupled weight decay regularization.
//! - Severa et al. 2019: Whetstone (sharpeners).
//! - Zeiler 2012: ADADELTA.

mod adaptive;
mod config;
mod error;
mod evaluation;
mod report;
mod rule;
mod sharpener;
mod trainer;

pub use config::{Method, Schedule, TrainingConfig};
pub use error::TrainingError;
pub use evaluation::{Activity, Evaluation, Evaluator};
pub use report::{EpochReport, Summary};
pub use rule::Rule;
pub use sharpener::{Adaptive, Order, Scheduled, Sharpener, Simple};
pub use trainer::train;

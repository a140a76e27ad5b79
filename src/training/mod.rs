//! Training of networks: methods that make activations binary, gradient-descent rules, schedules,
//! averages, and the loop over epochs that runs them.
//!
//! - Courbariaux, Bengio, David 2015: BinaryConnect.
//! - DeVries, Taylor 2017: Improved regularization of convolutional neural networks with cutout.
//! - Goyal et al. 2017: Accurate, large minibatch SGD (warm-up).
//! - Hinton 2012: RMSprop, lecture 6e of Neural Networks for Machine Learning.
//! - Hinton, Vinyals, Dean 2015: Distilling the knowledge in a neural network.
//! - Izmailov et al. 2018: Averaging weights leads to wider optima and better generalization (SWA).
//! - Kingma, Ba 2015: Adam.
//! - Loshchilov, Hutter 2017: SGDR (cosine schedule); 2019: Decoupled weight decay regularization.
//! - Severa et al. 2019: Whetstone (sharpeners).
//! - Smith, Topin 2019: Super-convergence (one-cycle schedule).
//! - Zeiler 2012: ADADELTA.
//! - Zhang et al. 2019: Lookahead optimizer: k steps forward, 1 step back.

mod batches;
mod check;
mod checkpoint;
mod config;
mod error;
mod evaluation;
#[cfg(test)]
mod fixtures;
mod learner;
mod memory;
mod methods;
mod report;
mod resume;
mod teacher;
mod trainer;
mod watch;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use config::TrainingConfig;
pub use error::TrainingError;
pub use evaluation::{Activity, Evaluation, Evaluator};
pub use memory::{checkpoint_memory, memory};
pub use methods::adaptive::Adaptive;
pub use methods::average::Average;
pub use methods::distillation::Distillation;
pub use methods::method::Method;
pub use methods::order::Order;
pub use methods::rounding::Quantized;
pub use methods::rule::Rule;
pub use methods::schedule::Schedule;
pub use methods::sharpener::{Scheduled, Sharpener, Simple};
pub use report::{EpochReport, Summary};
pub use trainer::{Trainer, train};

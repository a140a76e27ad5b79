//! The settings of knowledge distillation.

use serde::{Deserialize, Serialize};

use crate::training::TrainingError;
use crate::training::check::{positive, require};

/// Knowledge distillation (Hinton, Vinyals, Dean 2015).
///
/// A network of the same form, from the same first weights, learns with soft steps; its scores on each
/// training sample, as it is without augmentation, then make up a share of the targets of the binary network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// Epochs of the teacher, at least 1; they come before the first of the training, and nothing hears them.
    pub epochs: u32,
    /// The teacher's share of the loss, in [0, 1]; the rest is the labels'.
    pub share: f32,
}

impl Distillation {
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        let share = f64::from(self.share);
        positive("distillation.epochs", f64::from(self.epochs))?;
        require("share", share, (0.0..=1.0).contains(&share), "must lie in [0, 1]")
    }
}

//! The settings of knowledge distillation.

use serde::{Deserialize, Serialize};

use crate::training::TrainingError;
use crate::training::check::{positive, require};

/// Knowledge distillation (Hinton, Vinyals, Dean 2015).
///
/// The teacher is a network of the same plan with the same initial weights, which learns at
/// sharpness 0. Its softened scores on each training sample, without augmentation, are then a share
/// of the binary network's targets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// Epochs of the teacher, at least 1. They come before the first epoch of the training and are
    /// not reported.
    pub epochs: u32,
    /// The teacher's share of the targets, in [0, 1]; the rest belongs to the labels.
    pub share: f32,
}

impl Distillation {
    /// Checks that the settings lie in their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        let share = f64::from(self.share);
        positive("distillation.epochs", f64::from(self.epochs))?;
        require("share", share, (0.0..=1.0).contains(&share), "must lie in [0, 1]")
    }
}

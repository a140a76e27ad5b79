//! The settings of knowledge distillation.

use serde::{Deserialize, Serialize};

use crate::training::TrainingError;
use crate::training::check::{positive, require};

/// Knowledge distillation: a second network, the teacher, is trained first, and its scores are part
/// of the target (Hinton, Vinyals, Dean 2015).
///
/// The teacher has the same plan and the same initial weights, and learns at sharpness 0. It then
/// scores each training sample, without augmentation. The softmax of these scores is a share of the
/// binary network's targets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// Number of epochs of the teacher, at least 1. They come before the first epoch of the
    /// training and are not reported.
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

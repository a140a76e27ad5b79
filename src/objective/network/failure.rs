//! Why a point has no value: errors of the plan, the chip and the training as failures of a trial.

use std::fmt::Display;

use crate::backend::DeployError;
use crate::study::{Failure, FailureKind};
use crate::training::TrainingError;

/// The failure of a point that cannot become a network.
pub(super) fn invalid(error: impl Display) -> Failure {
    Failure { kind: FailureKind::Invalid, reason: error.to_string() }
}

/// The failure of a network that cannot be deployed.
pub(super) fn does_not_fit(error: DeployError) -> Failure {
    let kind = match error {
        DeployError::TooLarge { .. } => FailureKind::TooLarge,
        _ => FailureKind::Invalid,
    };
    Failure { kind, reason: error.to_string() }
}

/// The failure of a training that broke down.
pub(super) fn broke_down(error: TrainingError) -> Failure {
    Failure { kind: kind(&error), reason: error.to_string() }
}

fn kind(error: &TrainingError) -> FailureKind {
    match error {
        TrainingError::Diverged { .. } | TrainingError::Exploded { .. } => FailureKind::Diverged,
        TrainingError::Dead { .. } => FailureKind::Silent,
        TrainingError::Teacher(error) => kind(error),
        _ => FailureKind::Invalid,
    }
}

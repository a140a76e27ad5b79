//! Why a point has no value: errors of the plan, the chip and the training as failures of a trial.

use std::fmt::Display;

use crate::backend::DeployError;
use crate::study::{Failure, FailureKind};
use crate::training::TrainingError;

/// The failure of a point that cannot become a network.
pub(super) fn invalid(error: impl Display) -> Failure {
    Failure { kind: FailureKind::Invalid, reason: in_words(&error.to_string()) }
}

/// `text` with layers as people count them: `hidden layer 4` for `hidden[3]`, the place in a plan.
fn in_words(text: &str) -> String {
    let mut parts = text.split("hidden[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| {
        let (index, rest) = part.split_once(']').unwrap_or((part, ""));
        match index.parse::<usize>() {
            Ok(index) => {
                let rest = rest.strip_prefix('.').map_or_else(|| rest.to_owned(), |key| format!(", {key}"));
                format!("{before}hidden layer {}{rest}", index + 1)
            }
            Err(_) => format!("{before}hidden[{part}"),
        }
    })
}

/// The failure of a network that cannot be deployed.
pub(super) fn does_not_fit(error: DeployError) -> Failure {
    let kind = match error {
        DeployError::TooLarge { .. } | DeployError::TooManyCores { .. } | DeployError::NoCoreLeft { .. } => {
            FailureKind::TooLarge
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted_from_one() {
        assert_eq!(in_words("hidden[3]: a window of 7x7"), "hidden layer 4: a window of 7x7");
        assert_eq!(in_words("hidden[0].width = 0: too few"), "hidden layer 1, width = 0: too few");
        assert_eq!(in_words("head: hidden[x]"), "head: hidden[x]");
    }
}

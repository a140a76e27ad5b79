//! Trials that people have enqueued, through Optuna or its dashboard. They are run exactly as they
//! say, or fail with a reason.

use crate::space::{Point, Space};
use crate::storage::{Claim, Storage, StorageError};
use crate::study::{Attributes, Failure, FailureKind, Outcome, Trial};

/// What happened to a claimed trial.
pub(super) enum Accepted {
    /// The whole point of the trial is stored, and the trial can be run.
    Ready(Box<Claim>),
    /// The trial asks for something that the space does not have, and has failed.
    Refused(Refused),
}

/// An enqueued trial that has failed before it was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The number of the trial.
    pub trial: u32,
    /// The value and the rule that it breaks.
    pub reason: String,
}

/// Gives the trial of `claim`, which was waiting, its whole point: missing parameters get their
/// defaults. A trial with a value that cannot be used fails.
///
/// # Errors
/// The storage fails.
pub(super) fn accept(
    storage: &mut dyn Storage,
    space: &Space,
    mut claim: Claim,
) -> Result<Accepted, StorageError> {
    match whole_point(space, &claim.trial) {
        Ok(point) => {
            if claim.trial.enqueued().is_some() || point != claim.trial.point {
                storage.set_point(claim.key, space, &point)?;
                claim.trial.point = point;
            }
            Ok(Accepted::Ready(Box::new(claim)))
        }
        Err(problem) => {
            let reason = format!("enqueued: {problem}");
            let failure = Failure { kind: FailureKind::Invalid, reason: reason.clone() };
            storage.finish(claim.key, &Outcome::Failed { failure, attributes: Attributes::new() })?;
            Ok(Accepted::Refused(Refused { trial: claim.trial.number, reason }))
        }
    }
}

/// The point of `trial` with defaults for missing parameters, or the reason why it cannot be run.
fn whole_point(space: &Space, trial: &Trial) -> Result<Point, String> {
    if let (true, Some(Err(problem))) = (trial.point.is_empty(), trial.enqueued()) {
        return Err(problem);
    }
    space.filled(&trial.point).map_err(|error| error.to_string())
}

//! Limits that a network must fit: the samples, the chip and the memory.

use super::failure::invalid;
use super::plan::Plan;
use super::plan::hyperparameters::PlanError;
use super::plan::memory::Extras;
use crate::backend::Chip;
use crate::data::InputCoding;
use crate::space::Point;
use crate::study::{Failure, FailureKind};
use crate::units::Bytes;

/// Limits that a network must fit.
#[derive(Clone)]
pub(super) struct Limits {
    /// The shape of a sample: height, width, channels.
    pub shape: [usize; 3],
    /// The number of classes.
    pub classes: usize,
    /// The largest level of an input in the data set, before input coding.
    pub levels: u8,
    /// The numbers of training, validation and test samples.
    pub samples: [usize; 3],
    /// The chip that networks run on.
    pub chip: Chip,
    /// Whether networks also run on chips with faulty weights, which take more memory.
    pub faulty_weights: bool,
    /// The most memory of an evaluation on this machine, if it is limited.
    pub memory: Option<Bytes>,
    /// The most memory of an evaluation that the study states: the same on all machines.
    pub stated_memory: Option<Bytes>,
}

impl Limits {
    /// The plan (network, training and deployment) that `point` describes.
    ///
    /// # Errors
    /// A hyperparameter is unknown, of the wrong kind, or out of range.
    pub fn plan(&self, point: &Point) -> Result<Plan, PlanError> {
        Plan::with_weights(point, self.shape, self.classes, self.chip.profile().weights.default_bits())
    }

    /// The largest level of an input after the input coding of `plan`.
    pub fn input_max(&self, plan: &Plan) -> u8 {
        match plan.coding {
            InputCoding::Graded => self.levels,
            InputCoding::Threshold { .. } | InputCoding::Thermometer { .. } => 1,
        }
    }

    /// Refuses a plan whose evaluation needs more memory than `limit`, before any memory is taken.
    /// `pauses`: whether the training pauses.
    ///
    /// # Errors
    /// The evaluation needs more; the error says how much.
    pub fn check_memory(&self, plan: &Plan, limit: Option<Bytes>, pauses: bool) -> Result<(), Failure> {
        let Some(limit) = limit else { return Ok(()) };
        let extras = Extras { faulty_weights: self.faulty_weights, pauses };
        let needed = plan.memory(self.samples, extras).map_err(invalid)?;
        if needed <= limit {
            return Ok(());
        }
        let reason = format!(
            "would take {needed} of memory, may take {limit}: raise --memory, or choose fewer or smaller layers, \
             input levels or batches"
        );
        Err(Failure { kind: FailureKind::TooLarge, reason })
    }
}

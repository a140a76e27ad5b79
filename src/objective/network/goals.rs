//! The metrics of a study, and the values of a deployed network in them.

use super::accuracy::{accuracy, balanced_accuracy, macro_f1};
use super::constraint::Constraint;
use super::faults::{Sweep, SweepError};
use super::goal::Goal;
use crate::backend::{ChipReport, Deployment, Figure};
use crate::data::Coded;

/// The metrics of a study. The first one decides the winner.
#[derive(Clone, Debug, PartialEq)]
pub struct Goals {
    /// The metrics, at least one.
    pub list: Vec<Goal>,
    /// Bounds that metrics must keep, see [`Constraint`].
    pub constraints: Vec<Constraint>,
    /// The faulty chips of [`Goal::Robustness`].
    pub sweep: Sweep,
}

/// Why a deployed network has no value of a metric.
#[derive(Debug, thiserror::Error)]
pub(super) enum GoalError {
    /// The network has no score on faulty chips.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The metric needs a constant that the profile lacks, such as the energy of a link between
    /// chips.
    #[error("{goal}: the profile of {chip} has no {keys} for this network")]
    Unmodelled { goal: Goal, chip: String, keys: String },
}

impl GoalError {
    fn unmodelled(goal: Goal, report: &ChipReport) -> Self {
        let figure = goal.figure().map_or("", Figure::name);
        let keys = report.unmodelled.get(figure).map(|keys| keys.join(", ")).unwrap_or_default();
        Self::Unmodelled { goal, chip: report.chip.clone(), keys }
    }
}

impl Goals {
    /// Whether networks are measured on chips with other weights.
    pub(super) fn has_faulty_weights(&self) -> bool {
        let mut measured = self.list.iter().copied().chain(self.constraints.iter().map(|bound| bound.goal));
        measured.any(|goal| goal == Goal::Robustness) && self.sweep.changes_weights()
    }

    /// The values of a network, one for each metric, and by how much it breaks each constraint.
    /// `predictions` are the classes that the network found for `samples`.
    pub(super) fn values(
        &self,
        deployment: &Deployment,
        samples: &Coded,
        predictions: &[u16],
        report: &ChipReport,
    ) -> Result<(Vec<f64>, Vec<f64>), GoalError> {
        let value = |goal: Goal| {
            let value = match goal {
                Goal::Accuracy => Some(accuracy(predictions, &samples.labels)),
                Goal::BalancedAccuracy => Some(balanced_accuracy(predictions, &samples.labels)),
                Goal::F1 => Some(macro_f1(predictions, &samples.labels)),
                Goal::Robustness => Some(self.sweep.run(deployment, samples)?.mean()),
                Goal::Energy => report.energy_j.total,
                Goal::Latency => report.latency_s,
                Goal::Throughput => report.throughput_hz,
                Goal::EnergyDelayProduct => report.energy_delay_product_js,
                Goal::Area => report.area_mm2,
                Goal::Cores => Some(report.cores as f64),
                Goal::Parameters => Some(deployment.network().parameters() as f64),
                Goal::SynapticOperations => Some(report.synaptic_operations_per_inference),
                Goal::Spikes => Some(report.spikes_per_inference),
            };
            value.ok_or_else(|| GoalError::unmodelled(goal, report))
        };
        let values = self.list.iter().map(|&goal| value(goal)).collect::<Result<_, _>>()?;
        let excess = |constraint: &Constraint| Ok(constraint.excess(value(constraint.goal)?));
        let excesses = self.constraints.iter().map(excess).collect::<Result<_, GoalError>>()?;
        Ok((values, excesses))
    }
}

//! The metrics of networks on a chip: how often their answers are right, and what running them
//! costs.

use std::fmt;
use std::str::FromStr;

use crate::backend::{ChipProfile, Figure, Unmodelled};
use crate::input::suggestion;
use crate::study::{Direction, Metric};

/// A metric of a deployed network. Energies, times and areas are modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Share of the samples whose class the chip finds; more is better.
    Accuracy,
    /// The mean over the classes of the share of their samples that the chip finds; more is better.
    BalancedAccuracy,
    /// The mean over the classes of F1, the harmonic mean of precision and recall; more is better.
    F1,
    /// The mean accuracy on chips with faults, see [`Sweep`](crate::objective::Sweep); more is
    /// better.
    Robustness,
    /// Joules per inference; less is better.
    Energy,
    /// Seconds of one inference; less is better.
    Latency,
    /// Inferences per second; more is better.
    Throughput,
    /// Energy times latency in joule seconds; less is better.
    EnergyDelayProduct,
    /// Area of silicon in square millimetres; less is better.
    Area,
    /// Cores in use; fewer is better.
    Cores,
    /// Weights and thresholds on the chip; fewer is better.
    Parameters,
    /// Synaptic operations per inference: weights other than 0 on active inputs; fewer is better.
    SynapticOperations,
    /// Spikes of all neurons per inference; fewer is better.
    Spikes,
}

/// A text that names no [`Goal`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no metric is called \"{name}\"{hint}")]
pub struct UnknownGoal {
    name: String,
    hint: String,
}

impl Goal {
    /// All metrics, in the order in which they are listed.
    pub const ALL: [Self; 13] = [
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::F1,
        Self::Robustness,
        Self::Energy,
        Self::Latency,
        Self::Throughput,
        Self::EnergyDelayProduct,
        Self::Area,
        Self::Cores,
        Self::Parameters,
        Self::SynapticOperations,
        Self::Spikes,
    ];

    /// The name of the metric, as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced-accuracy",
            Self::F1 => "f1",
            Self::Robustness => "robustness",
            Self::Energy => "energy",
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::EnergyDelayProduct => "energy-delay-product",
            Self::Area => "area",
            Self::Cores => "cores",
            Self::Parameters => "parameters",
            Self::SynapticOperations => "synaptic-operations",
            Self::Spikes => "spikes",
        }
    }

    /// The name and the direction of the metric, as a study keeps them.
    pub fn metric(self) -> Metric {
        let is_maximized = self.is_quality() || self == Self::Throughput;
        let direction = if is_maximized { Direction::Maximize } else { Direction::Minimize };
        Metric { name: self.name().to_owned(), direction }
    }

    /// Whether the metric measures the answers of a network. In all other metrics, a network that
    /// does nothing is best.
    pub fn is_quality(self) -> bool {
        matches!(self, Self::Accuracy | Self::BalancedAccuracy | Self::F1 | Self::Robustness)
    }

    /// Checks that the metric can be computed for every network on one chip of `profile`.
    ///
    /// # Errors
    /// The constants that the profile lacks.
    pub fn check(self, profile: &ChipProfile) -> Result<(), Unmodelled> {
        self.figure().map_or(Ok(()), |figure| profile.models(figure))
    }

    /// The figure of a chip that the metric is; `None` if it needs no constants of the profile.
    pub(super) fn figure(self) -> Option<Figure> {
        match self {
            Self::Energy => Some(Figure::Energy),
            Self::Latency => Some(Figure::Latency),
            Self::Throughput => Some(Figure::Throughput),
            Self::EnergyDelayProduct => Some(Figure::EnergyDelayProduct),
            Self::Area => Some(Figure::Area),
            _ => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Goal {
    type Err = UnknownGoal;

    fn from_str(text: &str) -> Result<Self, UnknownGoal> {
        let unknown = || UnknownGoal {
            name: text.to_owned(),
            hint: suggestion(text, Self::ALL.iter().map(|goal| goal.name())),
        };
        Self::ALL.into_iter().find(|goal| goal.name() == text).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_read_by_name() {
        for goal in Goal::ALL {
            assert_eq!(goal.name().parse(), Ok(goal));
        }
        let error = "enrgy".parse::<Goal>().unwrap_err().to_string();
        assert_eq!(error, "no metric is called \"enrgy\"; did you mean \"energy\"?");
    }

    #[test]
    fn a_chip_without_the_numbers_of_a_goal_is_refused_by_name() {
        let profile = |name| ChipProfile::builtin(name).unwrap();
        for goal in Goal::ALL {
            assert_eq!(goal.check(&profile("loihi1")), Ok(()), "{goal}");
        }
        let error = Goal::Energy.check(&profile("loihi2")).unwrap_err().to_string();
        assert!(
            error.starts_with("energy of loihi2: its profile has no energy.synaptic_operation, "),
            "{error}"
        );
    }
}

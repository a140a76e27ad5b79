//! A deployed network on many faulty chips.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accuracy::accuracy;
use crate::backend::{Deployment, Fault, FaultError, RunError};
use crate::data::Coded;
use crate::seed::Seed;

/// The faulty chips that a network is scored on: which faults, at which rates, on how many chips.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The faults; a chip has one of them.
    pub faults: Vec<Fault>,
    /// The rates of each fault: a share or a standard deviation, as the fault says.
    pub rates: Vec<f64>,
    /// Number of chips for each fault and rate, at least 1; each is damaged in other places.
    pub maps: u32,
    /// Seed of the places where the chips are damaged.
    pub seed: u64,
}

/// Why a network has no score on faulty chips.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A rate is out of range, or the chip has no part that fails in this way.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// The network cannot run on the samples.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// The scores of a network on faulty chips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Robustness {
    /// Seed of the places where the chips are damaged.
    pub seed: u64,
    /// Number of chips for each fault and rate.
    pub maps: u32,
    /// One score for each fault and rate.
    pub scores: Vec<FaultScore>,
}

/// The accuracy of a network on chips with the same fault at the same rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultScore {
    /// The fault of the chips.
    pub fault: Fault,
    /// The rate of the fault: a share or a standard deviation, as the fault says.
    pub rate: f64,
    /// Mean accuracy of the chips.
    pub mean: f64,
    /// Standard deviation of the chips' accuracies, with n - 1 for n chips; 0 for one chip.
    pub sd: f64,
    /// The lowest accuracy.
    pub worst: f64,
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<&str> = self.faults.iter().map(|fault| fault.name()).collect();
        let rates: Vec<String> = self.rates.iter().map(f64::to_string).collect();
        write!(f, "{} at {}, {} chips each", faults.join(", "), rates.join(", "), self.maps)
    }
}

impl Sweep {
    /// Whether a fault changes weights, so that each synapse of a convolution has its own.
    pub fn changes_weights(&self) -> bool {
        self.faults.iter().any(|fault| fault.changes_weights())
    }

    /// The accuracy of `deployment` on `samples`, on every faulty chip.
    ///
    /// Chip number m of a fault is damaged in the same places at every rate. A higher rate damages
    /// further places.
    ///
    /// # Errors
    /// A rate is out of range for a fault, or the chip has no part that fails in this way.
    pub fn run(&self, deployment: &Deployment, samples: &Coded) -> Result<Robustness, SweepError> {
        let mut scores = Vec::with_capacity(self.faults.len() * self.rates.len());
        for (&fault, &rate) in
            self.faults.iter().flat_map(|fault| self.rates.iter().map(move |rate| (fault, rate)))
        {
            let seed = Seed::root(self.seed).child("faults").child(fault.name());
            let score = |map: u32| {
                let damaged = deployment.damaged(fault, rate, &seed.index(u64::from(map)))?;
                Ok(accuracy(&damaged.predict(samples.inputs.view())?, &samples.labels))
            };
            let found = (0..self.maps.max(1)).map(score).collect::<Result<Vec<f64>, SweepError>>()?;
            scores.push(FaultScore::of(fault, rate, &found));
        }
        Ok(Robustness { seed: self.seed, maps: self.maps, scores })
    }
}

impl Robustness {
    /// Mean accuracy over all faults, rates and chips.
    pub fn mean(&self) -> f64 {
        self.scores.iter().map(|score| score.mean).sum::<f64>() / self.scores.len().max(1) as f64
    }
}

impl FaultScore {
    fn of(fault: Fault, rate: f64, found: &[f64]) -> Self {
        let count = found.len() as f64;
        let mean = found.iter().sum::<f64>() / count;
        let squares = found.iter().map(|accuracy| (accuracy - mean).powi(2)).sum::<f64>();
        let sd = (squares / (count - 1.0).max(1.0)).sqrt();
        Self { fault, rate, mean, sd, worst: found.iter().copied().fold(f64::INFINITY, f64::min) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_deviation_and_worst_by_hand() {
        let score = FaultScore::of(Fault::BitFlip, 0.1, &[0.5, 0.9, 0.7]);
        assert!((score.mean - 0.7).abs() < 1e-12 && (score.sd - 0.2).abs() < 1e-12, "{score:?}");
        assert_eq!(score.worst, 0.5);
        assert_eq!(FaultScore::of(Fault::BitFlip, 0.1, &[0.5]).sd, 0.0);
    }
}

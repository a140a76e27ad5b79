//! A deployed network on many faulty chips.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::score::{ScoreError, accuracy};
use crate::backend::{Deployment, Fault};
use crate::data::Coded;
use crate::seed::Seed;

/// Which faults, how often, on how many chips.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// One at a time.
    pub faults: Vec<Fault>,
    /// What each of them is tried at: a share or a standard deviation, as the fault says.
    pub rates: Vec<f64>,
    /// Chips of each fault and rate, at least 1; each breaks in other places.
    pub maps: u32,
    /// Root of where they break.
    pub seed: u64,
}

/// What a network comes to on faulty chips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Robustness {
    /// Root of where the chips break.
    pub seed: u64,
    /// Chips of each fault and rate.
    pub maps: u32,
    /// One for each fault and rate.
    pub scores: Vec<FaultScore>,
}

/// The accuracy on chips with the same fault at the same rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultScore {
    /// What is wrong with them.
    pub fault: Fault,
    /// How much of it: a share or a standard deviation, as the fault says.
    pub rate: f64,
    /// Mean of the chips.
    pub mean: f64,
    /// Their standard deviation; 0 of one.
    pub sd: f64,
    /// The worst of them.
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
    /// Runs `samples` on every faulty chip.
    ///
    /// Map m of a fault breaks the same places at every rate, and more of them the higher it is.
    ///
    /// # Errors
    /// A rate is out of range for a fault, or the chip has nothing that could fail so.
    pub fn run(&self, deployment: &Deployment, samples: &Coded) -> Result<Robustness, ScoreError> {
        let mut scores = Vec::with_capacity(self.faults.len() * self.rates.len());
        for (&fault, &rate) in
            self.faults.iter().flat_map(|fault| self.rates.iter().map(move |rate| (fault, rate)))
        {
            let seed = Seed::root(self.seed).child("faults").child(fault.name());
            let score = |map: u32| {
                let damaged = deployment.damaged(fault, rate, &seed.index(u64::from(map)))?;
                Ok(accuracy(&damaged.predict(samples.inputs.view())?, &samples.labels))
            };
            let found = (0..self.maps.max(1)).map(score).collect::<Result<Vec<f64>, ScoreError>>()?;
            scores.push(FaultScore::of(fault, rate, &found));
        }
        Ok(Robustness { seed: self.seed, maps: self.maps, scores })
    }
}

impl Robustness {
    /// Mean over all faults, rates and chips.
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

//! Where a study's constraints are expected to be kept.

use ndarray::ArrayView2;

use super::fit::untransformed;
use super::input::features::Features;
use super::input::history::{History, Observation};
use crate::search::gp::GaussianProcess;
use crate::seed::Seed;

/// Models of the constraints that some trials keep and others break.
pub(super) struct Bounds {
    /// A process for each such constraint, in standard deviations, and the value 0 on its scale.
    mixed: Vec<(GaussianProcess, f64)>,
    /// Whether every trial breaks one of the constraints.
    is_hopeless: bool,
}

impl Bounds {
    /// The constraints of `history`; `None` if a process cannot be fitted.
    pub fn of(history: &History, features: &Features, seed: &Seed) -> Option<Self> {
        let constrained: Vec<&Observation> =
            history.measured.iter().filter(|measured| !measured.constraints.is_empty()).collect();
        let count = constrained.iter().map(|measured| measured.constraints.len()).min().unwrap_or(0);
        let mut bounds = Self { mixed: Vec::new(), is_hopeless: false };
        for constraint in 0..count {
            let values = constrained.iter().map(|measured| measured.constraints[constraint]);
            // The sign alone decides, and large values would hide where it changes.
            let values: Vec<f64> = values.map(|value| value.signum() * value.abs().ln_1p()).collect();
            match values.iter().filter(|&&value| value <= 0.0).count() {
                0 => bounds.is_hopeless = true,
                kept if kept == values.len() => {}
                _ => {
                    let rows = features.rows(constrained.iter().map(|measured| &measured.cell));
                    let (mean, sd) = untransformed::moments(&values);
                    let process =
                        untransformed::process_of(rows, &values, features, &seed.index(constraint as u64));
                    bounds.mixed.push((process.ok()?, -mean / sd));
                }
            }
        }
        Some(bounds)
    }

    /// Whether all constraints are expected to be kept, for each of `rows` of features.
    pub fn keep(&self, rows: ArrayView2<'_, f64>) -> Vec<bool> {
        let mut kept = vec![!self.is_hopeless; rows.nrows()];
        for (process, zero) in &self.mixed {
            let means = process.posterior(rows).mean;
            kept.iter_mut().zip(&means).for_each(|(kept, mean)| *kept &= mean <= zero);
        }
        kept
    }
}

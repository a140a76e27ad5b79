//! A trained network on its chip: scored on samples, tested, written to a file.

use std::fmt::Display;
use std::path::Path;

use serde_json::json;

use super::attributes::chip_attributes;
use super::goals::Goals;
use super::saved::SavedNetwork;
use crate::backend::{ChipReport, Deployment};
use crate::data::Coded;
use crate::objective::Model;
use crate::study::{Attributes, Failure, FailureKind, Outcome};

/// A deployed network with the samples that it will be tested on.
pub(super) struct TrainedNetwork {
    pub saved: SavedNetwork,
    pub deployment: Deployment,
    pub test: Coded,
    pub goals: Goals,
    /// What is known of it before the test.
    pub attributes: Attributes,
}

impl Model for TrainedNetwork {
    fn test(&self) -> Outcome {
        match score(&self.deployment, &self.test, &self.goals) {
            Err(failure) => Outcome::Failed { failure, attributes: self.attributes.clone() },
            Ok(Scores { values, constraints, report }) => {
                let mut attributes = self.attributes.clone();
                attributes.extend(chip_attributes(&report));
                attributes.insert("chip".to_owned(), json!(report));
                Outcome::Complete { values, constraints, attributes }
            }
        }
    }

    fn save(&self, file: &Path) -> std::io::Result<()> {
        self.saved.save(Some(self.deployment.network()), file)
    }
}

/// The scores of a deployed network.
pub(super) struct Scores {
    /// One for each goal.
    pub values: Vec<f64>,
    /// By how much it breaks each constraint.
    pub constraints: Vec<f64>,
    /// What it costs on its chip.
    pub report: ChipReport,
}

/// The scores of a deployed network on `samples`.
///
/// # Errors
/// A layer never fires, so that the answer is the same for every sample, or a goal has no value.
pub(super) fn score(deployment: &Deployment, samples: &Coded, goals: &Goals) -> Result<Scores, Failure> {
    let failed = |error: &dyn Display| Failure { kind: FailureKind::Error, reason: error.to_string() };
    let run = deployment.run(samples.inputs.view()).map_err(|error| failed(&error))?;
    if let Some(layer) = run.silent_layer() {
        let reason = format!("layer {layer} fired for no sample: the answer is always the same");
        return Err(Failure { kind: FailureKind::Silent, reason });
    }
    let report = deployment.report(&run);
    let (values, constraints) =
        goals.values(deployment, samples, &run.predictions, &report).map_err(|error| failed(&error))?;
    Ok(Scores { values, constraints, report })
}

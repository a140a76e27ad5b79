//! A trained network on its chip: scored on samples, tested, written to a file.

use std::fmt::Display;
use std::path::Path;
use std::time::Instant;

use ndarray::s;
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
    /// Facts that are known before the test.
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

    fn host_throughput(&self) -> Option<f64> {
        host_throughput(&self.deployment, &self.test)
    }

    fn save(&self, file: &Path) -> std::io::Result<()> {
        self.saved.save(Some(self.deployment.network()), file)
    }
}

/// Samples per second of the simulator, on the first thousand of `samples`: one run to warm up, then
/// the fastest of three runs or of as many as a tenth of a second holds. `None` if there are none.
fn host_throughput(deployment: &Deployment, samples: &Coded) -> Option<f64> {
    const MOST_SAMPLES: usize = 1000;
    const FEWEST_RUNS: u32 = 3;
    const LEAST_SECONDS: f64 = 0.1;
    let count = samples.inputs.nrows().min(MOST_SAMPLES);
    let inputs = samples.inputs.slice(s![..count, ..]);
    let seconds = || {
        let begin = Instant::now();
        let run = deployment.run(inputs).ok().filter(|_| count > 0)?;
        let seconds = begin.elapsed().as_secs_f64();
        // The answers must be used, or no work need be done.
        (!run.predictions.is_empty()).then_some(seconds)
    };
    seconds()?;
    let (mut fastest, mut total, mut runs) = (f64::INFINITY, 0.0, 0);
    while runs < FEWEST_RUNS || total < LEAST_SECONDS {
        let one = seconds()?;
        (fastest, total, runs) = (one.min(fastest), total + one, runs + 1);
    }
    Some(count as f64 / fastest)
}

/// The scores of a deployed network.
pub(super) struct Scores {
    /// One value for each metric.
    pub values: Vec<f64>,
    /// By how much it breaks each constraint.
    pub constraints: Vec<f64>,
    /// The network on its chip in numbers: counts, energy and time.
    pub report: ChipReport,
}

/// Scores a deployed network on `samples`.
///
/// # Errors
/// A layer never fires, so that the answer is the same for every sample. Or a metric has no value.
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

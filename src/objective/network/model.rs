//! A trained, deployed network: scored on samples, described, written to a file.

use std::fmt::Display;
use std::path::Path;

use serde_json::json;

use crate::backend::{ChipReport, Deployment};
use crate::data::Coded;
use crate::network::Network;
use crate::objective::{Goals, Model, SavedNetwork};
use crate::study::{Attributes, Failure, FailureKind, Outcome};
use crate::training::{Activity, Summary};

/// A network on its chip, with the samples that will test it.
pub(crate) struct Trained {
    pub saved: SavedNetwork,
    pub deployment: Deployment,
    pub test: Coded,
    pub goals: Goals,
    /// What was known of it before it was tested.
    pub attributes: Attributes,
}

impl Model for Trained {
    fn test(&self) -> Outcome {
        match score(&self.deployment, &self.test, &self.goals) {
            Err(failure) => Outcome::Failed { failure, attributes: self.attributes.clone() },
            Ok((values, report)) => {
                let mut attributes = self.attributes.clone();
                attributes.extend(chip_attributes(&report));
                attributes.insert("chip".to_owned(), json!(report));
                Outcome::Complete { values, constraints: Vec::new(), attributes }
            }
        }
    }

    fn save(&self, file: &Path) -> std::io::Result<()> {
        self.saved.save(file)
    }
}

/// The values of a deployed network on `samples`, one a goal, and what it did to the chip.
///
/// # Errors
/// A layer never fired, so the answer is the same for every sample.
pub(crate) fn score(
    deployment: &Deployment,
    samples: &Coded,
    goals: &Goals,
) -> Result<(Vec<f64>, ChipReport), Failure> {
    let failed = |error: &dyn Display| Failure { kind: FailureKind::Error, reason: error.to_string() };
    let run = deployment.run(samples.inputs.view()).map_err(|error| failed(&error))?;
    if let Some(layer) = run.silent_layer() {
        let reason = format!("layer {layer} fired for no sample: the answer is always the same");
        return Err(Failure { kind: FailureKind::Silent, reason });
    }
    let report = deployment.report(&run);
    let values =
        goals.values(deployment, samples, &run.predictions, &report).map_err(|error| failed(&error))?;
    Ok((values, report))
}

/// What people read of a trial: the network and how its training went.
pub(crate) fn network_attributes(network: &Network, summary: &Summary) -> Attributes {
    [
        ("topology", json!(network.topology())),
        ("parameters", json!(network.parameters())),
        ("epochs", json!(summary.epochs)),
        ("sharp", json!(summary.sharp)),
        ("dead", shares(summary, |activity| activity.dead)),
        ("always_on", shares(summary, |activity| activity.always_on)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// A share of the neurons of each layer, to a hundredth of a percent.
fn shares(summary: &Summary, share: impl Fn(&Activity) -> f64) -> serde_json::Value {
    summary.activity.iter().map(|activity| (share(activity) * 1e4).round() / 1e4).collect()
}

/// What people read of a trial: what the chip does for one inference. What the profile has no numbers for
/// is left out.
pub(crate) fn chip_attributes(report: &ChipReport) -> Attributes {
    let scaled = |value: Option<f64>, factor: f64| value.map(|value| json!(value * factor));
    [
        ("cores", Some(json!(report.cores))),
        ("spikes_per_inference", Some(json!(report.spikes_per_inference))),
        ("synaptic_operations_per_inference", Some(json!(report.synaptic_operations_per_inference))),
        ("ties", Some(json!(report.ties))),
        ("modelled_energy_nj", scaled(report.energy_j.total, 1e9)),
        ("modelled_latency_us", scaled(report.latency_s, 1e6)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

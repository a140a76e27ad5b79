//! Facts about a trial for people, beside its values: the network, its training, its chip.

use serde_json::json;

use crate::backend::ChipReport;
use crate::network::Network;
use crate::study::Attributes;
use crate::training::{Activity, Summary};

/// The attributes of a trained network: its topology, its size, and how its training went.
pub(super) fn network_attributes(network: &Network, summary: &Summary) -> Attributes {
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

/// A share of the neurons of each layer, rounded to a hundredth of a percent.
fn shares(summary: &Summary, share: impl Fn(&Activity) -> f64) -> serde_json::Value {
    summary.activity.iter().map(|activity| (share(activity) * 1e4).round() / 1e4).collect()
}

/// The attributes of a chip: counts, energy and latency of one inference. Quantities for which the
/// chip profile has no numbers are left out.
pub(super) fn chip_attributes(report: &ChipReport) -> Attributes {
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

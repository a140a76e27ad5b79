//! A winner beside that of another study.

use super::best::Best;
use crate::report::check::Scale;
use crate::units::digits;

/// A cost that is compared: its attribute in `best.json`, its words, and whether more is better.
const COSTS: [(&str, &str, bool); 3] = [
    ("modelled_energy_nj", "energy", false),
    ("modelled_latency_us", "latency", false),
    ("cores", "cores", false),
];

/// The winner `ours` in terms of the winner `reference`, in one line: "against FILE: 18.2 times lower
/// energy, 3.1 times lower latency, 0.31 points lower accuracy". What one of the two does not know is
/// left out.
///
/// Costs are those of the saved networks. Accuracy is the mean on the test set over fresh seeds, in
/// points of a hundred if it is a share. Throughputs on the host were measured when each study ended.
pub fn against_text(ours: &Best, reference: &Best, name: &str) -> String {
    if let Some((ours, theirs)) = other_data(ours, reference) {
        return format!(
            "against {name}: nothing is compared, since the data sets differ: {ours} and {theirs}"
        );
    }
    let cost = |best: &Best, name: &str| best.network.get(name)?.as_f64();
    let costs = COSTS.iter().filter_map(|&(attribute, words, more_is_better)| {
        factor(cost(ours, attribute)?, cost(reference, attribute)?, words, more_is_better)
    });
    let host = ours.host_throughput.zip(reference.host_throughput);
    let host = host.and_then(|(ours, theirs)| factor(ours, theirs, "host throughput", true));
    let parts: Vec<String> = costs.chain(host).chain(accuracy(ours, reference)).collect();
    match parts.is_empty() {
        true => format!("against {name}: nothing that both know can be compared"),
        false => format!("against {name}: {}", parts.join(", ")),
    }
}

/// The names of the data sets, if they are known and differ.
fn other_data(ours: &Best, reference: &Best) -> Option<(String, String)> {
    let (ours, theirs) = (ours.setup.as_ref()?, reference.setup.as_ref()?);
    let differs = ours.dataset_sha256 != theirs.dataset_sha256;
    differs.then(|| (ours.dataset.clone(), theirs.dataset.clone()))
}

/// How many times `ours` is better or worse than `theirs`, both positive; `None` if one is not.
fn factor(ours: f64, theirs: f64, words: &str, more_is_better: bool) -> Option<String> {
    let ratio = ours / theirs;
    if !(ratio.is_finite() && ratio > 0.0) {
        return None;
    }
    if ratio == 1.0 {
        return Some(format!("the same {words}"));
    }
    let (more, less) = if words == "cores" { ("more", "fewer") } else { ("higher", "lower") };
    let (times, direction) = if ratio >= 1.0 { (ratio, more) } else { (1.0 / ratio, less) };
    let is_worse = (ratio > 1.0) != more_is_better;
    let mark = if is_worse { " (worse)" } else { "" };
    Some(format!("{} times {direction} {words}{mark}", digits(times)))
}

/// Means that differ by no more than this share of them are equal.
const ROUNDING: f64 = 1e-12;

/// The difference of the first metric, if both studies have the same one: of networks on the test set, of
/// commands over fresh seeds.
fn accuracy(ours: &Best, reference: &Best) -> Option<String> {
    let metric = ours.metrics.first().filter(|metric| reference.metrics.first() == Some(metric))?;
    let mean = |best: &Best| {
        let of_command = best.external_setup.as_ref().and(best.validation.spread.as_ref());
        Some(best.test.spread.as_ref().or(of_command)?.mean)
    };
    let (difference, name) = (mean(ours)? - mean(reference)?, &metric.name);
    // Means of equal values may differ by rounding.
    if difference.abs() <= ROUNDING * mean(ours)?.abs() {
        return Some(format!("the same {name}"));
    }
    let direction = if difference < 0.0 { "lower" } else { "higher" };
    let is_worse = metric.direction.loss(difference) > 0.0;
    let mark = if is_worse { " (worse)" } else { "" };
    Some(match Scale::of(metric, ours.external_setup.is_none()) {
        Scale::Share => format!("{} points {direction} {name}{mark}", digits(100.0 * difference.abs())),
        Scale::Plain => format!("{name} {direction} by {}{mark}", digits(difference.abs())),
    })
}

//! Whether a subject and a baseline can be compared, and whether bounds name what is measured.

use anyhow::{Result, bail};

use super::subject::Subject;
use crate::input::suggestion;
use crate::report::{Baseline, Limit};
use crate::study::{Direction, Metric};

/// Refuses a comparison with results of other data or metrics. Returns lines about what else
/// differs.
///
/// # Errors
/// What differs, and the way out.
pub(super) fn compare(subject: &Subject, baseline: &Baseline) -> Result<Vec<String>> {
    let way_out = "record the baseline again with --record, or name another --baseline";
    if subject.metrics != baseline.metrics {
        let with_directions = names_of(&subject.metrics, false) == names_of(&baseline.metrics, false);
        let [theirs, ours] = [&baseline.metrics, &subject.metrics].map(|all| names_of(all, with_directions));
        bail!("the baseline's metrics are {theirs}, those here are {ours}: {way_out}");
    }
    let facts = subject.evaluator.facts();
    let data = facts.map(|facts| &facts.dataset_sha256);
    if data != baseline.dataset_sha256.as_ref() {
        let text = |sha: Option<&String>| sha.map_or("none".to_owned(), Clone::clone);
        let (ours, theirs) = (text(data), text(baseline.dataset_sha256.as_ref()));
        bail!("the data set's SHA-256 is {ours}, the baseline was recorded with {theirs}: {way_out}");
    }
    let mut remarks = Vec::new();
    if facts.map(|facts| &facts.chip_sha256) != baseline.chip_sha256.as_ref() {
        remarks.push("the chip profile is another one than the baseline's".to_owned());
    }
    if subject.point != baseline.hyperparameters {
        remarks.push("the hyperparameters are others than the baseline's".to_owned());
    }
    Ok(remarks)
}

/// The names of `metrics`, each with its direction if asked for.
fn names_of(metrics: &[Metric], with_directions: bool) -> String {
    let name = |metric: &Metric| match (with_directions, metric.direction) {
        (false, _) => metric.name.clone(),
        (true, Direction::Maximize) => format!("{}:max", metric.name),
        (true, Direction::Minimize) => format!("{}:min", metric.name),
    };
    metrics.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Refuses bounds of what neither the metrics nor the costs of `baseline` have.
///
/// # Errors
/// The name, and the nearest one that is measured.
pub(super) fn check_limits(limits: &[Limit], baseline: &Baseline) -> Result<()> {
    let metrics = baseline.metrics.iter().map(|metric| metric.name.as_str());
    let costs = baseline.seeds.first().into_iter().flat_map(|seed| seed.costs.keys().map(String::as_str));
    let mut names: Vec<&str> = metrics.collect();
    // A cost may be a metric, too.
    costs.for_each(|cost| {
        if !names.contains(&cost) {
            names.push(cost)
        }
    });
    for Limit { metric, is_most, .. } in limits {
        if !names.contains(&metric.as_str()) {
            let option = if *is_most { "--fail-over" } else { "--fail-under" };
            let hint = suggestion(metric, names.iter().copied());
            bail!("{option} {metric}: not measured{hint}");
        }
    }
    Ok(())
}

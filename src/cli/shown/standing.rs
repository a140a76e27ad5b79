//! Words for what a running study has found so far: its best trial, its front, its failures.

use std::collections::BTreeMap;

use super::board::Board;
use crate::report::{accuracy_interval, metric_text};
use crate::study::{Spread, Study, Trial, validation_samples};
use crate::units::digits;

/// Name of the attribute that lists the first metric of every seed of a trial.
const REPLICATES: &str = "replicates";

/// The best so far: its value, the uncertainty of that, and the trial.
pub(crate) struct BestNow {
    pub value: String,
    pub uncertainty: Option<String>,
    pub trial: String,
    /// The fresh seeds that it is the mean of.
    pub seeds: Option<String>,
    /// What the uncertainty is.
    pub remark: Option<&'static str>,
}

/// The best trial of `board`; during the confirmation, the best mean over fresh seeds. `None` before
/// a trial has a value.
pub(crate) fn best(board: &Board) -> Option<BestNow> {
    let study = &board.study;
    if let Some(confirmed) = confirmed(board) {
        return Some(confirmed);
    }
    let trial = study.best()?;
    let value = *trial.values.first()?;
    let seeds = seeds_of(trial);
    let spread = Spread::of_values(&seeds).unwrap_or(Spread { count: 1, mean: value, sd: 0.0 });
    let (uncertainty, remark) = uncertainty(study, board.of_networks, Spread { mean: value, ..spread });
    Some(BestNow {
        value: shown(study, board.of_networks, value),
        uncertainty,
        trial: format!("trial {}", trial.number),
        seeds: None,
        remark,
    })
}

/// The candidate with the best mean over its fresh seeds so far.
fn confirmed(board: &Board) -> Option<BestNow> {
    let (study, confirming) = (&board.study, board.confirming.as_ref()?);
    let direction = study.metrics.first()?.direction;
    let spreads = confirming.values.iter();
    let spreads = spreads.filter_map(|(trial, values)| Some((*trial, Spread::of_values(values)?)));
    let (trial, spread) =
        spreads.min_by(|(_, a), (_, b)| direction.loss(a.mean).total_cmp(&direction.loss(b.mean)))?;
    let seeds = if spread.count == 1 { "seed" } else { "seeds" };
    let (uncertainty, remark) = uncertainty(study, board.of_networks, spread);
    Some(BestNow {
        value: shown(study, board.of_networks, spread.mean),
        uncertainty,
        trial: format!("trial {trial}"),
        seeds: Some(format!("mean of {} {seeds}", spread.count)),
        remark,
    })
}

/// What is known of the uncertainty of a mean, and what the text is.
fn uncertainty(study: &Study, of_networks: bool, spread: Spread) -> (Option<String>, Option<&'static str>) {
    let is_accuracy = of_networks && study.metrics.first().is_some_and(|metric| metric.name == "accuracy");
    let samples = validation_samples(study).filter(|&samples| is_accuracy && samples > 0);
    match samples {
        Some(samples) => {
            let [low, high] = accuracy_interval(&spread, samples);
            (Some(format!("{low:.3} to {high:.3}")), Some("95 % interval on the validation set"))
        }
        None if spread.count > 1 => {
            let error = spread.sd / (spread.count as f64).sqrt();
            (Some(format!("+- {}", digits(error))), Some("standard error over its seeds"))
        }
        None => (None, Some("one seed")),
    }
}

/// The first metric of each seed of `trial`; empty if it has one seed.
fn seeds_of(trial: &Trial) -> Vec<f64> {
    let seeds = trial.attributes.get(REPLICATES).and_then(|seeds| seeds.as_array());
    seeds.into_iter().flatten().filter_map(serde_json::Value::as_f64).collect()
}

fn shown(study: &Study, of_networks: bool, value: f64) -> String {
    let name = study.metrics.first().map_or("", |metric| metric.name.as_str());
    metric_text(name, value, of_networks)
}

/// The front of several metrics so far.
pub(crate) struct FrontNow {
    /// The names of the metrics.
    pub metrics: String,
    /// The number of each trial and its values in their units, best in the first metric first.
    pub trials: Vec<(u32, Vec<String>)>,
}

/// The front of `board`; `None` with one metric, or before a trial has values.
pub(crate) fn front(board: &Board) -> Option<FrontNow> {
    let study = &board.study;
    if study.metrics.len() < 2 {
        return None;
    }
    let mut front = study.pareto_front();
    front.sort_by(|a, b| study.losses(a)[0].total_cmp(&study.losses(b)[0]));
    let names: Vec<&str> = study.metrics.iter().map(|metric| metric.name.as_str()).collect();
    let row = |trial: &&Trial| {
        let values = study.metrics.iter().zip(&trial.values);
        let texts = values.map(|(metric, &value)| metric_text(&metric.name, value, board.of_networks));
        (trial.number, texts.collect())
    };
    let trials = || front.iter().map(row).collect();
    (!front.is_empty()).then(|| FrontNow { metrics: names.join(", "), trials: trials() })
}

/// The trials of `study` that have ended, without those that can resume, and the failed ones among
/// them.
pub(crate) fn ended(study: &Study) -> (usize, usize) {
    let failed = study.failed().count();
    (study.ended().filter(|trial| !trial.is_paused()).count(), failed)
}

/// The number of trials that can resume.
pub(crate) fn paused(study: &Study) -> usize {
    study.trials.iter().filter(|trial| trial.is_paused()).count()
}

/// The kinds of the failures of `study` with their counts, the most frequent first: `3 silent, 1
/// too large`.
pub(crate) fn failures(study: &Study) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for trial in study.failed() {
        let kind = trial.attributes.get("failure").and_then(|kind| kind.as_str());
        *kinds.entry(kind.unwrap_or("error")).or_default() += 1;
    }
    let mut kinds: Vec<(&str, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let texts = kinds.iter().map(|(kind, count)| format!("{count} {}", kind.replace('-', " ")));
    texts.collect::<Vec<_>>().join(", ")
}

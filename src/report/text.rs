//! Reports as text, for a person at a terminal.

use std::fmt::Write;

use serde_json::Value as Json;

use super::gain::gain_text;
use super::{Best, ConfirmedTrial, GoodValues, Scored};
use crate::study::{Attributes, Importance, Setup, Study, Trial, TrialState};
use crate::units::{digits, with_prefix};

/// The units of the metrics of networks on a chip. A metric of a command may have its unit in its
/// name.
const METRIC_UNITS: [(&str, &str); 5] = [
    ("energy", "J"),
    ("latency", "s"),
    ("energy-delay-product", "J s"),
    ("area", MM2),
    ("throughput", PER_SECOND),
];

/// A unit that takes no SI prefix.
const MM2: &str = "mm2";
const PER_SECOND: &str = "/s";

/// Endings of names of attributes that are in a unit, each with its factor to the SI unit, and that
/// SI unit.
const ATTRIBUTE_UNITS: [(&str, f64, &str); 3] =
    [("_nj", 1e-9, "J"), ("_us", 1e-6, "s"), ("_seconds", 1.0, "s")];

/// The report of the winner: its scores beside those of the default point, and its hyperparameters.
pub fn winner_text(best: &Best) -> String {
    let metric = best.metrics.first().map_or("value", |metric| metric.name.as_str());
    let mut rows = vec![("winner".to_owned(), format!("trial {} of {}", best.trial, best.trials))];
    if best.external_setup.is_none() {
        rows.push((format!("{metric}, test"), measured(&best.test)));
        rows.extend(best.test_interval.map(|[low, high]| {
            let samples = best.test_samples.unwrap_or(0);
            let (low, high) = (digits(low), digits(high));
            (String::new(), format!("{low} to {high} with 95 % (seeds and {samples} test samples)"))
        }));
        rows.push((format!("{metric}, validation"), measured(&best.validation)));
        rows.extend(saved_network(best));
    } else {
        rows.push((metric.to_owned(), format!("{:?}", best.searched)));
        if best.validation.values.len() > 1 {
            rows.push((format!("{metric}, fresh seeds"), measured(&best.validation)));
        }
    }
    if !best.front.is_empty() {
        rows.push((
            "front".to_owned(),
            format!("{} trials, none better in every metric of the search", best.front.len()),
        ));
    }
    if let Some(stopped) = &best.stopped {
        rows.push(("stopped".to_owned(), format!("{} ({})", stopped.reason, stopped.rule)));
    }
    if let Some(default) = best.default.as_ref().filter(|default| default.trial != best.trial) {
        let searched = default.searched.map_or("failed".to_owned(), digits);
        let name = if best.external_setup.is_none() { "default, validation" } else { "default" };
        let searched_by = best.setup.as_ref().map(|setup| &setup.searched);
        let searched_by = searched_by.or(best.external_setup.as_ref().map(|setup| &setup.searched));
        let seeds = match searched_by.and_then(|searched| searched.replicates).unwrap_or(1) {
            1 => "one seed".to_owned(),
            seeds => format!("mean of {seeds} seeds"),
        };
        rows.push((name.to_owned(), format!("{searched} ({seeds}; the winner's {})", digits(best.searched))));
    }
    rows.extend(gain_text(best).map(|gain| ("gain over the default".to_owned(), gain)));
    let is_short = |value: &Json| !value.is_object() && !value.is_array();
    for (name, value) in best.network.iter().filter(|(_, value)| is_short(value)) {
        rows.push(attribute(name, value));
    }
    if let Some(rate) = best.host_throughput {
        rows.push(("host throughput".to_owned(), format!("{} /s", digits(rate))));
    }
    rows.extend(best.network.get("chip").into_iter().flat_map(neurobench));
    rows.extend(best.model.iter().map(|file| ("network's file".to_owned(), file.clone())));
    let mut text = table(&rows);
    text.push_str(&front_text(best));
    text.push_str("\nhyperparameters\n");
    let points: Vec<(String, String)> =
        best.hyperparameters.iter().map(|(name, value)| (format!("  {name}"), value.to_string())).collect();
    text.push_str(&table(&points));
    if !best.command.is_empty() {
        let _ = write!(text, "\nthe same result again\n  {}\n", best.command);
    }
    text
}

/// The front, if it was confirmed: a line for each trial, best in the first metric first, with its
/// means over fresh seeds and its mean on the test set.
fn front_text(best: &Best) -> String {
    let mut confirmed: Vec<(u32, &ConfirmedTrial)> =
        best.front.iter().filter_map(|one| Some((one.trial, one.confirmed.as_ref()?))).collect();
    let Some(direction) = best.metrics.first().map(|metric| metric.direction) else { return String::new() };
    let loss = |one: &ConfirmedTrial| {
        one.metrics.first().map_or(f64::INFINITY, |spread| direction.loss(spread.mean))
    };
    confirmed.sort_by(|(_, a), (_, b)| loss(a).total_cmp(&loss(b)));
    if confirmed.is_empty() {
        return String::new();
    }
    let has_tests = confirmed.iter().any(|(_, one)| one.test.spread.is_some());
    let names = best.metrics.iter().map(|metric| metric.name.clone());
    let test = has_tests.then(|| format!("{}, test", best.metrics[0].name));
    let mut rows: Vec<Vec<String>> =
        vec![["trial".to_owned()].into_iter().chain(names).chain(test).collect()];
    for (number, one) in confirmed {
        let of_networks = best.external_setup.is_none();
        let means = best.metrics.iter().enumerate().map(|(at, metric)| {
            one.metrics
                .get(at)
                .map_or("failed".to_owned(), |spread| metric_text(&metric.name, spread.mean, of_networks))
        });
        let test = has_tests.then(|| measured(&one.test));
        rows.push([number.to_string()].into_iter().chain(means).chain(test).collect());
    }
    format!("\nfront of the search (means over fresh seeds)\n{}", columns(&rows))
}

/// Rows as lines whose columns stand below each other, all but the last padded.
fn columns(rows: &[Vec<String>]) -> String {
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: String =
            row.iter().zip(&widths).map(|(cell, &width)| format!("  {cell:<width$}")).collect();
        format!("{}\n", cells.trim_end())
    };
    rows.iter().map(line).collect()
}

/// The row of the saved network: its seed among several, and its own test result.
fn saved_network(best: &Best) -> Option<(String, String)> {
    let (seed, test) = (best.model_seed?, best.model_test?);
    let count = best.validation.values.len();
    (count > 1)
        .then(|| ("saved network".to_owned(), format!("{} on the test set (seed {seed})", digits(test))))
}

/// The report of a network on a chip. `measured` are its attributes; the metrics of the benchmark
/// NeuroBench follow, from the report of its `chip`.
pub fn network_text(measured: &Attributes, chip: &Json) -> String {
    let mut rows: Vec<(String, String)> =
        measured.iter().map(|(name, value)| attribute(name, value)).collect();
    rows.extend(neurobench(chip));
    table(&rows)
}

/// The metrics of the benchmark NeuroBench, under their names there, from the report of a chip.
fn neurobench(chip: &Json) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (name, value) in chip.get("neurobench").and_then(Json::as_object).into_iter().flatten() {
        match value.as_object() {
            Some(parts) => {
                rows.extend(parts.iter().map(|(part, value)| (format!("{name} {part}"), shown(value))))
            }
            None => rows.push((name.clone(), in_bytes(name, value).unwrap_or_else(|| shown(value)))),
        }
    }
    rows
}

/// The `value` of a metric of NeuroBench that is a number of bytes.
fn in_bytes(name: &str, value: &Json) -> Option<String> {
    value.as_f64().filter(|_| name == "Footprint").map(|bytes| with_prefix(bytes, "B"))
}

/// The report of a study: the number of trials by state, the best trials and the failed ones, at
/// most `rows` of each. With several metrics, the best trials are those of the Pareto front.
pub fn study_text(study: &Study, rows: usize) -> String {
    let count = |standing| study.trials.iter().filter(|trial| trial.standing() == standing).count();
    let mut text = format!(
        "{}: {} complete, {} paused, {} pruned, {} failed, {} running, {} waiting\n",
        study.name,
        count("complete"),
        count("paused"),
        count("pruned"),
        study.failed().count(),
        count("running"),
        count("waiting"),
    );
    match study.metrics.len() {
        0 | 1 => {
            let best = study.ranking().into_iter().take(rows);
            let best = best.map(|trial| (format!("  trial {}", trial.number), row(study, trial)));
            text.push_str(&table(&best.collect::<Vec<_>>()));
        }
        _ => text.push_str(&front_of(study, rows)),
    }
    let failures: Vec<(String, String)> = study
        .failed()
        .take(rows)
        .map(|trial| (format!("  trial {} failed", trial.number), reason(trial)))
        .collect();
    text.push_str(&table(&failures));
    text
}

/// The front of `study` in columns, best in the first metric first, at most `rows` of it.
fn front_of(study: &Study, rows: usize) -> String {
    let mut front = study.pareto_front();
    front.sort_by(|a, b| study.losses(a)[0].total_cmp(&study.losses(b)[0]));
    let names: Vec<&str> = study.metrics.iter().map(|metric| metric.name.as_str()).collect();
    let title = format!("front of {}: {} trials\n", names.join(", "), front.len());
    let head = [&["trial"], &names[..], &["hyperparameters"]].concat();
    let mut lines: Vec<Vec<String>> = vec![head.into_iter().map(str::to_owned).collect()];
    let is_of_networks = Setup::of(study).is_some();
    for trial in front.into_iter().take(rows) {
        let values = study.metrics.iter().zip(&trial.values);
        let values = values.map(|(metric, &value)| metric_text(&metric.name, value, is_of_networks));
        let number = std::iter::once(trial.number.to_string());
        lines.push(number.chain(values).chain([settings(trial)]).collect());
    }
    title + &columns(&lines)
}

/// The report of importances: the parameters with their shares of the variance, and pairs of
/// parameters with their common share.
///
/// They are about the first metric of `study`.
pub fn importance_text(importance: &Importance, study: &Study) -> String {
    let percent = |share: f64| format!("{:5.1} %", 100.0 * share);
    let shares = importance.parameters.iter().map(|share| {
        (format!("  {}", share.name), format!("{}  alone {}", percent(share.total), percent(share.alone)))
    });
    let pairs = importance.pairs.iter().map(|pair| {
        let [first, second] = &pair.names;
        (format!("  {first} x {second}"), format!("{}  together", percent(pair.together)))
    });
    let noise =
        [("  noise".to_owned(), format!("{}  of the trials' own variance", percent(importance.noise)))];
    let rows: Vec<(String, String)> = shares.chain(pairs).chain(noise).collect();
    let metric = study.metrics.first().map_or("value", |metric| metric.name.as_str());
    format!(
        "importance for {metric} (shares of the variance of what the model expects over the space)\n{}{}\n",
        table(&rows),
        shares_note(importance, study)
    )
}

/// How the shares of `importance` are read, and whether few trials of `study` stand behind them.
pub(super) fn shares_note(importance: &Importance, study: &Study) -> String {
    /// Fewer complete trials than this for each parameter are few.
    const FEW: usize = 2;
    let (trials, parameters) = (study.in_state(TrialState::Complete).count(), importance.parameters.len());
    let few = match trials < FEW * parameters {
        true => format!(" Few trials, {trials} for {parameters} parameters: take them as a hint."),
        false => String::new(),
    };
    format!(
        "A share counts what a parameter does alone and with others, so shares add up to more than 100 %; \"alone\" leaves \
         out the others.{few}"
    )
}

/// The good values of each parameter, one line each.
pub fn good_values_text(good: &[GoodValues]) -> String {
    let rows: Vec<(String, String)> =
        good.iter().map(|good| (format!("  {}", good.name), good.text())).collect();
    format!(
        "good values (as good as the best, as far as the study can tell; the others as the winner's)\n{}",
        table(&rows)
    )
}

fn row(study: &Study, trial: &Trial) -> String {
    let mut text = String::new();
    let is_of_networks = Setup::of(study).is_some();
    for (metric, &value) in study.metrics.iter().zip(&trial.values) {
        let _ = write!(text, "{}  ", metric_text(&metric.name, value, is_of_networks));
    }
    text + &settings(trial)
}

fn settings(trial: &Trial) -> String {
    trial.point.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// `value` of the metric `name` in its unit; a metric of a command has none.
pub fn metric_text(name: &str, value: f64, is_of_networks: bool) -> String {
    match METRIC_UNITS.iter().find(|(metric, _)| is_of_networks && *metric == name) {
        None => digits(value),
        Some(&(_, unit @ (MM2 | PER_SECOND))) => format!("{} {unit}", digits(value)),
        Some((_, unit)) => with_prefix(value, unit),
    }
}

fn reason(trial: &Trial) -> String {
    trial.attributes.get("reason").map_or_else(|| "no reason kept".to_owned(), shown)
}

fn measured(measured: &Scored) -> String {
    match &measured.spread {
        Some(spread) => {
            let (mean, sd) = (digits(spread.mean), digits(spread.sd));
            let seeds = if spread.count == 1 { "seed" } else { "seeds" };
            format!("{mean} +- {sd} (mean and sd of {} {seeds})", spread.count)
        }
        None => {
            let failed = measured.values.iter().filter(|value| value.is_none()).count();
            format!("{failed} of {} seeds failed", measured.values.len())
        }
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => match number.as_f64() {
            Some(x) if !number.is_i64() && !number.is_u64() => digits(x),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// The row of an attribute. If its name ends with a unit, the value is shown with that unit and an
/// SI prefix.
pub(super) fn attribute(name: &str, value: &Json) -> (String, String) {
    let with_unit = |&(ending, factor, unit): &(&str, f64, &str)| {
        let (name, number) = (name.strip_suffix(ending)?, value.as_f64()?);
        Some((name.to_owned(), with_prefix(number * factor, unit)))
    };
    // The chip may have fewer parameters: batch norm is folded, and the metric counts what is deployed.
    let name = if name == "parameters" { "trained parameters" } else { name };
    ATTRIBUTE_UNITS.iter().find_map(with_unit).unwrap_or_else(|| (name.to_owned(), shown(value)))
}

/// A table of two columns; the first is padded to equal width.
fn table(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::Share;

    #[test]
    fn few_trials_for_many_parameters_are_said() {
        let share = |at: usize| Share { name: format!("p{at}"), alone: 0.1, total: 0.2 };
        let importance =
            Importance { parameters: (0..6).map(share).collect(), pairs: Vec::new(), noise: 0.0 };
        let complete =
            |number| Trial { state: TrialState::Complete, ..Trial::waiting(number, Point::default()) };
        let note = |trials: u32| {
            let study = Study { trials: (0..trials).map(complete).collect(), ..Study::default() };
            shares_note(&importance, &study)
        };
        assert!(note(11).ends_with("Few trials, 11 for 6 parameters: take them as a hint."), "{}", note(11));
        assert!(note(12).ends_with("leaves out the others."), "{}", note(12));
    }
}

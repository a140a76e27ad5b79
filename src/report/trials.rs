//! The trials of a study for other programs: as a table, or as one JSON object per line.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::space::Point;
use crate::study::{Attributes, Study, Timestamp, Trial};

/// A trial as a line of JSON.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "Trial")]
pub struct TrialLine<'s> {
    /// Its number, counted from 0.
    pub trial: u32,
    /// `waiting`, `running`, `complete`, `pruned` or `failed`.
    pub state: String,
    /// Its hyperparameters.
    pub point: &'s Point,
    /// Its values by metric; empty unless complete.
    pub values: IndexMap<&'s str, Option<f64>>,
    /// Its constraints, each at most 0 where it holds; empty if there are none.
    pub constraints: &'s [f64],
    /// The first metric by step; `null` where it was not finite.
    pub intermediate: IndexMap<u32, Option<f64>>,
    /// When it began, RFC 3339 in UTC.
    pub started: Option<String>,
    /// When it ended, RFC 3339 in UTC.
    pub finished: Option<String>,
    /// Other measurements, or why it failed.
    pub attributes: &'s Attributes,
}

impl<'s> TrialLine<'s> {
    fn of(study: &'s Study, trial: &'s Trial) -> Self {
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let names = study.metrics.iter().map(|metric| metric.name.as_str());
        Self {
            trial: trial.number,
            state: trial.state.to_string(),
            point: &trial.point,
            values: names.zip(trial.values.iter().copied().map(finite)).collect(),
            constraints: &trial.constraints,
            intermediate: trial.intermediate.iter().map(|&(step, value)| (step, finite(value))).collect(),
            started: trial.started.map(rfc3339),
            finished: trial.finished.map(rfc3339),
            attributes: &trial.attributes,
        }
    }
}

/// The trials of `study` as one JSON object per line, in order of their numbers.
pub fn trials_jsonl(study: &Study) -> String {
    let lines = study.trials.iter().map(|trial| TrialLine::of(study, trial));
    lines.map(|line| serde_json::to_string(&line).expect("text and finite numbers are JSON") + "\n").collect()
}

/// The trials of `study` as comma-separated values: number, state, a column for each parameter,
/// metric and constraint, times, then the attributes except lists and objects. An attribute whose
/// name is taken gets the column `attribute:NAME`. A cell is empty where the trial has no such
/// entry.
pub fn trials_csv(study: &Study) -> String {
    let constraints = study.trials.iter().map(|trial| trial.constraints.len()).max().unwrap_or(0);
    let parameters = union(study, |trial| trial.point.iter().map(|(name, _)| name).collect());
    let attributes = union(study, |trial| {
        let plain = trial.attributes.iter().filter(|(_, value)| !value.is_array() && !value.is_object());
        plain.map(|(name, _)| name.as_str()).collect()
    });
    let mut header: Vec<String> = ["trial", "state"].map(str::to_owned).into();
    header.extend(parameters.iter().map(|&name| name.to_owned()));
    header.extend(study.metrics.iter().map(|metric| metric.name.clone()));
    header.extend((0..constraints).map(|index| format!("constraint_{index}")));
    header.extend(["started", "finished"].map(str::to_owned));
    for &name in &attributes {
        let is_taken = header.iter().any(|column| column == name);
        header.push(if is_taken { format!("attribute:{name}") } else { name.to_owned() });
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut write = |row: &[String]| table.write_record(row).expect("memory takes every row");
    write(&header);
    for trial in &study.trials {
        let mut row = vec![trial.number.to_string(), trial.state.to_string()];
        row.extend(
            parameters.iter().map(|name| trial.point.get(name).map(ToString::to_string).unwrap_or_default()),
        );
        row.extend((0..study.metrics.len()).map(|index| number(trial.values.get(index))));
        row.extend((0..constraints).map(|index| number(trial.constraints.get(index))));
        row.extend([trial.started, trial.finished].map(|moment| moment.map(rfc3339).unwrap_or_default()));
        row.extend(attributes.iter().map(|&name| trial.attributes.get(name).map(plain).unwrap_or_default()));
        write(&row);
    }
    let bytes = table.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("text was written")
}

/// The names that any trial has, in order of their first appearance.
fn union<'s>(study: &'s Study, names: impl Fn(&'s Trial) -> Vec<&'s str>) -> Vec<&'s str> {
    let all: indexmap::IndexSet<&str> = study.trials.iter().flat_map(names).collect();
    all.into_iter().collect()
}

fn number(value: Option<&f64>) -> String {
    value.map(f64::to_string).unwrap_or_default()
}

/// A scalar without quotation marks; empty for others.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null | Json::Array(_) | Json::Object(_) => String::new(),
        other => other.to_string(),
    }
}

fn rfc3339(Timestamp(microseconds): Timestamp) -> String {
    // Times of trials are within the years of the calendar.
    jiff::Timestamp::from_microsecond(microseconds).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::space::Space;
    use crate::study::{Metric, TrialState, WarmStartTrials};

    fn space() -> Space {
        let text = r#"{"name": "s", "parameters": {
            "kind": {"type": "categorical", "choices": ["plain", "a,b"]},
            "width": {"type": "int", "low": 1, "high": 9, "when": {"kind": ["plain"]}}
        }}"#;
        Space::from_json(text, "s.json").unwrap()
    }

    fn study() -> Study {
        let point = |text: &str| serde_json::from_str::<Point>(text).unwrap();
        let complete = Trial {
            state: TrialState::Complete,
            values: vec![0.1],
            constraints: vec![-1.0],
            intermediate: vec![(1, 0.05), (2, f64::NAN)],
            started: Some(Timestamp(1_769_903_999_000_001)),
            attributes: [
                ("host".to_owned(), json!("a \"b\"")),
                ("width".to_owned(), json!(3)),
                ("l".to_owned(), json!([1])),
            ]
            .into(),
            ..Trial::waiting(0, point(r#"{"kind": "plain", "width": 4}"#))
        };
        let failed = Trial { state: TrialState::Fail, ..Trial::waiting(1, point(r#"{"kind": "a,b"}"#)) };
        Study {
            metrics: vec![Metric::maximize("accuracy")],
            trials: vec![complete, failed],
            ..Study::default()
        }
    }

    #[test]
    fn a_table_has_a_column_for_every_scalar() {
        assert_eq!(
            trials_csv(&study()),
            "trial,state,kind,width,accuracy,constraint_0,started,finished,host,attribute:width\n\
             0,complete,plain,4,0.1,-1,2026-01-31T23:59:59.000001Z,,\"a \"\"b\"\"\",3\n\
             1,failed,\"a,b\",,,,,,,\n"
        );
    }

    #[test]
    fn a_table_is_a_warm_start_of_another_study() {
        let taken = WarmStartTrials::from_csv(&trials_csv(&study()), "t.csv", &space(), &study().metrics)
            .unwrap()
            .warm_start;
        let points: Vec<&Point> = taken.results.iter().map(|result| &result.point).collect();
        assert_eq!(points, [&study().trials[0].point, &study().trials[1].point]);
        assert_eq!((&taken.results[0].values[..], &taken.results[1].values[..]), (&[0.1][..], &[][..]));
    }

    #[test]
    fn a_line_is_an_object_with_null_for_values_that_are_not_finite() {
        let text = trials_jsonl(&study());
        let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["intermediate"], json!({"1": 0.05, "2": null}));
        assert_eq!(lines[0]["values"], json!({"accuracy": 0.1}));
        assert_eq!(lines[0]["attributes"]["l"], json!([1]));
        assert_eq!(
            (&lines[1]["state"], &lines[1]["values"], &lines[1]["started"]),
            (&json!("failed"), &json!({}), &Json::Null)
        );
    }
}

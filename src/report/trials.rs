//! The trials of a study for other programs: as a table, or as one JSON object per line.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::space::Point;
use crate::study::{Attributes, Study, Timestamp, Trial, metric_column, own_column};

/// One trial as a line of JSON.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "Trial")]
pub struct TrialLine<'s> {
    /// The number of the trial, from 0.
    pub trial: u32,
    /// `waiting`, `running`, `complete`, `pruned` or `failed`.
    pub state: String,
    /// The hyperparameters.
    pub point: &'s Point,
    /// One value per metric, by the metric's name; empty unless the trial is complete.
    pub values: IndexMap<&'s str, Option<f64>>,
    /// Constraint values, at most 0 if a constraint holds; empty if none were measured.
    pub constraints: &'s [f64],
    /// The first metric by step; `null` where the value was not finite.
    pub intermediate: IndexMap<u32, Option<f64>>,
    /// When a worker started the trial, RFC 3339 in UTC.
    pub started: Option<String>,
    /// When the trial ended, RFC 3339 in UTC.
    pub finished: Option<String>,
    /// Other measurements and facts for people.
    pub attributes: &'s Attributes,
}

impl<'s> TrialLine<'s> {
    fn of(study: &'s Study, trial: &'s Trial) -> Self {
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let names = study.metrics.iter().map(|metric| metric.name.as_str());
        Self {
            trial: trial.number,
            state: state(trial),
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

/// The trials of `study` in order of their numbers, one JSON object per line.
pub fn trials_jsonl(study: &Study) -> String {
    let lines = study.trials.iter().map(|trial| TrialLine::of(study, trial));
    lines.map(|line| serde_json::to_string(&line).expect("text and finite numbers are JSON") + "\n").collect()
}

/// The trials of `study` as comma-separated values.
///
/// The columns are number, state (`retried` where another trial tries the point again), one per parameter, metric and constraint, times, and attributes
/// that are not lists or objects. With `all`, also those, and the values of steps, each as JSON. If two columns would have the same name, the later one gets a
/// prefix. An attribute is then called `attribute:NAME`, a metric `metric:NAME`, and another column
/// `trial:NAME`. A cell without a value is empty.
pub fn trials_csv(study: &Study, all: bool) -> String {
    let constraints = study.trials.iter().map(|trial| trial.constraints.len()).max().unwrap_or(0);
    // Also parameters of the space that no trial has: a reader of the table may need their columns.
    let space = study.space().and_then(Result::ok);
    let of_space = space.iter().flat_map(|space| space.parameters()).map(|parameter| parameter.name.as_str());
    let mut parameters = union(study, |trial| trial.point.iter().map(|(name, _)| name).collect());
    let missing: Vec<&str> = of_space.filter(|name| !parameters.contains(name)).collect();
    parameters.extend(missing);
    let attributes = union(study, |trial| {
        let is_shown = |value: &Json| all || !(value.is_array() || value.is_object());
        let plain = trial.attributes.iter().filter(|(_, value)| is_shown(value));
        plain.map(|(name, _)| name.as_str()).collect()
    });
    let own = |name: &str| own_column(name, &parameters, &study.metrics);
    let mut header: Vec<String> = ["trial", "state"].map(own).into();
    header.extend(parameters.iter().map(|&name| name.to_owned()));
    header.extend(study.metrics.iter().map(|metric| metric_column(&metric.name, &parameters)));
    header.extend((0..constraints).map(|index| own(&format!("constraint_{index}"))));
    header.extend(["started", "finished"].map(own));
    header.extend(["intermediate"].iter().filter(|_| all).map(|name| own(name)));
    for &name in &attributes {
        let is_taken = header.iter().any(|column| column == name);
        header.push(if is_taken { format!("attribute:{name}") } else { name.to_owned() });
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut write = |row: &[String]| table.write_record(row).expect("memory takes every row");
    write(&header);
    for trial in &study.trials {
        let mut row = vec![trial.number.to_string(), state(trial)];
        row.extend(
            parameters.iter().map(|name| trial.point.get(name).map(ToString::to_string).unwrap_or_default()),
        );
        row.extend((0..study.metrics.len()).map(|index| number(trial.values.get(index))));
        row.extend((0..constraints).map(|index| number(trial.constraints.get(index))));
        row.extend([trial.started, trial.finished].map(|moment| moment.map(rfc3339).unwrap_or_default()));
        row.extend(all.then(|| steps(trial)));
        row.extend(attributes.iter().map(|&name| trial.attributes.get(name).map(plain).unwrap_or_default()));
        write(&row);
    }
    let bytes = table.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("text was written")
}

/// The state of `trial`: `retried` where its point is tried again by another trial, so that a failure that
/// says nothing of the point does not look like one.
fn state(trial: &Trial) -> String {
    match trial.is_retried() {
        true => "retried".to_owned(),
        false => trial.state.to_string(),
    }
}

/// All names that `names` gives for some trial, each once, in the order of their first appearance.
fn union<'s>(study: &'s Study, names: impl Fn(&'s Trial) -> Vec<&'s str>) -> Vec<&'s str> {
    let all: indexmap::IndexSet<&str> = study.trials.iter().flat_map(names).collect();
    all.into_iter().collect()
}

fn number(value: Option<&f64>) -> String {
    value.map(f64::to_string).unwrap_or_default()
}

/// The values of steps as a JSON object; empty if there are none.
fn steps(trial: &Trial) -> String {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let steps: IndexMap<u32, Option<f64>> =
        trial.intermediate.iter().map(|&(step, value)| (step, finite(value))).collect();
    match steps.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&steps).expect("finite numbers are JSON"),
    }
}

/// A JSON value as a cell: text without quotes; empty for `null`.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

fn rfc3339(Timestamp(microseconds): Timestamp) -> String {
    // Times of trials lie within the years that the calendar knows.
    jiff::Timestamp::from_microsecond(microseconds).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::space::Space;
    use crate::study::{Metric, RETRIED, TrialState, WarmStartTrials};

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
    fn a_table_has_a_column_for_everything_that_is_no_list() {
        assert_eq!(
            trials_csv(&study(), false),
            "trial,state,kind,width,accuracy,constraint_0,started,finished,host,attribute:width\n\
             0,complete,plain,4,0.1,-1,2026-01-31T23:59:59.000001Z,,\"a \"\"b\"\"\",3\n\
             1,failed,\"a,b\",,,,,,,\n"
        );
    }

    #[test]
    fn a_whole_table_also_has_lists_and_steps_and_starts_another_study() {
        let table = trials_csv(&study(), true);
        assert_eq!(
            table,
            "trial,state,kind,width,accuracy,constraint_0,started,finished,intermediate,host,attribute:width,l\n\
             0,complete,plain,4,0.1,-1,2026-01-31T23:59:59.000001Z,,\"{\"\"1\"\":0.05,\"\"2\"\":null}\",\"a \"\"b\"\"\",3,[1]\n\
             1,failed,\"a,b\",,,,,,,,,\n"
        );
        let taken = WarmStartTrials::from_csv(&table, "t.csv", &space(), &study().metrics).unwrap();
        assert_eq!(taken.warm_start.results.len(), 2);
    }

    #[test]
    fn a_trial_whose_point_is_tried_again_starts_no_other_study() {
        let mut study = study();
        study.trials[1].internal.insert(RETRIED.to_owned(), json!(2));
        let (table, lines) = (trials_csv(&study, false), trials_jsonl(&study));
        assert!(table.contains("1,retried,") && lines.contains(r#""state":"retried""#), "{table}{lines}");
        let taken = [
            WarmStartTrials::from_csv(&table, "t.csv", &space(), &study.metrics).unwrap(),
            WarmStartTrials::from_jsonl(&lines, "t.jsonl", &space(), &study.metrics).unwrap(),
        ];
        assert_eq!(taken.map(|taken| taken.warm_start.results.len()), [1, 1]);
    }

    #[test]
    fn a_table_starts_another_study() {
        let taken =
            WarmStartTrials::from_csv(&trials_csv(&study(), false), "t.csv", &space(), &study().metrics)
                .unwrap()
                .warm_start;
        let points: Vec<&Point> = taken.results.iter().map(|result| &result.point).collect();
        assert_eq!(points, [&study().trials[0].point, &study().trials[1].point]);
        assert_eq!((&taken.results[0].values[..], &taken.results[1].values[..]), (&[0.1][..], &[][..]));
    }

    #[test]
    fn a_table_and_lines_with_odd_names_and_choices_start_another_study() {
        let text = r#"{"name": "odd", "parameters": {
            "state": {"type": "categorical", "choices": ["", " a", "running", null, true, 1.0, "complete"]},
            "loss": {"type": "float", "low": 0, "high": 1},
            "constraint_0": {"type": "int", "low": 1, "high": 9, "when": {"state": [" a"]}},
            "finished": {"type": "int", "low": 1, "high": 9, "when": {"state": [true]}}
        }}"#;
        let space = Space::from_json(text, "odd.json").unwrap();
        let metrics = vec![Metric::minimize("loss"), Metric::maximize("trial")];
        let points = [
            r#"{"state": "", "loss": 0.25}"#,
            r#"{"state": " a", "loss": 0.5, "constraint_0": 3}"#,
            r#"{"state": "running", "loss": 0.75}"#,
            r#"{"state": null, "loss": 1.0}"#,
            r#"{"state": 1.0, "loss": 1e-7}"#,
        ];
        let trials = points.iter().zip(0..).map(|(point, number)| Trial {
            state: TrialState::Complete,
            values: vec![f64::from(number), 0.1],
            constraints: vec![f64::from(number) - 2.0],
            ..Trial::waiting(number, serde_json::from_str(point).unwrap())
        });
        let mut trials: Vec<Trial> = trials.collect();
        let failed = Trial { state: TrialState::Fail, ..Trial::waiting(5, trials[3].point.clone()) };
        let running = Trial { state: TrialState::Running, ..Trial::waiting(6, trials[3].point.clone()) };
        trials.extend([failed, running]);
        let attributes = [(crate::study::SPACE.to_owned(), space.to_json())].into();
        let study = Study { metrics: metrics.clone(), trials, attributes, ..Study::default() };
        let table = trials_csv(&study, false);
        let header = "trial:trial,trial:state,state,loss,constraint_0,finished,metric:loss,trial,trial:constraint_0,started,trial:finished";
        assert_eq!(table.lines().next(), Some(header));
        let of_table = WarmStartTrials::from_csv(&table, "t.csv", &space, &metrics).unwrap();
        let of_lines =
            WarmStartTrials::from_jsonl(&trials_jsonl(&study), "t.jsonl", &space, &metrics).unwrap();
        let of_study = WarmStartTrials::of_trials(&study, &space, &metrics).unwrap();
        assert_eq!(of_table.warm_start, of_study.warm_start);
        assert_eq!(of_lines.warm_start, of_study.warm_start);
        assert_eq!((of_table.left_out, of_lines.left_out, of_study.left_out), (1, 1, 1));
        assert_eq!((of_study.failed(), of_study.warm_start.results.len()), (1, 6));
    }

    #[test]
    fn a_line_is_an_object_with_null_for_what_is_no_number() {
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

//! What goes between the tuner and a command, one JSON object a line.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input;
use crate::space::Point;
use crate::study::{Attributes, Metric};

/// A line in either direction.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Command")]
pub enum Message {
    /// The first line that the command reads.
    Request(Request),
    /// A line that the command prints.
    Report(Report),
    /// A line that the command reads after each report of a step.
    Answer(Answer),
}

/// What is to be evaluated: the first line on standard input.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Request {
    /// The values of the parameters that are active.
    pub parameters: Point,
    /// Seed of the trial's randomness, the same whenever it is run again.
    pub seed: u32,
    /// Which part of the trial, where trials pause.
    #[serde(flatten)]
    pub part: Option<SegmentRequest>,
}

/// Which part of a trial is to be evaluated, with `--fidelity`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SegmentRequest {
    /// The step at which the state was left that is in the folder; 0: there is none.
    pub step: u32,
    /// The step to go on to: a command may end once it has reported that. If it is `steps`, it prints the result.
    pub until: u32,
    /// The steps of a whole trial.
    pub steps: u32,
    /// A folder for its state. What is there when it ends after it was pruned is there when the trial goes on, under
    /// a path that may be another; it is removed when the trial has ended.
    pub state: String,
}

/// Whether to go on: a line on standard input after each report of a step.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Answer {
    /// If true, the command should keep its state, if it has a folder for that, and end with exit code 0; it is killed
    /// if it does not. The trial may go on later, or the run was interrupted.
    pub prune: bool,
}

/// What the command has to say: a line on standard output. Lines that do not begin with `{` are its own
/// business.
///
/// With `step` it is an intermediate `value`, or `values`; with `value` or `values` alone the result, of which the last
/// stands; with `failure` the trial has come to nothing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The step that is finished, counted from 1.
    pub step: Option<u32>,
    /// The only metric; with `step` the first, which is enough where trials do not pause.
    pub value: Option<Number>,
    /// All metrics.
    pub values: Option<Values>,
    /// At most 0 where a constraint holds; with the result.
    #[serde(default)]
    pub constraints: Vec<Number>,
    /// What people may want to read beside the result.
    #[serde(default)]
    pub attributes: Attributes,
    /// Why the trial came to nothing, in one line.
    pub failure: Option<String>,
}

/// The metrics' values, by name or in the study's order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Values {
    /// In the study's order.
    List(Vec<Number>),
    /// By the metrics' names.
    Named(IndexMap<String, Number>),
}

/// A number, or the text `NaN`, `Infinity` or `-Infinity`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Number {
    /// A number.
    Float(f64),
    /// One that JSON cannot spell.
    Text(String),
}

/// What a line means.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// Nothing to the tuner.
    Nothing,
    /// Intermediate values, of the first metric or of all.
    Step(u32, Vec<f64>),
    /// The result, as it was said: values may not be finite.
    Result { values: Vec<f64>, constraints: Vec<f64>, attributes: Attributes },
    /// The command gives up.
    Failure(String),
}

/// Takes one line of the command's output apart.
///
/// # Errors
/// The line begins as an object and is no report: what is wrong with it, in one line.
pub(super) fn read(line: &str, metrics: &[Metric]) -> Result<Said, String> {
    if !line.trim_start().starts_with('{') {
        return Ok(Said::Nothing);
    }
    let report: Report =
        input::from_json(&with_words_quoted(line), "output").map_err(|error| error.to_string())?;
    if let Some(reason) = report.failure {
        return Ok(Said::Failure(reason.lines().next().unwrap_or_default().to_owned()));
    }
    let values = match (report.value, report.values) {
        (Some(value), None) if report.step.is_some() => vec![value.get()?],
        (Some(value), None) => in_order(Values::List(vec![value]), metrics)?,
        (None, Some(values)) => in_order(values, metrics)?,
        (Some(_), Some(_)) => return Err("output: \"value\" and \"values\": drop one".to_owned()),
        (None, None) if report.step.is_some() => {
            return Err("output: a \"step\" needs a \"value\", the first metric by then".to_owned());
        }
        (None, None) => return Err("output: needs \"value\", \"values\" or \"failure\"".to_owned()),
    };
    match report.step {
        Some(step) => Ok(Said::Step(step, values)),
        None => {
            let constraints = report.constraints.iter().map(Number::get).collect::<Result<_, _>>()?;
            Ok(Said::Result { values, constraints, attributes: report.attributes })
        }
    }
}

impl Number {
    fn get(&self) -> Result<f64, String> {
        match self {
            Number::Float(x) => Ok(*x),
            Number::Text(text) => text.parse().map_err(|_| format!("output: \"{text}\" is not a number")),
        }
    }
}

fn in_order(values: Values, metrics: &[Metric]) -> Result<Vec<f64>, String> {
    match values {
        Values::List(values) if values.len() == metrics.len() => values.iter().map(Number::get).collect(),
        Values::List(values) => Err(format!(
            "output: {} values for {} metrics ({}): must be one for each",
            values.len(),
            metrics.len(),
            names(metrics)
        )),
        Values::Named(mut values) => {
            let taken = |metric: &Metric| match values.shift_remove(&metric.name) {
                Some(value) => value.get(),
                None => Err(format!("output: values: {} is missing", metric.name)),
            };
            let ordered = metrics.iter().map(taken).collect::<Result<_, _>>()?;
            match values.keys().next() {
                Some(name) => {
                    Err(format!("output: values: {name} is no metric; there are: {}", names(metrics)))
                }
                None => Ok(ordered),
            }
        }
    }
}

/// The names of `metrics`, for people.
pub(super) fn names(metrics: &[Metric]) -> String {
    metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// `line` with the words `NaN` and `Infinity`, which Python writes as numbers and JSON does not have, as
/// texts.
fn with_words_quoted(line: &str) -> String {
    let (mut text, mut rest, mut is_in_string) = (String::with_capacity(line.len()), line, false);
    while let Some(first) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| rest.starts_with(word));
        let length = match word {
            Some(word) if !is_in_string => {
                text.extend(["\"", word, "\""]);
                word.len()
            }
            _ => {
                let length = match first {
                    '\\' if is_in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                    _ => first.len_utf8(),
                };
                is_in_string ^= first == '"';
                text.push_str(&rest[..length]);
                length
            }
        };
        rest = &rest[length..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Result<Said, String> {
        read(line, &[Metric::minimize("loss")])
    }

    fn two(line: &str) -> Result<Said, String> {
        read(line, &[Metric::minimize("loss"), Metric::maximize("speed")])
    }

    fn result(values: &[f64]) -> Result<Said, String> {
        Ok(Said::Result { values: values.to_vec(), constraints: vec![], attributes: Attributes::new() })
    }

    #[test]
    fn results_steps_and_failures_are_told_apart() {
        assert_eq!(one(r#"{"value": 0.5}"#), result(&[0.5]));
        assert_eq!(one(r#" {"step": 3, "value": 2}"#), Ok(Said::Step(3, vec![2.0])));
        assert_eq!(two(r#"{"step": 3, "value": 2}"#), Ok(Said::Step(3, vec![2.0])));
        assert_eq!(
            two(r#"{"step": 3, "values": {"speed": 1, "loss": 2}}"#),
            Ok(Said::Step(3, vec![2.0, 1.0]))
        );
        assert_eq!(two(r#"{"values": [1, 2]}"#), result(&[1.0, 2.0]));
        assert_eq!(two(r#"{"values": {"speed": 2, "loss": 1}}"#), result(&[1.0, 2.0]));
        assert_eq!(one(r#"{"failure": "too\nlong"}"#), Ok(Said::Failure("too".into())));
        assert_eq!(one("epoch 3 of 5: [1, 2]"), Ok(Said::Nothing));
        assert_eq!(one(""), Ok(Said::Nothing));
    }

    #[test]
    fn numbers_that_only_python_spells_are_numbers() {
        for (line, value) in [("NaN", f64::NAN), ("-Infinity", f64::NEG_INFINITY), ("\"inf\"", f64::INFINITY)]
        {
            let Ok(Said::Result { values, .. }) = one(&format!(r#"{{"value": {line}}}"#)) else {
                panic!("{line} is a number");
            };
            assert_eq!(values[0].to_bits(), value.to_bits(), "{line}");
        }
        let kept = r#"{"failure": "is \"NaN\" or Infinity"}"#;
        assert_eq!(with_words_quoted(kept), kept);
    }

    #[test]
    fn a_request_has_a_part_where_trials_pause() {
        let parameters: Point = [("x", 0.5)].into_iter().collect();
        let text = |part| {
            let request = Request { parameters: parameters.clone(), seed: 7, part };
            serde_json::to_string(&request).unwrap()
        };
        assert_eq!(text(None), r#"{"parameters":{"x":0.5},"seed":7}"#);
        let part = SegmentRequest { step: 3, until: 9, steps: 27, state: "/s".into() };
        let expected = r#"{"parameters":{"x":0.5},"seed":7,"step":3,"until":9,"steps":27,"state":"/s"}"#;
        assert_eq!(text(Some(part)), expected);
    }

    #[test]
    fn what_begins_as_an_object_and_is_no_report_is_refused() {
        let problem = |line: &str| two(line).expect_err("no report");
        assert!(problem("{'loss': 1}").starts_with("output: not JSON: "));
        assert_eq!(problem(r#"{"vaule": 1}"#), r#"output: unknown key "vaule"; did you mean "value"?"#);
        assert_eq!(
            problem(r#"{"value": 1}"#),
            "output: 1 values for 2 metrics (loss, speed): must be one for each"
        );
        assert_eq!(problem(r#"{"values": {"loss": 1}}"#), "output: values: speed is missing");
        assert!(problem(r#"{"values": {"loss": 1, "speed": 2, "size": 3}}"#).contains("size is no metric"));
        assert!(problem(r#"{"step": 1}"#).contains("needs a \"value\""));
        assert!(problem(r#"{"values": ["high", 1]}"#).contains("\"high\" is not a number"));
        assert!(problem("{}").contains("needs \"value\""));
    }
}

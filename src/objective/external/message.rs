//! The lines between the tuner and a command, one JSON object each.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::input;
use crate::space::Point;
use crate::study::{Attributes, Failure, Metric};

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

/// The request for one evaluation: the first line on standard input.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Request {
    /// The values of the active parameters.
    pub parameters: Point,
    /// Seed of the trial's randomness, the same whenever the trial is run again.
    pub seed: u32,
    /// The segment of the trial, with `--fidelity`.
    #[serde(flatten)]
    pub segment: Option<SegmentRequest>,
}

/// The segment of a trial that is to be evaluated, with `--fidelity`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SegmentRequest {
    /// The step of the checkpoint in the folder; 0 if there is no checkpoint.
    pub step: u32,
    /// The step to pause after: a command may end once it has reported this step. If it equals
    /// `steps`, the command goes on to the end and prints the result.
    pub until: u32,
    /// The steps of a whole trial.
    pub steps: u32,
    /// A folder for a checkpoint. Files that the command has written there when it pauses are there
    /// again when the trial continues, perhaps under another path. The folder is removed when the
    /// trial has ended.
    pub checkpoint_dir: String,
    /// The same folder under its name in version 0.1. Deprecated: use `checkpoint_dir`.
    pub state: String,
}

/// Whether to go on: a line on standard input after each report of a step.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Answer {
    /// If true, the command should write a checkpoint, if it has a folder for one, and end with
    /// exit code 0. If it does not end, it is killed. The trial may continue later, or the run was
    /// interrupted.
    pub prune: bool,
}

/// A report of the command: a line on standard output. A line that is no JSON object, or has none
/// of these keys, belongs to the log and is ignored.
///
/// A line with `step` reports the intermediate `value` of the first metric, or the `values` of all.
/// A line with `value` or `values` alone is the result; if there are several, the last one counts.
/// A line with `failure` fails the trial.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The finished step, counted from 1, at most 2147483647.
    #[schemars(range(max = 2147483647))]
    pub step: Option<u32>,
    /// The value of the only metric. With `step`: the value of the first metric, which is enough
    /// without `--fidelity`.
    pub value: Option<Number>,
    /// The values of all metrics.
    pub values: Option<Values>,
    /// The values of the constraints, each at most 0 where it holds; they come with the result.
    #[serde(default)]
    pub constraints: Vec<Number>,
    /// Other numbers and texts for people, which come with the result.
    #[serde(default)]
    pub attributes: Attributes,
    /// Why the trial failed, in one line.
    pub failure: Option<String>,
}

/// The metrics' values, by name or in the study's order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "values must be numbers, in a list or by the names of the metrics")]
pub enum Values {
    /// In the study's order.
    List(Vec<Number>),
    /// By the metrics' names.
    Named(IndexMap<String, Number>),
}

/// A number, or the text `NaN`, `Infinity` or `-Infinity`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a value must be a number, or the text NaN, Infinity or -Infinity")]
pub enum Number {
    /// A number.
    Float(f64),
    /// A number that JSON cannot spell.
    Text(String),
}

/// The meaning of a line of output.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    /// The line belongs to the log.
    Nothing,
    /// The line belongs to the log, but begins like a report.
    Braced,
    /// Intermediate values, of the first metric or of all.
    Step(u32, Vec<f64>),
    /// The result as it was printed: values need not be finite.
    Result { values: Vec<f64>, constraints: Vec<f64>, attributes: Attributes },
    /// The command gives up, with its reason.
    Failure(String),
}

/// What a line of the command's output means.
///
/// # Errors
/// The line is an object with a key of the protocol, but no valid report. The error says what is
/// wrong, in one line.
pub(super) fn read(line: &str, metrics: &[Metric]) -> Result<Meaning, String> {
    // A bar of progress is overwritten after a carriage return.
    let line = line.trim_end().rsplit('\r').next().unwrap_or(line);
    let line = line.trim_start_matches(['\u{feff}', ' ', '\t']);
    if !line.starts_with('{') {
        return Ok(Meaning::Nothing);
    }
    let text = with_words_quoted(line);
    let object = match serde_json::from_str::<Map<String, Json>>(&text) {
        Ok(object) => object,
        Err(error) if is_unreadable_report(&text, &error) => return Err(format!("output: {error}")),
        Err(_) => return Ok(Meaning::Braced),
    };
    if !object.keys().any(|key| KEYS.contains(&key.as_str())) {
        return Ok(Meaning::Braced);
    }
    // What is quoted of the output may have line breaks of its own.
    report(&text, metrics).map_err(|problem| problem.replace('\n', "\\n").replace('\r', "\\r"))
}

/// The keys of a [`Report`].
const KEYS: [&str; 6] = ["step", "value", "values", "constraints", "attributes", "failure"];

/// Whether `text` names a key of the protocol, but is JSON that this program cannot read. Such JSON
/// has a number beyond all floats, or objects nested hundreds of times.
fn is_unreadable_report(text: &str, error: &serde_json::Error) -> bool {
    let names_a_key = || KEYS.iter().any(|key| text.contains(&format!("\"{key}\"")));
    let problem = error.to_string();
    ["number out of range", "recursion limit exceeded"].iter().any(|limit| problem.starts_with(limit))
        && names_a_key()
}

/// The meaning of the object `text`, which has a key of the protocol.
fn report(text: &str, metrics: &[Metric]) -> Result<Meaning, String> {
    let report: Report = input::from_json(text, "output").map_err(|error| error.to_string())?;
    if let Some(reason) = report.failure {
        let line = Failure::line_of(&reason).ok_or("failure must be a reason, not blank")?;
        return Ok(Meaning::Failure(line.to_owned()));
    }
    let values = match (report.value, report.values) {
        (Some(value), None) if report.step.is_some() => vec![value.get()?],
        (Some(value), None) => in_order(Values::List(vec![value]), metrics)?,
        (None, Some(values)) => in_order(values, metrics)?,
        (Some(_), Some(_)) => return Err("output: \"value\" and \"values\": drop one".to_owned()),
        (None, None) if report.step.is_some() => {
            return Err("output: a \"step\" needs a \"value\", the first metric by then".to_owned());
        }
        (None, None) => {
            return Err("output: needs \"value\", \"values\" or \"failure\", other than null".to_owned());
        }
    };
    match report.step {
        Some(step) if i32::try_from(step).is_err() => {
            Err(format!("output: step = {step}: must be at most {}", i32::MAX))
        }
        Some(step) => Ok(Meaning::Step(step, values)),
        None => {
            if let Some(problem) = report.attributes.keys().find_map(|name| input::name_problem(name)) {
                return Err(format!("output: attributes: {problem}"));
            }
            let constraints = report.constraints.iter().map(Number::get).collect::<Result<_, _>>()?;
            Ok(Meaning::Result { values, constraints, attributes: report.attributes })
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

/// The names of `metrics`, separated by commas.
pub(super) fn names(metrics: &[Metric]) -> String {
    metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// `line` with quotation marks around the words `NaN` and `Infinity`. Python writes these as
/// numbers, but JSON has no such numbers.
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

    fn one(line: &str) -> Result<Meaning, String> {
        read(line, &[Metric::minimize("loss")])
    }

    fn two(line: &str) -> Result<Meaning, String> {
        read(line, &[Metric::minimize("loss"), Metric::maximize("speed")])
    }

    fn result(values: &[f64]) -> Result<Meaning, String> {
        Ok(Meaning::Result { values: values.to_vec(), constraints: vec![], attributes: Attributes::new() })
    }

    #[test]
    fn a_result_after_a_bar_of_progress_is_found() {
        let metrics = [Metric::minimize("loss")];
        let found = read("50 %\r100 %\r{\"value\": 1}", &metrics);
        assert!(matches!(found, Ok(Meaning::Result { values, .. }) if values == [1.0]));
    }

    #[test]
    fn results_steps_and_failures_are_told_apart() {
        assert_eq!(one(r#"{"value": 0.5}"#), result(&[0.5]));
        assert_eq!(one(r#" {"step": 3, "value": 2}"#), Ok(Meaning::Step(3, vec![2.0])));
        assert_eq!(two(r#"{"step": 3, "value": 2}"#), Ok(Meaning::Step(3, vec![2.0])));
        assert_eq!(
            two(r#"{"step": 3, "values": {"speed": 1, "loss": 2}}"#),
            Ok(Meaning::Step(3, vec![2.0, 1.0]))
        );
        assert_eq!(two(r#"{"values": [1, 2]}"#), result(&[1.0, 2.0]));
        assert_eq!(two(r#"{"values": {"speed": 2, "loss": 1}}"#), result(&[1.0, 2.0]));
        assert_eq!(one(r#"{"failure": "too\nlong"}"#), Ok(Meaning::Failure("too".into())));
        assert_eq!(one("epoch 3 of 5: [1, 2]"), Ok(Meaning::Nothing));
        let name = "a".repeat(513);
        let long = one(&format!(r#"{{"value": 1, "attributes": {{"{name}": 1}}}}"#));
        let problem = "output: attributes: a name of 513 characters: must have at most 512";
        assert_eq!(long, Err(problem.to_owned()));
        assert!(one(r#"{"value": 1, "attributes": {"a\u0000b": 1}}"#).is_err());
        assert_eq!(one(""), Ok(Meaning::Nothing));
    }

    #[test]
    fn numbers_in_pythons_spelling_are_numbers() {
        for (line, value) in [("NaN", f64::NAN), ("-Infinity", f64::NEG_INFINITY), ("\"inf\"", f64::INFINITY)]
        {
            let Ok(Meaning::Result { values, .. }) = one(&format!(r#"{{"value": {line}}}"#)) else {
                panic!("{line} is a number");
            };
            assert_eq!(values[0].to_bits(), value.to_bits(), "{line}");
        }
        let kept = r#"{"failure": "is \"NaN\" or Infinity"}"#;
        assert_eq!(with_words_quoted(kept), kept);
    }

    #[test]
    fn a_request_names_its_segment_where_trials_pause() {
        let parameters: Point = [("x", 0.5)].into_iter().collect();
        let text = |segment| {
            let request = Request { parameters: parameters.clone(), seed: 7, segment };
            serde_json::to_string(&request).unwrap()
        };
        assert_eq!(text(None), r#"{"parameters":{"x":0.5},"seed":7}"#);
        let (checkpoint_dir, state) = ("/s".to_owned(), "/s".to_owned());
        let segment = SegmentRequest { step: 3, until: 9, steps: 27, checkpoint_dir, state };
        let expected = r#"{"parameters":{"x":0.5},"seed":7,"step":3,"until":9,"steps":27,"checkpoint_dir":"/s","state":"/s"}"#;
        assert_eq!(text(Some(segment)), expected);
    }

    #[test]
    fn an_object_without_a_key_of_the_protocol_is_log() {
        for line in [
            "{'loss': 0.53, 'grad_norm': 1.2, 'epoch': 1.0}",
            r#"{"level": "info", "msg": "epoch 1"}"#,
            r#"  {"epoch": 1, "loss": 0.5}"#,
            "{1, 2, 3}",
            "{}",
            "{",
            r#"{"vaule": 1}"#,
            r#"{"value": 0.5"#,
            r#"{"value": 0.5}, {"value": 0.6}"#,
            r#"{"loss": 1e400}"#,
            r#"{"nested": {"value": 0.5}}"#,
        ] {
            assert_eq!(one(line), Ok(Meaning::Braced), "{line}");
        }
        for line in [r#"[{"value": 1}]"#, "value: 1", "null", r#""value""#] {
            assert_eq!(one(line), Ok(Meaning::Nothing), "{line}");
        }
        let deep = format!("{}1{}", r#"{"a": "#.repeat(10_000), "}".repeat(10_000));
        assert_eq!(one(&deep), Ok(Meaning::Braced));
        assert_eq!(one("\u{feff}{\"value\": 0.5}\r"), result(&[0.5]));
    }

    #[test]
    fn a_reason_is_its_first_line_that_is_not_blank() {
        let failure = |reason: &str| Ok(Meaning::Failure(reason.to_owned()));
        assert_eq!(one(r#"{"failure": "too slow\nby 3 s"}"#), failure("too slow"));
        assert_eq!(one(r#"{"failure": "\n \r\ntoo slow"}"#), failure("too slow"));
        assert_eq!(one(r#"{"failure": "\n"}"#), Err("failure must be a reason, not blank".to_owned()));
    }

    #[test]
    fn every_key_of_a_report_makes_an_object_one() {
        let schema = schemars::schema_for!(Report).to_value();
        let keys = schema["properties"].as_object().expect("an object has properties");
        assert_eq!(keys.keys().collect::<Vec<_>>(), KEYS);
    }

    #[test]
    fn a_report_that_cannot_be_read_is_no_log() {
        let problem = |line: &str| one(line).expect_err("no report");
        assert!(problem(r#"{"value": 1e400}"#).starts_with("output: number out of range"));
        let deep =
            format!(r#"{{"value": 1, "attributes": {{"a": {}1{}}}}}"#, "[".repeat(500), "]".repeat(500));
        assert!(problem(&deep).starts_with("output: recursion limit exceeded"));
        assert!(problem(r#"{"value": 1, "value": 2}"#).starts_with(r#"output: key "value" is there twice"#));
        assert_eq!(
            problem(r#"{"step": 2147483648, "value": 1}"#),
            "output: step = 2147483648: must be at most 2147483647"
        );
        assert_eq!(one(r#"{"step": 2147483647, "value": 1}"#), Ok(Meaning::Step(i32::MAX as u32, vec![1.0])));
        for step in ["4294967296", "-1", "1.5", "1e9", "\"3\""] {
            assert!(
                problem(&format!(r#"{{"step": {step}, "value": 1}}"#)).starts_with("output: step: "),
                "{step}"
            );
        }
        assert!(problem(r#"{"value": null}"#).contains("other than null"));
        assert!(problem(r#"{"values": [1, null]}"#).starts_with("output: values"));
    }

    #[test]
    fn an_object_that_is_no_report_is_refused() {
        let problem = |line: &str| two(line).expect_err("no report");
        assert_eq!(
            problem(r#"{"value": 1, "faliure": 2}"#),
            r#"output: unknown key "faliure"; did you mean "failure"?"#
        );
        assert_eq!(
            problem(r#"{"value": 1}"#),
            "output: 1 values for 2 metrics (loss, speed): must be one for each"
        );
        assert_eq!(problem(r#"{"values": {"loss": 1}}"#), "output: values: speed is missing");
        assert!(problem(r#"{"values": {"loss": 1, "speed": 2, "size": 3}}"#).contains("size is no metric"));
        assert!(problem(r#"{"step": 1}"#).contains("needs a \"value\""));
        assert!(problem(r#"{"values": ["high", 1]}"#).contains("\"high\" is not a number"));
        assert_eq!(problem(r#"{"values": ["a\nb\r", 1]}"#), r#"output: "a\nb\r" is not a number"#);
        assert!(problem(r#"{"attributes": {}}"#).contains("needs \"value\""));
    }
}

//! Reads warm-start trials from the trials of another study, from a table, or from lines of JSON.

use indexmap::IndexMap;
use serde::Deserialize;

use crate::space::{Parameter, Point, Space, Value};
use crate::study::{Metric, Study, TrialState, WarmStartTrial, WarmStartTrials};

/// The name of a column that holds neither a parameter nor a metric, such as `state`, in a table of
/// trials. It differs from all names of `parameters` and `metrics`.
pub fn own_column(name: &str, parameters: &[&str], metrics: &[Metric]) -> String {
    let is_taken = parameters.contains(&name) || metrics.iter().any(|metric| metric.name == name);
    if is_taken { format!("trial:{name}") } else { name.to_owned() }
}

/// The name of the column of the metric `name` in a table of trials. It differs from all names of
/// `parameters`.
pub fn metric_column(name: &str, parameters: &[&str]) -> String {
    if parameters.contains(&name) { format!("metric:{name}") } else { name.to_owned() }
}

/// The results that were read, and how many were left out because they do not fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WarmStartTable {
    /// The results that fit.
    pub warm_start: WarmStartTrials,
    /// Number of results that were left out.
    pub left_out: usize,
    /// Why the first result that was left out does not fit.
    pub reason: Option<String>,
}

/// Why a table or a study cannot be a warm start.
#[derive(Debug, thiserror::Error)]
pub enum WarmStartError {
    /// A line is not a trial as JSON.
    #[error("{name}: line {line}: not a trial as `tune export jsonl` writes it: {source}")]
    Json {
        /// The file.
        name: String,
        /// The number of the line, from 1.
        line: usize,
        /// The parser's error.
        source: serde_json::Error,
    },
    /// The text is not a table.
    #[error("{name}: not a table with a header: {source}")]
    Csv {
        /// The table.
        name: String,
        /// The parser's error.
        source: csv::Error,
    },
    /// A column of a table or a metric of a study is missing.
    #[error("{name}: no {what} \"{missing}\": it has {}", there.join(", "))]
    Missing {
        /// The table or the study.
        name: String,
        /// What is missing: `column` or `metric`.
        what: &'static str,
        /// The name that is missing.
        missing: String,
        /// The names of the columns or metrics that are there.
        there: Vec<String>,
    },
    /// No result fits the space.
    #[error("{name}: no result that fits the space {space}: {reason}")]
    Nothing {
        /// The table or the study.
        name: String,
        /// The space.
        space: String,
        /// Why the first result does not fit.
        reason: String,
    },
}

impl WarmStartTrials {
    /// Takes the complete and failed trials of `other` whose points are in `space`, without those
    /// that were tried again. Metrics are found by their names.
    ///
    /// # Errors
    /// The other study lacks a metric, or no trial fits.
    pub fn of_trials(
        other: &Study,
        space: &Space,
        metrics: &[Metric],
    ) -> Result<WarmStartTable, WarmStartError> {
        let names: Vec<String> = other.metrics.iter().map(|metric| metric.name.clone()).collect();
        let place = |metric: &Metric| {
            let place = names.iter().position(|name| *name == metric.name);
            place.ok_or_else(|| WarmStartError::Missing {
                name: other.name.clone(),
                what: "metric",
                missing: metric.name.clone(),
                there: names.clone(),
            })
        };
        let places = metrics.iter().map(place).collect::<Result<Vec<usize>, _>>()?;
        let mut taken = WarmStartTable::default();
        for trial in &other.trials {
            let place = format!("trial {}", trial.number);
            if trial.is_retried() {
                taken.add(&place, Err("was tried again".to_owned()));
                continue;
            }
            let values = match trial.state {
                TrialState::Complete => places.iter().map(|&place| trial.values[place]).collect(),
                TrialState::Fail => Vec::new(),
                _ => {
                    taken.add(&place, Err(format!("is {}", trial.standing())));
                    continue;
                }
            };
            taken.add(&place, result(space, &trial.point, values, trial.constraints.clone()));
        }
        taken.unless_empty(&other.name, space)
    }

    /// Takes the rows of the table `text`, which errors call `name`.
    ///
    /// The table must have a column for each metric, and for each searched parameter of `space`
    /// that has no condition. It may have columns for other parameters and for constraints
    /// (`constraint_0`, ...). The order of columns is free, and other columns are ignored. The cell
    /// of an inactive parameter is empty, and so are the metrics of a failed evaluation. Rows of
    /// trials that have not ended, by their `state`, are left out.
    ///
    /// # Errors
    /// The text is not a table, a column is missing, or no row fits.
    pub fn from_csv(
        text: &str,
        name: &str,
        space: &Space,
        metrics: &[Metric],
    ) -> Result<WarmStartTable, WarmStartError> {
        let broken = |source| WarmStartError::Csv { name: name.to_owned(), source };
        // Spreadsheet programs begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        // A parameter may have a space at the end of its name, and a table around its columns.
        let own =
            |column: &str| if space.parameter(column).is_some() { column } else { column.trim() }.to_owned();
        let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(own).collect();
        let columns = Columns::of(&header, name, space, metrics)?;
        let mut taken = WarmStartTable::default();
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(broken)?;
            taken.add(&format!("row {}", row + 1), columns.read(&record, space));
        }
        taken.unless_empty(name, space)
    }

    /// Takes the trials in `text`, which errors call `name`: one JSON object per line, as `tune
    /// export jsonl` writes them. Trials that have not ended are left out.
    ///
    /// # Errors
    /// A line is not a trial, or none fits.
    pub fn from_jsonl(
        text: &str,
        name: &str,
        space: &Space,
        metrics: &[Metric],
    ) -> Result<WarmStartTable, WarmStartError> {
        let mut taken = WarmStartTable::default();
        for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let line = line + 1;
            let broken = |source| WarmStartError::Json { name: name.to_owned(), line, source };
            let trial: TrialLine = serde_json::from_str(text).map_err(broken)?;
            taken.add(&format!("line {line}"), trial.read(space, metrics));
        }
        taken.unless_empty(name, space)
    }
}

/// One line of a file of JSON lines; keys other than these are ignored.
#[derive(Deserialize)]
struct TrialLine {
    #[serde(default)]
    state: String,
    point: Point,
    #[serde(default)]
    values: IndexMap<String, Option<f64>>,
    #[serde(default)]
    constraints: Vec<Option<f64>>,
}

impl TrialLine {
    fn read(&self, space: &Space, metrics: &[Metric]) -> Result<WarmStartTrial, String> {
        if self.values.is_empty() {
            ended(&self.state)?;
            return result(space, &self.point, Vec::new(), Vec::new());
        }
        let value = |metric: &Metric| match self.values.get(&metric.name) {
            Some(Some(value)) => Ok(*value),
            Some(None) => Err(format!("{} = null: must be a finite number", metric.name)),
            None => Err(format!("no metric \"{}\"", metric.name)),
        };
        let values = metrics.iter().map(value).collect::<Result<_, _>>()?;
        let constraints: Option<Vec<f64>> = self.constraints.iter().copied().collect();
        let constraints = constraints.ok_or("a constraint is null: must be a finite number")?;
        result(space, &self.point, values, constraints)
    }
}

/// The columns of a table that are read.
struct Columns<'s> {
    /// The parameters that have a column, each with the number of its column.
    parameters: Vec<(&'s Parameter, usize)>,
    metrics: Vec<usize>,
    constraints: Vec<usize>,
    state: Option<usize>,
}

impl<'s> Columns<'s> {
    fn of(
        header: &[String],
        name: &str,
        space: &'s Space,
        metrics: &[Metric],
    ) -> Result<Self, WarmStartError> {
        let place = |wanted: &str| header.iter().position(|column| column == wanted);
        let needed = |wanted: &str| {
            place(wanted).ok_or_else(|| WarmStartError::Missing {
                name: name.to_owned(),
                what: "column",
                missing: wanted.to_owned(),
                there: header.to_vec(),
            })
        };
        let names: Vec<&str> = space.parameters().iter().map(|parameter| &*parameter.name).collect();
        let own = |name: &str| place(&own_column(name, &names, metrics));
        let mut parameters = Vec::new();
        for parameter in space.searched() {
            match place(&parameter.name) {
                Some(place) => parameters.push((parameter, place)),
                // The column may be missing. A row in which the parameter is active is left out.
                None if !parameter.conditions.is_empty() => {}
                None => return Err(needed(&parameter.name).expect_err("it has no place")),
            }
        }
        // The value of a fixed parameter must be that of the space, where the table has it.
        let fixed = space.parameters().iter().filter(|parameter| parameter.domain.is_fixed());
        parameters.extend(fixed.filter_map(|parameter| Some((parameter, place(&parameter.name)?))));
        let metric = |metric: &Metric| needed(&metric_column(&metric.name, &names));
        Ok(Self {
            parameters,
            metrics: metrics.iter().map(metric).collect::<Result<_, _>>()?,
            constraints: (0..).map_while(|index| own(&format!("constraint_{index}"))).collect(),
            state: own("state"),
        })
    }

    fn read(&self, record: &csv::StringRecord, space: &Space) -> Result<WarmStartTrial, String> {
        let raw = |place: usize| record.get(place).unwrap_or_default();
        let cells = |places: &[usize]| numbers(places.iter().map(|&place| raw(place).trim()));
        let given = self
            .parameters
            .iter()
            .filter_map(|(parameter, place)| Some((parameter.name.as_str(), read(parameter, raw(*place))?)));
        let given: Point = given.collect();
        let values = cells(&self.metrics)?;
        if values.is_empty() {
            ended(self.state.map_or("", raw).trim())?;
        }
        result(space, &given, values, cells(&self.constraints)?)
    }
}

/// Refuses a trial in a `state` that says that it has not ended, since its values are then not
/// known, or that its point is tried again.
fn ended(state: &str) -> Result<(), String> {
    match ["waiting", "running", "pruned", "paused", "retried"].contains(&state) {
        true => Err(format!("is {state}")),
        false => Ok(()),
    }
}

/// The result for the point `given`; a failed one if it has no values.
fn result(
    space: &Space,
    given: &Point,
    values: Vec<f64>,
    constraints: Vec<f64>,
) -> Result<WarmStartTrial, String> {
    if let Some(value) = values.iter().chain(&constraints).find(|value| !value.is_finite()) {
        return Err(format!("{value}: must be a finite number"));
    }
    Ok(WarmStartTrial { point: placed(space, given)?, values, constraints })
}

impl WarmStartTable {
    /// Number of results that are failed evaluations.
    pub fn failed(&self) -> usize {
        self.warm_start.results.iter().filter(|result| result.values.is_empty()).count()
    }

    fn add(&mut self, place: &str, result: Result<WarmStartTrial, String>) {
        match result {
            Ok(result) => self.warm_start.results.push(result),
            Err(reason) => {
                self.left_out += 1;
                self.reason.get_or_insert_with(|| format!("{place}: {reason}"));
            }
        }
    }

    fn unless_empty(self, name: &str, space: &Space) -> Result<Self, WarmStartError> {
        if !self.warm_start.results.is_empty() {
            return Ok(self);
        }
        let reason = self.reason.unwrap_or_else(|| "it is empty".to_owned());
        Err(WarmStartError::Nothing { name: name.to_owned(), space: space.name().to_owned(), reason })
    }
}

/// `given` as a point of `space`: without inactive parameters, and with the fixed ones.
fn placed(space: &Space, given: &Point) -> Result<Point, String> {
    let given = space.adopt(given);
    let is_fixed = |name: &str| space.parameter(name).is_some_and(|parameter| parameter.domain.is_fixed());
    let completed = space.completed(&given);
    let active = completed.iter().filter_map(|(name, value)| match given.get(name) {
        None if is_fixed(name) => Some((name, value.clone())),
        given => given.map(|given| (name, given.clone())),
    });
    let point: Point = active.collect();
    space.check(&point).map_err(|error| error.to_string())?;
    Ok(point)
}

/// The value in a cell. It is one of the parameter's choices if it is written like one, else a
/// number or text. `None` if the cell is empty and no choice is an empty text.
fn read(parameter: &Parameter, cell: &str) -> Option<Value> {
    let choices = [cell, cell.trim()].map(|text| Value::Text(text.to_owned()));
    if let Some(choice) = choices.iter().find(|choice| parameter.domain.contains(choice)) {
        return Some(choice.clone());
    }
    let [_, text] = choices;
    let cell = cell.trim();
    if cell.is_empty() {
        return None;
    }
    // Python writes truth values with capitals.
    let spelled = match cell {
        "True" => "true",
        "False" => "false",
        other => other,
    };
    Some(serde_json::from_str(spelled).unwrap_or(text))
}

/// The numbers in `cells`; an empty list if all cells are empty.
fn numbers<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Result<Vec<f64>, String> {
    if cells.clone().all(str::is_empty) {
        return Ok(Vec::new());
    }
    let number = |cell: &str| {
        let number = cell.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| format!("\"{cell}\": must be a finite number"))
    };
    cells.map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{RETRIED, Trial};

    fn space() -> Space {
        let text = r#"{"name": "nets", "parameters": {
            "width": {"type": "int", "low": 8, "high": 512, "log": true},
            "rule": {"type": "categorical", "choices": ["adam", "sgd"]},
            "momentum": {"type": "float", "low": 0, "high": 0.9, "when": {"rule": ["sgd"]}},
            "norm": {"type": "categorical", "choices": [true, false]},
            "epochs": {"type": "fixed", "value": 5}
        }}"#;
        Space::from_json(text, "nets.json").unwrap()
    }

    fn metrics() -> Vec<Metric> {
        vec![Metric::maximize("accuracy")]
    }

    const TABLE: &str = "\
number,accuracy,width,norm,rule,momentum,host
0,0.5,8,True,adam,,here
1,0.75,64.0,false,sgd,0.5,there
2,,16,true,sgd,0.1,there
3,0.9,1024,true,adam,,there
4,0.9,64,true,sgd,,there
";

    #[test]
    fn rows_of_a_table_are_points_in_the_spelling_of_the_space() {
        let WarmStartTable { warm_start, left_out, reason } =
            WarmStartTrials::from_csv(TABLE, "old.csv", &space(), &metrics()).unwrap();
        let spelled: Vec<String> =
            warm_start.results.iter().map(|result| serde_json::to_string(&result.point).unwrap()).collect();
        assert_eq!(
            spelled,
            [
                r#"{"width":8,"rule":"adam","norm":true,"epochs":5}"#,
                r#"{"width":64,"rule":"sgd","momentum":0.5,"norm":false,"epochs":5}"#,
                r#"{"width":16,"rule":"sgd","momentum":0.1,"norm":true,"epochs":5}"#
            ]
        );
        let values: Vec<&[f64]> = warm_start.results.iter().map(|result| &*result.values).collect();
        assert_eq!(values, [&[0.5][..], &[0.75], &[]]);
        assert_eq!(left_out, 2);
        assert!(reason.is_some_and(|reason| reason.starts_with("row 4: width = 1024 ")));
        assert_eq!(warm_start.best(&metrics()), Some(warm_start.results[1].point.clone()));
    }

    #[test]
    fn a_name_with_a_space_at_its_end_is_found() {
        let text = r#"{"name": "s", "parameters": {"lr ": {"type": "float", "low": 0, "high": 1}}}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        let table = "lr , accuracy\n0.25,0.5\n";
        let taken =
            WarmStartTrials::from_csv(table, "t.csv", &space, &[Metric::maximize("accuracy")]).unwrap();
        assert_eq!(taken.warm_start.results[0].point.get("lr "), Some(&0.25.into()));
    }

    #[test]
    fn another_study_is_read_by_the_names_of_its_metrics() {
        let trial = |number, state, values: &[f64]| Trial {
            state,
            values: values.to_vec(),
            ..Trial::waiting(number, space().default_point())
        };
        let trials = vec![
            trial(0, TrialState::Complete, &[3.0, 0.5]),
            trial(1, TrialState::Fail, &[]),
            trial(2, TrialState::Running, &[]),
            Trial {
                internal: [(RETRIED.to_owned(), 2.into())].into_iter().collect(),
                ..trial(3, TrialState::Fail, &[])
            },
        ];
        let other = Study {
            name: "old".into(),
            metrics: vec![Metric::minimize("energy"), Metric::maximize("accuracy")],
            trials,
            ..Study::default()
        };
        let taken = WarmStartTrials::of_trials(&other, &space(), &metrics()).unwrap();
        let values: Vec<&[f64]> = taken.warm_start.results.iter().map(|result| &*result.values).collect();
        assert_eq!((values, taken.left_out), (vec![&[0.5][..], &[]], 2));
        let wanted = [Metric::maximize("speed")];
        let problem = WarmStartTrials::of_trials(&other, &space(), &wanted).unwrap_err().to_string();
        assert_eq!(problem, "old: no metric \"speed\": it has energy, accuracy");
    }

    #[test]
    fn another_value_of_a_fixed_parameter_and_retried_trials_are_left_out() {
        let table = "norm,accuracy,rule,width,epochs,state\n\
            true,0.5,adam,8,5,complete\n\
            true,0.6,adam,8,60,complete\n\
            true,,adam,8,5,retried\n";
        let taken = WarmStartTrials::from_csv(table, "t.csv", &space(), &metrics()).unwrap();
        assert_eq!((taken.warm_start.results.len(), taken.left_out), (1, 2));
    }

    #[test]
    fn columns_may_come_in_any_order_and_those_of_conditions_may_be_missing() {
        let table = "\u{feff}norm,accuracy,rule ,width,constraint_0,state\n\
            true,0.5,adam,8,-1,complete\n\
            true,0.5,sgd,8,1,complete\n\
            false,,adam,9,,failed\n\
            false,,adam,10,,running\n";
        let taken = WarmStartTrials::from_csv(table, "t.csv", &space(), &metrics()).unwrap();
        let constraints: Vec<&[f64]> =
            taken.warm_start.results.iter().map(|result| &*result.constraints).collect();
        assert_eq!(constraints, [&[-1.0][..], &[]]);
        assert_eq!((taken.left_out, taken.failed()), (2, 1));
        assert!(taken.reason.is_some_and(|reason| reason.starts_with("row 2: momentum is missing")));
    }

    #[test]
    fn lines_of_json_are_read_as_a_table_is() {
        let text = r#"{"trial": 0, "state": "complete", "point": {"width": 8, "rule": "adam", "norm": true}, "values": {"energy": 3, "accuracy": 0.5}, "constraints": [1]}

{"trial": 1, "state": "failed", "point": {"width": 9, "rule": "adam", "norm": true}, "values": {}}
{"trial": 2, "state": "running", "point": {"width": 9, "rule": "adam", "norm": true}}
{"trial": 3, "state": "complete", "point": {"width": 9, "rule": "adam", "norm": true}, "values": {"accuracy": null}}
{"trial": 4, "state": "failed", "point": {}}
"#;
        let taken = WarmStartTrials::from_jsonl(text, "t.jsonl", &space(), &metrics()).unwrap();
        let values: Vec<&[f64]> = taken.warm_start.results.iter().map(|result| &*result.values).collect();
        assert_eq!(values, [&[0.5][..], &[]]);
        assert_eq!(taken.warm_start.results[0].constraints, [1.0]);
        assert_eq!((taken.left_out, taken.reason.as_deref()), (3, Some("line 4: is running")));
        let problem = |text: &str| {
            WarmStartTrials::from_jsonl(text, "t.jsonl", &space(), &metrics()).unwrap_err().to_string()
        };
        assert!(
            problem("\n{\"width\": 8}").starts_with("t.jsonl: line 2: not a trial as `tune export jsonl`")
        );
        let other = r#"{"point": {"width": 8, "rule": "adam", "norm": true}, "values": {"speed": 1}}"#;
        assert!(problem(other).ends_with("line 1: no metric \"accuracy\""));
    }

    #[test]
    fn a_table_that_is_none_or_lacks_something_is_refused() {
        let problem = |text: &str| {
            WarmStartTrials::from_csv(text, "t.csv", &space(), &metrics()).unwrap_err().to_string()
        };
        assert_eq!(
            problem("width,rule,momentum,accuracy\n"),
            "t.csv: no column \"norm\": it has width, rule, momentum, accuracy"
        );
        let header = "width,rule,momentum,norm,accuracy\n";
        assert_eq!(problem(header), "t.csv: no result that fits the space nets: it is empty");
        assert!(problem(&format!("{header}8,adam\n")).starts_with("t.csv: not a table with a header: "));
        let bad = problem(&format!("{header}8,adam,,true,high\n"));
        assert!(bad.ends_with("row 1: \"high\": must be a finite number"), "{bad}");
    }
}

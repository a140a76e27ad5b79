//! Where warm-start trials come from: the trials of another study, or the rows of a table.

use crate::space::{Parameter, Point, Space, Value};
use crate::study::{Metric, Study, TrialState, WarmStartTrial, WarmStartTrials};

/// The results that were read, and the number of those that do not fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WarmStartTable {
    /// The results that fit.
    pub warm_start: WarmStartTrials,
    /// The number of results that were left out.
    pub left_out: usize,
    /// Why the first of these was left out.
    pub reason: Option<String>,
}

/// Why a table or a study cannot be a warm start.
#[derive(Debug, thiserror::Error)]
pub enum WarmStartError {
    /// The text is not a table.
    #[error("{name}: not a table with a header: {source}")]
    Csv {
        /// The table.
        name: String,
        /// What the parser says.
        source: csv::Error,
    },
    /// A column of a table or a metric of a study is missing.
    #[error("{name}: no {what} \"{missing}\": it has {}", there.join(", "))]
    Missing {
        /// The table or the study.
        name: String,
        /// `column` or `metric`.
        what: &'static str,
        /// The name that is missing.
        missing: String,
        /// The names that there are.
        there: Vec<String>,
    },
    /// No result fits the space.
    #[error("{name}: no result that fits the space {space}: {reason}")]
    Nothing {
        /// The table or the study.
        name: String,
        /// The space.
        space: String,
        /// Why the first does not fit.
        reason: String,
    },
}

impl WarmStartTrials {
    /// The complete and failed trials of `other` whose points are in `space`; metrics are found by
    /// their names.
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
            let values = match trial.state {
                TrialState::Complete => places.iter().map(|&place| trial.values[place]).collect(),
                TrialState::Fail => Vec::new(),
                _ => continue,
            };
            let result = placed(space, &trial.point).map(|point| WarmStartTrial {
                point,
                values,
                constraints: trial.constraints.clone(),
            });
            taken.add(&format!("trial {}", trial.number), result);
        }
        taken.unless_empty(&other.name, space)
    }

    /// The rows of the table `text`, which errors call `name`. It has a column for each searched
    /// parameter of `space` and for each metric; other columns are ignored. The cell of an inactive
    /// parameter is empty, and so are the metrics of a point whose evaluation failed.
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
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
        let column = |wanted: &str| {
            header.iter().position(|column| column == wanted).ok_or_else(|| WarmStartError::Missing {
                name: name.to_owned(),
                what: "column",
                missing: wanted.to_owned(),
                there: header.clone(),
            })
        };
        let searched = space.parameters().iter().filter(|parameter| !parameter.domain.is_fixed());
        let parameters = searched
            .map(|parameter| Ok((parameter, column(&parameter.name)?)))
            .collect::<Result<Vec<(&Parameter, usize)>, WarmStartError>>()?;
        let measured =
            metrics.iter().map(|metric| column(&metric.name)).collect::<Result<Vec<usize>, _>>()?;
        let mut taken = WarmStartTable::default();
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(broken)?;
            let cell = |place: usize| record.get(place).unwrap_or_default();
            let given = parameters.iter().filter(|(_, place)| !cell(*place).is_empty());
            let given: Point =
                given.map(|(parameter, place)| (&*parameter.name, read(parameter, cell(*place)))).collect();
            let result = numbers(measured.iter().map(|&place| cell(place))).and_then(|values| {
                Ok(WarmStartTrial { point: placed(space, &given)?, values, constraints: Vec::new() })
            });
            taken.add(&format!("row {}", row + 1), result);
        }
        taken.unless_empty(name, space)
    }
}

impl WarmStartTable {
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

/// `given` as a point of `space`: without inactive parameters, and with fixed ones.
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

/// The value in a cell: one of the parameter's choices if it is written like one, otherwise a
/// number or text.
fn read(parameter: &Parameter, cell: &str) -> Value {
    let text = Value::Text(cell.to_owned());
    if parameter.domain.contains(&text) {
        return text;
    }
    // As Python writes truth values.
    let spelled = match cell {
        "True" => "true",
        "False" => "false",
        other => other,
    };
    serde_json::from_str(spelled).unwrap_or(text)
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
    use crate::study::Trial;

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
        ];
        let other = Study {
            name: "old".into(),
            metrics: vec![Metric::minimize("energy"), Metric::maximize("accuracy")],
            trials,
            ..Study::default()
        };
        let warm_start = WarmStartTrials::of_trials(&other, &space(), &metrics()).unwrap().warm_start;
        let values: Vec<&[f64]> = warm_start.results.iter().map(|result| &*result.values).collect();
        assert_eq!(values, [&[0.5][..], &[]]);
        let wanted = [Metric::maximize("speed")];
        let problem = WarmStartTrials::of_trials(&other, &space(), &wanted).unwrap_err().to_string();
        assert_eq!(problem, "old: no metric \"speed\": it has energy, accuracy");
    }

    #[test]
    fn a_table_that_is_none_or_lacks_something_is_refused() {
        let problem = |text: &str| {
            WarmStartTrials::from_csv(text, "t.csv", &space(), &metrics()).unwrap_err().to_string()
        };
        assert_eq!(
            problem("width,rule,norm,accuracy\n"),
            "t.csv: no column \"momentum\": it has width, rule, norm, accuracy"
        );
        let header = "width,rule,momentum,norm,accuracy\n";
        assert_eq!(problem(header), "t.csv: no result that fits the space nets: it is empty");
        assert!(problem(&format!("{header}8,adam\n")).starts_with("t.csv: not a table with a header: "));
        let bad = problem(&format!("{header}8,adam,,true,high\n"));
        assert!(bad.ends_with("row 1: \"high\": must be a finite number"), "{bad}");
    }
}

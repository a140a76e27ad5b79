//! Writes studies as journal files, which the `JournalFileBackend` of Optuna reads.
//!
//! Each line is one operation as a JSON object. The first creates the study; then come its
//! attributes, and every trial in its present state.

use serde_json::{Map, Value as Json, json};

use crate::space::{Space, SpaceError};
use crate::storage::Distribution;
use crate::study::{Direction, RUNG_HISTORY, Study, Timestamp, Trial, TrialState, WARM_START};

/// Optuna's code for the operation that creates a study; the codes of other operations follow.
const CREATE_STUDY: u32 = 0;
const SET_STUDY_USER_ATTRIBUTE: u32 = 2;
const SET_STUDY_SYSTEM_ATTRIBUTE: u32 = 3;
const CREATE_TRIAL: u32 = 4;
/// The number of the study in the journal, which holds only one.
const STUDY: u32 = 0;

/// Why a study cannot become a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The study does not store its space, from which the distributions of parameters follow.
    #[error("study {study}: does not keep its space: export it with the program that made it")]
    NoSpace {
        /// The study.
        study: String,
    },
    /// The space that the study stores breaks a rule.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A trial has an infinite value, which JSON does not have.
    #[error("trial {trial}: value {value}: must be finite in a journal")]
    NotFinite {
        /// The number of the trial.
        trial: u32,
        /// The value.
        value: f64,
    },
    /// A trial has a parameter that is not in the space.
    #[error("trial {trial}: {name}: not in the space of the study")]
    Foreign {
        /// The number of the trial.
        trial: u32,
        /// The name of the parameter.
        name: String,
    },
}

/// The journal of `study` as text. Intermediate values that are not finite are left out.
///
/// # Errors
/// The study does not store its space, or a trial has a value that a journal cannot hold.
pub fn journal(study: &Study) -> Result<String, JournalError> {
    let space = study.space().ok_or_else(|| JournalError::NoSpace { study: study.name.clone() })??;
    let directions: Vec<u32> = study.metrics.iter().map(|metric| direction(metric.direction)).collect();
    let names: Vec<&str> = study.metrics.iter().map(|metric| metric.name.as_str()).collect();
    let mut lines = vec![
        json!({"op_code": CREATE_STUDY, "study_name": study.name, "directions": directions}),
        json!({"op_code": SET_STUDY_SYSTEM_ATTRIBUTE, "study_id": STUDY,
               "system_attr": {"study:metric_names": names}}),
    ];
    lines.extend(study.attributes.iter().map(|(name, value)| match name.starts_with("tune:") || name.starts_with("dashboard:note_") {
        true => {
            json!({"op_code": SET_STUDY_SYSTEM_ATTRIBUTE, "study_id": STUDY, "system_attr": {name: value}})
        }
        false => json!({"op_code": SET_STUDY_USER_ATTRIBUTE, "study_id": STUDY, "user_attr": {name: value}}),
    }));
    if !study.warm_start.results.is_empty() {
        lines.push(json!({"op_code": SET_STUDY_SYSTEM_ATTRIBUTE, "study_id": STUDY,
                   "system_attr": {WARM_START: study.warm_start.to_json()}}));
    }
    for trial in &study.trials {
        lines.push(created(&space, trial)?);
    }
    let mut text = String::new();
    for mut line in lines {
        line["worker_id"] = "tune".into();
        text += &format!("{line}\n");
    }
    Ok(text)
}

/// The operation that creates `trial` in its present state.
fn created(space: &Space, trial: &Trial) -> Result<Json, JournalError> {
    let number = trial.number;
    if let Some(&value) = trial.values.iter().chain(&trial.constraints).find(|value| !value.is_finite()) {
        return Err(JournalError::NotFinite { trial: number, value });
    }
    let (mut params, mut distributions) = (Map::new(), Map::new());
    for (name, value) in trial.point.iter() {
        let distribution = space.parameter(name).map(|parameter| Distribution::of(&parameter.domain));
        let stored = distribution.and_then(|known| Some((known.internal(value)?, known)));
        let Some((internal, distribution)) = stored else {
            // The parameters with which a trial was enqueued stay in its attributes.
            if trial.enqueued().is_some() {
                continue;
            }
            return Err(JournalError::Foreign { trial: number, name: name.to_owned() });
        };
        let text = serde_json::to_string(&distribution).expect("a distribution has only keys that are text");
        params.insert(name.to_owned(), internal.into());
        distributions.insert(name.to_owned(), text.into());
    }
    let mut system: Map<String, Json> =
        trial.internal.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    if !trial.rung_history.is_empty() {
        system.insert(RUNG_HISTORY.to_owned(), trial.rung_history.to_json());
    }
    if !trial.constraints.is_empty() {
        system.insert("constraints".to_owned(), trial.constraints.clone().into());
    }
    let finite = trial.intermediate.iter().filter(|(_, value)| value.is_finite());
    let intermediate: Map<String, Json> =
        finite.map(|&(step, value)| (step.to_string(), value.into())).collect();
    let mut line = json!({
        "op_code": CREATE_TRIAL, "study_id": STUDY, "state": state(trial.state),
        "datetime_start": trial.started.map(moment),
        "params": params, "distributions": distributions, "intermediate_values": intermediate,
        "user_attrs": trial.attributes, "system_attrs": system,
    });
    match trial.values[..] {
        [] => line["value"] = Json::Null,
        [value] => line["value"] = value.into(),
        ref values => line["values"] = values.to_vec().into(),
    }
    // Optuna reads the end of a trial wherever the key exists, so unfinished trials have no such
    // key.
    if let Some(finished) = trial.finished {
        line["datetime_complete"] = moment(finished).into();
    }
    Ok(line)
}

fn direction(direction: Direction) -> u32 {
    match direction {
        Direction::Minimize => 1,
        Direction::Maximize => 2,
    }
}

fn state(state: TrialState) -> u32 {
    match state {
        TrialState::Running => 0,
        TrialState::Complete => 1,
        TrialState::Pruned => 2,
        TrialState::Fail => 3,
        TrialState::Waiting => 4,
    }
}

/// The moment in ISO 8601 with a numeric offset from UTC. Python before 3.11 reads only this form.
fn moment(Timestamp(microseconds): Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(microseconds).unwrap_or_default();
    format!("{moment:.6}").replace('Z', "+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, Rung, RungHistory, SPACE, WarmStartTrial, WarmStartTrials};

    fn study() -> Study {
        let text = r#"{"name": "s", "parameters": {
            "rule": {"type": "categorical", "choices": ["adam", "sgd"]},
            "x": {"type": "float", "low": 0, "high": 1}
        }}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        let mut point = space.default_point();
        point.set("rule", "sgd");
        let trial = Trial {
            state: TrialState::Complete,
            values: vec![0.5],
            constraints: vec![-1.0],
            intermediate: vec![(1, f64::NAN), (2, 0.25)],
            started: Some(Timestamp(1_769_903_999_000_001)),
            ..Trial::waiting(0, point)
        };
        Study {
            name: "s".into(),
            metrics: vec![Metric::minimize("loss")],
            trials: vec![trial],
            attributes: [(SPACE.to_owned(), space.to_json()), ("note".to_owned(), json!(1))].into(),
            ..Study::default()
        }
    }

    #[test]
    fn every_line_is_an_operation() {
        let text = journal(&study()).unwrap();
        let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let codes: Vec<u64> = lines.iter().filter_map(|line| line["op_code"].as_u64()).collect();
        assert_eq!(codes, [0, 3, 3, 2, 4]);
        assert_eq!(lines[0]["directions"], json!([1]));
        assert_eq!(lines[4]["params"], json!({"rule": 1.0, "x": 0.5}));
        assert_eq!(lines[4]["datetime_start"], "2026-01-31T23:59:59.000001+00:00");
        assert_eq!(lines[4]["intermediate_values"], json!({"2": 0.25}));
        assert_eq!(lines[4]["system_attrs"]["constraints"], json!([-1.0]));
    }

    #[test]
    fn rungs_and_warm_start_trials_are_attributes_for_programs() {
        let mut paused = study();
        let rungs = vec![Rung { steps: 3, values: vec![0.5], seconds: 1.5 }];
        paused.trials[0].rung_history = RungHistory { rungs };
        let result = WarmStartTrial { point: Point::default(), values: vec![0.5], constraints: vec![] };
        paused.warm_start = WarmStartTrials { results: vec![result] }.into();
        let text = journal(&paused).unwrap();
        let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kept = json!({"rungs": [{"steps": 3, "values": [0.5], "seconds": 1.5}]});
        assert_eq!(lines[5]["system_attrs"]["tune:course"], kept);
        assert_eq!(lines[4]["op_code"], 3);
        let kept = json!({"results": [{"point": {}, "values": [0.5]}]});
        assert_eq!(lines[4]["system_attr"]["tune:prior"], kept);
    }

    #[test]
    fn what_a_journal_cannot_have_is_refused() {
        let problem = |study: &Study| journal(study).unwrap_err().to_string();
        let mut infinite = study();
        infinite.trials[0].values = vec![f64::INFINITY];
        assert!(problem(&infinite).starts_with("trial 0: value inf: "));
        let mut foreign = study();
        foreign.trials[0].point.set("y", 1);
        assert_eq!(problem(&foreign), "trial 0: y: not in the space of the study");
        let nowhere = Study { attributes: Default::default(), ..study() };
        assert!(problem(&nowhere).starts_with("study s: does not keep its space"));
    }
}

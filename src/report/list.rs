//! The studies of a storage, one line each.

use schemars::JsonSchema;
use serde::Serialize;

use crate::study::{Confirmation, Job, Metric, Stopped, Study, TrialState};
use crate::units::digits;

/// A study in a list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StudyLine {
    /// The name.
    pub study: String,
    /// Number of finished trials.
    pub trials: usize,
    /// Number of trials that wait for a worker.
    pub waiting: usize,
    /// The budget in trials; `null` if the study stores none.
    pub budget: Option<u32>,
    /// The first metric.
    pub metric: Metric,
    /// The number of the best trial; `null` if none has a value.
    pub best_trial: Option<u32>,
    /// Its first metric on the validation set.
    pub best: Option<f64>,
    /// Whether the study goes on.
    pub state: StudyState,
}

/// Whether a study goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StudyState {
    /// It has no trial yet.
    New,
    /// A trial is running, or its process has died.
    Running,
    /// It can go on.
    Open,
    /// Its budget is spent, or a rule has ended it.
    Ended,
}

impl StudyState {
    /// The state in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Running => "running",
            Self::Open => "open",
            Self::Ended => "ended",
        }
    }
}

impl StudyLine {
    /// The line of `study`, which has at least one metric.
    pub fn of(study: &Study) -> Self {
        let best = study.best();
        let budget = Job::of(study).map(|job| job.budget);
        Self {
            study: study.name.clone(),
            trials: study.finished(),
            waiting: study.in_state(TrialState::Waiting).count(),
            budget,
            metric: study.metrics[0].clone(),
            best_trial: best.map(|trial| trial.number),
            best: best.and_then(|trial| trial.values.first().copied()),
            state: state(study, budget),
        }
    }
}

fn state(study: &Study, budget: Option<u32>) -> StudyState {
    let is_confirmed =
        Confirmation::of(study).is_some_and(|confirmation| confirmation.trials as usize == study.finished());
    let is_spent = budget.is_some_and(|budget| study.charged() >= budget as usize);
    match () {
        () if study.in_state(TrialState::Running).next().is_some() => StudyState::Running,
        () if is_confirmed || is_spent || Stopped::of(study).is_some() => StudyState::Ended,
        () if study.trials.is_empty() => StudyState::New,
        () => StudyState::Open,
    }
}

/// The studies as a table with a head.
pub fn list_text(lines: &[StudyLine]) -> String {
    let head = ["study", "trials", "best", "state"].map(str::to_owned);
    let row = |line: &StudyLine| {
        let of = line.budget.map_or(String::new(), |budget| format!(" of {budget}"));
        let best =
            line.best.map_or("none".to_owned(), |best| format!("{} {}", line.metric.name, digits(best)));
        let waiting = match line.waiting {
            0 => String::new(),
            waiting => format!(", {waiting} waiting"),
        };
        [line.study.clone(), format!("{}{of}{waiting}", line.trials), best, line.state.name().to_owned()]
    };
    let rows: Vec<[String; 4]> = [head].into_iter().chain(lines.iter().map(row)).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let line = |row: &[String; 4]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::Trial;

    fn study(states: &[TrialState]) -> Study {
        let trial = |(number, &state): (usize, &TrialState)| Trial {
            state,
            values: vec![0.25; usize::from(state == TrialState::Complete)],
            ..Trial::waiting(number as u32, Point::default())
        };
        Study {
            name: "digits".to_owned(),
            metrics: vec![Metric::maximize("accuracy")],
            trials: states.iter().enumerate().map(trial).collect(),
            ..Study::default()
        }
    }

    #[test]
    fn a_study_is_one_line_with_its_best_trial_and_its_state() {
        use TrialState::{Complete, Fail, Running};
        let lines: Vec<StudyLine> = [&[][..], &[Complete, Fail], &[Complete, Running]]
            .map(|states| StudyLine::of(&study(states)))
            .into();
        let states: Vec<StudyState> = lines.iter().map(|line| line.state).collect();
        assert_eq!(states, [StudyState::New, StudyState::Open, StudyState::Running]);
        let waiting = StudyLine::of(&study(&[Complete, TrialState::Waiting]));
        assert_eq!(waiting.waiting, 1);
        assert!(list_text(&[waiting]).contains("1, 1 waiting  accuracy"));
        assert_eq!(
            list_text(&lines[1..2]),
            "study   trials  best             state\ndigits  2       accuracy 0.2500  open\n"
        );
    }
}

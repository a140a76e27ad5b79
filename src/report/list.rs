//! The studies of a storage, one line each.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::Best;
use crate::study::{Confirmation, FreshSeeds, Job, Metric, Setup, Stopped, Study, TrialState};
use crate::units::digits;

/// A study in a list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StudyLine {
    /// The name.
    pub study: String,
    /// Number of finished trials, without those whose point is tried again.
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
    /// The data set; `null` if a command or a script evaluates the trials.
    pub dataset: Option<String>,
    /// The chip; `null` if a command or a script evaluates the trials.
    pub chip: Option<String>,
    /// The confirmed winner; `null` before the end of the study.
    pub winner: Option<WinnerLine>,
}

/// The winner of a study in a list. Costs are those of its saved network on the chip.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WinnerLine {
    /// The number of the trial.
    pub trial: u32,
    /// Mean of the first metric on the test set over the fresh seeds; `null` without a test set.
    pub test: Option<f64>,
    /// Standard deviation of that metric over the seeds.
    pub test_sd: Option<f64>,
    /// Modelled energy per inference in joules; `null` if the chip's profile lacks a constant for it.
    pub energy_j: Option<f64>,
    /// Modelled time of an inference in seconds; `null` if the chip's profile lacks a constant for it.
    pub latency_s: Option<f64>,
    /// Number of cores in use.
    pub cores: Option<u64>,
    /// Number of parameters on the chip.
    pub parameters: Option<u64>,
}

impl WinnerLine {
    fn of(study: &Study) -> Option<Self> {
        let best = Best::current(study)?;
        let chip = best.network.get("chip").unwrap_or(&Json::Null);
        let at = |place: &str| chip.pointer(place);
        let test = best.test.spread.as_ref();
        Some(Self {
            trial: best.trial,
            test: test.map(|spread| spread.mean),
            test_sd: test.map(|spread| spread.sd),
            energy_j: at("/energy_j/total").and_then(Json::as_f64),
            latency_s: at("/latency_s").and_then(Json::as_f64),
            cores: at("/cores").and_then(Json::as_u64),
            parameters: at("/neurobench/ParameterCount").and_then(Json::as_u64),
        })
    }
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
        let (best, setup) = (study.best(), Setup::of(study));
        let budget = Job::of(study).map(|job| job.budget);
        Self {
            study: study.name.clone(),
            trials: study.ended().count(),
            waiting: study.in_state(TrialState::Waiting).count(),
            budget,
            metric: study.metrics[0].clone(),
            best_trial: best.map(|trial| trial.number),
            best: best.and_then(|trial| trial.values.first().copied()),
            state: state(study, budget),
            dataset: setup.as_ref().map(|setup| setup.dataset.clone()),
            chip: setup.map(|setup| setup.chip),
            winner: WinnerLine::of(study),
        }
    }
}

fn state(study: &Study, budget: Option<u32>) -> StudyState {
    let is_confirmed = Confirmation::current(study).is_some();
    let is_spent = budget.is_some_and(|budget| study.charged() >= budget as usize);
    let is_confirming = !FreshSeeds::of(study).0.is_empty();
    match () {
        () if study.in_state(TrialState::Running).next().is_some() => StudyState::Running,
        () if is_confirmed => StudyState::Ended,
        () if !is_confirming && (is_spent || Stopped::of(study).is_some()) => StudyState::Ended,
        () if study.trials.is_empty() => StudyState::New,
        () => StudyState::Open,
    }
}

/// The studies as CSV: a header, and a line for each with its chip, its winner's test and costs. A
/// value that is not known is empty.
pub fn list_csv(lines: &[StudyLine]) -> String {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut write = |row: &[String]| table.write_record(row).expect("memory takes every row");
    let head = [
        "study",
        "dataset",
        "chip",
        "trials",
        "state",
        "metric",
        "winner",
        "test",
        "test_sd",
        "energy_j",
        "latency_s",
        "cores",
        "parameters",
    ];
    write(&head.map(str::to_owned));
    for line in lines {
        let winner = line.winner.as_ref();
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:?}"));
        let count = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
        write(&[
            line.study.clone(),
            line.dataset.clone().unwrap_or_default(),
            line.chip.clone().unwrap_or_default(),
            line.trials.to_string(),
            line.state.name().to_owned(),
            line.metric.name.clone(),
            count(winner.map(|winner| winner.trial.into())),
            number(winner.and_then(|winner| winner.test)),
            number(winner.and_then(|winner| winner.test_sd)),
            number(winner.and_then(|winner| winner.energy_j)),
            number(winner.and_then(|winner| winner.latency_s)),
            count(winner.and_then(|winner| winner.cores)),
            count(winner.and_then(|winner| winner.parameters)),
        ]);
    }
    String::from_utf8(table.into_inner().expect("memory")).expect("text was written")
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
    use crate::study::{CONFIRMATION, Candidate, FRESH_SEEDS, Trial};

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
        let mut retried = study(&[Fail, Complete]);
        retried.trials[0].internal.insert(crate::study::RETRIED.to_owned(), 1.into());
        assert_eq!(StudyLine::of(&retried).trials, 1);
        assert_eq!(state(&retried, Some(1)), StudyState::Ended);
        let seeds = r#"[{"trial": 1, "repeat": 0, "result": {"value": 0.5, "attributes": {}}, "has_network": false}]"#;
        retried.attributes.insert(FRESH_SEEDS.to_owned(), serde_json::from_str(seeds).unwrap());
        assert_eq!(state(&retried, Some(1)), StudyState::Open, "its confirmation was broken off");
        let waiting = StudyLine::of(&study(&[Complete, TrialState::Waiting]));
        assert_eq!(waiting.waiting, 1);
        assert!(list_text(&[waiting]).contains("1, 1 waiting  accuracy"));
        assert_eq!(
            list_text(&lines[1..2]),
            "study   trials  best             state\ndigits  2       accuracy 0.2500  open\n"
        );
    }

    #[test]
    fn a_winner_is_none_once_the_study_has_more_trials() {
        let candidate = Candidate {
            trial: 1,
            repeats: Vec::new(),
            stopped: false,
            test: Vec::new(),
            model_sha256: None,
            host_throughput: None,
        };
        let confirmation = Confirmation {
            trials: 2,
            repeats: 3,
            wanted: 1,
            front: false,
            pick: None,
            candidates: vec![candidate],
            test: Vec::new(),
            kept: 0,
        };
        let winner = |states: &[TrialState]| {
            let mut study = study(states);
            study.attributes.insert(CONFIRMATION.to_owned(), confirmation.to_json());
            StudyLine::of(&study).winner.map(|winner| winner.trial)
        };
        assert_eq!(winner(&[TrialState::Complete; 2]), Some(1));
        assert_eq!(winner(&[TrialState::Complete; 3]), None);
    }
}

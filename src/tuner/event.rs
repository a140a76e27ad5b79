//! What the tuner tells while it runs; with `--json`, one line each.

use schemars::JsonSchema;
use serde::Serialize;

use crate::space::Point;
use crate::study::{Attributes, Study, Trial};

/// Version of the events' form.
const SCHEMA: u32 = 1;

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The study is open.
    StudyStarted {
        /// Version of the events' form.
        schema: u32,
        /// The study's name.
        study: String,
        /// Trials in all.
        budget: u32,
        /// Trials finished by earlier runs.
        finished: usize,
        /// The best of them.
        best: Option<BestSoFar>,
    },
    /// A trial begins.
    TrialStarted {
        /// Its number.
        trial: u32,
        /// What is tried.
        point: Point,
    },
    /// A trial has finished a step.
    TrialReported {
        /// Its number.
        trial: u32,
        /// The step, counted from 1: an epoch.
        step: u32,
        /// The first metric by now; `null` if it is not a number.
        value: f64,
    },
    /// A trial has stopped at a rung, from which it may go on.
    TrialPaused {
        /// Its number.
        trial: u32,
        /// Steps done.
        step: u32,
        /// One a metric; empty where it could not be measured yet.
        values: Vec<f64>,
    },
    /// A paused trial goes on.
    TrialResumed {
        /// Its number.
        trial: u32,
        /// Steps done.
        step: u32,
    },
    /// The state of a paused trial is gone or broken, so it was evaluated from the start.
    TrialRestarted {
        /// Its number.
        trial: u32,
        /// The file, and what is wrong with it.
        reason: String,
    },
    /// The worker of a trial gave no sign of life for too long.
    TrialLost {
        /// Its number.
        trial: u32,
        /// The worker's name.
        worker: String,
        /// The number under which it is tried again; `null` if it is not, having been tried too often.
        again: Option<u32>,
        /// What happened, in one line.
        reason: String,
    },
    /// A trial of this worker was taken by others, who thought it gone: its result is dropped.
    TrialTaken {
        /// Its number.
        trial: u32,
    },
    /// A trial is finished.
    TrialFinished {
        /// Its number.
        trial: u32,
        /// `complete`, `pruned` or `failed`.
        state: String,
        /// One a metric if complete.
        values: Vec<f64>,
        /// What was measured beside them, or why it failed.
        attributes: Attributes,
        /// The best trial by now.
        best: Option<BestSoFar>,
    },
    /// A rule has ended the study before its budget was spent.
    StudyStopped {
        /// Trials finished.
        finished: usize,
        /// The rule, as it is written.
        rule: String,
        /// Why it held.
        reason: String,
    },
    /// No more trials begin; the best trials are evaluated with fresh seeds.
    ConfirmationStarted {
        /// How many.
        candidates: usize,
        /// How often each.
        repeats: usize,
    },
    /// One evaluation with a fresh seed is finished.
    TrialConfirmed {
        /// The trial's number.
        trial: u32,
        /// Which repeat, counted from 0.
        repeat: u32,
        /// The first metric; `null` if it failed.
        value: Option<f64>,
    },
    /// The run was asked to stop and has saved the study.
    Interrupted {
        /// Trials finished.
        finished: usize,
    },
    /// The study is at its end.
    StudyFinished {
        /// Trials finished.
        finished: usize,
        /// The best trial of the search.
        best: Option<BestSoFar>,
    },
}

/// The best trial by now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BestSoFar {
    /// Its number.
    pub trial: u32,
    /// Its first metric.
    pub value: f64,
}

impl Event {
    pub(super) fn study_started(study: &Study, budget: u32) -> Self {
        let (finished, best) = (study.finished(), best(study));
        Event::StudyStarted { schema: SCHEMA, study: study.name.clone(), budget, finished, best }
    }

    pub(super) fn trial_finished(study: &Study, number: u32) -> Self {
        let trial: &Trial = &study.trials[number as usize];
        Event::TrialFinished {
            trial: number,
            state: trial.state.to_string(),
            values: trial.values.clone(),
            attributes: trial.attributes.clone(),
            best: best(study),
        }
    }

    pub(super) fn study_finished(study: &Study) -> Self {
        Event::StudyFinished { finished: study.finished(), best: best(study) }
    }
}

fn best(study: &Study) -> Option<BestSoFar> {
    study.best().map(|trial| BestSoFar { trial: trial.number, value: trial.values[0] })
}

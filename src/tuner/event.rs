//! The events of a run; with `--json`, one line each.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::objective::DataSummary;
use crate::space::{Point, Refusals};
use crate::study::{Attributes, Study, Trial};

/// Version of the JSON form of events.
const SCHEMA: u32 = 1;

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The data that the trials are trained on; comes after the first event. A study of a command
    /// has none.
    DataLoaded(DataSummary),
    /// The study waits for its workers (`--prepare`); the only event of its run.
    StudyPrepared {
        /// Version of the JSON form of events.
        schema: u32,
        /// The study's name.
        study: String,
        /// The database that holds it.
        storage: String,
    },
    /// The run begins or resumes a study.
    StudyStarted {
        /// Version of the JSON form of events.
        schema: u32,
        /// The study's name.
        study: String,
        /// Number of trials, those of earlier runs included.
        budget: u32,
        /// Trials finished by earlier runs.
        finished: usize,
        /// The best trial of earlier runs.
        best: Option<BestSoFar>,
    },
    /// A trial begins.
    TrialStarted {
        /// The trial's number.
        trial: u32,
        /// The trial's point.
        point: Point,
    },
    /// A trial has finished a step.
    TrialReported {
        /// The trial's number.
        trial: u32,
        /// The step, counted from 1: an epoch.
        step: u32,
        /// The first metric after the step; `null` if it is not finite.
        value: f64,
    },
    /// A trial has paused at a rung, and may continue later.
    TrialPaused {
        /// The trial's number.
        trial: u32,
        /// Steps done.
        step: u32,
        /// The values, one for each metric; empty if they cannot be measured yet.
        values: Vec<f64>,
    },
    /// A paused trial continues.
    TrialResumed {
        /// The trial's number.
        trial: u32,
        /// Steps done.
        step: u32,
    },
    /// The checkpoint of a paused trial is gone or broken, so it was evaluated from the start.
    TrialRestarted {
        /// The trial's number.
        trial: u32,
        /// The path of the checkpoint, and what is wrong with it.
        reason: String,
    },
    /// The worker of a trial sent no heartbeat within the timeout.
    TrialLost {
        /// The trial's number.
        trial: u32,
        /// The worker's name.
        worker: String,
        /// The number under which it is tried again; `null` if it was tried too often.
        again: Option<u32>,
        /// What happened, in one line.
        reason: String,
    },
    /// Another process has taken a trial of this worker, since it thought the worker dead. The
    /// result is dropped.
    TrialTaken {
        /// The trial's number.
        trial: u32,
    },
    /// A trial is finished.
    TrialFinished {
        /// The trial's number.
        trial: u32,
        /// `complete`, `pruned` or `failed`.
        state: String,
        /// The values, one for each metric; empty unless complete.
        values: Vec<f64>,
        /// Other measurements, or why it failed.
        attributes: Attributes,
        /// The best trial so far.
        best: Option<BestSoFar>,
    },
    /// A rule has ended the study before its budget was spent.
    StudyStopped {
        /// Trials finished.
        finished: usize,
        /// The rule, as people write it.
        rule: String,
        /// Why it held.
        reason: String,
    },
    /// Points that the search considered and that were refused before any training.
    PointsRefused {
        /// Number of refused points.
        count: u64,
        /// The most frequent reason.
        reason: String,
        /// Number of points that were refused for this reason.
        times: u64,
    },
    /// All trials are done; the best ones are evaluated with fresh seeds, each with as many as it
    /// leads for.
    ConfirmationStarted {
        /// Number of trials that can win.
        candidates: usize,
        /// Number of seeds with which a trial can win.
        repeats: usize,
    },
    /// An evaluation with a fresh seed is finished.
    TrialConfirmed {
        /// The trial's number.
        trial: u32,
        /// Number of the seed, counted from 0.
        repeat: u32,
        /// The first metric; `null` if the evaluation failed.
        value: Option<f64>,
    },
    /// This run did not keep the network of a trial, or its file holds another one, so it is trained
    /// again with the same seed.
    NetworkRetrained {
        /// The trial's number.
        trial: u32,
        /// The file that holds something else; left out if there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
    },
    /// A network that was trained again has another score than in the confirmation, so the best trials
    /// are confirmed anew.
    ConfirmationOutdated {
        /// The trial's number.
        trial: u32,
        /// The first metric in the confirmation; `null` if it failed.
        recorded: Option<f64>,
        /// The first metric now; `null` if it failed.
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
    /// What a display of the running study needs, and no program reads.
    #[serde(skip)]
    Live(Live),
}

/// What a display of a running study needs beside the other events.
#[derive(Clone, Debug, PartialEq)]
pub enum Live {
    /// The study as it is now; comes after every change.
    Study {
        /// The study.
        study: Arc<Study>,
        /// Number of points that this process has refused before any training.
        refused: u64,
    },
    /// An evaluation with a fresh seed begins.
    RepeatStarted {
        /// The trial's number.
        trial: u32,
        /// Number of the seed, counted from 0.
        repeat: u32,
    },
    /// An evaluation with a fresh seed has finished a step.
    RepeatReported {
        /// The trial's number.
        trial: u32,
        /// Number of the seed, counted from 0.
        repeat: u32,
        /// The step, counted from 1: an epoch.
        step: u32,
        /// The first metric after the step.
        value: f64,
    },
}

/// The best trial so far.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BestSoFar {
    /// The trial's number.
    pub trial: u32,
    /// The trial's first metric.
    pub value: f64,
}

impl Event {
    /// The study called `study` in `storage` waits for its workers.
    pub fn study_prepared(study: &str, storage: &str) -> Self {
        Event::StudyPrepared { schema: SCHEMA, study: study.to_owned(), storage: storage.to_owned() }
    }

    pub(super) fn study_started(study: &Study, budget: u32) -> Self {
        let (finished, best) = (study.ended().count(), best(study));
        Event::StudyStarted { schema: SCHEMA, study: study.name.clone(), budget, finished, best }
    }

    pub(super) fn trial_finished(study: &Study, number: u32) -> Self {
        let mut newest_first = study.trials.iter().rev();
        let trial: &Trial =
            newest_first.find(|trial| trial.number == number).expect("a trial that has ended is stored");
        Event::TrialFinished {
            trial: number,
            state: trial.state.to_string(),
            values: trial.values.clone(),
            attributes: trial.attributes.clone(),
            best: best(study),
        }
    }

    /// The `study` as it is now, with the number of `refused` points.
    pub(super) fn changed(study: &Arc<Study>, refused: u64) -> Self {
        Event::Live(Live::Study { study: Arc::clone(study), refused })
    }

    /// Whether programs read this event.
    pub fn is_public(&self) -> bool {
        !matches!(self, Event::Live(_))
    }

    /// The points that were refused so far; `None` if there are none.
    pub(super) fn points_refused(refusals: Refusals) -> Option<Self> {
        let Refusals { count, most_frequent } = refusals;
        most_frequent.map(|(reason, times)| Event::PointsRefused { count, reason, times })
    }

    pub(super) fn study_finished(study: &Study) -> Self {
        Event::StudyFinished { finished: study.ended().count(), best: best(study) }
    }
}

fn best(study: &Study) -> Option<BestSoFar> {
    study.best().map(|trial| BestSoFar { trial: trial.number, value: trial.values[0] })
}

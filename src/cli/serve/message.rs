//! The messages of `tune serve --stdio`: one request per line, and one reply to each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::search::{Fidelity, Strategy};
use crate::space::Point;
use crate::study::Metric;

/// Version of the protocol, which the reply to `open` holds.
pub(super) const SCHEMA: u32 = 1;

/// A line in either direction.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Serve")]
#[expect(dead_code, reason = "it stands for both kinds of lines in their schema")]
pub(in crate::cli) enum Message {
    /// A line from the other program.
    Request(Request),
    /// A line to the other program.
    Reply(Reply),
}

/// A line on standard input: what the other program asks for.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub(in crate::cli) enum Request {
    /// Begins a study. A study that is open before is closed and forgotten.
    Open {
        /// The search space, in the form of a space file.
        space: Map<String, Json>,
        /// The metrics, at least one: the values that the other program measures.
        metrics: Vec<Metric>,
        /// Number of constraints of each result. A constraint holds if its value is at most 0.
        #[serde(default)]
        constraints: usize,
        /// The worst useful value of every metric, for 2 to 4 metrics and the search bayes. Points
        /// that do not improve on it in every metric score zero.
        reference: Option<Vec<f64>>,
        /// The search algorithm that proposes points.
        #[serde(default)]
        search: Strategy,
        /// Whether trials pause, and what decides which of them resume. The first trial never
        /// pauses.
        #[serde(default)]
        fidelity: Fidelity,
        /// Number of steps (such as epochs) of a whole trial, at least 4; needed with a fidelity.
        steps: Option<u32>,
        /// Seed of all random numbers: the same requests with the same seed get the same replies.
        #[serde(default)]
        seed: u64,
    },
    /// Asks for a point to evaluate. Several points may be under evaluation at a time.
    Ask {
        /// Values that the point has, wherever these parameters are active. Trials with other values
        /// stay, and the search learns from them.
        #[serde(default)]
        fix: Point,
    },
    /// Gives the result of a trial, or of a point that was not proposed.
    Tell {
        /// The trial's number. Either `trial` or `point` is given.
        trial: Option<u32>,
        /// A point that was not proposed; it becomes a new trial.
        point: Option<Point>,
        /// One finite value per metric. Either `values` or `failure` is given.
        values: Option<Vec<f64>>,
        /// One value per constraint.
        #[serde(default)]
        constraints: Vec<f64>,
        /// With a fidelity: the step of the values, which is `until` of the reply to `ask`. A trial
        /// ends at its last step and pauses at any other; constraints count at the end alone.
        step: Option<u32>,
        /// The reason, if the trial failed.
        failure: Option<String>,
    },
    /// Asks for the best trials so far.
    Best {},
    /// Ends the study and forgets it.
    Close {},
}

/// A line on standard output: the reply to one request.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub(in crate::cli) enum Reply {
    /// The study has begun.
    Opened {
        /// Version of the protocol.
        schema: u32,
        /// Name of the search space.
        space: String,
        /// Number of parameters that are searched.
        dimension: usize,
    },
    /// A point to evaluate.
    Trial {
        /// The trial's number, which the request `tell` names.
        trial: u32,
        /// The values of the parameters that are active.
        point: Point,
        /// With a fidelity: the steps that the trial has done, 0 for a new trial.
        #[serde(skip_serializing_if = "Option::is_none")]
        step: Option<u32>,
        /// With a fidelity: the step up to which it is to be evaluated now.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<u32>,
    },
    /// The result was taken.
    Told {
        /// The trial's number. A point that was not proposed gets a new one.
        trial: u32,
        /// The best trial in the first metric so far; `null` if no trial with a value keeps all constraints.
        best: Option<u32>,
    },
    /// The best trials so far: with one metric the best one, with several metrics the Pareto front
    /// (trials that no other dominates). Trials that break a constraint are left out.
    Best {
        /// The trials, in rising order of their numbers.
        trials: Vec<Scored>,
    },
    /// The study is closed and forgotten.
    Closed {
        /// Number of trials that the study had.
        trials: usize,
    },
    /// The request was refused; the study is unchanged.
    Error {
        /// One line that says what is wrong: the value, the rule, the way out.
        message: String,
    },
}

/// A trial with a value.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(in crate::cli) struct Scored {
    /// The trial's number.
    pub trial: u32,
    /// The values of its active parameters.
    pub point: Point,
    /// One value per metric.
    pub values: Vec<f64>,
}

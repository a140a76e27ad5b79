//! What goes over `tune serve --stdio`: a request a line, and a reply to each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::search::Strategy;
use crate::space::Point;
use crate::study::Metric;

/// Version of the protocol.
pub(super) const SCHEMA: u32 = 1;

/// A line in either direction.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Serve")]
#[expect(dead_code, reason = "it stands for both kinds of lines in their schema")]
pub(in crate::cli) enum Message {
    /// To the program.
    Request(Request),
    /// A request of the program, one per line.
    Reply(Reply),
}

/// A line on standard input.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub(in crate::cli) enum Request {
    /// Begins a study; one that is open is forgotten.
    Open {
        /// The search space, as in a space's file.
        space: Map<String, Json>,
        /// What is measured, at least one.
        metrics: Vec<Metric>,
        /// How many constraints each result has; one holds where its value is at most 0.
        #[serde(default)]
        constraints: usize,
        /// With 2 to 4 metrics and the search bayes, one value per metric. Points that do not improve on it in every
        /// metric score zero.
        reference: Option<Vec<f64>>,
        /// What proposes points.
        #[serde(default)]
        search: Strategy,
        /// Root of all randomness: the same requests with the same seed get the same replies.
        #[serde(default)]
        seed: u64,
    },
    /// Asks for a point to evaluate; several may be under way.
    Ask {},
    /// Gives the result of a trial, or of a point that was not asked for.
    Tell {
        /// The trial's number; this or `point`.
        trial: Option<u32>,
        /// A point that was not asked for.
        point: Option<Point>,
        /// One a metric, finite; this or `failure`.
        values: Option<Vec<f64>>,
        /// One a constraint.
        #[serde(default)]
        constraints: Vec<f64>,
        /// The reason, if the trial failed.
        failure: Option<String>,
    },
    /// Asks for the best trials so far.
    Best {},
    /// Ends the study.
    Close {},
}

/// A line on standard output.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub(in crate::cli) enum Reply {
    /// The study is open.
    Opened {
        /// Version of the protocol.
        schema: u32,
        /// The space's name.
        space: String,
        /// How many parameters are searched.
        dimension: usize,
    },
    /// A point to evaluate.
    Trial {
        /// Its number, to tell its result by.
        trial: u32,
        /// The values of the parameters that are active.
        point: Point,
    },
    /// A result is known now.
    Told {
        /// The trial's number; of a point that was not asked for, its new one.
        trial: u32,
        /// The best trial in the first metric so far; left out if no trial has a value.
        best: Option<u32>,
    },
    /// The best trials: with one metric the best, with several all that no other beats in every one; none
    /// that breaks a constraint.
    Best {
        /// In order of their numbers.
        trials: Vec<Scored>,
    },
    /// The study is forgotten.
    Closed {
        /// How many trials it had.
        trials: usize,
    },
    /// The request was refused; the session is unchanged.
    Error {
        /// What is wrong, in one line: the value, the rule, the way out.
        message: String,
    },
}

/// A trial with a value.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(in crate::cli) struct Scored {
    /// Its number.
    pub trial: u32,
    /// What was tried.
    pub point: Point,
    /// One a metric.
    pub values: Vec<f64>,
}

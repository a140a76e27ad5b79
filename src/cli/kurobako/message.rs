//! The messages that kurobako 0.2 (a program that benchmarks optimizers) exchanges with a solver
//! (an optimizer). Only messages that a solver needs are here; names are those of kurobako.

use serde::{Deserialize, Serialize};

/// A message from kurobako, one per line. kurobako waits for an answer to a call, and for none to a
/// cast.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Order {
    /// Asks for a solver of a problem; it gets no answer.
    CreateSolverCast { solver_id: u64, random_seed: u64, problem: Problem },
    /// Says that a solver is no longer needed; it gets no answer.
    DropSolverCast { solver_id: u64 },
    /// Asks for the next trial to evaluate.
    AskCall { solver_id: u64, next_trial_id: u64 },
    /// Reports the result of a trial.
    TellCall { solver_id: u64, trial: Evaluated },
}

/// A message to kurobako.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Answer {
    /// The first line of output: the solver's name and capabilities.
    SolverSpecCast { spec: Spec },
    /// A trial for kurobako to evaluate.
    AskReply { trial: Asked, next_trial_id: u64 },
    /// Confirms that a result was taken.
    TellReply,
    /// A call could not be answered; `message` says why.
    ErrorReply { kind: &'static str, message: String },
}

/// The name and the capabilities of a solver.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Spec {
    pub name: String,
    pub attrs: serde_json::Map<String, serde_json::Value>,
    pub capabilities: Vec<&'static str>,
}

/// All capabilities that kurobako knows; every search here has all of them.
pub(super) const CAPABILITIES: [&str; 8] = [
    "UNIFORM_CONTINUOUS",
    "UNIFORM_DISCRETE",
    "LOG_UNIFORM_CONTINUOUS",
    "LOG_UNIFORM_DISCRETE",
    "CATEGORICAL",
    "CONDITIONAL",
    "MULTI_OBJECTIVE",
    "CONCURRENT",
];

/// A problem: a function of parameters, whose values are all minimized.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Problem {
    pub name: String,
    pub params_domain: Vec<Variable>,
    pub values_domain: Vec<Variable>,
    /// One worst useful value per value of the problem, if it has several. Points that are not
    /// below it in every value score zero.
    #[serde(default)]
    pub reference_point: Option<Vec<f64>>,
    pub steps: Steps,
}

/// The steps at which a trial may pause.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Steps {
    /// Every step from 1 to this one.
    All(u64),
    /// These steps, in rising order.
    Some(Vec<u64>),
}

impl Steps {
    /// The step at which a trial is complete.
    pub fn last(&self) -> u64 {
        match self {
            Steps::All(last) => *last,
            Steps::Some(steps) => steps.last().copied().unwrap_or(1),
        }
    }
}

/// A parameter of a problem, or one of its values.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Variable {
    pub name: String,
    pub range: Range,
    pub distribution: Distribution,
    pub constraint: Option<Constraint>,
}

/// The range of a variable; its upper end does not belong to it.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Range {
    Continuous { low: Option<f64>, high: Option<f64> },
    Discrete { low: i64, high: i64 },
    Categorical { choices: Vec<String> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Distribution {
    Uniform,
    LogUniform,
}

/// The condition under which a parameter is active.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Constraint {
    /// A Lua expression that is true if the parameter is active. It reads earlier parameters by
    /// name.
    pub lua_script: String,
}

/// A trial to evaluate.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Asked {
    pub id: u64,
    /// One entry per parameter: the number, the index of the choice, or null if the parameter is
    /// not active.
    pub params: Vec<Option<f64>>,
    /// The step up to which the trial is to be evaluated.
    pub next_step: Option<u64>,
}

/// The result of a trial.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Evaluated {
    pub id: u64,
    /// One entry per value of the problem; empty if the trial could not be evaluated.
    pub values: Vec<Option<f64>>,
    pub current_step: u64,
}

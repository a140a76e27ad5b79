//! The solver protocol of kurobako 0.2, the benchmark program, as far as a solver needs it; the names are its.

use serde::{Deserialize, Serialize};

/// A message from kurobako, one per line. Calls get an answer, casts get none.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Order {
    /// A solver is needed for a problem.
    CreateSolverCast { solver_id: u64, random_seed: u64, problem: Problem },
    /// A solver is not needed any more.
    DropSolverCast { solver_id: u64 },
    /// What is to be evaluated next?
    AskCall { solver_id: u64, next_trial_id: u64 },
    /// This came of a trial.
    TellCall { solver_id: u64, trial: Evaluated },
}

/// To kurobako.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Answer {
    /// The first line: who we are.
    SolverSpecCast { spec: Spec },
    /// A trial to evaluate.
    AskReply { trial: Asked, next_trial_id: u64 },
    /// A result is known now.
    TellReply,
    /// A call cannot be answered.
    ErrorReply { kind: &'static str, message: String },
}

/// What a solver can do.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Spec {
    pub name: String,
    pub attrs: serde_json::Map<String, serde_json::Value>,
    pub capabilities: Vec<&'static str>,
}

/// All capabilities that there are: every search has them.
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

/// A problem; everything is minimized.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Problem {
    pub name: String,
    pub params_domain: Vec<Variable>,
    pub values_domain: Vec<Variable>,
    /// The reference of a problem with several values: points that are not below it in every value score zero.
    #[serde(default)]
    pub reference_point: Option<Vec<f64>>,
    pub steps: Steps,
}

/// At which steps a trial may pause.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Steps {
    /// At every one up to this.
    All(u64),
    /// At these, in rising order.
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

/// A parameter or a value.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Variable {
    pub name: String,
    pub range: Range,
    pub distribution: Distribution,
    pub constraint: Option<Constraint>,
}

/// The values of a variable; the upper ends are left out.
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

/// When a parameter is active.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Constraint {
    /// A script that is true then; it sees the parameters before this one by name.
    pub lua_script: String,
}

/// A trial to evaluate.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Asked {
    pub id: u64,
    /// One entry per parameter: the number, the index of the choice, or null if it is not active.
    pub params: Vec<Option<f64>>,
    /// The step to go to.
    pub next_step: Option<u64>,
}

/// What came of a trial.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Evaluated {
    pub id: u64,
    /// One a value; none at all if it cannot be evaluated.
    pub values: Vec<Option<f64>>,
    pub current_step: u64,
}

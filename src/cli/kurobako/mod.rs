//! `tune kurobako`: a solver (an optimizer) for kurobako, the program that benchmarks optimizers.
//!
//! ```text
//! kurobako solver command tune kurobako
//! ```
//!
//! One process answers for any number of solvers. Each solver is a study in memory. Every trial is
//! evaluated up to its last step at once.

mod message;
mod problem;
mod script;

use std::collections::HashMap;
use std::io::{BufRead, Write};

use anyhow::{Context, Result};
use serde_json::json;

use self::message::{Answer, Asked, CAPABILITIES, Evaluated, Order, Problem, Spec};
use self::problem::Searched;
use super::options::metric::check_metrics;
use super::request_lines::{hint, next_request};
use super::shown::exit::{Exit, WhileRunning};
use super::shown::streams::{self, Reader};
use crate::input::{self, shortened};
use crate::search::Strategy;
use crate::study::{Attributes, Failure, FailureKind, Metric, Outcome};
use crate::tuner::Session;

/// Answers kurobako on standard output until the end of standard input.
pub(super) fn run(strategy: Strategy) -> Result<Exit> {
    serve(strategy, std::io::stdin().lock(), streams::stdout().context("standard output")?)
}

pub(super) fn serve(strategy: Strategy, mut orders: impl BufRead, mut answers: impl Write) -> Result<Exit> {
    let mut write = |answer: &Answer| {
        let line = serde_json::to_string(answer).expect("text and numbers are JSON");
        streams::answer(&mut answers, &line)
    };
    if write(&Answer::SolverSpecCast { spec: spec(strategy) })? == Reader::IsGone {
        return Ok(Exit::Done);
    }
    let mut solvers = Solvers { strategy, by_id: HashMap::new() };
    let unread = |error| WhileRunning(format!("cannot read standard input: {error}"));
    while let Some(line) = next_request(&mut orders).map_err(unread)? {
        let answer = match line.and_then(|line| read(&line)) {
            Ok(order) => solvers.answer(order),
            Err(problem) => Some(refused(problem)),
        };
        if let Some(answer) = answer
            && write(&answer)? == Reader::IsGone
        {
            break;
        }
    }
    Ok(Exit::Done)
}

/// Reads the message in a line.
///
/// # Errors
/// A text that says what is wrong with the line, with the beginning of the line.
fn read(line: &str) -> Result<Order, String> {
    let problem = |error: &dyn std::fmt::Display| format!("{error}{}: {}", hint(line), shortened(line));
    let json = input::parse(line, "message").map_err(|error| problem(&error))?;
    serde_json::from_value(json).map_err(|error| problem(&error))
}

fn spec(strategy: Strategy) -> Spec {
    let mut attrs = serde_json::Map::new();
    attrs.insert("version".to_owned(), json!(concat!("tune ", env!("CARGO_PKG_VERSION"))));
    attrs.insert("search".to_owned(), json!(strategy.name()));
    Spec { name: format!("tune-{}", strategy.name()), attrs, capabilities: CAPABILITIES.to_vec() }
}

fn refused(message: String) -> Answer {
    Answer::ErrorReply { kind: "INVALID_INPUT", message }
}

/// All solvers that kurobako has created and not dropped.
struct Solvers {
    strategy: Strategy,
    /// By kurobako's number: the solver, or the reason why its problem cannot be searched. The
    /// reason is the answer to later calls, since a creation gets no answer.
    by_id: HashMap<u64, Result<Solver, String>>,
}

impl Solvers {
    fn answer(&mut self, order: Order) -> Option<Answer> {
        match order {
            Order::CreateSolverCast { solver_id, random_seed, problem } => {
                let solver = Solver::new(&problem, self.strategy, random_seed);
                self.by_id.insert(solver_id, solver.map_err(|error| format!("{error:#}")));
                None
            }
            Order::DropSolverCast { solver_id } => {
                self.by_id.remove(&solver_id);
                None
            }
            Order::AskCall { solver_id, next_trial_id: id } => {
                let next =
                    id.checked_add(1).ok_or_else(|| format!("next_trial_id = {id}: there is no next number"));
                let asked = next.and_then(|next| Ok((self.solver(solver_id)?.ask(id), next)));
                let reply = asked.map(|(trial, next_trial_id)| Answer::AskReply { trial, next_trial_id });
                Some(reply.unwrap_or_else(refused))
            }
            Order::TellCall { solver_id, trial } => {
                let told = self.solver(solver_id).and_then(|solver| {
                    solver.tell(&trial).map_err(|error| format!("trial {}: {error:#}", trial.id))
                });
                Some(told.map_or_else(refused, |()| Answer::TellReply))
            }
        }
    }

    fn solver(&mut self, id: u64) -> Result<&mut Solver, String> {
        match self.by_id.get_mut(&id) {
            Some(Ok(solver)) => Ok(solver),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(format!("solver {id}: there is none")),
        }
    }
}

/// A solver: one study in memory.
struct Solver {
    searched: Searched,
    session: Session,
    last_step: u64,
    /// The study's number of every running trial, by kurobako's number.
    numbers: HashMap<u64, u32>,
}

impl Solver {
    fn new(problem: &Problem, strategy: Strategy, seed: u64) -> Result<Self> {
        let searched = Searched::new(problem).with_context(|| format!("problem {}", problem.name))?;
        let metrics: Vec<Metric> =
            problem.values_domain.iter().map(|value| Metric::minimize(&value.name)).collect();
        check_metrics(&metrics)?;
        let mut session = Session::new(searched.space.clone(), metrics, 0, strategy.build(), seed);
        if let Some(reference) = &problem.reference_point {
            session = session.with_reference(reference).context("reference point")?;
        }
        Ok(Self { searched, session, last_step: problem.steps.last(), numbers: HashMap::new() })
    }

    fn ask(&mut self, id: u64) -> Asked {
        let trial = self.session.ask();
        let params = self.searched.params(&trial.point);
        self.numbers.insert(id, trial.number);
        Asked { id, params, next_step: Some(self.last_step) }
    }

    fn tell(&mut self, trial: &Evaluated) -> Result<()> {
        let number = *self.numbers.get(&trial.id).context("not under way")?;
        self.session.tell(number, outcome(trial))?;
        self.numbers.remove(&trial.id);
        Ok(())
    }
}

/// The outcome of a trial: a failure if the trial has no value, or one that is not finite.
fn outcome(trial: &Evaluated) -> Outcome {
    let attributes = Attributes::new();
    let values: Option<Vec<f64>> = trial.values.iter().copied().collect();
    match values.filter(|values| !values.is_empty()) {
        Some(values) => Outcome::Complete { values, constraints: Vec::new(), attributes },
        None => {
            let reason = format!("no value at step {}", trial.current_step);
            Outcome::Failed { failure: Failure { kind: FailureKind::Error, reason }, attributes }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    const CREATE: &str = r#"{"type": "CREATE_SOLVER_CAST", "solver_id": ID, "random_seed": 5, "problem": {
        "name": "p", "attrs": {}, "steps": 3, "reference_point": null,
        "params_domain": [
            {"name": "x", "range": {"type": "CONTINUOUS", "low": 0, "high": 1}, "distribution": "UNIFORM", "constraint": null},
            {"name": "c", "range": {"type": "CATEGORICAL", "choices": ["a", "b"]}, "distribution": "UNIFORM"}],
        "values_domain": [
            {"name": "v", "range": {"type": "CONTINUOUS"}, "distribution": "UNIFORM", "constraint": null}]}}"#;

    /// The answers to `orders`, without the first line, in which the solver introduces itself.
    fn answers(orders: &[String]) -> Vec<Json> {
        let text: String = orders.iter().map(|order| order.replace('\n', " ") + "\n").collect();
        let mut answers = Vec::new();
        serve(Strategy::Tpe, text.as_bytes(), &mut answers).unwrap();
        let answers = String::from_utf8(answers).unwrap();
        let mut answers = answers.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        let first = answers.next().unwrap();
        assert_eq!(first["type"], "SOLVER_SPEC_CAST");
        assert_eq!(first["spec"]["capabilities"].as_array().map(Vec::len), Some(8));
        answers.collect()
    }

    fn create(id: u64) -> String {
        CREATE.replace("ID", &id.to_string())
    }

    fn ask(solver: u64, id: u64) -> String {
        format!(r#"{{"type": "ASK_CALL", "solver_id": {solver}, "next_trial_id": {id}}}"#)
    }

    fn tell(solver: u64, id: u64, values: &str) -> String {
        format!(
            r#"{{"type": "TELL_CALL", "solver_id": {solver}, "trial": {{"id": {id}, "values": {values}, "current_step": 3}}}}"#
        )
    }

    #[test]
    fn trials_are_asked_side_by_side_and_told_in_any_order() {
        let orders = [
            create(0),
            ask(0, 7),
            ask(0, 8),
            tell(0, 8, "[0.5]"),
            tell(0, 7, "[]"),
            ask(0, 9),
            tell(0, 9, "[null]"),
            tell(0, 9, "[1.0]"),
        ];
        let answers = answers(&orders);
        let kinds: Vec<&str> = answers.iter().filter_map(|answer| answer["type"].as_str()).collect();
        let (ask, tell) = ("ASK_REPLY", "TELL_REPLY");
        assert_eq!(kinds, [ask, ask, tell, tell, ask, tell, "ERROR_REPLY"]);
        let first = &answers[0]["trial"];
        assert_eq!(
            (&first["id"], &first["next_step"], &first["params"][1]),
            (&json!(7), &json!(3), &json!(0.0))
        );
        assert!(first["params"][0].as_f64().is_some_and(|x| (x - 0.5).abs() < 1e-12));
        assert_eq!((&answers[1]["trial"]["id"], &answers[1]["next_trial_id"]), (&json!(8), &json!(9)));
        assert!(answers[6]["message"].as_str().is_some_and(|message| message.contains("not under way")));
    }

    #[test]
    fn solvers_of_the_same_seed_answer_alike_and_a_dropped_one_is_gone() {
        let orders = |id: u64| {
            let trials = (0..15).flat_map(move |k| [ask(id, k), tell(id, k, &format!("[{}]", k % 5))]);
            [create(id)].into_iter().chain(trials)
        };
        let both: Vec<String> = orders(0).chain(orders(1)).collect();
        let answers = answers(&both);
        assert_eq!(answers[..30], answers[30..]);
        let gone = [create(0), r#"{"type": "DROP_SOLVER_CAST", "solver_id": 0}"#.to_owned(), ask(0, 0)];
        assert_eq!(super::tests::answers(&gone)[0]["kind"], "INVALID_INPUT");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_answered_and_nothing_is_lost() {
        let broken: [(&[u8], &str); 7] = [
            (b"\xff", "not UTF-8: byte 1"),
            (b"{\"type\": NaN}", "JSON has no NaN"),
            (b"{\"type\": 1e400}", "number out of range"),
            (br#"{"type": "ASK_CALL", "solver_id": 0, "solver_id": 1, "next_trial_id": 0}"#, "is there twice"),
            (br#"{"type": "ASK_CALL", "solver_id": 0, "next_trial_id": null}"#, "invalid type: null"),
            (br#"{"type": "ASK_CALL", "solver_id": 0, "next_trial_id": 18446744073709551615}"#, "no next number"),
            (br#"{"type": "TELL_CALL", "solver_id": 0, "trial": {"id": 0, "values": [1, 2], "current_step": 3}}"#,
             "2 values for 1 metrics"),
        ];
        let deep = b"[".repeat(10_000);
        let more = [(deep.as_slice(), "recursion limit")];
        let mut text = format!("{}\n{}\n", create(0).replace('\n', " "), ask(0, 0)).into_bytes();
        for (line, _) in broken.iter().chain(&more) {
            text.extend_from_slice(line);
            text.extend(b"\r\n\n");
        }
        text.extend(tell(0, 0, "[2]").bytes());
        let mut answers = Vec::new();
        serve(Strategy::Tpe, text.as_slice(), &mut answers).unwrap();
        let answers: Vec<Json> = String::from_utf8(answers)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers.len(), 2 + broken.len() + more.len() + 1);
        for (answer, (_, part)) in answers[2..].iter().zip(broken.iter().chain(&more)) {
            let message = answer["message"].as_str().unwrap_or_default();
            assert!(message.contains(part) && message.len() < 600, "no {part:?} in {answer}");
        }
        assert_eq!(
            answers.last().unwrap()["type"],
            "TELL_REPLY",
            "the refused result has not ended the trial"
        );
    }

    #[test]
    fn a_problem_that_cannot_be_searched_is_refused_when_it_is_asked() {
        let endless = create(0).replace(r#""low": 0, "high": 1"#, r#""low": 0"#);
        let answers = answers(&[endless, ask(0, 0)]);
        assert_eq!(
            answers[0]["message"],
            "problem p: parameter x: low = 0, high = none: both must be finite"
        );
        let pointless = create(0).replace(r#""reference_point": null"#, r#""reference_point": [11, 11]"#);
        let answers = super::tests::answers(&[pointless, ask(0, 0)]);
        assert_eq!(answers[0]["message"], "reference point: 2 values for 1 metrics: must be one for each");
    }
}

//! `tune serve --stdio`: a study in memory for another program, with one JSON object per line.
//!
//! `configs/schemas/serve.schema.json` describes the messages. A wrong request gets an error as its
//! reply and changes nothing. Nothing is stored. The program ends at the end of standard input.

mod message;

use std::io::{BufRead, Write};

use anyhow::{Context, Result};
use serde_json::Value as Json;

pub(super) use self::message::Message;
use self::message::{Reply, Request, SCHEMA, Scored};
use super::options::fidelity::check_search;
use super::options::metric::check_metrics;
use super::request_lines::{hint, next_request};
use super::shown::exit::{Exit, WhileRunning};
use super::shown::streams::{self, Reader};
use crate::input;
use crate::space::{Point, Space};
use crate::study::{Attributes, Failure, FailureKind, Outcome, Trial};
use crate::tuner::{Session, Steps};

/// Answers the requests on standard input, until its end.
pub(super) fn run() -> Result<Exit> {
    serve(std::io::stdin().lock(), streams::stdout().context("standard output")?)
}

pub(super) fn serve(mut requests: impl BufRead, mut replies: impl Write) -> Result<Exit> {
    let mut server = Server::default();
    let unread = |error| WhileRunning(format!("cannot read standard input: {error}"));
    while let Some(line) = next_request(&mut requests).map_err(unread)? {
        let reply = match line {
            Ok(line) => server.answer(&line),
            Err(problem) => Reply::Error { message: format!("request: {problem}") },
        };
        let reply = serde_json::to_string(&reply).expect("text and numbers are JSON");
        if streams::answer(&mut replies, &reply)? == Reader::IsGone {
            break;
        }
    }
    Ok(Exit::Done)
}

/// The open study, if there is one.
#[derive(Default)]
struct Server {
    session: Option<Session>,
}

impl Server {
    fn answer(&mut self, line: &str) -> Reply {
        let reply = match input::parse(line, "request") {
            Ok(json) => {
                let request = input::from_value(json, "request", "").map_err(anyhow::Error::from);
                request.and_then(|request| self.reply(request))
            }
            Err(error) => Err(anyhow::anyhow!("{error}{}", hint(line))),
        };
        reply.unwrap_or_else(|error| Reply::Error { message: format!("{error:#}") })
    }

    fn reply(&mut self, request: Request) -> Result<Reply> {
        Ok(match request {
            Request::Open { space, metrics, constraints, reference, search, fidelity, steps, seed } => {
                let space = Space::from_json(&Json::Object(space).to_string(), "space")?;
                check_metrics(&metrics)?;
                check_search(fidelity, search, "")?;
                let steps = Steps::new(fidelity, steps)?;
                let (name, dimension) = (space.name().to_owned(), space.dimension());
                let session = Session::new(space, metrics, constraints, search.build(), seed);
                let mut session = session.with_steps(steps);
                if let Some(reference) = &reference {
                    super::options::reference::check(reference, &session.study().metrics, search)
                        .context("reference")?;
                    session = session.with_reference(reference).context("reference")?;
                }
                self.session = Some(session);
                Reply::Opened { schema: SCHEMA, space: name, dimension }
            }
            Request::Ask { fix } => {
                let session = self.session()?;
                let trial = session.ask_holding(&fix).context("fix")?.clone();
                let part = session.part(&trial);
                let (step, until) = (part.map(|part| part.step), part.map(|part| part.until));
                Reply::Trial { trial: trial.number, point: trial.point, step, until }
            }
            Request::Tell {
                trial: Some(trial),
                point: None,
                values: Some(values),
                constraints,
                step: Some(step),
                failure: None,
            } => {
                let session = self.session()?;
                session.tell_step(trial, step, values, constraints)?;
                told(session, trial)
            }
            Request::Tell { trial, point, values, constraints, step, failure } => {
                if let Some(step) = step {
                    anyhow::bail!("step = {step}: belongs to the values of a trial that was asked for");
                }
                let outcome = outcome(values, constraints, failure)?;
                tell(self.session()?, trial, point.as_ref(), outcome)?
            }
            Request::Best {} => best(self.session()?),
            Request::Close {} => {
                let trials = self.session()?.study().trials.len();
                self.session = None;
                Reply::Closed { trials }
            }
        })
    }

    fn session(&mut self) -> Result<&mut Session> {
        self.session.as_mut().context("no study is open: begin with {\"op\": \"open\", ...}")
    }
}

/// The outcome of a trial, from its values, constraints or failure.
pub(super) fn outcome(
    values: Option<Vec<f64>>,
    constraints: Vec<f64>,
    failure: Option<String>,
) -> Result<Outcome> {
    let attributes = Attributes::new();
    match (values, failure) {
        (Some(values), None) => Ok(Outcome::Complete { values, constraints, attributes }),
        (None, Some(reason)) => {
            let line = Failure::line_of(&reason)
                .with_context(|| format!("failure = {reason:?}: must be a reason"))?;
            let reason = line.to_owned();
            Ok(Outcome::Failed { failure: Failure { kind: FailureKind::Error, reason }, attributes })
        }
        _ => anyhow::bail!("a trial comes to values or to a failure: tell one of them"),
    }
}

fn tell(session: &mut Session, trial: Option<u32>, point: Option<&Point>, outcome: Outcome) -> Result<Reply> {
    let trial = match (trial, point) {
        (Some(trial), None) => session.tell(trial, outcome).map(|()| trial)?,
        (None, Some(point)) => session.add(point, outcome)?,
        _ => anyhow::bail!("a result belongs to a trial or to a point: name one of them"),
    };
    Ok(told(session, trial))
}

fn told(session: &Session, trial: u32) -> Reply {
    Reply::Told { trial, best: session.study().best().map(|best| best.number) }
}

fn best(session: &Session) -> Reply {
    let study = session.study();
    let trials = match study.metrics.len() {
        1 => study.best().into_iter().collect(),
        _ => study.pareto_front(),
    };
    let scored = |trial: &Trial| Scored {
        trial: trial.number,
        point: trial.point.clone(),
        values: trial.values.clone(),
    };
    Reply::Best { trials: trials.into_iter().map(scored).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = r#"{"op": "open", "seed": 3, "search": "tpe", "constraints": 1,
        "metrics": [{"name": "loss", "direction": "minimize"}],
        "space": {"name": "s", "parameters": {
            "x": {"type": "float", "low": 0, "high": 1},
            "kind": {"type": "categorical", "choices": ["a", "b"]},
            "n": {"type": "int", "low": 1, "high": 9, "when": {"kind": ["b"]}}}}}"#;

    fn open() -> Server {
        let mut server = Server::default();
        let opened = Reply::Opened { schema: 1, space: "s".into(), dimension: 3 };
        assert_eq!(server.answer(OPEN), opened);
        server
    }

    fn error(server: &mut Server, line: &str) -> String {
        match server.answer(line) {
            Reply::Error { message } => message,
            reply => panic!("{line} is answered by {reply:?}"),
        }
    }

    #[test]
    fn asked_and_told_in_turns_it_finds_the_best_feasible_point() {
        let mut server = open();
        let mut losses = Vec::new();
        for k in 0..30 {
            let Reply::Trial { trial, point, .. } = server.answer(r#"{"op": "ask"}"#) else {
                panic!("no trial")
            };
            assert_eq!(trial, k);
            let x = point.get("x").and_then(|x| x.as_f64()).unwrap();
            losses.push(if x >= 0.5 { (x - 0.8).abs() } else { f64::INFINITY });
            let (loss, excess) = ((x - 0.8).abs(), 0.5 - x);
            let told = server.answer(&format!(
                r#"{{"op": "tell", "trial": {trial}, "values": [{loss}], "constraints": [{excess}]}}"#
            ));
            let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
            let best = losses.iter().position(|&loss| loss == least && least.is_finite());
            assert_eq!(told, Reply::Told { trial, best: best.map(|best| best as u32) });
        }
        let Reply::Best { trials } = server.answer(r#"{"op": "best"}"#) else { panic!("no best") };
        assert!(trials.len() == 1 && trials[0].values[0] < 0.1, "{trials:?}");
    }

    #[test]
    fn points_that_were_not_asked_for_and_failures_are_trials() {
        let mut server = open();
        let told =
            r#"{"op": "tell", "point": {"kind": "b", "x": 1, "n": 3.0}, "values": [2], "constraints": [0]}"#;
        assert_eq!(server.answer(told), Reply::Told { trial: 0, best: Some(0) });
        let failed = r#"{"op": "tell", "point": {"x": 0.5, "kind": "a"}, "failure": "too slow"}"#;
        assert_eq!(server.answer(failed), Reply::Told { trial: 1, best: Some(0) });
        let blank = failed.replace("too slow", r"\n ");
        assert_eq!(error(&mut server, &blank), r#"failure = "\n ": must be a reason"#);
        let late = failed.replace("too slow", r"\n too slow");
        assert_eq!(server.answer(&late), Reply::Told { trial: 2, best: Some(0) });
        let study = server.session().expect("it is open").study();
        assert_eq!(study.trials[2].attributes["reason"], " too slow");
        assert_eq!(server.answer(r#"{"op": "close"}"#), Reply::Closed { trials: 3 });
        assert!(error(&mut server, r#"{"op": "ask"}"#).starts_with("no study is open"));
    }

    #[test]
    fn a_reference_is_for_the_metrics_and_the_search_that_look_at_it() {
        let mut server = Server::default();
        let of = |metrics: &str, search: &str| {
            OPEN.replace(r#""search": "tpe""#, &format!(r#""search": "{search}", "reference": [1, 2]"#))
                .replace(r#"[{"name": "loss", "direction": "minimize"}]"#, metrics)
        };
        let one = r#"[{"name": "a", "direction": "minimize"}]"#;
        let two = r#"[{"name": "a", "direction": "minimize"}, {"name": "b", "direction": "maximize"}]"#;
        assert_eq!(
            error(&mut server, &of(one, "bayes")),
            "reference: 1,2: must be one finite value per metric, 1 in all"
        );
        assert!(error(&mut server, &of(two, "tpe")).contains("use bayes"));
        assert!(matches!(server.answer(&of(two, "bayes")), Reply::Opened { .. }));
        let study = server.session.expect("it is open").study().clone();
        assert_eq!(study.reference(), Some(vec![1.0, -2.0]));
    }

    #[test]
    fn sessions_follow_one_another_and_the_same_requests_get_the_same_replies() {
        let session = |server: &mut Server| -> Vec<Reply> {
            server.answer(OPEN);
            (0..15)
                .flat_map(|k| {
                    let tell = format!(
                        r#"{{"op": "tell", "trial": {k}, "values": [{}], "constraints": [0]}}"#,
                        k % 4
                    );
                    [server.answer(r#"{"op": "ask"}"#), server.answer(&tell)]
                })
                .collect()
        };
        let mut server = Server::default();
        let first = session(&mut server);
        assert_eq!(session(&mut server), first);
        assert_eq!(session(&mut Server::default()), first);
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_and_the_session_goes_on() {
        let mut server = open();
        assert_eq!(
            error(&mut server, r#"{"op": "aks"}"#),
            r#"request: op: unknown value "aks"; did you mean "ask"?"#
        );
        assert!(error(&mut server, "nonsense").starts_with("request: not JSON: "));
        assert!(error(&mut server, r#"{"op": "tell", "trial": 0}"#).contains("values or to a failure"));
        assert!(error(&mut server, r#"{"op": "tell", "values": [1]}"#).contains("trial or to a point"));
        let unknown = r#"{"op": "tell", "trial": 5, "values": [1], "constraints": [0]}"#;
        assert_eq!(error(&mut server, unknown), "trial 5: there is none; 0 have been asked for or told");
        let outside = r#"{"op": "tell", "point": {"x": 3, "kind": "a"}, "values": [1], "constraints": [0]}"#;
        assert!(error(&mut server, outside).contains("x = 3.0 is outside the space s"));
        let wrong = OPEN.replace(r#""low": 0"#, r#""lwo": 0"#);
        assert_eq!(
            error(&mut server, &wrong),
            r#"space: parameters.x: unknown key "lwo"; did you mean "low"?"#
        );
        let none = OPEN.replace(r#"{"name": "loss", "direction": "minimize"}"#, "");
        assert!(error(&mut server, &none).contains("at least one"));
        assert!(matches!(server.answer(r#"{"op": "ask"}"#), Reply::Trial { trial: 0, .. }));
    }

    /// The replies to `lines`, after a study was opened.
    fn replies(lines: &[u8]) -> Vec<Json> {
        let requests = [OPEN.replace('\n', " ").as_bytes(), b"\n", lines].concat();
        let mut replies = Vec::new();
        serve(requests.as_slice(), &mut replies).unwrap();
        let replies = String::from_utf8(replies).unwrap();
        let mut replies = replies.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        assert_eq!(replies.next().unwrap()["reply"], "opened");
        replies.collect()
    }

    #[test]
    fn a_line_that_cannot_be_read_is_answered_and_nothing_is_lost() {
        let broken: [(&[u8], &str); 12] = [
            (b"\xff", "request: not UTF-8: byte 1 of the line is 0xff"),
            (b"{\"op\": \"ask\xc3\"}", "request: not UTF-8: byte 12"),
            (br#"{"op": "tell", "trial": 0, "values": [NaN], "constraints": [0]}"#, "JSON has no NaN"),
            (br#"{"op": "tell", "trial": 0, "values": [-Infinity], "constraints": [0]}"#, "tell a trial"),
            (br#"{"op": "tell", "trial": 0, "values": [1e400], "constraints": [0]}"#, "number out of range"),
            (br#"{"op": "tell", "trial": 0, "values": [null], "constraints": [0]}"#, "invalid type: null"),
            (br#"{"op": "tell", "trial": 0, "values": [1], "constraints": null}"#, "invalid type: null"),
            (br#"{"op": "tell", "trial": 4294967296, "values": [1], "constraints": [0]}"#, "4294967296"),
            (br#"{"op": "ask", "op": "best"}"#, r#"key "op" is there twice"#),
            (b"{\"op\": \"ask\"", "request: not JSON: EOF"),
            (br#"["op", "ask"]"#, "request: "),
            (b"\0", "request: not JSON: "),
        ];
        let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
        let long = [b"{\"op\": \"".to_vec(), b"x".repeat(1 << 20), b"\"}".to_vec()].concat();
        let more = [(deep.as_slice(), "recursion limit"), (long.as_slice(), "unknown value")];
        let mut lines = b"{\"op\": \"ask\"}\n".to_vec();
        for (line, _) in broken.iter().chain(&more) {
            lines.extend_from_slice(line);
            lines.extend(b"\r\n\n");
        }
        lines.extend(br#"{"op": "tell", "trial": 0, "values": [2], "constraints": [0]}"#);
        let replies = replies(&lines);
        assert_eq!(replies.len(), broken.len() + more.len() + 2);
        for (reply, (line, part)) in replies[1..].iter().zip(broken.iter().chain(&more)) {
            let message = reply["message"].as_str().unwrap_or_default();
            let line = String::from_utf8_lossy(&line[..line.len().min(80)]);
            assert!(message.contains(part), "{line}: no {part:?} in {reply}");
            assert!(message.len() < 600, "{line}: {} bytes", message.len());
        }
        let told = serde_json::json!({"reply": "told", "trial": 0, "best": 0});
        assert_eq!(replies.last(), Some(&told), "the last line has no end");
    }

    #[test]
    fn a_space_that_no_search_can_fill_is_refused_and_one_of_any_width_is_searched() {
        let mut server = Server::default();
        let open = |low: &str, high: &str, more: &str| {
            format!(
                r#"{{"op": "open", "search": "tpe", "metrics": [{{"name": "m", "direction": "minimize"}}],
                "space": {{"name": "s", "parameters": {{
                    "x": {{"type": "float", "low": {low}, "high": {high}{more}}}}}}}}}"#
            )
        };
        let refused = error(&mut server, &open("0", "1", r#", "step": 1e-20"#));
        assert!(refused.starts_with("space: parameters.x: step = 1e-20: more than 2^50 steps"), "{refused}");
        for (low, high, more) in [("-1e308", "1e308", ""), ("1e-308", "1e308", r#", "log": true"#)] {
            assert!(matches!(server.answer(&open(low, high, more)), Reply::Opened { .. }));
            for k in 0..15 {
                let Reply::Trial { trial, .. } = server.answer(r#"{"op": "ask"}"#) else {
                    panic!("no trial")
                };
                let tell = format!(r#"{{"op": "tell", "trial": {trial}, "values": [{k}]}}"#);
                assert!(matches!(server.answer(&tell), Reply::Told { .. }));
            }
        }
    }

    #[test]
    fn lines_are_answered_until_the_end() {
        let mut replies = Vec::new();
        let requests = format!("{}\n\n{{\"op\": \"ask\"}}\n", OPEN.replace('\n', " "));
        let exit = serve(requests.as_bytes(), &mut replies).unwrap();
        assert_eq!(exit, Exit::Done);
        let replies = String::from_utf8(replies).unwrap();
        let replies: Vec<Json> = replies.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<&str> = replies.iter().filter_map(|reply| reply["reply"].as_str()).collect();
        assert_eq!(kinds, ["opened", "trial"]);
    }
}

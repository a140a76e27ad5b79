//! What other programs speak with `tune`: a session over standard input and output, one process a step, and
//! kurobako's protocol.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value as Json, json};

use crate::support::{SPACE, Tune, validate};

fn loss(point: &Json) -> f64 {
    let (x, n) = (point["x"].as_f64().expect("a number"), point["n"].as_f64().expect("a number"));
    (x - 1.0).powi(2) + (n - 3.0).powi(2) / 4.0 + if point["kind"] == "flat" { 1.0 } else { 0.0 }
}

/// The program, asked line by line.
struct Talk {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Talk {
    fn new(tune: &Tune, args: &[&str]) -> Self {
        let mut command = tune.command(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let requests = child.stdin.take().expect("piped");
        let replies = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, requests, replies }
    }

    fn say(&mut self, request: &Json) {
        writeln!(self.requests, "{request}").and_then(|()| self.requests.flush()).expect("it listens");
    }

    fn hear(&mut self) -> Json {
        let mut line = String::new();
        self.replies.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("a JSON object a line")
    }

    fn ask(&mut self, request: &Json) -> Json {
        self.say(request);
        self.hear()
    }

    /// Closes standard input and waits for the end.
    fn end(self) -> Option<i32> {
        let Talk { mut child, requests, replies } = self;
        drop((requests, replies));
        child.wait().expect("it ends").code()
    }
}

fn open(seed: u64) -> Json {
    let space: Json = serde_json::from_str(SPACE).expect("JSON");
    let metrics = json!([{"name": "loss", "direction": "minimize"}]);
    json!({"op": "open", "space": space, "metrics": metrics, "seed": seed, "search": "tpe"})
}

#[test]
fn a_served_session_finds_the_optimum_and_leaves_nothing_on_disk() {
    let tune = Tune::new();
    let mut talk = Talk::new(&tune, &["serve", "--stdio"]);
    let mut answered = |request: Json| {
        validate("serve", &request);
        let reply = talk.ask(&request);
        validate("serve", &reply);
        reply
    };
    let mut session = |seed: u64| -> Vec<Json> {
        assert_eq!(answered(open(seed))["reply"], "opened");
        let told =
            answered(json!({"op": "tell", "point": {"x": 4, "n": 8, "kind": "round"}, "values": [15.25]}));
        assert_eq!((&told["trial"], &told["best"]), (&json!(0), &json!(0)));
        let points = (1..40).map(|number| {
            let trial = answered(json!({"op": "ask"}));
            assert_eq!(trial["trial"], number);
            let values = [loss(&trial["point"])];
            answered(json!({"op": "tell", "trial": number, "values": values}));
            trial["point"].clone()
        });
        points.collect()
    };
    let first = session(1);
    let second = session(2);
    assert_ne!(first, second, "another seed, other points");
    assert_eq!(session(1), first, "the same seed, the same points");
    let best = answered(json!({"op": "best"}));
    assert!(best["trials"][0]["values"][0].as_f64().is_some_and(|loss| loss < 0.5), "{best}");
    assert_eq!(answered(json!({"op": "close"}))["trials"], 40);
    assert_eq!(talk.ask(&json!({"op": "ask", "cuont": 3}))["reply"], "error");
    assert_eq!(talk.end(), Some(0));
    let left = std::fs::read_dir(tune.path("")).expect("the folder").count();
    assert_eq!(left, 0, "nothing is written");
}

#[test]
fn a_script_asks_and_tells_and_gets_what_a_session_gets() {
    let tune = Tune::new();
    tune.file("space.json", SPACE);
    let ask = [
        "ask",
        "--study",
        "s",
        "--space",
        "space.json",
        "--search",
        "tpe",
        "--seed",
        "1",
        "--metric",
        "loss:min",
    ];
    let json = |text: &str| -> Json { serde_json::from_str(text).expect("a JSON object") };
    let mut asked = Vec::new();
    for number in 0..14 {
        let trial = json(&tune.run(&ask).success().stdout);
        assert_eq!(trial["trial"], number);
        let (number, value) = (trial["trial"].to_string(), loss(&trial["point"]).to_string());
        let told = tune.run(&["tell", "--study", "s", "--trial", &number, "--value", &value]).success();
        assert!(json(&told.stdout)["best"]["values"][0].is_number());
        asked.push(trial["point"].clone());
    }
    let mut talk = Talk::new(&tune, &["serve", "--stdio"]);
    talk.ask(&open(1));
    for (number, point) in asked.iter().enumerate() {
        assert_eq!(&talk.ask(&json!({"op": "ask"}))["point"], point, "trial {number}");
        talk.ask(&json!({"op": "tell", "trial": number, "values": [loss(point)]}));
    }
    assert_eq!(talk.end(), Some(0));

    // What the study is of is known without being said again.
    let fourteenth = json(&tune.run(&["ask", "--study", "s"]).success().stdout);
    assert_eq!(fourteenth["trial"], 14);
    tune.run(&["tell", "--study", "s", "--trial", "14", "--failure", " "]).refused(&["must be a reason"]);
    let failed = tune.run(&["tell", "--study", "s", "--trial", "14", "--failure", "out of memory"]);
    failed.success();
    let point = r#"{"x": 1, "n": 3.0, "kind": "round"}"#;
    let told =
        json(&tune.run(&["tell", "--study", "s", "--point", point, "--value", "-0e-05"]).success().stdout);
    assert_eq!((&told["trial"], &told["best"]["trial"]), (&json!(15), &json!(15)));
    let shown = tune.run(&["show", "--study", "s"]).success().stdout;
    assert!(shown.starts_with("s: 15 complete, 0 paused, 0 pruned, 1 failed"), "{shown}");
    assert!(shown.contains("out of memory") && shown.contains("importance"), "{shown}");
}

#[test]
fn a_script_and_a_session_get_the_same_parts_of_trials_that_pause() {
    let tune = Tune::new();
    tune.file("space.json", SPACE);
    let mut talk = Talk::new(&tune, &["serve", "--stdio"]);
    let mut request = open(5);
    request["fidelity"] = json!("asha");
    assert_eq!(talk.ask(&request)["reply"], "error", "steps are missing");
    request["steps"] = json!(27);
    validate("serve", &request);
    assert_eq!(talk.ask(&request)["reply"], "opened");
    let ask = ["ask", "--study", "s", "--space", "space.json", "--metric", "loss:minimize", "--seed", "5"];
    let ask = [&ask[..], &["--search", "tpe", "--fidelity", "asha", "--steps", "27"]].concat();
    let mut resumed = 0;
    for _ in 0..14 {
        let asked: Json = serde_json::from_str(&tune.run(&ask).success().stdout).expect("a JSON object");
        let reply = talk.ask(&json!({"op": "ask"}));
        validate("serve", &reply);
        for key in ["trial", "point", "step", "until"] {
            assert_eq!(asked[key], reply[key], "{key}");
        }
        resumed += usize::from(asked["step"] != 0);
        let (number, until) = (&asked["trial"], &asked["until"]);
        let value = loss(&asked["point"]) + 1.0 / until.as_f64().expect("a number");
        let told = json!({"op": "tell", "trial": number, "step": until, "values": [value]});
        validate("serve", &told);
        assert_eq!(talk.ask(&told)["reply"], "told");
        let (trial, step, value) = (number.to_string(), until.to_string(), value.to_string());
        let tell = ["tell", "--study", "s", "--trial", &trial, "--step", &step, "--value", &value];
        tune.run(&tell).success();
        tune.run(&tell).refused(&["not running"]);
    }
    assert!(resumed > 1, "{resumed} parts resumed a trial");
    let rows = tune.run(&["export", "jsonl", "s"]).success().stdout;
    let first: Json = serde_json::from_str(rows.lines().next().expect("a trial")).expect("a JSON object");
    assert!(first["intermediate"]["27"].is_number(), "the default point never pauses: {first}");
    let shown = tune.run(&["show", "--study", "s"]).success().stdout;
    assert!(shown.contains("paused") && !shown.contains(" 0 paused"), "{shown}");
    let asked: Json = serde_json::from_str(&tune.run(&ask).success().stdout).expect("a JSON object");
    let trial = asked["trial"].to_string();
    tune.run(&["tell", "--study", "s", "--trial", &trial, "--step", "2", "--value", "1"])
        .refused(&["step = 2", "tell its values there"]);
    assert_eq!(talk.end(), Some(0));
}

#[test]
fn scripts_side_by_side_get_different_trials() {
    let tune = Tune::new();
    tune.file("space.json", SPACE);
    let children: Vec<Child> =
        (0..4).map(|_| tune.start(&["ask", "--study", "s", "--space", "space.json"])).collect();
    let mut trials: Vec<Json> = children
        .into_iter()
        .map(|child| {
            let ended = crate::support::Ended::of(child.wait_with_output().expect("it ends")).success();
            serde_json::from_str(&ended.stdout).expect("a JSON object")
        })
        .collect();
    trials.sort_by_key(|trial| trial["trial"].as_u64());
    for (number, trial) in trials.iter().enumerate() {
        assert_eq!(trial["trial"], number);
        assert!(trials[..number].iter().all(|other| other["point"] != trial["point"]));
        assert!(trials[..number].iter().all(|other| other["seed"] != trial["seed"]));
    }
}

#[test]
fn what_a_script_says_wrong_is_refused_with_the_way_out() {
    let tune = Tune::new();
    tune.file("space.json", SPACE);
    tune.run(&["ask", "--study", "s"]).refused(&["--study s", "--space"]);
    tune.run(&["tell", "--study", "s", "--trial", "0", "--value", "1"]).refused(&["tune.db", "no such file"]);
    tune.run(&["ask", "--study", "s", "--space", "space.json"]).success();
    tune.run(&["ask", "--study", "t"]).refused(&["--study t", "not in tune.db", "there are: s"]);
    tune.run(&["ask", "--study", "s", "--space", "space.json", "--seed", "9"])
        .refused(&["seed: 0 there, 9 here"]);
    let tell = |extra: &[&str], parts: &[&str]| {
        let args: Vec<&str> = ["tell", "--study", "s"].into_iter().chain(extra.iter().copied()).collect();
        tune.run(&args).refused(parts);
    };
    tell(&["--trial", "7", "--value", "1"], &["--trial 7", "has 1 trials"]);
    tell(&["--trial", "0", "--value", "1", "--value", "2"], &["2 times --value for 1 metrics"]);
    tell(&["--trial", "0", "--value", "NaN"], &["NaN", "--failure"]);
    tell(&["--trial", "0"], &["--value"]);
    tell(
        &["--point", r#"{"x": 9, "n": 1, "kind": "round"}"#, "--value", "1"],
        &["x = 9.0 is outside the space bowl"],
    );
    tell(&["--point", "x=9", "--value", "1"], &["--point: not JSON"]);
    tune.run(&["tell", "--study", "s", "--trial", "0", "--value", "-1.5"]).success();
    tell(&["--trial", "0", "--value", "1"], &["--trial 0: is complete, not running"]);
}

#[test]
fn kurobako_gets_a_solver_of_every_capability() {
    let tune = Tune::new();
    let mut talk = Talk::new(&tune, &["kurobako", "--search", "nsga2"]);
    let spec = talk.hear();
    assert_eq!(spec["type"], "SOLVER_SPEC_CAST");
    assert_eq!(spec["spec"]["name"], "tune-nsga2");
    assert_eq!(spec["spec"]["capabilities"].as_array().map(Vec::len), Some(8));
    let variable = |name: &str, range: Json| json!({"name": name, "range": range, "distribution": "UNIFORM", "constraint": null});
    let unbounded = || json!({"type": "CONTINUOUS"});
    talk.say(&json!({"type": "CREATE_SOLVER_CAST", "solver_id": 3, "random_seed": 11, "problem": {
        "name": "two", "attrs": {}, "steps": [1, 5],
        "params_domain": [
            variable("x", json!({"type": "CONTINUOUS", "low": 0.0, "high": 1.0})),
            variable("n", json!({"type": "DISCRETE", "low": 0, "high": 4}))],
        "values_domain": [variable("a", unbounded()), variable("b", unbounded())]}}));
    for id in 0..60 {
        let reply = talk.ask(&json!({"type": "ASK_CALL", "solver_id": 3, "next_trial_id": id}));
        assert_eq!((&reply["type"], &reply["next_trial_id"]), (&json!("ASK_REPLY"), &json!(id + 1)));
        assert_eq!(reply["trial"]["next_step"], 5);
        let (x, n) = (&reply["trial"]["params"][0], &reply["trial"]["params"][1]);
        let (x, n) = (x.as_f64().expect("a number"), n.as_f64().expect("a number"));
        assert!((0.0..1.0).contains(&x) && (0.0..4.0).contains(&n) && n.fract() == 0.0);
        let trial = json!({"id": id, "values": [x, n - x], "current_step": 5});
        assert_eq!(
            talk.ask(&json!({"type": "TELL_CALL", "solver_id": 3, "trial": trial}))["type"],
            "TELL_REPLY"
        );
    }
    talk.say(&json!({"type": "DROP_SOLVER_CAST", "solver_id": 3}));
    assert_eq!(talk.end(), Some(0));
}

/// What the program answers to bytes on its standard input, line by line, and its exit code.
fn answers(tune: &Tune, args: &[&str], input: &[u8]) -> (Vec<Json>, Option<i32>) {
    let mut command = tune.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("piped").write_all(input).expect("it listens");
    let ended = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(ended.stdout).expect("UTF-8");
    (text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(), ended.status.code())
}

#[test]
fn a_byte_that_is_no_text_is_answered_and_the_session_goes_on() {
    let tune = Tune::new();
    let mut input = open(1).to_string().into_bytes();
    input.extend(b"\r\n\n{\"op\": \"ask\"}\n\xff\xfe\n{\"op\": \"tell\", \"trial\": 0, \"values\": [NaN]}\n");
    input.extend(b"{\"op\": \"tell\", \"trial\": 0, \"values\": [1]}\n{\"op\": \"close\"}");
    let (replies, code) = answers(&tune, &["serve", "--stdio"], &input);
    let kinds: Vec<&str> = replies.iter().filter_map(|reply| reply["reply"].as_str()).collect();
    assert_eq!(kinds, ["opened", "trial", "error", "error", "told", "closed"]);
    assert_eq!((code, &replies[5]["trials"]), (Some(0), &json!(1)));
    let (replies, code) = answers(&tune, &["kurobako"], b"\xff\n{}\n\n");
    let kinds: Vec<&str> = replies.iter().filter_map(|reply| reply["type"].as_str()).collect();
    assert_eq!((kinds, code), (vec!["SOLVER_SPEC_CAST", "ERROR_REPLY", "ERROR_REPLY"], Some(0)));
}

#[cfg(unix)]
#[test]
fn log_that_looks_like_a_report_costs_no_trial_and_a_wrong_report_only_its_own() {
    let tune = Tune::new();
    tune.file("space.json", SPACE);
    let script = "#!/bin/sh\nread line\n\
        echo \"{'loss': 0.5, 'epoch': 1}\"; echo '{\"level\": \"info\"}'; echo '{\"epoch\": 1, \"loss\": 0.5}'; echo '{1, 2}'\n\
        case \"$1\" in 0) echo '{\"step\": 2147483648, \"value\": 1}' ;; esac\n\
        echo '{\"value\": 1}'\n";
    tune.file("c.sh", script);
    let run = ["run", "--command", "sh c.sh {n}", "--space", "space.json", "--metric", "loss:min"];
    let more = ["--budget", "12", "--confirm", "0", "--search", "sobol", "--quiet"];
    tune.run(&[&run[..], &more].concat()).success();
    let trials = crate::support::trials(&tune);
    assert_eq!(trials.len(), 12);
    let failed = trials.iter().filter(|(_, state, ..)| state == "FAIL").count();
    assert!((1..6).contains(&failed), "{trials:?}");
    assert!(trials.iter().all(|(_, state, ..)| state == "FAIL" || state == "COMPLETE"), "{trials:?}");
}

//! `tune report`: a study as a page, as Markdown and as JSON.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value as Json;

use crate::support::{Tune, validate};

/// A space with a choice that looks like HTML.
const SPACE: &str = r#"{"name": "</script>", "parameters": {
    "x": {"type": "float", "low": 0.001, "high": 1, "log": true},
    "<kind>": {"type": "categorical", "choices": ["a", "<script>alert(1)</script>"]}
}}"#;

/// Prints two steps and a result; fails where x is high.
const SCRIPT: &str = "#!/bin/sh\nread request\ncase $1 in 0.[5-9]*|1*) echo 'x < high' >&2; exit 1;; esac\n\
    echo '{\"step\": 1, \"value\": 2}'\necho '{\"step\": 2, \"value\": 1}'\necho \"{\\\"value\\\": $1}\"\n";

fn study(tune: &Tune, name: &str) {
    tune.file("space.json", SPACE).script("f.sh", SCRIPT);
    let args = ["run", "--command", "./f.sh {x}", "--space", "space.json", "--metric", "loss:min"];
    let rest = ["--budget", "14", "--search", "sobol", "--study", name];
    tune.run(&[&args[..], &rest[..]].concat()).success();
}

/// The data of a page.
fn data(page: &str) -> Json {
    let (_, rest) = page.split_once("id=\"data\">").expect("data");
    serde_json::from_str(rest.split_once("</script").expect("an end").0).expect("JSON")
}

#[test]
fn a_study_is_reported_as_a_page_as_text_and_as_data() {
    let tune = Tune::new();
    study(&tune, "<script>alert(2)</script>");
    let before = tune.read("best.json");
    let written = tune.run(&["report", "-o", "report.html"]).success();
    assert!(written.stdout.is_empty() && written.stderr.contains("written to report.html"));
    let page = tune.read("report.html");
    assert!(page.len() < 250_000, "{} bytes", page.len());
    assert!(!page.contains("<script>alert") && page.matches("<script").count() == 2);
    let of_page = data(&page);
    let of_json: Json =
        serde_json::from_str(&tune.run(&["report", "--format", "json"]).success().stdout).expect("JSON");
    assert_eq!(of_page, of_json);
    validate("report", &of_json);
    let study = &of_json["studies"][0];
    assert_eq!(study["trials"].as_array().map(Vec::len), Some(14));
    let failed = study["failures"][0][1].as_u64().expect("a count");
    assert!(failed > 0 && failed < 8, "{}", study["failures"]);
    let best: Json = serde_json::from_str(&before).expect("JSON");
    // The file has what was typed, the study alone; the report says where the study is.
    let command = format!("{} --storage tune.db", best["command"].as_str().expect("a command"));
    assert_eq!((&study["command"], &study["winner"]["trial"]), (&command.into(), &best["trial"]));
    let curves = study["trials"]
        .as_array()
        .expect("trials")
        .iter()
        .filter(|row| row["curve"] == serde_json::json!([2.0, 1.0]));
    assert_eq!(curves.count(), 14 - failed as usize);
    tune.run(&["report", "-o", "report.md"]).success();
    let text = tune.read("report.md");
    assert!(text.starts_with("# &lt;script&gt;") && text.contains("## Failures") && !text.contains("<s"));
    assert_eq!(tune.run(&["report"]).success().stdout, page, "the same study is the same page");
}

#[test]
fn two_studies_stand_side_by_side_and_more_are_refused() {
    let tune = Tune::new();
    study(&tune, "one");
    study(&tune, "two");
    let both: Json =
        serde_json::from_str(&tune.run(&["report", "two", "one", "--format", "json"]).success().stdout)
            .expect("JSON");
    let names: Vec<&Json> =
        both["studies"].as_array().expect("studies").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["two", "one"]);
    tune.run(&["report"]).refused(&["holds several studies", "one, two"]);
    tune.run(&["report", "one", "two", "one"]).refused(&["3 studies: at most 2 fit side by side"]);
    tune.run(&["report", "ones"]).refused(&["ones: not in tune.db", "one"]);
    tune.run(&["report", "one", "-o", "tune.db"]).refused(&["--out tune.db: is the file of --storage"]);
}

#[test]
fn a_watched_study_is_served_to_this_machine_and_follows_its_trials() {
    let tune = Tune::new();
    study(&tune, "one");
    tune.run(&["report", "--watch=x"]).refused(&["--watch"]);
    let mut child = tune.start(&["report", "--watch"]);
    let mut address = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut address).expect("a line");
    let host = address.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let ask = |name: &str| {
        let mut server = TcpStream::connect(&host).expect("it listens");
        write!(server, "GET / HTTP/1.1\r\nHost: {name}\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        server.read_to_string(&mut answer).expect("it answers");
        answer
    };
    let counted = |answer: &str| data(answer)["studies"][0]["trials"].as_array().map(Vec::len);
    assert_eq!(counted(&ask(&host)), Some(14));
    let more = ["run", "--command", "./f.sh {x}", "--space", "space.json", "--metric", "loss:min"];
    let more = [&more[..], &["--budget", "16", "--search", "sobol", "--study", "one"]].concat();
    tune.run(&more).success();
    assert_eq!(counted(&ask(&host)), Some(16), "made anew");
    assert!(ask("evil.example").starts_with("HTTP/1.1 403 "));
    let signal = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(signal.is_ok_and(|status| status.success()));
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

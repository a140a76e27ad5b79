//! Commands about whole studies: list, delete, enqueue, compare, and a study as JSON.

use serde_json::Value as Json;

use crate::support::{LINE, ONE, Tune, trials, validate};

/// A finished study of a command that always measures 1.
fn study(tune: &Tune, name: &str, more: &[&str]) {
    tune.file("line.json", LINE).script("one.sh", ONE);
    let args = ["run", "--command", "./one.sh", "--space", "line.json", "--quiet", "--study", name];
    let budget = if more.contains(&"--budget") { &[][..] } else { &["--budget", "3"] };
    tune.run(&[&args[..], budget, more].concat()).success();
}

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[cfg(unix)]
#[test]
fn studies_are_listed_and_deleted_only_with_yes() {
    let tune = Tune::new();
    study(&tune, "first", &[]);
    study(&tune, "second", &["--prepare"]);
    let listed = tune.run(&["list"]).success().stdout;
    assert_eq!(
        listed,
        "study   trials  best         state\nfirst   3 of 3  value 1.000  ended\nsecond  0 of 3  none         new\n"
    );
    let listed = lines(&tune.run(&["list", "--json"]).success().stdout);
    listed.iter().for_each(|line| validate("list", line));
    assert_eq!((&listed[0]["best_trial"], &listed[1]["state"]), (&0.into(), &"new".into()));
    tune.run(&["delete", "first"]).refused(&["first has 3 trials", "--yes"]);
    tune.run(&["delete", "frist", "--yes"]).refused(&["frist", "did you mean \"first\""]);
    let deleted = tune.run(&["delete", "first", "--yes"]).success();
    assert_eq!(deleted.stderr, "deleted first with 3 trials from tune.db\n");
    assert_eq!(tune.run(&["list"]).success().stdout.lines().count(), 2);
}

#[cfg(unix)]
#[test]
fn an_enqueued_point_is_tried_next() {
    let tune = Tune::new();
    study(&tune, "s", &[]);
    let enqueued = tune.run(&["enqueue", "s", r#"{"x": 0.625}"#]).success();
    assert_eq!(enqueued.stdout, "3\n");
    assert!(enqueued.stderr.contains("the budget of 3 is spent"), "{}", enqueued.stderr);
    study(&tune, "s", &["--budget", "4"]);
    assert_eq!(trials(&tune).len(), 4);
    let table = tune.run(&["export", "csv"]).success().stdout;
    assert!(table.lines().nth(4).is_some_and(|line| line.contains("0.625")), "{table}");
    for (point, parts) in [
        (r#"{"x": 2}"#, ["POINT", "x = 2.0 is outside the space line"]),
        (r#"{"y": 0.5}"#, ["POINT", "y"]),
        (r#"{"x": [1]}"#, ["POINT", "x"]),
        ("x=1", ["POINT", "JSON"]),
    ] {
        tune.run(&["enqueue", "s", point]).refused(&parts);
    }
}

#[cfg(unix)]
#[test]
fn winners_of_the_same_seeds_are_compared_in_pairs() {
    let tune = Tune::new();
    let noisy =
        |offset: &str| format!("#!/bin/sh\nread request\necho \"{{\\\"value\\\": {offset}$(($1 % 7))}}\"\n");
    for (name, offset) in [("low", "1."), ("high", "2.")] {
        tune.file("line.json", LINE).script("noisy.sh", &noisy(offset));
        let args = "run --space line.json --budget 2 --confirm 1 --confirm-seeds 4 --quiet --command";
        let args: Vec<&str> = args.split(' ').chain(["./noisy.sh {seed}", "--study", name]).collect();
        tune.run(&args).success();
        std::fs::rename(tune.path("best.json"), tune.path(&format!("{name}.json"))).expect("there");
    }
    let json = tune.run(&["compare", "low.json", "high", "--json"]).success().stdout;
    let comparison: Json = serde_json::from_str(&json).expect("JSON");
    validate("compare", &comparison);
    assert_eq!(comparison["paired"], true);
    let difference = |name: &str| comparison["difference"][name].as_f64().expect("a number");
    assert!((difference("low") - 1.0).abs() < 1e-9 && (difference("high") - 1.0).abs() < 1e-9, "{json}");
    let text = tune.run(&["compare", "low", "high.json"]).success().stdout;
    assert!(text.contains("paired by seed): low is better"), "{text}");
    tune.run(&["compare", "low.json", "nobody"]).refused(&["nobody", "not in tune.db"]);
}

#[cfg(unix)]
#[test]
fn a_study_is_shown_as_json() {
    let tune = Tune::new();
    study(&tune, "s", &[]);
    let shown: Json =
        serde_json::from_str(&tune.run(&["show", "--json", "--top", "2"]).success().stdout).expect("JSON");
    validate("show", &shown);
    assert_eq!(shown["best_trials"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown["winner"]["trial"], 0);
}

//! `tune export`: the trials of a study for other programs.

use serde_json::Value as Json;

use crate::support::{SPACE, Tune, validate};

fn study(tune: &Tune) {
    tune.file("space.json", SPACE);
    let command = "sh -c 'read request; echo \"{\\\"value\\\": 0.5}\"'";
    let args =
        ["run", "--command", command, "--space", "space.json", "--metric", "loss:minimize", "--budget", "3"];
    tune.run(&args).success();
}

#[test]
fn trials_leave_as_a_table_as_lines_and_as_a_journal() {
    let tune = Tune::new();
    study(&tune);
    let table = tune.run(&["export", "csv"]).success().stdout;
    assert!(table.starts_with("trial,state,x,") && table.lines().count() == 4, "{table}");
    assert_eq!(tune.run(&["export", "csv", "--out", "-"]).success().stdout, table, "- is standard output");
    tune.run(&[&["run", "--command", "true", "--space", "space.json"][..], &["--out", "-"]].concat())
        .refused(&["--out -: must name a file", "/dev/stdout"]);
    let lines = tune.run(&["export", "jsonl"]).success().stdout;
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3);
    lines.iter().for_each(|line| validate("trial", line));
    let written = tune.run(&["export", "optuna-journal", "-o", "study.journal"]).success();
    assert!(written.stdout.is_empty() && written.stderr.contains("study.journal"));
    assert_eq!(tune.read("study.journal").matches("\"op_code\":4").count(), 3);
    tune.run(&["export", "csv", "-o", "old.csv"]).success();
    let again =
        ["run", "--command", "true", "--space", "space.json", "--metric", "loss:minimize", "--budget", "1"];
    let again: Vec<&str> = again.into_iter().chain(["--seed", "1", "--warm-start", "old.csv"]).collect();
    assert!(tune.run(&again).stderr.contains("3 results of old.csv"), "a table starts another study");
}

#[test]
fn a_study_that_is_not_there_and_a_place_that_cannot_be_written_are_refused() {
    let tune = Tune::new();
    tune.run(&["export", "csv"]).refused(&["tune.db", "no such file"]);
    study(&tune);
    tune.run(&["export", "csv", "--study", "nobody"]).refused(&["study nobody", "not in tune.db"]);
    tune.run(&["export", "jsonl", "-o", "nowhere/x"]).refused(&["--out nowhere/x", "does not exist"]);
}

//! `--warm-start` and `--replicates`: results from elsewhere, and several seeds a trial.

use crate::support::{Tune, validate};

const SPACE: &str = r#"{"name": "small", "parameters": {
    "width_1": {"type": "int", "low": 8, "high": 64, "log": true},
    "learning_rate_adam": {"type": "float", "low": 1e-3, "high": 0.1, "log": true},
    "optimizer": {"type": "fixed", "value": "adam"},
    "method": {"type": "fixed", "value": "surrogate"},
    "batch_norm": {"type": "fixed", "value": true},
    "epochs": {"type": "fixed", "value": 9}
}}"#;

const TABLE: &str = "\
width_1,learning_rate_adam,accuracy,note
32,0.01,0.75,old
40,0.02,0.5,
9000,0.02,0.9,too wide
8,0.05,,diverged
";

fn folder() -> Tune {
    let tune = Tune::new();
    tune.file("small.json", SPACE).file("old.csv", TABLE);
    tune
}

fn args<'a>(extra: &[&'a str]) -> Vec<&'a str> {
    let common = ["--dataset", "yinyang", "--space", "small.json", "--confirm", "0"];
    common.into_iter().chain(extra.iter().copied()).collect()
}

#[test]
fn a_table_and_another_study_are_known_and_the_study_remembers_which() {
    let tune = folder();
    let warm = args(&["--budget", "3", "--warm-start", "old.csv"]);
    let ended = tune.run(&warm).success();
    for part in ["3 results of old.csv", "1 are left out", "row 3", "9000"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let best = tune.json("best.json");
    validate("best", &best);
    assert!(best["command"].as_str().is_some_and(|command| command.contains("--warm-start old.csv")));
    let database = rusqlite::Connection::open(tune.path("tune.db")).expect("a database");
    let rate = "SELECT param_value FROM trial_params JOIN trials USING (trial_id)
                WHERE number = 1 AND param_name = 'learning_rate_adam'";
    let rate: f64 = database.query_row(rate, [], |row| row.get(0)).expect("a second trial");
    assert_eq!(rate, 0.01, "the best of the table is tried");
    tune.run(&warm).success();
    let cold = args(&["--budget", "3"]);
    tune.run(&cold).refused(&["warm start: another content", "--fresh"]);
    tune.file("old.csv", TABLE.replace("0.75", "0.8"));
    tune.run(&warm).refused(&["warm start: another content", "--fresh"]);
    let first = "yinyang-small-ideal-bayes-0";
    let again = args(&["--budget", "2", "--seed", "1", "--warm-start", first, "--quiet"]);
    tune.run(&again).success();
}

#[test]
fn what_cannot_be_known_is_refused_in_one_line() {
    let tune = folder();
    let refused = |source: &str, parts: &[&str]| {
        tune.run(&args(&["--budget", "2", "--warm-start", source])).refused(parts);
    };
    refused("none.csv", &["none.csv", "cannot read"]);
    refused("nobody", &["nobody", ".csv", "no study"]);
    refused("yinyang-small-ideal-bayes-0", &["this study itself"]);
    tune.file("half.csv", "width_1,accuracy\n8,0.5\n");
    refused("half.csv", &["half.csv", "no column \"learning_rate_adam\"", "width_1"]);
    tune.file("far.csv", "width_1,learning_rate_adam,accuracy\n9000,1,0.5\n");
    refused("far.csv", &["far.csv", "no result that fits", "row 1", "9000"]);
}

#[test]
fn replicates_are_kept_and_belong_to_the_study() {
    let tune = folder();
    tune.run(&args(&["--budget", "2", "--replicates", "3"])).success();
    let best = tune.json("best.json");
    validate("best", &best);
    assert_eq!(best["setup"]["replicates"], 3);
    tune.run(&args(&["--budget", "2"])).refused(&["replicates", "3 there", "--fresh"]);
    let paused = args(&["--replicates", "2", "--fidelity", "bayes"]);
    tune.run(&paused).refused(&["--fidelity bayes", "--replicates"]);
    let blind = args(&["--search", "tpe", "--fidelity", "bayes"]);
    tune.run(&blind).refused(&["--fidelity bayes", "--search tpe", "asha"]);
}

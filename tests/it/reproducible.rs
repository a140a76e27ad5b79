//! The same seed, the same result: with any number of threads, and after any death.

use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::support::Tune;

const BUDGET: u32 = 9;

fn args<'a>(threads: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec![
        "--dataset",
        "yinyang",
        "--space",
        "small.json",
        "--budget",
        "9",
        "--confirm",
        "2",
        "--repeats",
        "2",
        "--threads",
        threads,
    ];
    args.extend(extra);
    args
}

/// A space whose trainings take a moment, with every kind of parameter.
const SMALL: &str = r#"{"name": "small", "parameters": {
    "input_coding": {"type": "fixed", "value": "thermometer"},
    "hidden_layers": {"type": "int", "low": 1, "high": 2},
    "width_1": {"type": "int", "low": 8, "high": 64, "log": true},
    "width_2": {"type": "int", "low": 8, "high": 64, "log": true, "when": {"hidden_layers": [2]}},
    "batch_norm": {"type": "categorical", "choices": [true, false]},
    "dropout": {"type": "float", "low": 0, "high": 0.4, "step": 0.1},
    "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
    "learning_rate_adam": {"type": "float", "low": 1e-3, "high": 0.1, "log": true, "when": {"optimizer": ["adam"]}},
    "learning_rate_sgd": {"type": "float", "low": 1e-2, "high": 1.0, "log": true, "when": {"optimizer": ["sgd"]}},
    "redundancy": {"type": "int", "low": 2, "high": 8},
    "sharpen_start": {"type": "int", "low": 1, "high": 4},
    "sharpen_steps": {"type": "int", "low": 1, "high": 3}
}}"#;

fn folder() -> Tune {
    let tune = Tune::new();
    tune.file("small.json", SMALL);
    tune
}

/// `best.json` and every trial, without times.
fn result(tune: &Tune) -> (Json, Vec<Json>) {
    let mut best = tune.json("best.json");
    forget_times(&mut best);
    (best, trials(tune))
}

fn forget_times(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            fields.retain(|name, _| {
                !name.contains("seconds") && name != "command" && name != "host_throughput"
            });
            fields.values_mut().for_each(forget_times);
        }
        Json::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

/// All that the database says of each trial, in order of numbers, without times.
fn trials(tune: &Tune) -> Vec<Json> {
    let database = rusqlite::Connection::open(tune.path("tune.db")).expect("the database");
    let query = "
        SELECT json_object(
            'number', t.number, 'state', t.state,
            'params', (SELECT json_group_array(param_name || '=' || printf('%!.17g', param_value) || distribution_json)
                       FROM trial_params p WHERE p.trial_id = t.trial_id),
            'values', (SELECT json_group_array(printf('%!.17g', value)) FROM trial_values v WHERE v.trial_id = t.trial_id),
            'intermediate', (SELECT json_group_array(step || '=' || printf('%!.17g', intermediate_value))
                       FROM trial_intermediate_values i WHERE i.trial_id = t.trial_id),
            'user', (SELECT json_group_array(key || '=' || value_json) FROM trial_user_attributes u
                       WHERE u.trial_id = t.trial_id AND key NOT LIKE '%seconds%'))
        FROM trials t ORDER BY t.number";
    let mut statement = database.prepare(query).expect("Optuna's tables");
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    rows.map(|row| serde_json::from_str(&row.expect("a row")).expect("JSON")).collect()
}

fn finished(tune: &Tune) -> usize {
    let Ok(database) = rusqlite::Connection::open(tune.path("tune.db")) else { return 0 };
    let count = "SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'FAIL')";
    database.query_row(count, [], |row| row.get::<_, i64>(0)).map_or(0, |count| count as usize)
}

#[test]
fn one_thread_or_two_or_a_killed_run_make_the_same_study() {
    let one = folder();
    one.run(&args("1", &[])).success();
    let expected = result(&one);
    assert_eq!(expected.1.len(), BUDGET as usize);

    let two = folder();
    two.run(&args("2", &[])).success();
    assert_eq!(result(&two), expected, "two threads");

    let killed = folder();
    let mut child = killed.start(&args("2", &[]));
    let start = Instant::now();
    while finished(&killed) < 4 {
        assert!(start.elapsed() < Duration::from_secs(300), "no four trials in five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    let before = finished(&killed);
    assert!((4..BUDGET as usize).contains(&before), "killed after {before} trials");
    assert!(!killed.path("best.json").exists());
    let resumed = killed.run(&args("1", &[])).success();
    assert!(resumed.stderr.contains(&format!("resumed after {before} of 9 trials")), "{}", resumed.stderr);
    assert_eq!(result(&killed), expected, "killed and resumed");
}

#[test]
fn a_finished_study_is_told_again_without_a_trial_and_a_larger_budget_goes_on() {
    let tune = folder();
    let first = tune.run(&args("2", &["--quiet"])).success();
    assert_eq!((first.stdout.as_str(), first.stderr.as_str()), ("", ""));
    let expected = result(&tune);
    std::fs::remove_file(tune.path("best.json")).expect("it was there");
    tune.run(&args("2", &["--quiet"])).success();
    assert_eq!(result(&tune), expected);

    let more: Vec<&str> = args("2", &[]).into_iter().map(|arg| if arg == "9" { "10" } else { arg }).collect();
    tune.run(&more).success();
    let trials = trials(&tune);
    assert_eq!(trials[..9], expected.1[..]);
    assert_eq!(trials.len(), 10);
}

#[test]
fn three_deterministic_workers_make_the_same_study_with_one_thread_or_four() {
    let workers = ["--workers", "3", "--deterministic"];
    let one = folder();
    one.run(&args("1", &workers)).success();
    let expected = result(&one);
    assert_eq!(expected.1.len(), BUDGET as usize);
    let four = folder();
    four.run(&args("4", &workers)).success();
    assert_eq!(result(&four), expected);
    let command = four.json("best.json")["command"].as_str().expect("a command").to_owned();
    assert!(command.contains("--workers 3") && command.contains("--deterministic"), "{command}");

    let other = ["deterministic_workers: 3 there, none here", "--fresh"];
    four.run(&args("4", &["--workers", "3"])).refused(&other);
}

//! Trials that pause: the same study after any death, with every state or without.

use std::time::Duration;

use crate::support::{TrialRow, Tune, trials, validate};

const SPACE: &str = r#"{"name": "small", "parameters": {
    "width_1": {"type": "int", "low": 8, "high": 64, "log": true},
    "learning_rate_adam": {"type": "float", "low": 1e-3, "high": 0.1, "log": true},
    "optimizer": {"type": "fixed", "value": "adam"},
    "method": {"type": "fixed", "value": "surrogate"},
    "epochs": {"type": "int", "low": 9, "high": 27}
}}"#;

const ARGS: [&str; 10] = [
    "--dataset",
    "yinyang",
    "--space",
    "small.json",
    "--budget",
    "18",
    "--fidelity",
    "asha",
    "--confirm",
    "0",
];

fn folder() -> Tune {
    let tune = Tune::new();
    tune.file("small.json", SPACE);
    tune
}

fn in_state(tune: &Tune, state: &str) -> usize {
    trials(tune).iter().filter(|trial| trial.1 == state).count()
}

#[test]
fn a_killed_study_goes_on_from_the_states_it_left_or_from_the_start_where_they_are_gone() {
    let whole = folder();
    whole.run(&ARGS).success();
    let expected = trials(&whole);
    let (complete, paused) = (in_state(&whole, "COMPLETE"), in_state(&whole, "PRUNED"));
    assert_eq!(complete + paused, 18);
    assert!(complete < 9, "{complete} of 18 went to the end");
    let best = whole.json("best.json");
    validate("best", &best);
    assert_eq!(best["setup"]["fidelity"], "asha");
    assert!(best["command"].as_str().is_some_and(|command| command.contains("--fidelity asha")));
    assert!(best["default"]["searched"].is_number(), "the default goes to its end");

    for loses_states in [false, true] {
        let killed = killed_while_one_is_to_go_on(&expected);
        if loses_states {
            std::fs::remove_dir_all(killed.path("tune.db.paused")).expect("states");
        }
        let ended = killed.run(&ARGS).success();
        assert_eq!(ended.stderr.contains("run from the start"), loses_states, "{}", ended.stderr);
        assert_eq!(trials(&killed), expected);
    }
}

/// A study that was killed while a paused trial had not yet gone as far as it will by `expected`.
fn killed_while_one_is_to_go_on(expected: &[TrialRow]) -> Tune {
    let is_to_go_on = |tune: &Tune| {
        let trials = trials(tune);
        trials.iter().zip(expected).any(|(trial, last)| trial.1 == "PRUNED" && trial.3 != last.3)
    };
    // It may have gone on before the signal came.
    for _ in 0..50 {
        let killed = folder();
        let mut child = killed.start(&ARGS);
        while child.try_wait().expect("a child").is_none() && !is_to_go_on(&killed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("it is dead");
        if !killed.path("best.json").exists() && is_to_go_on(&killed) {
            return killed;
        }
    }
    panic!("no study was killed in time");
}

#[test]
fn states_go_with_the_study_that_a_new_one_replaces() {
    let tune = folder();
    tune.run(&ARGS).success();
    let states = || {
        let files = std::fs::read_dir(tune.path("tune.db.paused")).expect("there");
        files.map(|file| file.expect("read").file_name()).collect::<Vec<_>>()
    };
    assert!(!states().is_empty());
    let shown = tune.run(&["show"]).success().stdout;
    let (complete, paused) = (in_state(&tune, "COMPLETE"), in_state(&tune, "PRUNED"));
    assert!(shown.contains(&format!(": {complete} complete, {paused} paused, 0 pruned")), "{shown}");
    tune.file("tune.db.paused/99-1-0.safetensors", "of another study");
    let fresh: Vec<&str> = ARGS.into_iter().chain(["--fresh", "--prepare"]).collect();
    tune.run(&fresh).success();
    assert_eq!(states(), ["99-1-0.safetensors"]);
}

#[test]
fn studies_of_several_databases_may_share_a_folder_of_states() {
    let tune = folder();
    let run = |more: &[&str]| {
        let args: Vec<&str> = ARGS.iter().chain(&["--states", "states"]).chain(more).copied().collect();
        tune.run(&args).success()
    };
    let files = || {
        let folders = std::fs::read_dir(tune.path("states")).expect("there");
        let files = folders.flat_map(|own| std::fs::read_dir(own.expect("read").path()).expect("a folder"));
        files.map(|file| file.expect("read").path()).collect::<std::collections::BTreeSet<_>>()
    };
    run(&["--storage", "one.db"]);
    let of_one = files();
    run(&["--storage", "other.db"]);
    let of_both = files();
    assert!(!of_one.is_empty() && of_both.is_superset(&of_one) && of_both.len() == 2 * of_one.len());
    run(&["--storage", "other.db", "--fresh", "--prepare"]);
    assert_eq!(files(), of_one);
}

#[test]
fn what_cannot_be_the_same_twice_is_refused() {
    let args: Vec<&str> = ARGS.into_iter().chain(["--workers", "2", "--deterministic"]).collect();
    folder().run(&args).refused(&["--fidelity asha", "--deterministic"]);
}
